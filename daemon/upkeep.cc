#include "daemon/upkeep.h"

#include <utility>

namespace modeld {

Upkeep::Upkeep(absl::Duration interval, std::function<void()> work)
    : interval_(interval), work_(std::move(work)), thread_([this] { Loop(); }) {}

Upkeep::~Upkeep() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

void Upkeep::Wake() {
  absl::MutexLock lock(&mu_);
  wanted_ = true;
}

void Upkeep::Loop() {
  while (true) {
    work_();
    absl::MutexLock lock(&mu_);
    mu_.AwaitWithTimeout(absl::Condition(this, &Upkeep::Called), interval_);
    if (stop_) return;
    wanted_ = false;
  }
}

}  // namespace modeld
