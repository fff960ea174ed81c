// A thread for jobs that block. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_WORKER_H_
#define MODELD_CLIENT_CPP_WORKER_H_

#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace modeld::client::internal {

// Runs jobs one after the other on a thread that it starts with the first one. Thread-safe.
class Worker {
 public:
  Worker() : state_(std::make_shared<State>()) {}
  // Finishes the jobs that were posted. May be called from a job: then without waiting for it.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Post(std::function<void()> job);

 private:
  struct State {
    absl::Mutex mu;
    bool stopping ABSL_GUARDED_BY(mu) = false;
    std::deque<std::function<void()>> jobs ABSL_GUARDED_BY(mu);
    std::thread thread ABSL_GUARDED_BY(mu);
  };
  static void Loop(const std::shared_ptr<State>& state);

  // Shared with the thread, which outlives this when a job drops the last handle.
  const std::shared_ptr<State> state_;
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_WORKER_H_
