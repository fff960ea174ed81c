// The vectors are of March 2025, the specification that modeld follows is of June 2026. Where a call of a
// vector is no longer what the specification has it be, a rule rewrites it. Rules never touch numbers:
// neither data nor expectations nor tolerances.
#ifndef MODELD_TESTS_CONFORMANCE_ADAPT_H_
#define MODELD_TESTS_CONFORMANCE_ADAPT_H_

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "engine/graph/tensor_descriptor.h"
#include "tests/conformance/case.h"

namespace modeld::conformance {

// Type and shape of an operand by its name in the vector, or nothing.
using DescriptorOf = std::function<std::optional<TensorDescriptor>(const std::string& name)>;

// One rule.
struct AdaptationRule {
  absl::string_view name;
  // What changed in the specification since.
  absl::string_view reason;
  // Rewrites the call in place where the rule applies; what it needs computed before goes to `before`.
  void (*apply)(Operator& op, const DescriptorOf& descriptor_of, std::vector<Operator>& before);
};

// All of them, in the order in which they are applied.
std::span<const AdaptationRule> AdaptationRules();

// The calls that stand for `op` today; the last one is `op` itself, rewritten or as it was.
std::vector<Operator> Adapt(Operator op, const DescriptorOf& descriptor_of);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_ADAPT_H_
