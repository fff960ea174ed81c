// When the daemon has been idle for long enough to end.
#ifndef MODELD_DAEMON_IDLENESS_H_
#define MODELD_DAEMON_IDLENESS_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace modeld {

// Watches snapshots of what goes on. Pure but for its memory; not thread-safe.
class Idleness {
 public:
  // `limit` of less than a second counts as a second, so that a daemon that was just started can be reached.
  Idleness(absl::Duration limit, absl::Time started)
      : limit_(std::max(limit, absl::Seconds(1))), since_(started) {}

  // Takes a snapshot: whether somebody is connected or something runs, and how many sessions there have ever
  // been (so that one that came and went between two snapshots counts). Returns how long to wait for the
  // next: zero when it is time to end, infinite when there is no limit.
  absl::Duration Observe(bool busy, uint64_t sessions_ever, absl::Time now) {
    if (limit_ == absl::InfiniteDuration()) return limit_;
    // A wall clock that was set back must not make the wait longer.
    if (busy || sessions_ever != seen_ || now < since_) since_ = now;
    seen_ = sessions_ever;
    return std::max(since_ + limit_ - now, absl::ZeroDuration());
  }

 private:
  const absl::Duration limit_;
  absl::Time since_;
  uint64_t seen_ = 0;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_IDLENESS_H_
