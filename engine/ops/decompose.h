// From a graph-level operation to core operations.
#ifndef MODELD_ENGINE_OPS_DECOMPOSE_H_
#define MODELD_ENGINE_OPS_DECOMPOSE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/core/core_builder.h"
#include "engine/graph/graph.h"

namespace modeld {

// Appends the operation's decomposition with `builder`; returns the values of its outputs, in order. `values`
// holds, by OperandId, the value of each operand that the operation reads. Requires: `graph` came out of
// Validate and `operation` is one of its operations. UNIMPLEMENTED: the table has no such operation.
// INTERNAL: the table's row is at fault (the values are not what its infer function announced). An output may
// be one of the operands' values: an identity moves nothing.
absl::StatusOr<std::vector<core::ValueId>> Decompose(const Graph& graph, const Operation& operation,
                                                     absl::Span<const core::ValueId> values,
                                                     core::CoreBuilder& builder);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_DECOMPOSE_H_
