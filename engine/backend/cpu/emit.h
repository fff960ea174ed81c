// One function per family of operations: each adds the steps of one node (its post-ops aside) and defines the
// node's output. All: `node` is verified; errors are RESOURCE_EXHAUSTED, INTERNAL and, where said,
// UNIMPLEMENTED.
#ifndef MODELD_ENGINE_BACKEND_CPU_EMIT_H_
#define MODELD_ENGINE_BACKEND_CPU_EMIT_H_

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"

namespace modeld::cpu {

// elementwise.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Unary& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Cast& op);
// binary.cc. The inputs of a Binary may be broadcast (numpy): so it also runs WebNN's binary operations.
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Binary& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Compare& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Select& op);
// reduce.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Reduce& op);
// movement.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Pad& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Slice& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Concat& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Transpose& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Reshape& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Broadcast& op);
// gather.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Gather& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Scatter& op);

// scan.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Scan& op);
// pooling.cc
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Pool& op);
// matmul.cc, convolution.cc: these take the node's post-ops along where oneDNN has them, and emit the others
// after.
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Contraction& op);
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Convolution& op);
// support.cc, by the operation's type. UNIMPLEMENTED for a type that it does not claim.
absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Native& op);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_EMIT_H_
