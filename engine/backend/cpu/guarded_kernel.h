// A product with fused operations that might lose a NaN, and what to do when it has.
#ifndef MODELD_ENGINE_BACKEND_CPU_GUARDED_KERNEL_H_
#define MODELD_ENGINE_BACKEND_CPU_GUARDED_KERNEL_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "engine/runtime/kernel.h"

namespace modeld::cpu {

// A pass over the product's result, in place.
struct TailPass {
  // Reads the result, and the operand if there is one; writes the result.
  std::unique_ptr<const Kernel> kernel;
  // Index into the product's KernelArgs::inputs.
  std::optional<size_t> operand = std::nullopt;
  // The result is the second operand.
  bool swapped = false;
};

// Runs `fused`. If the processor then says that an invalid operation took place in one of `threads` threads
// (invalid_flag.h), runs `bare`, which computes the same product alone, and the passes after it. Which of the
// two depends on the inputs alone. Immutable; thread-safe.
class GuardedKernel : public Kernel {
 public:
  GuardedKernel(std::unique_ptr<const Kernel> fused, std::unique_ptr<const Kernel> bare,
                std::vector<TailPass> tail, int threads);

  absl::Status Run(const KernelArgs& args) const override;
  size_t scratch_bytes() const override;

 private:
  // Fixed at construction.
  const std::unique_ptr<const Kernel> fused_;
  const std::unique_ptr<const Kernel> bare_;
  const std::vector<TailPass> tail_;
  const int threads_;
};

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_GUARDED_KERNEL_H_
