// Stopping calls from another thread.
#ifndef MODELD_CLIENT_CPP_CANCELLATION_H_
#define MODELD_CLIENT_CPP_CANCELLATION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace modeld::client {

// A switch that stops the calls it was given to (CallOptions::cancellation): they end with CANCELLED, and the
// daemon stops their work. Copies are the same switch; one may serve many calls. Thread-safe.
class Cancellation {
 public:
  Cancellation() : state_(std::make_shared<State>()) {}

  // Stops the calls under way and every later one. Further calls of Cancel do nothing.
  void Cancel() const;
  bool cancelled() const;

  // For the library: `stop` is called once when the switch is thrown, at once if it has been. Returns an id
  // for Forget, after which `stop` may still be running or about to: it must hold all that it needs.
  uint64_t Watch(std::function<void()> stop) const;
  void Forget(uint64_t id) const;

 private:
  struct State {
    absl::Mutex mu;
    bool cancelled ABSL_GUARDED_BY(mu) = false;
    uint64_t next_id ABSL_GUARDED_BY(mu) = 1;
    std::map<uint64_t, std::function<void()>> watchers ABSL_GUARDED_BY(mu);
  };
  std::shared_ptr<State> state_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_CANCELLATION_H_
