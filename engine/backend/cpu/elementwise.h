// What elementwise operations share.
#ifndef MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_
#define MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/backend/cpu/vector_math.h"

namespace modeld::cpu {

// How an elementwise operation walks: its output is contiguous in `layout`, each input has a stride per
// dimension.
struct ElementwisePlan {
  Layout layout;
  // In memory order.
  Shape dims;
  std::vector<ProgramBuilder::Value> inputs;
  // Per input, per dimension in memory order; 0 where it repeats.
  std::vector<std::vector<int64_t>> strides;
};

// The layout is that of the first input that has the output's shape and is not row-major, so that what
// follows a convolution stays channels-last; inputs that are broadcast are read where they are.
absl::StatusOr<ElementwisePlan> PlanElementwise(Emitter& emitter, std::span<const core::ValueId> inputs,
                                                const Shape& shape);

// output = function(input), float32 or float16.
absl::Status EmitFloatFunction(Emitter& emitter, core::ValueId input, core::ValueId output,
                               FloatFunction function, float alpha, float beta);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_
