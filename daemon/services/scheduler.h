// Shares a few workers fairly between the sessions that want them.
#ifndef MODELD_DAEMON_SERVICES_SCHEDULER_H_
#define MODELD_DAEMON_SERVICES_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/services/cancellation.h"

namespace modeld {

// A fixed number of threads and a bounded queue. Work of one lane runs in the order of its arrival, one piece
// at a time; the workers go round the sessions, and within a session round its lanes. One session never holds
// all workers, where there are several. Thread-safe. Destroy it when no Run() is in progress.
class Scheduler {
 public:
  struct Options {
    // For messages: "runs".
    std::string what;
    // At least 1.
    uint32_t workers = 1;
    // Work that waits, of all sessions.
    uint32_t max_queued = 1;
  };
  // Whose work it is. A lane's number means something within its session only.
  struct Lane {
    uint64_t session_id = 0;
    uint64_t lane_id = 0;
  };

  explicit Scheduler(const Options& options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs `work` on a worker and returns what it returned. RESOURCE_EXHAUSTED (REASON_QUEUE_FULL), at once,
  // when the queue is full. CANCELLED when `cancellation` says so before the work has begun. Once it has
  // begun, stopping is the work's own matter, by its look at the token: Run always returns after it.
  absl::Status Run(Lane lane, Cancellation& cancellation, std::function<absl::Status()> work);

  // Work that waits now.
  uint32_t queued() const;
  // Work that is done now.
  uint32_t running() const;

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  // One session's waiting and running work.
  struct Queue {
    // Lanes with waiting work, in the order of their turns.
    std::deque<uint64_t> turns;
    std::map<uint64_t, std::deque<JobPtr>> lanes;
    std::map<uint64_t, bool> busy_lanes;
    uint32_t running = 0;
  };

  absl::Status Enqueue(const JobPtr& job);
  // Takes a job that has not begun back out; false when it has.
  bool Withdraw(const JobPtr& job);
  // The next job in turn, or null.
  JobPtr Pick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  JobPtr PickFrom(Queue& queue) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Finish(const Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Work();

  // Fixed at construction.
  const Options options_;
  const uint32_t max_per_session_;
  std::vector<std::thread> threads_;

  // Under mu_.
  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t queued_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t running_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Queue> sessions_ ABSL_GUARDED_BY(mu_);
  // The sessions of sessions_, in the order of their turns.
  std::deque<uint64_t> turns_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_SCHEDULER_H_
