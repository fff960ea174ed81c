#include "policy/transfer.h"

#include <algorithm>

namespace modeld::policy {

TransferVerdict JudgeTransfer(const Transfer& transfer, absl::Duration stall_after, absl::Time now) {
  if (transfer.complete) return {TransferState::kComplete, absl::ZeroDuration()};
  const absl::Duration quiet = std::max(now - transfer.last_bytes, absl::ZeroDuration());
  if (!transfer.open) return {TransferState::kInterrupted, quiet};
  if (quiet > stall_after) return {TransferState::kStalled, quiet};
  return {TransferState::kReceiving, absl::ZeroDuration()};
}

Transfer TogetherAsOne(std::span<const Transfer> transfers) {
  Transfer one{.complete = true};
  for (const Transfer& transfer : transfers) {
    if (transfer.complete) continue;
    // The first that is open outweighs all that are not.
    const bool weighs = transfer.open || !one.open;
    const bool replaces = transfer.open && !one.open;
    if (weighs)
      one.last_bytes = replaces ? transfer.last_bytes : std::max(one.last_bytes, transfer.last_bytes);
    one.open = one.open || transfer.open;
    one.complete = false;
  }
  return one;
}

}  // namespace modeld::policy
