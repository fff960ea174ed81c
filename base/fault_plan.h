// Where a test makes things fail: one counter of steps that all fakes of a test share.
#ifndef MODELD_BASE_FAULT_PLAN_H_
#define MODELD_BASE_FAULT_PLAN_H_

#include <cerrno>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"

namespace modeld {

// Counts the operations that change something, and makes the n-th of them fail or be the last one that the
// "process" never finishes. For tests. Thread-safe.
class FaultPlan {
 public:
  struct Fault {
    uint64_t at = 0;      // the step, counted from 0 since Arm() or Disarm()
    int error = EIO;      // errno of the failure; unused for a crash
    bool sticky = false;  // later steps fail as well
    bool crash = false;   // the step is not done, and everything after it fails, reads too
  };
  enum class Outcome { kDo, kFail, kTear };  // kTear: do a part of it, then fail

  void Arm(const Fault& fault) {
    absl::MutexLock lock(&mu_);
    fault_ = fault;
    steps_ = 0;
    crashed_ = false;
  }
  // No faults from now on; the counter starts anew.
  void Disarm() {
    absl::MutexLock lock(&mu_);
    fault_.reset();
    steps_ = 0;
    crashed_ = false;
  }

  // Asked by a fake before it changes something. kTear is for writes; others take it as kFail.
  Outcome Step() {
    absl::MutexLock lock(&mu_);
    if (crashed_) return Outcome::kFail;
    uint64_t step = steps_++;
    if (!fault_ || step < fault_->at || (step > fault_->at && !fault_->sticky)) return Outcome::kDo;
    crashed_ = fault_->crash;
    return Outcome::kTear;
  }
  // Asked before reading.
  bool crashed() const {
    absl::MutexLock lock(&mu_);
    return crashed_;
  }
  // The errno of a step that failed.
  int error() const {
    absl::MutexLock lock(&mu_);
    return crashed_ || !fault_ ? EIO : fault_->error;
  }
  // From now on the next `count` syncs answer OK and do nothing, as on a disk that lies. Goes on over Arm()
  // and Disarm().
  void DropSyncs(uint64_t count) {
    absl::MutexLock lock(&mu_);
    syncs_to_drop_ = count;
  }
  // Asked by a fake for each sync that would succeed: whether this one is dropped.
  bool DropsSync() {
    absl::MutexLock lock(&mu_);
    if (syncs_to_drop_ == 0) return false;
    --syncs_to_drop_;
    ++dropped_syncs_;
    return true;
  }
  // Dropped so far.
  uint64_t dropped_syncs() const {
    absl::MutexLock lock(&mu_);
    return dropped_syncs_;
  }
  // Steps since Arm() or Disarm().
  uint64_t steps() const {
    absl::MutexLock lock(&mu_);
    return steps_;
  }

 private:
  mutable absl::Mutex mu_;
  std::optional<Fault> fault_ ABSL_GUARDED_BY(mu_);
  uint64_t steps_ ABSL_GUARDED_BY(mu_) = 0;
  bool crashed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t syncs_to_drop_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t dropped_syncs_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace modeld

#endif  // MODELD_BASE_FAULT_PLAN_H_
