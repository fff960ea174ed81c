#include "policy/residency.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
const absl::Duration kNever = absl::InfiniteDuration();

ResidentProgram Program(uint64_t id, absl::Duration idle, uint64_t own,
                        std::vector<SharedWeights> weights = {}, bool in_use = false) {
  return {
      .id = id, .own_bytes = own, .weights = std::move(weights), .last_used = kNow - idle, .in_use = in_use};
}

using Ids = std::vector<uint64_t>;

TEST_CASE("Shared weights count once") {
  REQUIRE(ResidentBytes({}) == 0);
  const std::vector<ResidentProgram> twins = {Program(1, {}, 5, {{7, 100}, {8, 10}}),
                                              Program(2, {}, 6, {{7, 100}})};
  REQUIRE(ResidentBytes(twins) == 121);
  const std::vector<ResidentProgram> disagree = {Program(1, {}, 0, {{7, 100}}),
                                                 Program(2, {}, 0, {{7, 300}})};
  REQUIRE(ResidentBytes(disagree) == 300);
  const std::vector<ResidentProgram> twice = {Program(1, {}, 0, {{7, 100}, {7, 100}})};
  REQUIRE(ResidentBytes(twice) == 100);
  const std::vector<ResidentProgram> huge = {Program(1, {}, kMax), Program(2, {}, kMax, {{1, kMax}})};
  REQUIRE(ResidentBytes(huge) == kMax);
}

TEST_CASE("Idle programs leave after their keep-alive") {
  const std::vector<ResidentProgram> programs = {
      Program(1, absl::Minutes(4), 1), Program(2, absl::Minutes(5), 1), Program(3, absl::Minutes(6), 1),
      Program(4, absl::Hours(9), 1, {}, true), Program(5, -absl::Hours(1), 1)};
  struct Case {
    absl::Duration keep_alive;
    Ids gone;
  };
  const Case cases[] = {{absl::Minutes(5), {3, 2}},
                        {absl::Hours(1), {}},
                        {kNever, {}},
                        {absl::ZeroDuration(), {3, 2, 1, 5}},
                        {-absl::Seconds(1), {3, 2, 1, 5}},
                        {absl::Minutes(6), {3}}};
  for (const Case& c : cases) {
    INFO(c.keep_alive);
    REQUIRE(ProgramsToDrop(programs, {.keep_alive = c.keep_alive}, kNow) == c.gone);
  }
}

TEST_CASE("The longest unused leave until the rest fits the budget") {
  const std::vector<ResidentProgram> programs = {
      Program(1, absl::Minutes(3), 10, {{7, 100}}), Program(2, absl::Minutes(2), 10, {{7, 100}}),
      Program(3, absl::Minutes(1), 10), Program(4, absl::Minutes(9), 10, {}, true)};
  struct Case {
    uint64_t budget;
    Ids gone;
  };
  // 140 in all; the weights stay until their last program goes.
  const Case cases[] = {{0, {}},       {140, {}},    {139, {1}},      {130, {1}},
                        {129, {1, 2}}, {20, {1, 2}}, {19, {1, 2, 3}}, {1, {1, 2, 3}}};
  for (const Case& c : cases) {
    INFO(c.budget);
    REQUIRE(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = c.budget}, kNow) == c.gone);
  }
}

TEST_CASE("Programs unused for equally long leave by their number") {
  const std::vector<ResidentProgram> programs = {Program(9, absl::Minutes(1), 10),
                                                 Program(3, absl::Minutes(1), 10)};
  REQUIRE(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = 10}, kNow) == Ids{3});
}

TEST_CASE("Sums beyond all numbers still end in what fits") {
  const std::vector<ResidentProgram> programs = {Program(1, absl::Minutes(3), kMax),
                                                 Program(2, absl::Minutes(2), kMax), Program(3, {}, 5)};
  REQUIRE(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = 5}, kNow) == Ids{1, 2});
  REQUIRE(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = kMax - 1}, kNow) == Ids{1, 2});
}

TEST_CASE("Never used programs are the first to go") {
  std::vector<ResidentProgram> programs = {Program(1, absl::Hours(99), 1), Program(2, {}, 1)};
  programs[1].last_used = absl::InfinitePast();
  REQUIRE(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = 1}, kNow) == Ids{2});
}

// One that idles since its only use, at its load.
ResidentProgram Loaded(uint64_t id, absl::Duration age, uint64_t own, std::vector<std::string> owners = {"x"},
                       bool in_use = false) {
  ResidentProgram program = Program(id, age, own, {}, in_use);
  program.loaded_at = kNow - age;
  program.owners = std::move(owners);
  return program;
}

TEST_CASE("What was loaded a short time ago is not displaced while another can be") {
  const absl::Duration s = absl::Seconds(1);
  struct Case {
    std::string name;
    uint64_t budget;
    std::vector<ResidentProgram> programs;
    Ids gone;
  };
  std::vector<Case> cases = {
      {"an old one goes first, though it was used last",
       20,
       {Loaded(1, 5 * s, 10), Loaded(2, 60 * s, 10), Loaded(3, 2 * s, 10)},
       {2}},
      {"young ends when it says",
       10,
       {Loaded(1, 10 * s, 10), Loaded(2, 10 * s - absl::Nanoseconds(1), 10)},
       {1}},
      {"of the young the newcomer goes",
       20,
       {Loaded(1, 3 * s, 10), Loaded(2, s, 10), Loaded(3, 2 * s, 10)},
       {2}},
      {"as many newcomers as must",
       10,
       {Loaded(1, 3 * s, 10), Loaded(2, s, 10), Loaded(3, 2 * s, 10)},
       {2, 3}},
      {"equally young ones by their number", 10, {Loaded(1, s, 10), Loaded(2, s, 10)}, {2}},
      {"one that is too large alone does not stay", 9, {Loaded(1, s, 10)}, {1}},
      {"the old first, then the newcomer",
       10,
       {Loaded(1, s, 10), Loaded(2, 60 * s, 10), Loaded(3, 2 * s, 10)},
       {2, 1}},
      {"a newcomer in use is waited for",
       20,
       {Loaded(1, 3 * s, 10), Loaded(2, 2 * s, 10), Loaded(3, s, 10, {"x"}, true)},
       {}},
      {"not when it has run for so long that nothing is young",
       20,
       {Loaded(1, 13 * s, 10), Loaded(2, 12 * s, 10), Loaded(3, 11 * s, 10, {"x"}, true)},
       {1}},
      {"an old one in use does not hinder",
       20,
       {Loaded(1, 60 * s, 10, {"x"}, true), Loaded(2, 2 * s, 10), Loaded(3, s, 10)},
       {3}},
      {"a load in the future makes nothing young", 10, {Loaded(1, -s, 10), Loaded(2, s, 10)}, {1}},
      {"no bound", 0, {Loaded(1, s, kMax), Loaded(2, s, kMax)}, {}},
      {"sums beyond all numbers", kMax - 1, {Loaded(1, 2 * s, kMax - 1), Loaded(2, s, kMax)}, {2}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(ProgramsToDrop(c.programs,
                         {.keep_alive = kNever, .budget_bytes = c.budget, .min_residence = 10 * s},
                         kNow) == c.gone);
  }
}

TEST_CASE("A last use renews nobody's youth, and an age that is up ends it") {
  ResidentProgram used = Loaded(1, absl::Minutes(1), 10);
  used.last_used = kNow;
  const std::vector<ResidentProgram> programs = {used, Loaded(2, absl::Seconds(1), 10)};
  const absl::Duration minute = absl::Minutes(1);
  CHECK(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = 10, .min_residence = minute}, kNow) ==
        Ids{1});
  CHECK(ProgramsToDrop(programs, {.keep_alive = absl::ZeroDuration(), .min_residence = minute}, kNow) ==
        Ids{2, 1});
  CHECK(ProgramsToDrop(programs, {.keep_alive = kNever, .budget_bytes = 10, .min_residence = kNever}, kNow) ==
        Ids{2});
}

TEST_CASE("Nobody keeps others out by filling the memory with young programs") {
  const absl::Duration s = absl::Seconds(1);
  struct Case {
    std::string name;
    std::vector<ResidentProgram> programs;
    Ids gone;
  };
  // Of a budget of 100.
  const std::vector<Case> cases = {
      {"who takes more than an equal part gives way to a newcomer who does not",
       {Loaded(1, 3 * s, 50, {"greedy"}), Loaded(2, 2 * s, 50, {"greedy"}), Loaded(3, s, 20, {"modest"})},
       {2}},
      {"also while the newcomer is in use",
       {Loaded(1, 3 * s, 50, {"greedy"}), Loaded(2, 2 * s, 50, {"greedy"}),
        Loaded(3, s, 20, {"modest"}, true)},
       {2}},
      {"to an equal part, not below",
       {Loaded(1, 4 * s, 30, {"greedy"}), Loaded(2, 3 * s, 30, {"greedy"}), Loaded(3, 2 * s, 30, {"greedy"}),
        Loaded(4, s, 50, {"modest"}, true)},
       {3, 2}},
      {"where both take more the newcomer gives way",
       {Loaded(1, 2 * s, 60, {"x"}), Loaded(2, s, 70, {"y"})},
       {2}},
      {"where neither does the newcomer gives way",
       {Loaded(1, 3 * s, 33, {"x"}), Loaded(2, 2 * s, 33, {"y"}), Loaded(3, s, 33, {"z"}),
        Loaded(4, s, 2, {})},
       {4}},
      {"what a modest one has, too, stays",
       {Loaded(1, 3 * s, 40, {"greedy"}), Loaded(2, 2 * s, 20, {"greedy", "modest"}),
        Loaded(3, 4 * s, 50, {"greedy"})},
       {1}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(ProgramsToDrop(c.programs, {.keep_alive = kNever, .budget_bytes = 100, .min_residence = 10 * s},
                         kNow) == c.gone);
  }
}

// Programs that are used by turns, one use a second: each is loaded if it is not there, runs, and what must
// leave does.
struct Replay {
  std::map<uint64_t, uint64_t> loads;
  // Beyond the budget, between two runs and while one ran.
  uint64_t most_at_rest = 0, most_running = 0;
};
Replay Play(const std::vector<ResidentProgram>& models, int rounds, const ResidencyBounds& bounds) {
  Replay replay;
  std::map<uint64_t, ResidentProgram> resident;
  absl::Time now = kNow;
  const auto tend = [&] {
    std::vector<ResidentProgram> programs;
    for (const auto& [id, program] : resident) programs.push_back(program);
    for (const uint64_t id : ProgramsToDrop(programs, bounds, now)) {
      REQUIRE_FALSE(resident.at(id).in_use);
      resident.erase(id);
    }
    uint64_t sum = 0;
    for (const auto& [id, program] : resident) sum += program.own_bytes;
    return sum - std::min(sum, bounds.budget_bytes);
  };
  for (int round = 0; round < rounds; ++round) {
    for (const ResidentProgram& model : models) {
      now += absl::Seconds(1);
      auto [at, fresh] = resident.emplace(model.id, model);
      if (fresh) at->second.loaded_at = now;
      replay.loads[model.id] += fresh ? 1 : 0;
      at->second.last_used = now;
      at->second.in_use = true;
      replay.most_running = std::max(replay.most_running, tend());
      at->second.in_use = false;
      replay.most_at_rest = std::max(replay.most_at_rest, tend());
    }
  }
  return replay;
}

TEST_CASE("Programs that are used by turns and do not all fit are loaded anew seldom") {
  const std::vector<ResidentProgram> models = {Loaded(1, {}, 10, {"x"}), Loaded(2, {}, 10, {"y"}),
                                               Loaded(3, {}, 10, {"z"})};
  ResidencyBounds bounds{.keep_alive = kNever, .budget_bytes = 20, .min_residence = absl::ZeroDuration()};
  using Loads = std::map<uint64_t, uint64_t>;
  // The longest unused is always the next to be used.
  const Replay thrash = Play(models, 100, bounds);
  CHECK(thrash.loads == Loads{{1, 100}, {2, 100}, {3, 100}});
  CHECK(thrash.most_running == 0);

  bounds.min_residence = absl::Seconds(10);
  const Replay calm = Play(models, 100, bounds);
  INFO(calm.loads.at(1) << " " << calm.loads.at(2) << " " << calm.loads.at(3));
  uint64_t loads = 0;
  for (const auto& [id, count] : calm.loads) {
    loads += count;
    // Each has its turns in memory.
    CHECK(count < 60);
  }
  CHECK(loads < 140);
  // The one that finds no room goes with its run.
  CHECK(calm.most_running == 10);
  CHECK(calm.most_at_rest == 0);

  bounds.min_residence = absl::Seconds(100);
  const Replay calmer = Play(models, 100, bounds);
  CHECK(calmer.loads.at(1) + calmer.loads.at(2) + calmer.loads.at(3) < loads);

  bounds.budget_bytes = 30;
  CHECK(Play(models, 100, bounds).loads == Loads{{1, 1}, {2, 1}, {3, 1}});
}

TEST_CASE("Two programs of which only one fits take turns in memory") {
  const std::vector<ResidentProgram> models = {Loaded(1, {}, 10, {"x"}), Loaded(2, {}, 11, {"y"})};
  const ResidencyBounds bounds{.keep_alive = kNever, .budget_bytes = 15};
  const Replay replay = Play(models, 300, bounds);
  INFO(replay.loads.at(1) << " " << replay.loads.at(2));
  CHECK(replay.most_at_rest == 0);
  CHECK(replay.loads.at(1) + replay.loads.at(2) < 380);
  for (const auto& [id, count] : replay.loads) {
    CHECK(count > 100);
    CHECK(count < 250);
  }
}

TEST_CASE("The kernel's pressure file is read") {
  const auto pressure = ParseMemoryPressure(
      "some avg10=1.53 avg60=0.87 avg300=0.73 total=12345\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=9\n");
  REQUIRE(pressure.ok());
  REQUIRE(pressure->some_avg10 == 1.53);
  REQUIRE(pressure->full_avg10 == 0.25);
  const auto without_full = ParseMemoryPressure("some avg10=100.00 avg60=0.87 avg300=0.73 total=12345");
  REQUIRE(without_full.ok());
  REQUIRE(without_full->some_avg10 == 100);
  REQUIRE(without_full->full_avg10 == 0);
  const auto reordered = ParseMemoryPressure("new line\nfull total=1 avg10=2\nsome extra=4 avg10=3.5\n\n");
  REQUIRE(reordered.ok());
  REQUIRE(reordered->some_avg10 == 3.5);
  REQUIRE(reordered->full_avg10 == 2);
}

TEST_CASE("What is no pressure file is refused") {
  for (const char* text :
       {"", "\n", "some", "some \n", "some avg60=1\n", "some avg10=\n", "some avg10=x", "some avg10=-1",
        "some avg10=101", "some avg10=nan", "some avg10=inf", "full avg10=1\n", "SOME avg10=1",
        "some avg10=1\nfull avg10=oops\n", "some avg10 = 1"}) {
    INFO(text);
    const auto pressure = ParseMemoryPressure(text);
    REQUIRE(pressure.status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Pressure shrinks the budget and never widens it") {
  struct Case {
    std::string name;
    uint64_t budget;
    uint64_t resident;
    MemoryPressure pressure;
    uint64_t tight;
  };
  const Case cases[] = {
      {"none", 100, 80, {}, 100},
      {"none and no bound", 0, 80, {9.99, 9.99}, 0},
      {"scarce", 100, 80, {10, 0}, 40},
      {"scarce and no bound", 0, 80, {50, 9}, 40},
      {"scarce, the budget is smaller still", 30, 80, {10, 0}, 30},
      {"scarce, little there", 0, 1, {10, 0}, 1},
      {"critical", 100, 80, {0, 10}, 1},
      {"critical and no bound", 0, kMax, {99, 99}, 1},
      {"no number", 100, 80, {kNan, kNan}, 100},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const ResidencyBounds bounds{.keep_alive = absl::Minutes(7), .budget_bytes = c.budget};
    const ResidencyBounds tight = UnderPressure(bounds, c.resident, c.pressure);
    REQUIRE(tight.budget_bytes == c.tight);
    REQUIRE(tight.keep_alive == absl::Minutes(7));
    const bool pressed = c.pressure.some_avg10 >= 10 || c.pressure.full_avg10 >= 10;
    REQUIRE(tight.min_residence == (pressed ? absl::ZeroDuration() : bounds.min_residence));
  }
}

}  // namespace
}  // namespace modeld::policy
