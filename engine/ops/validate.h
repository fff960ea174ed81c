// Validation and completion of whole graphs.
#ifndef MODELD_ENGINE_OPS_VALIDATE_H_
#define MODELD_ENGINE_OPS_VALIDATE_H_

#include "absl/status/statusor.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld {

// Checks `graph` against the table of operations and `limits`; returns it with intermediate descriptors
// inferred and attributes completed with their defaults. Accepts anything, however malformed. Constants'
// bytes may be absent; where present, their size is checked (their digest is the caller's to verify). If an
// intermediate operand already has a descriptor it must equal the inferred one, unless its shape is empty.
// Refused are also operations, constants and intermediate operands that no output depends on
// (WithoutUnreachable removes them), and outputs that are inputs or constants; an input may be unused.
// Operand ids stay as they are. Pure; any thread. Errors, with an ErrorSite:
//   INVALID_ARGUMENT: a rule of the specification is broken, an index is out of range, a limit is exceeded.
//   UNIMPLEMENTED: the table has no operation of this type.
absl::StatusOr<Graph> Validate(Graph graph, const GraphLimits& limits);

// As Validate, for the body of a composite operation (GraphValue): inputs and outputs must have no names, and
// there must be no constant.
absl::StatusOr<Graph> ValidateBody(Graph body, const GraphLimits& limits);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_VALIDATE_H_
