// Reads all stored bytes again, slowly, so that damage is found before somebody needs them.
#ifndef MODELD_DAEMON_CACHE_SCRUBBER_H_
#define MODELD_DAEMON_CACHE_SCRUBBER_H_

#include <cstdint>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "storage/integrity.h"

namespace modeld {

// How the scrub goes about it. A plain value.
struct ScrubOptions {
  // At most so many bytes are read in a second. 0: the scrub is off.
  uint64_t bytes_per_second = 0;
  // From the end of a round over everything to the beginning of the next.
  absl::Duration interval = absl::Hours(24 * 30);
};

// Scrubs from a thread of its own, of idle priority for disk and processor, until destroyed; a round that is
// cut off goes on at the next start. Thread-safe.
class Scrubber {
 public:
  // Called from the scrub's thread for each damaged blob or plan; must not destroy the Scrubber.
  using Found = std::function<void(const storage::ScrubStep&)>;

  // `integrity` and `clock` must outlive this.
  Scrubber(storage::Integrity& integrity, const Clock& clock, const ScrubOptions& options, Found found);
  // Waits for at most the read that is under way.
  ~Scrubber();
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

 private:
  void Loop();
  // Sleeps as long as so many bytes may take; false when the scrub is to end.
  bool Pace(uint64_t bytes);
  // False when the scrub is to end.
  bool Sleep(absl::Duration duration);

  // Fixed at construction.
  storage::Integrity& integrity_;
  const Clock& clock_;
  const ScrubOptions options_;
  const Found found_;

  // Under mu_.
  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_SCRUBBER_H_
