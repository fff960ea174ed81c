// float32 products by plain loops: what oneDNN refuses, or would run by plain loops of its own.
#ifndef MODELD_ENGINE_BACKEND_CPU_DIRECT_H_
#define MODELD_ENGINE_BACKEND_CPU_DIRECT_H_

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"

namespace modeld::cpu {

// Emit `node`, which has no post-ops, in row-major layout.
absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Convolution& op);
absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Contraction& op);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_DIRECT_H_
