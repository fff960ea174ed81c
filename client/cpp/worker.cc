#include "client/cpp/worker.h"

#include <utility>

namespace modeld::client::internal {

Worker::~Worker() {
  std::thread thread;
  {
    absl::MutexLock lock(&state_->mu);
    state_->stopping = true;
    thread = std::move(state_->thread);
  }
  if (!thread.joinable()) return;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

void Worker::Post(std::function<void()> job) {
  absl::MutexLock lock(&state_->mu);
  state_->jobs.push_back(std::move(job));
  if (!state_->thread.joinable()) state_->thread = std::thread([state = state_] { Loop(state); });
}

void Worker::Loop(const std::shared_ptr<State>& state) {
  for (;;) {
    std::function<void()> job;
    {
      absl::MutexLock lock(&state->mu);
      state->mu.Await(absl::Condition(
          +[](State* s) ABSL_NO_THREAD_SAFETY_ANALYSIS { return s->stopping || !s->jobs.empty(); },
          state.get()));
      if (state->jobs.empty()) return;
      job = std::move(state->jobs.front());
      state->jobs.pop_front();
    }
    job();
  }
}

}  // namespace modeld::client::internal
