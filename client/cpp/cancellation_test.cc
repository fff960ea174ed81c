#include "client/cpp/cancellation.h"

#include <catch2/catch.hpp>

#include "absl/synchronization/notification.h"
#include "client/cpp/worker.h"

namespace modeld::client {
namespace {

TEST_CASE("A cancellation calls its watchers once", "[cancellation]") {
  Cancellation cancellation;
  int first = 0, second = 0, late = 0;
  cancellation.Watch([&] { ++first; });
  const uint64_t forgotten = cancellation.Watch([&] { ++second; });
  cancellation.Forget(forgotten);
  CHECK_FALSE(cancellation.cancelled());
  const Cancellation copy = cancellation;
  copy.Cancel();
  cancellation.Cancel();
  CHECK(cancellation.cancelled());
  CHECK(first == 1);
  CHECK(second == 0);
  CHECK(cancellation.Watch([&] { ++late; }) == 0);
  CHECK(late == 1);
}

TEST_CASE("A watcher may come back to its cancellation", "[cancellation]") {
  const Cancellation cancellation;
  uint64_t id = 0;
  bool seen = false;
  id = cancellation.Watch([&] {
    seen = cancellation.cancelled();
    cancellation.Forget(id);
  });
  cancellation.Cancel();
  CHECK(seen);
}

TEST_CASE("A worker finishes its jobs, in order, before it ends", "[worker]") {
  std::vector<int> done;
  {
    internal::Worker worker;
    for (int i = 0; i < 100; ++i) worker.Post([&done, i] { done.push_back(i); });
  }
  REQUIRE(done.size() == 100);
  CHECK(std::is_sorted(done.begin(), done.end()));
}

TEST_CASE("A worker may be ended by its own job", "[worker]") {
  auto worker = std::make_shared<internal::Worker>();
  absl::Notification may_end, ended;
  worker->Post([held = worker, &may_end, &ended]() mutable {
    may_end.WaitForNotification();
    held = nullptr;
    ended.Notify();
  });
  worker = nullptr;
  may_end.Notify();
  ended.WaitForNotification();
}

}  // namespace
}  // namespace modeld::client
