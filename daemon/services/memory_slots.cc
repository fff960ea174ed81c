#include "daemon/services/memory_slots.h"

#include "absl/strings/str_cat.h"
#include "daemon/grpc_status.h"
#include "modeld/v1/error.pb.h"

namespace modeld {

absl::StatusOr<MemorySlots::Slot> MemorySlots::Take(const std::string& app_id) {
  {
    absl::MutexLock lock(&mu_);
    const auto app = by_app_.find(app_id);
    const uint32_t used_by_app = app == by_app_.end() ? 0 : app->second;
    if (used_by_app >= limit_per_app_ || used_ >= limit_) {
      const std::string who = used_by_app >= limit_per_app_
                                  ? absl::StrCat("this app's sessions have ", used_by_app, " together")
                                  : "all sessions together have as many as there can be";
      return WithReason(
          absl::ResourceExhaustedError(absl::StrCat("tensors and handed-over memory: ", who, ", the limit")),
          v1::ErrorDetail::REASON_SESSION_LIMIT);
    }
    ++by_app_[app_id];
    ++used_;
  }
  return Slot(this, [self = shared_from_this(), app_id](const void*) { self->Return(app_id); });
}

void MemorySlots::Return(const std::string& app_id) {
  absl::MutexLock lock(&mu_);
  --used_;
  const auto app = by_app_.find(app_id);
  if (--app->second == 0) by_app_.erase(app);
}

}  // namespace modeld
