#include "daemon/services/program_cache.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "daemon/services/test_programs.h"

namespace modeld {
namespace {

TEST_CASE("two sessions of one partition share a program that was compiled once") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey, 1), b = f.Get("app:x", kKey, 2);
  CHECK(a->Peek() == b->Peek());
  CHECK(a->Peek() != nullptr);
  CHECK(f.made == 1);
  CHECK(f.pauses.empty());
}

TEST_CASE("another model, device or number of threads is another program") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey);
  for (const Key& key : {kOther, Key{kKey.model_id, "reference", 0}, Key{kKey.model_id, "cpu", 1}}) {
    CHECK(a->Peek() != f.Get("app:x", key)->Peek());
  }
  CHECK(f.made == 4);
}

constexpr policy::ResidencyBounds kBounds = {.keep_alive = kKeepAlive, .budget_bytes = 0};

TEST_CASE("another partition shares the memory but compiles for itself") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey), b = f.Get("app:y", kKey);
  CHECK(a->Peek() == b->Peek());
  CHECK(f.made == 2);
  CHECK(f.pauses.empty());
  // From now on it is its own.
  CHECK(f.Get("app:y", kKey)->Peek() == a->Peek());
  CHECK(f.made == 2);
}

TEST_CASE("another partition shares the memory but waits as long as compiling took") {
  ProgramFixture f(kBounds, policy::FirstBuild::kWait);
  const auto a = f.Get("app:x", kKey), b = f.Get("app:y", kKey);
  CHECK(a->Peek() == b->Peek());
  CHECK(f.made == 1);
  CHECK(f.pauses == std::vector<absl::Duration>{kCompileTime});
  CHECK(f.compiling.noted);
  // From now on it is its own.
  CHECK(f.Get("app:y", kKey)->Peek() == a->Peek());
  CHECK(f.pauses.size() == 1);
}

TEST_CASE("a partition that paid before does its own work again, though another has the program in memory") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey);
  f.compiling.paid = true;
  const auto b = f.Get("app:y", kKey);
  CHECK(f.made == 2);
  CHECK(f.pauses.empty());
  CHECK(a->Peek() == b->Peek());
}

TEST_CASE("a user who does not mind has no partition wait") {
  ProgramFixture f(kBounds, policy::FirstBuild::kShare);
  const auto a = f.Get("app:x", kKey), b = f.Get("app:y", kKey);
  CHECK(a->Peek() == b->Peek());
  CHECK(f.made == 1);
  CHECK(f.pauses.empty());
}

TEST_CASE("a program stays after its last handle, for as long as it is kept alive") {
  ProgramFixture f;
  std::weak_ptr<const Program> program = f.Get("app:x", kKey)->Peek();
  f.clock.Advance(kKeepAlive - absl::Seconds(1));
  f.cache.Tend();
  CHECK_FALSE(program.expired());
  f.Get("app:x", kKey);
  CHECK(f.made == 1);
  f.clock.Advance(kKeepAlive);
  f.cache.Tend();
  CHECK(program.expired());
  CHECK(f.cache.totals().bytes == 0);
  f.Get("app:x", kKey);
  CHECK(f.made == 2);
}

TEST_CASE("a handle that was not used gives its program up, and gets it back with the next run") {
  ProgramFixture f;
  const auto handle = f.Get("app:x", kKey);
  CHECK(f.Left("app:x", kKey) == kKeepAlive);
  std::weak_ptr<const Program> program = handle->Peek();
  f.clock.Advance(kKeepAlive);
  CHECK(f.Left("app:x", kKey) == absl::ZeroDuration());
  f.cache.Tend();
  CHECK(program.expired());
  CHECK(handle->Peek() == nullptr);
  CHECK(f.Use(handle) != nullptr);
  CHECK(f.made == 2);
  CHECK(handle->Peek() != nullptr);
  // A run is a use.
  f.clock.Advance(kKeepAlive - absl::Seconds(1));
  f.Use(handle);
  f.clock.Advance(kKeepAlive - absl::Seconds(1));
  f.cache.Tend();
  CHECK(handle->Peek() != nullptr);
  CHECK(f.made == 2);
}

TEST_CASE("what another partition keeps in memory does not spare one that let go the time") {
  ProgramFixture f(kBounds, policy::FirstBuild::kWait);
  const auto x = f.Get("app:x", kKey), y = f.Get("app:y", kKey);
  REQUIRE(f.pauses.size() == 1);
  f.clock.Advance(kKeepAlive / 2);
  f.Use(x);
  f.clock.Advance(kKeepAlive / 2);
  f.cache.Tend();
  // In memory, and not y's any more.
  CHECK(x->Peek() != nullptr);
  CHECK(y->Peek() == nullptr);
  f.compiling.paid = false;
  SECTION("it waits where it has no plan of its own") {
    f.Use(y);
    CHECK(f.pauses.size() == 2);
    CHECK(f.made == 1);
  }
  SECTION("it loads its plan where it has one") {
    f.compiling.paid = true;
    f.Use(y);
    CHECK(f.pauses.size() == 1);
    CHECK(f.made == 2);
  }
  CHECK(y->Peek() == x->Peek());
}

TEST_CASE("a program that runs never goes") {
  ProgramFixture f({.keep_alive = kKeepAlive, .budget_bytes = 1});
  const auto handle = f.Get("app:x", kKey);
  {
    const ProgramPtr running = f.Use(handle);
    f.clock.Advance(kKeepAlive * 2);
    f.cache.Tend({.some_avg10 = 100, .full_avg10 = 100});
    CHECK(handle->Peek() != nullptr);
  }
  f.cache.Tend();
  CHECK(handle->Peek() == nullptr);
}

TEST_CASE("kept alive for ever, a program goes for want of memory alone") {
  ProgramFixture f({.keep_alive = absl::InfiniteDuration(), .budget_bytes = 0});
  const auto handle = f.Get("app:x", kKey);
  f.clock.Advance(absl::Hours(10'000));
  f.cache.Tend();
  CHECK(handle->Peek() != nullptr);
  CHECK(f.Left("app:x", kKey) == absl::InfiniteDuration());
  f.cache.Tend({.some_avg10 = 90, .full_avg10 = 90});
  CHECK(handle->Peek() == nullptr);
}

TEST_CASE("kept alive for no time, a program goes with the end of its run") {
  ProgramFixture f({.keep_alive = absl::ZeroDuration(), .budget_bytes = 0});
  const auto handle = f.Get("app:x", kKey);
  std::weak_ptr<const Program> program;
  {
    const ProgramPtr running = f.Use(handle);
    program = running;
    CHECK(handle->Peek() != nullptr);
    f.cache.Tend();
    CHECK_FALSE(program.expired());
  }
  CHECK(program.expired());
  CHECK(f.Use(handle) != nullptr);
}

TEST_CASE("the bytes in memory are told by device, of programs with and without handles, and add up") {
  ProgramFixture f;
  f.Get("app:x", kKey);
  const auto b = f.Get("app:x", {kKey.model_id, "reference", 0});
  using Bytes = std::map<std::string, uint64_t>;
  CHECK(f.cache.totals().bytes_by_device == Bytes{{"cpu", kWeightBytes}, {"reference", kWeightBytes}});

  // Of the same weights on another device, and of those and others alone.
  const Region shared = b->Peek()->constants[0];
  TestSource shares{[&]() -> absl::StatusOr<ProgramSource::Made> {
    return ProgramSource::Made{NewProgram(shared), kCompileTime};
  }};
  REQUIRE(f.cache.Get("app:x", {kOther.model_id, "gpu", 0}, 1, f.nobody_leaves, shares).ok());
  TestSource owns{[&]() -> absl::StatusOr<ProgramSource::Made> {
    auto program = std::make_shared<Program>();
    program->constants = {shared, Weights()};
    return ProgramSource::Made{std::move(program), kCompileTime};
  }};
  const auto own = f.cache.GetOwn(1, f.nobody_leaves, owns);
  REQUIRE(own.ok());
  CHECK(b->own() == nullptr);
  REQUIRE((*own)->own() != nullptr);
  CHECK(f.cache.totals().programs == 3);
  const auto totals = f.cache.totals({{"reference", (*own)->own()}});
  CHECK(totals.programs == 4);
  CHECK(totals.bytes == 3 * kWeightBytes);
  // The first by name counts what two devices share.
  CHECK(totals.bytes_by_device ==
        Bytes{{"cpu", kWeightBytes}, {"gpu", kWeightBytes}, {"reference", kWeightBytes}});

  f.cache.Drop(std::nullopt);
  CHECK(f.cache.totals().bytes_by_device.empty());
}

TEST_CASE("a model that is stopped leaves memory at once, and one that runs with its run") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey), b = f.Get("app:x", kOther);
  std::weak_ptr<const Program> idle = b->Peek(), runs = a->Peek();
  std::weak_ptr<const void> going;
  {
    const ProgramPtr running = f.Use(a);
    const auto dropped = f.cache.Drop(kKey.model_id);
    CHECK(dropped.programs == 1);
    REQUIRE(dropped.going.size() == 1);
    going = dropped.going[0];
    CHECK_FALSE(going.expired());
    CHECK(a->Peek() == nullptr);
    CHECK_FALSE(runs.expired());
  }
  CHECK(runs.expired());
  CHECK(going.expired());
  CHECK_FALSE(idle.expired());
  CHECK(f.cache.Drop(std::nullopt).programs == 1);
  CHECK(idle.expired());
  CHECK(f.cache.Drop(std::nullopt).programs == 0);
}

TEST_CASE("dropping tells what became free, which shared weights do with their last program") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey);
  TestSource twin{[&]() -> absl::StatusOr<ProgramSource::Made> {
    auto program = std::make_shared<Program>();
    program->constants = {a->Peek()->constants[0], Weights()};
    return ProgramSource::Made{std::move(program), kCompileTime};
  }};
  REQUIRE(f.cache.Get("app:x", kOther, 1, f.nobody_leaves, twin).ok());
  const auto first = f.cache.Drop(kOther.model_id);
  CHECK(first.programs == 1);
  CHECK(first.bytes == kWeightBytes);
  CHECK(f.cache.Drop(kOther.model_id).bytes == 0);
  CHECK(f.cache.Drop(std::nullopt).bytes == kWeightBytes);
}

TEST_CASE("what is in memory is listed for each partition that has it, with and without handles") {
  ProgramFixture f;
  const auto x = f.Get("app:x", kKey);
  f.Get("app:y", kOther);
  f.clock.Advance(absl::Minutes(1));
  f.Get("app:y", kKey);
  REQUIRE(f.cache.Residencies().size() == 3);
  CHECK(f.Left("app:x", kKey) == kKeepAlive - absl::Minutes(1) - 2 * kCompileTime);
  CHECK(f.Left("app:y", kKey) == kKeepAlive);
  CHECK(f.Left("app:x", kOther) == std::nullopt);
  for (const auto& residency : f.cache.Residencies()) {
    CHECK_FALSE(residency.running);
    if (residency.key == kKey) CHECK(residency.program == x->Peek());
  }
  {
    // A run stays as long as it takes.
    const ProgramPtr running = f.Use(x);
    f.clock.Advance(kKeepAlive);
    const auto all = f.cache.Residencies();
    const auto runs = std::find_if(all.begin(), all.end(), [](const auto& one) { return one.running; });
    REQUIRE(runs != all.end());
    CHECK(runs->partition == "app:x");
    CHECK(runs->key == kKey);
    // app:y has it no more, and nobody has the other one, which is still there.
    CHECK(f.Left("app:y", kKey) == std::nullopt);
    CHECK(f.Left("app:y", kOther) == absl::ZeroDuration());
  }
  CHECK(f.Left("app:x", kKey) == kKeepAlive);
  f.cache.Tend();
  CHECK(f.cache.Residencies().size() == 1);
  f.cache.Drop(std::nullopt);
  CHECK(f.cache.Residencies().empty());
}

TEST_CASE("a partition that is forgotten takes along what only it had") {
  ProgramFixture f;
  const auto a = f.Get("app:x", kKey), shared = f.Get("app:x", kOther), other = f.Get("app:y", kOther);
  std::weak_ptr<const Program> alone = a->Peek();
  f.cache.DropPartition("app:x");
  CHECK(alone.expired());
  CHECK(shared->Peek() == nullptr);
  CHECK(other->Peek() != nullptr);
}

TEST_CASE("a program of its own is shared with nobody and goes with its handle") {
  ProgramFixture f;
  auto own = *f.cache.GetOwn(1, f.nobody_leaves, f.compiling);
  std::weak_ptr<const Program> program = own->Peek();
  f.Get("app:x", kKey);
  CHECK(f.made == 2);
  f.clock.Advance(kKeepAlive * 2);
  f.cache.Tend();
  CHECK(f.Use(own) == program.lock());
  own.reset();
  CHECK(program.expired());
}

TEST_CASE("calls of one partition that come while a program is compiled wait for it") {
  ProgramFixture f;
  absl::Notification compiling, go_on;
  std::atomic<int> compiled = 0;
  TestSource slow{[&]() -> absl::StatusOr<ProgramSource::Made> {
    ++compiled;
    compiling.Notify();
    go_on.WaitForNotification();
    return ProgramSource::Made{NewProgram(Weights()), kCompileTime};
  }};
  std::vector<std::thread> threads;
  std::vector<HandlePtr> got(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Cancellation cancellation;
      got[i] = f.cache.Get("app:x", kKey, i, cancellation, slow).value_or(nullptr);
    });
  }
  compiling.WaitForNotification();
  go_on.Notify();
  for (std::thread& thread : threads) thread.join();
  CHECK(compiled == 1);
  for (const HandlePtr& handle : got) {
    REQUIRE(handle != nullptr);
    CHECK(handle->Peek() == got[0]->Peek());
  }
}

TEST_CASE("when the call that compiles is cancelled, those who wait still get the program") {
  ProgramFixture f;
  absl::Notification compiling, go_on;
  std::atomic<int> compiled = 0;
  TestSource slow{[&]() -> absl::StatusOr<ProgramSource::Made> {
    if (++compiled == 1) {
      compiling.Notify();
      go_on.WaitForNotification();
    }
    return ProgramSource::Made{NewProgram(Weights()), kCompileTime};
  }};
  Cancellation leaders;
  absl::Status leader_status;
  std::thread leader([&] { leader_status = f.cache.Get("app:x", kKey, 1, leaders, slow).status(); });
  compiling.WaitForNotification();
  HandlePtr got;
  std::thread follower(
      [&] { got = f.cache.Get("app:x", kKey, 2, f.nobody_leaves, f.compiling).value_or(nullptr); });
  leaders.token().Cancel();
  go_on.Notify();
  leader.join();
  follower.join();
  CHECK(absl::IsCancelled(leader_status));
  REQUIRE(got != nullptr);
  CHECK(got->Peek() != nullptr);
}

TEST_CASE("a call that waits for another's compilation can be cancelled alone") {
  ProgramFixture f;
  absl::Notification compiling, go_on;
  TestSource slow{[&]() -> absl::StatusOr<ProgramSource::Made> {
    compiling.Notify();
    go_on.WaitForNotification();
    return ProgramSource::Made{NewProgram(Weights()), kCompileTime};
  }};
  HandlePtr got;
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
  ProgramFixture f;
  TestSource refuse{
      []() -> absl::StatusOr<ProgramSource::Made> { return absl::UnimplementedError("no such op"); }};
  CHECK(absl::IsUnimplemented(f.cache.Get("app:x", kKey, 1, f.nobody_leaves, refuse).status()));
  CHECK(f.Get("app:x", kKey)->Peek() != nullptr);
}

}  // namespace
}  // namespace modeld
