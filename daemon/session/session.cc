#include "daemon/session/session.h"

#include <utility>

namespace modeld {

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kApp:
      return "app";
    case Role::kBroker:
      return "broker";
    case Role::kAdmin:
      return "admin";
  }
  return "unknown";
}

bool Session::closed() const {
  absl::MutexLock lock(&mu_);
  return closed_;
}

uint64_t Session::OnClose(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mu_);
    if (!closed_) {
      const uint64_t id = next_callback_++;
      callbacks_.emplace(id, std::move(callback));
      return id;
    }
  }
  callback();
  return 0;
}

void Session::RemoveOnClose(uint64_t callback_id) {
  absl::MutexLock lock(&mu_);
  callbacks_.erase(callback_id);
  if (callback_id == 0) return;
  const auto not_running = [this, callback_id]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return running_callback_ != callback_id;
  };
  mu_.Await(absl::Condition(&not_running));
}

void Session::Close() {
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return;
    closed_ = true;
  }
  while (true) {
    std::function<void()> callback;
    {
      absl::MutexLock lock(&mu_);
      running_callback_ = 0;
      if (callbacks_.empty()) return;
      auto first = callbacks_.begin();
      running_callback_ = first->first;
      callback = std::move(first->second);
      callbacks_.erase(first);
    }
    callback();
  }
}

}  // namespace modeld
