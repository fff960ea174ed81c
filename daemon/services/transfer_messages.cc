#include "daemon/services/transfer_messages.h"

#include "absl/time/time.h"

namespace modeld {

v1::UploadState StateMessage(policy::TransferState state) {
  switch (state) {
    case policy::TransferState::kReceiving:
      return v1::UPLOAD_STATE_RECEIVING;
    case policy::TransferState::kStalled:
      return v1::UPLOAD_STATE_STALLED;
    case policy::TransferState::kInterrupted:
      return v1::UPLOAD_STATE_INTERRUPTED;
    case policy::TransferState::kComplete:
      return v1::UPLOAD_STATE_COMPLETE;
  }
  return v1::UPLOAD_STATE_UNSPECIFIED;
}

uint64_t QuietSeconds(const policy::TransferVerdict& verdict) {
  if (verdict.quiet == absl::InfiniteDuration()) return 0;
  return static_cast<uint64_t>(absl::ToInt64Seconds(verdict.quiet));
}

}  // namespace modeld
