// Work that comes again.
#ifndef MODELD_DAEMON_UPKEEP_H_
#define MODELD_DAEMON_UPKEEP_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace modeld {

// Calls `work` every `interval`, first at once, and soon after each Wake(), from a thread of its own, until
// destroyed. Thread-safe.
class Upkeep {
 public:
  Upkeep(absl::Duration interval, std::function<void()> work);
  // Waits for work that runs.
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // Work is wanted now. Does not wait for it.
  void Wake();

 private:
  void Loop();
  bool Called() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stop_ || wanted_; }

  // Fixed at construction.
  const absl::Duration interval_;
  const std::function<void()> work_;

  // Under mu_.
  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool wanted_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_UPKEEP_H_
