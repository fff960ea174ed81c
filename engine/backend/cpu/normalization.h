// Softmax and normalizations in one step each: two or three passes over what fits the cache, instead of a
// pass over memory per operation of the decomposition.
#ifndef MODELD_ENGINE_BACKEND_CPU_NORMALIZATION_H_
#define MODELD_ENGINE_BACKEND_CPU_NORMALIZATION_H_

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld::cpu {

// float32, any axis, in the input's layout.
absl::Status EmitSoftmax(Emitter& emitter, const core::Node& node, const Operation& operation);

// True for float32 over the last dimensions, in their order: scale and bias then lie as the rows do.
bool ClaimsLayerNormalization(const modeld::Graph& graph, const Operation& operation);
absl::Status EmitLayerNormalization(Emitter& emitter, const core::Node& node, const Operation& operation);

// float32, both layouts.
absl::Status EmitInstanceNormalization(Emitter& emitter, const core::Node& node, const Operation& operation);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_NORMALIZATION_H_
