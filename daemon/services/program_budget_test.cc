// What the memory budget makes of programs that are used by turns.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/services/test_programs.h"

namespace modeld {
namespace {

constexpr absl::Duration kOld = absl::Seconds(10);

policy::ResidencyBounds RoomFor(uint64_t programs, absl::Duration min_residence = kOld) {
  return {.keep_alive = kKeepAlive, .budget_bytes = programs * kWeightBytes, .min_residence = min_residence};
}

Key KeyOf(int number) {
  return {Digest::Of(absl::StrCat("model ", number)), "cpu", 0};
}

TEST_CASE("past the budget the longest unused goes first, and shared weights count once") {
  ProgramFixture f(RoomFor(2));
  const auto a = f.Get("app:x", kKey), b = f.Get("app:x", kOther);
  f.cache.Tend();
  CHECK(f.cache.totals().programs == 2);
  CHECK(f.cache.totals().bytes == 2 * kWeightBytes);
  TestSource shares{[&]() -> absl::StatusOr<ProgramSource::Made> {
    return ProgramSource::Made{NewProgram(b->Peek()->constants[0]), kCompileTime};
  }};
  const auto c = *f.cache.Get("app:x", {kOther.model_id, "cpu", 1}, 1, f.nobody_leaves, shares);
  f.cache.Tend();
  CHECK(f.cache.totals().programs == 3);
  CHECK(f.cache.totals().bytes == 2 * kWeightBytes);
  f.clock.Advance(kOld);
  const auto d = f.Get("app:x", {Digest::Of("third"), "cpu", 0});
  f.cache.Tend();
  CHECK(a->Peek() == nullptr);
  CHECK(b->Peek() != nullptr);
  CHECK(d->Peek() != nullptr);
}

// Has a program that has run.
HandlePtr Load(ProgramFixture& f, const std::string& partition, const Key& key) {
  HandlePtr handle = f.Get(partition, key);
  f.Use(handle);
  return handle;
}

TEST_CASE("a load makes room at once, of what is not young any more") {
  ProgramFixture f(RoomFor(1));
  const auto a = Load(f, "app:x", kKey);
  f.clock.Advance(kOld);
  const auto b = f.Get("app:x", kOther);
  CHECK(a->Peek() == nullptr);
  CHECK(b->Peek() != nullptr);
  CHECK(f.cache.totals().bytes == kWeightBytes);
}

TEST_CASE("a newcomer that finds no room runs, and leaves with the end of its run") {
  ProgramFixture f(RoomFor(1));
  const auto a = Load(f, "app:x", kKey), b = f.Get("app:x", kOther);
  // It waits for its run.
  CHECK(b->Peek() != nullptr);
  {
    const ProgramPtr first = f.Use(b), second = f.Use(b);
    CHECK(f.made == 2);
    CHECK(f.cache.totals().programs == 2);
    f.cache.Tend();
    CHECK(b->Peek() != nullptr);
  }
  CHECK(b->Peek() == nullptr);
  CHECK(a->Peek() != nullptr);
  CHECK(f.cache.totals().bytes == kWeightBytes);
  SECTION("with the next run it is the same") {
    CHECK(f.Use(b) != nullptr);
    CHECK(f.made == 3);
    CHECK(b->Peek() == nullptr);
  }
  SECTION("until the other is not young any more") {
    f.clock.Advance(kOld);
    CHECK(f.Use(b) != nullptr);
    CHECK(b->Peek() != nullptr);
    CHECK(a->Peek() == nullptr);
  }
}

TEST_CASE("a newcomer that nothing runs leaves when the cache is tended") {
  ProgramFixture f(RoomFor(1));
  const auto a = Load(f, "app:x", kKey), b = f.Get("app:x", kOther);
  f.cache.Tend();
  CHECK(a->Peek() != nullptr);
  CHECK(b->Peek() == nullptr);
}

TEST_CASE("want of memory and the user's stop go before youth") {
  ProgramFixture f(RoomFor(2));
  const auto a = Load(f, "app:x", kKey), b = f.Get("app:x", kOther);
  SECTION("scarce") {
    f.cache.Tend({.some_avg10 = 50, .full_avg10 = 0});
    CHECK(a->Peek() == nullptr);
    CHECK(b->Peek() != nullptr);
  }
  SECTION("critical") {
    f.cache.Tend({.some_avg10 = 50, .full_avg10 = 50});
    CHECK(f.cache.totals().programs == 0);
  }
  SECTION("stopped") {
    CHECK(f.cache.Drop(kKey.model_id).programs == 1);
    CHECK(a->Peek() == nullptr);
  }
  SECTION("cleared") {
    f.cache.DropPartition("app:x");
    CHECK(f.cache.totals().programs == 0);
  }
}

TEST_CASE("a partition that has a young program does not make it younger for another") {
  ProgramFixture f(RoomFor(1), policy::FirstBuild::kShare);
  Load(f, "app:x", kKey);
  f.clock.Advance(kOld);
  const auto again = Load(f, "app:y", kKey);
  CHECK(f.made == 1);
  const auto b = f.Get("app:z", kOther);
  CHECK(again->Peek() == nullptr);
  CHECK(b->Peek() != nullptr);
}

TEST_CASE("a partition that fills the memory does not keep another's program out") {
  ProgramFixture f(RoomFor(4));
  std::vector<HandlePtr> greedy;
  for (int i = 0; i < 4; ++i) greedy.push_back(Load(f, "app:greedy", KeyOf(i)));
  const auto modest = f.Get("app:modest", kKey);
  CHECK(f.Use(modest) != nullptr);
  CHECK(modest->Peek() != nullptr);
  CHECK(f.cache.totals().programs == 4);
  // What came in last of the other's went.
  CHECK(greedy[3]->Peek() == nullptr);
}

TEST_CASE("three programs that run by turns in the room of two are loaded with every run, or seldom") {
  constexpr int kRounds = 60;
  const auto loads = [](absl::Duration min_residence) {
    ProgramFixture f(RoomFor(2, min_residence));
    std::vector<HandlePtr> handles;
    for (int i = 0; i < 3; ++i) handles.push_back(Load(f, absl::StrCat("app:", i), KeyOf(i)));
    for (int round = 0; round < kRounds; ++round) {
      for (const HandlePtr& handle : handles) {
        f.Use(handle);
        f.clock.Advance(absl::Seconds(1));
        CHECK(f.cache.totals().bytes <= 2 * kWeightBytes);
      }
    }
    return f.made.load();
  };
  const int thrash = loads(absl::ZeroDuration());
  CHECK(thrash > 3 * kRounds - 3);
  const int calm = loads(kOld);
  INFO(calm);
  CHECK(calm < 2 * kRounds);
}

}  // namespace
}  // namespace modeld
