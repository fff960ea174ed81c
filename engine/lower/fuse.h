// Fusion of elementwise operations into what computes their operand.
#ifndef MODELD_ENGINE_LOWER_FUSE_H_
#define MODELD_ENGINE_LOWER_FUSE_H_

#include "engine/core/core_graph.h"
#include "engine/core/op_support.h"

namespace modeld {

// Makes elementwise nodes post-ops of their operand's node, wherever they are its only user, keep its type
// and shape, and `support` agrees:
//   convolution -> binary add (broadcast of a bias) -> unary sigmoid  =>  convolution; binary add(., bias);
//   unary sigmoid(.)
// An operand that was spread out by a Broadcast is offered as it was before, then as it is. The fused node
// stands where the last of its parts stood and keeps the first one's label. Ends with RemoveDead
// (simplify.h). Requires: `graph` passed core::Verify. Thread-safe.
void Fuse(core::Graph& graph, const core::OpSupport& support);

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_FUSE_H_
