// Products by plain loops, for every type: what oneDNN does not take.
#ifndef MODELD_ENGINE_BACKEND_CPU_DIRECT_H_
#define MODELD_ENGINE_BACKEND_CPU_DIRECT_H_

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"

namespace modeld::cpu {

// Emit `node`, which has no post-ops, in row-major layout. Floats accumulate in float32, integers wrap.
absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Convolution& op);
absl::Status EmitDirect(Emitter& emitter, const core::Node& node, const core::Contraction& op);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_DIRECT_H_
