#include "engine/backend/cpu/guarded_kernel.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/status.h"
#include "engine/backend/cpu/invalid_flag.h"

namespace modeld::cpu {

GuardedKernel::GuardedKernel(std::unique_ptr<const Kernel> fused, std::unique_ptr<const Kernel> bare,
                             std::vector<TailPass> tail, int threads)
    : fused_(std::move(fused)), bare_(std::move(bare)), tail_(std::move(tail)), threads_(threads) {}

absl::Status GuardedKernel::Run(const KernelArgs& args) const {
  ExchangeInvalidFlag();
  MODELD_RETURN_IF_ERROR(fused_->Run(args));
  if (!ExchangeTeamsInvalidFlags(threads_)) return absl::OkStatus();
  if (threads_ > 1) {
    // The flag of another thread of the team may be from what that one did before. Both ways round
    // differently: the result's last bits must not depend on that. Now that all flags are clear, a second run
    // tells.
    MODELD_RETURN_IF_ERROR(fused_->Run(args));
    if (!ExchangeTeamsInvalidFlags(threads_)) return absl::OkStatus();
  }
  MODELD_RETURN_IF_ERROR(bare_->Run(args));
  for (const TailPass& pass : tail_) {
    std::array<const std::byte*, 2> inputs = {args.outputs[0], nullptr};
    if (pass.operand) inputs[1] = args.inputs[*pass.operand];
    if (pass.swapped) std::swap(inputs[0], inputs[1]);
    MODELD_RETURN_IF_ERROR(pass.kernel->Run({.inputs = std::span(inputs).first(pass.operand ? 2 : 1),
                                             .outputs = args.outputs,
                                             .scratch = args.scratch}));
  }
  return absl::OkStatus();
}

size_t GuardedKernel::scratch_bytes() const {
  return std::max(fused_->scratch_bytes(), bare_->scratch_bytes());
}

}  // namespace modeld::cpu
