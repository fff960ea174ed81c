// WebNN's convolutions in their own layouts.
#ifndef MODELD_ENGINE_BACKEND_CPU_CONVOLUTION_H_
#define MODELD_ENGINE_BACKEND_CPU_CONVOLUTION_H_

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld::cpu {

// conv2d and convTranspose2d in float32, any layouts, bias and post-ops included. Decomposed, a transpose
// would stand between a channels-last convolution and what can be fused into it.
absl::Status EmitConv2d(Emitter& emitter, const core::Node& node, const Operation& operation);
absl::Status EmitConvTranspose2d(Emitter& emitter, const core::Node& node, const Operation& operation);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_CONVOLUTION_H_
