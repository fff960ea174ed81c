// Checking one operation: what every call of a graph builder needs.
#ifndef MODELD_ENGINE_OPS_INFER_H_
#define MODELD_ENGINE_OPS_INFER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld {

// Checks `operation` against its row of the table and returns the descriptors of its outputs, in order.
// `operation.attributes` are completed: defaults filled in, numbers rounded to the type that they act on;
// after an error they may be partly so. `operation.outputs` is not looked at. Of `graph` only the operands
// are read: those that the operation names must be there with their descriptors. `index` is for messages.
// Pure otherwise; accepts anything. Errors, with an ErrorSite: INVALID_ARGUMENT: a rule of the specification
// is broken, an operand id is out of range, a limit is exceeded. UNIMPLEMENTED: the table has no operation of
// this type.
absl::StatusOr<std::vector<TensorDescriptor>> InferOperation(const Graph& graph, Operation& operation,
                                                             uint32_t index, const GraphLimits& limits);

// WebNN's "check dimensions": every dimension in [1, 2^31 - 1] and so their product, the rank and bytes
// within `limits`, a known data type. INVALID_ARGUMENT, its message beginning with the descriptor.
absl::Status CheckDescriptor(const TensorDescriptor& descriptor, const GraphLimits& limits);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_INFER_H_
