#include "client/cpp/cancellation.h"

#include <utility>

namespace modeld::client {

void Cancellation::Cancel() const {
  std::map<uint64_t, std::function<void()>> watchers;
  {
    absl::MutexLock lock(&state_->mu);
    state_->cancelled = true;
    watchers.swap(state_->watchers);
  }
  // Outside the lock: what ends a call may run that call's callback, which comes back here.
  for (auto& [id, stop] : watchers) stop();
}

bool Cancellation::cancelled() const {
  absl::MutexLock lock(&state_->mu);
  return state_->cancelled;
}

uint64_t Cancellation::Watch(std::function<void()> stop) const {
  {
    absl::MutexLock lock(&state_->mu);
    if (!state_->cancelled) {
      const uint64_t id = state_->next_id++;
      state_->watchers.emplace(id, std::move(stop));
      return id;
    }
  }
  stop();
  return 0;
}

void Cancellation::Forget(uint64_t id) const {
  absl::MutexLock lock(&state_->mu);
  state_->watchers.erase(id);
}

}  // namespace modeld::client
