// From a vector's call of a WebNN method to an operation of the table (engine/ops). Nothing here knows an
// operation by name: its row tells what its method takes.
#ifndef MODELD_TESTS_CONFORMANCE_BIND_H_
#define MODELD_TESTS_CONFORMANCE_BIND_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/operand.h"
#include "engine/graph/graph.h"
#include "engine/ops/schema.h"
#include "tests/conformance/case.h"

namespace modeld::conformance {

// The operands that exist so far, by the vector's names.
using Operands = std::map<std::string, client::Operand>;

// The names of what the method takes by position: its required operands, then its required attributes.
std::vector<absl::string_view> SignatureOf(const OpSchema& schema);

// What GraphBuilder::AddOperation takes.
struct BoundCall {
  std::string type;
  std::vector<client::MaybeOperand> inputs;
  Attributes attributes;
  std::string label;
};

// Gives each argument and option its place in the operation. Values are converted to the attribute's kind,
// but not judged: that is the engine's part. UNIMPLEMENTED: the table has no such operation.
// INVALID_ARGUMENT: too few or too many arguments, an option that the operation does not have, an operand
// that does not exist, or a value of another kind.
absl::StatusOr<BoundCall> Bind(const Operator& op, const Operands& operands);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_BIND_H_
