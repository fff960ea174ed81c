// Functions of one float operand, by the operation that they are: unary functions of the core set and claimed
// activations.
#ifndef MODELD_ENGINE_BACKEND_CPU_ACTIVATION_H_
#define MODELD_ENGINE_BACKEND_CPU_ACTIVATION_H_

#include <optional>

#include "absl/status/status.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/backend/cpu/vector_math.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld::cpu {

// A function with its parameters.
struct FloatCall {
  FloatFunction function;
  float alpha = 0;
  float beta = 0;
};

// What `op` computes for each float32 element, or nothing. Pure.
std::optional<FloatCall> FloatCallOf(const core::Op& op);

// Adds the step of a claimed activation, float32 or float16.
absl::Status EmitActivation(Emitter& emitter, const core::Node& node, const Operation& operation);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_ACTIVATION_H_
