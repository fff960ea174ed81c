#include "daemon/services/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/status.h"
#include "daemon/grpc_status.h"

namespace modeld {
namespace {

// How often a waiting call asks whether its client is still there.
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

}  // namespace

struct Scheduler::Job {
  Lane lane;
  std::function<absl::Status()> work;
  absl::Status result;
  absl::Notification done;
};

Scheduler::Scheduler(const Options& options)
    : options_(options), max_per_session_(std::max<uint32_t>(1, options.workers - 1)) {
  for (uint32_t i = 0; i < std::max<uint32_t>(1, options.workers); ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Scheduler::~Scheduler() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status Scheduler::Run(Lane lane, Cancellation& cancellation, std::function<absl::Status()> work) {
  auto job = std::make_shared<Job>();
  job->lane = lane;
  job->work = std::move(work);
  MODELD_RETURN_IF_ERROR(cancellation.Check());
  MODELD_RETURN_IF_ERROR(Enqueue(job));
  bool begun = false;
  while (!job->done.WaitForNotificationWithTimeout(kPollInterval)) {
    if (!begun && cancellation.Poll()) {
      if (Withdraw(job)) return cancellation.Check();
      begun = true;
    } else {
      // Sets the token, which the work looks at.
      cancellation.Poll();
    }
  }
  return job->result;
}

uint32_t Scheduler::queued() const {
  absl::MutexLock lock(&mu_);
  return queued_;
}

uint32_t Scheduler::running() const {
  absl::MutexLock lock(&mu_);
  return running_;
}

absl::Status Scheduler::Enqueue(const JobPtr& job) {
  absl::MutexLock lock(&mu_);
  if (queued_ >= options_.max_queued) {
    return WithReason(absl::ResourceExhaustedError(
                          absl::StrCat(options_.what, ": ", queued_, " are waiting already, retry later")),
                      v1::ErrorDetail::REASON_QUEUE_FULL);
  }
  auto [it, fresh] = sessions_.try_emplace(job->lane.session_id);
  if (fresh) turns_.push_back(job->lane.session_id);
  Queue& queue = it->second;
  std::deque<JobPtr>& lane = queue.lanes[job->lane.lane_id];
  if (lane.empty()) queue.turns.push_back(job->lane.lane_id);
  lane.push_back(job);
  ++queued_;
  changed_.Signal();
  return absl::OkStatus();
}

bool Scheduler::Withdraw(const JobPtr& job) {
  absl::MutexLock lock(&mu_);
  auto session = sessions_.find(job->lane.session_id);
  if (session == sessions_.end()) return false;
  Queue& queue = session->second;
  auto lane = queue.lanes.find(job->lane.lane_id);
  if (lane == queue.lanes.end()) return false;
  auto it = std::find(lane->second.begin(), lane->second.end(), job);
  if (it == lane->second.end()) return false;
  lane->second.erase(it);
  --queued_;
  if (lane->second.empty()) {
    queue.lanes.erase(lane);
    queue.turns.erase(std::find(queue.turns.begin(), queue.turns.end(), job->lane.lane_id));
  }
  if (queue.lanes.empty() && queue.running == 0) {
    sessions_.erase(session);
    turns_.erase(std::find(turns_.begin(), turns_.end(), job->lane.session_id));
  }
  return true;
}

Scheduler::JobPtr Scheduler::PickFrom(Queue& queue) {
  if (queue.running >= max_per_session_) return nullptr;
  for (size_t i = 0; i < queue.turns.size(); ++i) {
    const uint64_t lane_id = queue.turns.front();
    queue.turns.pop_front();
    if (queue.busy_lanes.count(lane_id) != 0) {
      queue.turns.push_back(lane_id);
      continue;
    }
    auto lane = queue.lanes.find(lane_id);
    JobPtr job = std::move(lane->second.front());
    lane->second.pop_front();
    if (lane->second.empty()) {
      queue.lanes.erase(lane);
    } else {
      queue.turns.push_back(lane_id);
    }
    queue.busy_lanes[lane_id] = true;
    ++queue.running;
    return job;
  }
  return nullptr;
}

Scheduler::JobPtr Scheduler::Pick() {
  for (size_t i = 0; i < turns_.size(); ++i) {
    const uint64_t session_id = turns_.front();
    turns_.pop_front();
    turns_.push_back(session_id);
    if (JobPtr job = PickFrom(sessions_[session_id])) {
      --queued_;
      ++running_;
      return job;
    }
  }
  return nullptr;
}

void Scheduler::Finish(const Job& job) {
  auto session = sessions_.find(job.lane.session_id);
  Queue& queue = session->second;
  queue.busy_lanes.erase(job.lane.lane_id);
  --queue.running;
  --running_;
  if (queue.lanes.empty() && queue.running == 0) {
    sessions_.erase(session);
    turns_.erase(std::find(turns_.begin(), turns_.end(), job.lane.session_id));
  }
  // A lane or a session's place has become free: whoever waits may take it.
  changed_.SignalAll();
}

void Scheduler::Work() {
  while (true) {
    JobPtr job;
    {
      absl::MutexLock lock(&mu_);
      while (!stopping_ && (job = Pick()) == nullptr) changed_.Wait(&mu_);
      if (job == nullptr) return;
    }
    job->result = job->work();
    // What the work refers to is the caller's, who goes on at the notification.
    job->work = nullptr;
    {
      absl::MutexLock lock(&mu_);
      Finish(*job);
    }
    job->done.Notify();
  }
}

}  // namespace modeld
