// Computes one node at compile time.
#ifndef MODELD_ENGINE_CORE_EVALUATOR_H_
#define MODELD_ENGINE_CORE_EVALUATOR_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/core/core_graph.h"

namespace modeld::core {

// What constant folding needs, as an interface so that lowering depends on no backend. Thread-safe.
class Evaluator {
 public:
  virtual ~Evaluator() = default;

  // The bytes of `node`'s outputs, given those of its inputs in order. Requires: the node passed Verify and
  // is neither Native nor has post-ops (else UNIMPLEMENTED).
  virtual absl::StatusOr<std::vector<Region>> Evaluate(const Graph& graph, const Node& node,
                                                       std::span<const Region> inputs) const = 0;
};

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_EVALUATOR_H_
