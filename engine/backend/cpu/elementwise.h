// What elementwise operations share.
#ifndef MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_
#define MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/cpu/activation.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"
#include "engine/runtime/kernel.h"

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

// output = call(input), float32 or float16.
absl::Status EmitFloatFunction(Emitter& emitter, core::ValueId input, core::ValueId output,
                               const FloatCall& call);

// Kernels of float32 whose output may be their input:
// output[i] = call(input[i]) for i in [0, count).
std::unique_ptr<const Kernel> MakeFloatKernel(int64_t count, const FloatCall& call, int threads);
// output = function(a, b) over `dims` in memory order; strides: of the output, a, b, in elements, per
// dimension.
std::unique_ptr<const Kernel> MakeFloatBinaryKernel(core::BinaryFunction function, const Shape& dims,
                                                    const std::array<std::vector<int64_t>, 3>& strides,
                                                    int threads);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_ELEMENTWISE_H_
