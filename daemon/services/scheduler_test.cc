#include "daemon/services/scheduler.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "daemon/grpc_status.h"

namespace modeld {
namespace {

// Calls that each wait in a thread of their own, as gRPC's do.
class Callers {
 public:
  explicit Callers(Scheduler& scheduler) : scheduler_(scheduler) {}
  ~Callers() { Join(); }

  // Starts a call and waits until its work is queued (or running, when `queued` is what is there already).
  void Start(Scheduler::Lane lane, std::function<absl::Status()> work) {
    threads_.emplace_back([this, lane, work] {
      Cancellation cancellation;
      if (!scheduler_.Run(lane, cancellation, work).ok()) ++failed_;
    });
  }
  void StartQueued(Scheduler::Lane lane, std::function<absl::Status()> work) {
    const uint32_t before = scheduler_.queued();
    Start(lane, std::move(work));
    while (scheduler_.queued() == before) absl::SleepFor(absl::Milliseconds(1));
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    CHECK(failed_ == 0);
  }

 private:
  Scheduler& scheduler_;
  // Catch2 checks in the test's own thread only.
  std::atomic<int> failed_ = 0;
  std::vector<std::thread> threads_;
};

// Holds a worker until opened.
struct Plug {
  absl::Notification entered, open;
  std::function<absl::Status()> work() {
    return [this] {
      entered.Notify();
      open.WaitForNotification();
      return absl::OkStatus();
    };
  }
};

// What ran, in order.
class Trace {
 public:
  std::function<absl::Status()> Note(std::string name) {
    return [this, name] {
      absl::MutexLock lock(&mu_);
      names_ += name;
      return absl::OkStatus();
    };
  }
  std::string names() {
    absl::MutexLock lock(&mu_);
    return names_;
  }

 private:
  absl::Mutex mu_;
  std::string names_;
};

TEST_CASE("the caller gets what its work returned") {
  Scheduler scheduler({"runs", 2, 4});
  Cancellation cancellation;
  CHECK(scheduler.Run({1, 1}, cancellation, [] { return absl::OkStatus(); }).ok());
  CHECK(scheduler.Run({1, 1}, cancellation, [] { return absl::DataLossError("lost"); }) ==
        absl::DataLossError("lost"));
}

TEST_CASE("work of one lane runs in the order of its arrival") {
  Scheduler scheduler({"runs", 3, 10});
  Callers callers(scheduler);
  Plug plug;
  Trace trace;
  callers.Start({1, 1}, plug.work());
  plug.entered.WaitForNotification();
  // Other workers are free, but the lane is busy.
  for (const char* name : {"a", "b", "c", "d"}) callers.StartQueued({1, 1}, trace.Note(name));
  CHECK(trace.names().empty());
  plug.open.Notify();
  callers.Join();
  CHECK(trace.names() == "abcd");
}

TEST_CASE("sessions take turns, however much one of them has queued") {
  Scheduler scheduler({"runs", 1, 20});
  Callers callers(scheduler);
  Plug plug;
  Trace trace;
  callers.Start({9, 1}, plug.work());
  plug.entered.WaitForNotification();
  for (int i = 0; i < 5; ++i) callers.StartQueued({1, 1}, trace.Note("a"));
  for (int i = 0; i < 2; ++i) callers.StartQueued({2, 1}, trace.Note("b"));
  callers.StartQueued({3, 1}, trace.Note("c"));
  plug.open.Notify();
  callers.Join();
  CHECK(trace.names() == "abcabaaa");
}

TEST_CASE("the lanes of one session take turns") {
  Scheduler scheduler({"runs", 1, 20});
  Callers callers(scheduler);
  Plug plug;
  Trace trace;
  callers.Start({9, 1}, plug.work());
  plug.entered.WaitForNotification();
  for (int i = 0; i < 3; ++i) callers.StartQueued({1, 1}, trace.Note("x"));
  callers.StartQueued({1, 2}, trace.Note("y"));
  plug.open.Notify();
  callers.Join();
  CHECK(trace.names() == "xyxx");
}

TEST_CASE("one session never holds all workers") {
  Scheduler scheduler({"runs", 2, 10});
  Callers callers(scheduler);
  Plug first;
  Trace trace;
  callers.Start({1, 1}, first.work());
  first.entered.WaitForNotification();
  callers.StartQueued({1, 2}, trace.Note("own"));
  Cancellation cancellation;
  CHECK(scheduler.Run({2, 1}, cancellation, trace.Note("other")).ok());
  CHECK(trace.names() == "other");
  first.open.Notify();
  callers.Join();
  CHECK(trace.names() == "otherown");
}

TEST_CASE("a full queue refuses at once and says so") {
  Scheduler scheduler({"runs", 1, 2});
  Callers callers(scheduler);
  Plug plug;
  Trace trace;
  callers.Start({1, 1}, plug.work());
  plug.entered.WaitForNotification();
  callers.StartQueued({1, 1}, trace.Note("a"));
  callers.StartQueued({2, 1}, trace.Note("b"));
  Cancellation cancellation;
  const absl::Status status = scheduler.Run({3, 1}, cancellation, trace.Note("c"));
  CHECK(absl::IsResourceExhausted(status));
  CHECK(DetailOf(status).reason() == v1::ErrorDetail::REASON_QUEUE_FULL);
  plug.open.Notify();
  callers.Join();
  CHECK(trace.names() == "ab");
}

TEST_CASE("work whose client has gone never begins, and frees its place") {
  Scheduler scheduler({"runs", 1, 1});
  Callers callers(scheduler);
  Plug plug;
  Trace trace;
  callers.Start({1, 1}, plug.work());
  plug.entered.WaitForNotification();
  CHECK(scheduler.running() == 1);
  std::atomic<bool> gone = false;
  Cancellation cancellation([&] { return gone.load(); });
  std::thread leaver([&] {
    while (scheduler.queued() == 0) absl::SleepFor(absl::Milliseconds(1));
    gone = true;
  });
  CHECK(absl::IsCancelled(scheduler.Run({2, 1}, cancellation, trace.Note("never"))));
  leaver.join();
  CHECK(scheduler.queued() == 0);
  plug.open.Notify();
  callers.Join();
  CHECK(trace.names().empty());
}

TEST_CASE("running work learns from its token that its client has gone, and is waited for") {
  Scheduler scheduler({"runs", 1, 1});
  std::atomic<bool> gone = false, ended = false;
  Cancellation cancellation([&] { return gone.load(); });
  const absl::Status status = scheduler.Run({1, 1}, cancellation, [&] {
    gone = true;
    while (!cancellation.token().cancelled()) absl::SleepFor(absl::Milliseconds(1));
    ended = true;
    return absl::CancelledError("stopped between two steps");
  });
  CHECK(ended);
  CHECK(status == absl::CancelledError("stopped between two steps"));
}

TEST_CASE("a call that is cancelled beforehand is not queued") {
  Scheduler scheduler({"runs", 1, 1});
  Cancellation cancellation;
  cancellation.token().Cancel();
  CHECK(absl::IsCancelled(scheduler.Run({1, 1}, cancellation, [] { return absl::OkStatus(); })));
}

TEST_CASE("many callers of many lanes all get through, one at a time in each lane") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  Scheduler scheduler({"runs", 4, 1000});
  std::atomic<int> done = 0;
  std::atomic<int> in_lane[3][2] = {};
  std::atomic<bool> overlap = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 60; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(seed + i);
      for (int j = 0; j < 20; ++j) {
        const uint64_t session = random() % 3, lane = random() % 2;
        Cancellation cancellation([gone = random() % 8 == 0] { return gone; });
        (void)scheduler.Run({session, lane}, cancellation, [&, session, lane] {
          if (++in_lane[session][lane] != 1) overlap = true;
          std::this_thread::yield();
          --in_lane[session][lane];
          return absl::OkStatus();
        });
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == 60 * 20);
  CHECK_FALSE(overlap);
  CHECK(scheduler.queued() == 0);
  CHECK(scheduler.running() == 0);
}

}  // namespace
}  // namespace modeld
