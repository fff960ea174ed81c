#include "daemon/cache/scrubber.h"

#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace modeld {
namespace {

// Between two looks whether a new round is due, and after an error.
constexpr absl::Duration kPause = absl::Minutes(1);

// Of the calling thread alone: its reads wait for everybody else's.
void LowerPriority() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  // What is refused (a sandbox) leaves the bound on the rate.
  (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
  (void)setpriority(PRIO_PROCESS, thread, 19);
}

}  // namespace

Scrubber::Scrubber(storage::Integrity& integrity, const Clock& clock, const ScrubOptions& options,
                   Found found)
    : integrity_(integrity), clock_(clock), options_(options), found_(std::move(found)) {
  if (options_.bytes_per_second > 0) thread_ = std::thread([this] { Loop(); });
}

Scrubber::~Scrubber() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool Scrubber::Sleep(absl::Duration duration) {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(&stop_), duration);
}

bool Scrubber::Pace(uint64_t bytes) {
  return Sleep(absl::Seconds(static_cast<double>(bytes) / static_cast<double>(options_.bytes_per_second)));
}

void Scrubber::Loop() {
  LowerPriority();
  while (true) {
    // A clock that was put back must not stop the scrub for good.
    const absl::Duration since = clock_.Now() - integrity_.last_scrubbed();
    const bool due = since >= options_.interval || since < absl::ZeroDuration();
    absl::Duration pause = due ? absl::ZeroDuration() : std::min(kPause, options_.interval - since);
    if (due) {
      const auto step = integrity_.Scrub([this](uint64_t bytes) { return Pace(bytes); });
      if (!step.ok()) pause = kPause;
      if (step.ok() && !step->problem.empty()) found_(*step);
      // A round over nothing must not spin.
      if (step.ok() && step->round_finished) pause = std::min(kPause, options_.interval);
    }
    if (!Sleep(pause)) return;
  }
}

}  // namespace modeld
