#include "daemon/services/program_cache.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace modeld {
namespace {

using Key = ProgramCache::Key;
using ProgramPtr = ProgramCache::ProgramPtr;

// A cache whose compilations take a second of a clock that only they move.
struct Fixture {
  FakeClock clock;
  Scheduler pool{{"compilations", 4, 16}};
  std::atomic<int> compiled = 0;
  absl::Mutex mu;
  std::vector<absl::Duration> pauses;
  ProgramCache cache{pool, clock, [this](absl::Duration duration, const CancelToken&) {
                       absl::MutexLock lock(&mu);
                       pauses.push_back(duration);
                     }};
  Cancellation nobody_leaves;

  ProgramCache::Compile compile = [this]() -> absl::StatusOr<ProgramPtr> {
    ++compiled;
    clock.Advance(absl::Seconds(1));
    return std::make_shared<Program>();
  };
  absl::StatusOr<ProgramPtr> Get(const std::string& partition, const Key& key, uint64_t session = 1) {
    return cache.Get(partition, key, session, nobody_leaves, compile);
  }
};

const Key kKey{Digest::Of("model"), "cpu", 0};

TEST_CASE("two sessions of one partition share a program that was compiled once") {
  Fixture f;
  const auto a = f.Get("app:x", kKey, 1);
  const auto b = f.Get("app:x", kKey, 2);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(*a == *b);
  CHECK(f.compiled == 1);
  CHECK(f.pauses.empty());
}

TEST_CASE("another model, device or number of threads is another program") {
  Fixture f;
  const auto a = f.Get("app:x", kKey);
  for (const Key& key : {Key{Digest::Of("other"), "cpu", 0}, Key{kKey.model_id, "reference", 0},
                         Key{kKey.model_id, "cpu", 1}}) {
    CHECK(*a != *f.Get("app:x", key));
  }
  CHECK(f.compiled == 4);
}

TEST_CASE("another partition shares the memory but waits as long as compiling took") {
  Fixture f;
  const auto a = f.Get("app:x", kKey);
  const auto b = f.Get("app:y", kKey);
  CHECK(a->get() == b->get());
  CHECK(f.compiled == 1);
  REQUIRE(f.pauses.size() == 1);
  CHECK(f.pauses[0] == absl::Seconds(1));
  // From now on it is its own.
  CHECK(f.Get("app:y", kKey).ok());
  CHECK(f.pauses.size() == 1);
}

TEST_CASE("a partition that let go of a program pays again, though another still has it") {
  Fixture f;
  const auto a = f.Get("app:x", kKey);
  { const auto b = f.Get("app:y", kKey); }
  const auto b = f.Get("app:y", kKey);
  CHECK(a->get() == b->get());
  CHECK(f.pauses.size() == 2);
}

TEST_CASE("a program that nobody holds is compiled anew") {
  Fixture f;
  { const auto a = f.Get("app:x", kKey); }
  CHECK(f.Get("app:x", kKey).ok());
  CHECK(f.compiled == 2);
}

TEST_CASE("calls of one partition that come while a program is compiled wait for it") {
  Fixture f;
  absl::Notification compiling, go_on;
  const ProgramCache::Compile slow = [&]() -> absl::StatusOr<ProgramPtr> {
    ++f.compiled;
    compiling.Notify();
    go_on.WaitForNotification();
    return std::make_shared<Program>();
  };
  std::vector<std::thread> threads;
  std::vector<ProgramPtr> got(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Cancellation cancellation;
      auto program = f.cache.Get("app:x", kKey, i, cancellation, slow);
      if (program.ok()) got[i] = *program;
    });
  }
  compiling.WaitForNotification();
  go_on.Notify();
  for (std::thread& thread : threads) thread.join();
  CHECK(f.compiled == 1);
  for (const ProgramPtr& program : got) CHECK((program != nullptr && program == got[0]));
}

TEST_CASE("when the call that compiles is cancelled, those who wait still get the program") {
  Fixture f;
  absl::Notification compiling, go_on;
  const ProgramCache::Compile slow = [&]() -> absl::StatusOr<ProgramPtr> {
    if (++f.compiled == 1) {
      compiling.Notify();
      go_on.WaitForNotification();
    }
    return std::make_shared<Program>();
  };
  Cancellation leaders;
  absl::Status leader_status;
  std::thread leader([&] { leader_status = f.cache.Get("app:x", kKey, 1, leaders, slow).status(); });
  compiling.WaitForNotification();
  ProgramPtr got;
  std::thread follower([&] { got = f.Get("app:x", kKey, 2).value_or(nullptr); });
  leaders.token().Cancel();
  go_on.Notify();
  leader.join();
  follower.join();
  CHECK(absl::IsCancelled(leader_status));
  CHECK(got != nullptr);
}

TEST_CASE("a call that waits for another's compilation can be cancelled alone") {
  Fixture f;
  absl::Notification compiling, go_on;
  const ProgramCache::Compile slow = [&]() -> absl::StatusOr<ProgramPtr> {
    compiling.Notify();
    go_on.WaitForNotification();
    return std::make_shared<Program>();
  };
  ProgramPtr got;
  std::thread leader([&] {
    Cancellation cancellation;
    got = f.cache.Get("app:x", kKey, 1, cancellation, slow).value_or(nullptr);
  });
  compiling.WaitForNotification();
  Cancellation gone([] { return true; });
  CHECK(absl::IsCancelled(f.cache.Get("app:x", kKey, 2, gone, slow).status()));
  go_on.Notify();
  leader.join();
  CHECK(got != nullptr);
}

TEST_CASE("an error is everybody's who asked, and is not kept") {
  Fixture f;
  const auto refuse = []() -> absl::StatusOr<ProgramPtr> { return absl::UnimplementedError("no such op"); };
  CHECK(absl::IsUnimplemented(f.cache.Get("app:x", kKey, 1, f.nobody_leaves, refuse).status()));
  CHECK(f.Get("app:x", kKey).ok());
}

}  // namespace
}  // namespace modeld
