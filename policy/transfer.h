// Whether an upload gets on: receiving, stalled, interrupted or complete.
#ifndef MODELD_POLICY_TRANSFER_H_
#define MODELD_POLICY_TRANSFER_H_

#include <span>

#include "absl/time/time.h"

namespace modeld::policy {

// For how long an upload that somebody sends may get no byte before it is stalled.
inline constexpr absl::Duration kStallAfter = absl::Seconds(30);

enum class TransferState {
  kReceiving,    // somebody sends it, and the last byte came no longer ago than the deadline
  kStalled,      // somebody sends it, and no byte has come for longer than that
  kInterrupted,  // nobody sends it; whoever comes back sends only the rest
  kComplete,     // all bytes are here, and verified
};

// What is known of an upload, or of several together. A plain value.
struct Transfer {
  bool complete = false;
  // A call that sends it is under way.
  bool open = false;
  // When the last byte came, or that call began. InfinitePast(): nothing ever came.
  absl::Time last_bytes = absl::InfinitePast();
};

struct TransferVerdict {
  TransferState state = TransferState::kInterrupted;
  // For how long no byte has come. Zero while receiving and when complete; infinite when none ever came.
  absl::Duration quiet;

  friend bool operator==(const TransferVerdict&, const TransferVerdict&) = default;
};

// The state at `now`. A time to come, as after a clock was set back, counts as now. An infinite
// `stall_after`: nothing is ever stalled. Pure.
TransferVerdict JudgeTransfer(const Transfer& transfer, absl::Duration stall_after, absl::Time now);

// Several as one: complete when all are, open when one is, and as fresh as the freshest of those that are
// open, or, where none is, of those that are incomplete. None at all are complete. Pure.
Transfer TogetherAsOne(std::span<const Transfer> transfers);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_TRANSFER_H_
