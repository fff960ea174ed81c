#include "policy/residency.h"

#include <limits>
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
  }
}

}  // namespace
}  // namespace modeld::policy
