#include "policy/reclaim.h"

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
const absl::Duration kDay = absl::Hours(24);
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

ReclaimableModel Model(absl::string_view name, absl::Duration age, uint64_t bytes = 100 * kMiB) {
  return {.partition = "app:a",
          .id = Digest::Of(name),
          .exclusive_bytes = bytes,
          .size_bytes = bytes,
          .last_used = kNow - age};
}

GlobalSnapshot Full() {
  return {.now = kNow, .used_bytes = 1000, .limit_bytes = 1000, .free_disk_bytes = kMax, .tie_salt = 7};
}

// The ids in the order in which repeated steps take them.
std::vector<Digest> Order(GlobalSnapshot all) {
  std::vector<Digest> order;
  while (const auto action = NextReclaim(all)) {
    order.push_back(action->id);
    const auto same = [&](const auto& thing) {
      if constexpr (requires { thing.key; })
        return thing.key == action->id;
      else
        return thing.id == action->id && thing.partition == action->partition;
    };
    if (action->what == ReclaimAction::What::kPlan)
      std::erase_if(all.plans, same);
    else
      std::erase_if(all.models, same);
    all.running = true;
  }
  return order;
}

TEST_CASE("Classes are as documented at their edges") {
  const absl::Duration one = absl::Nanoseconds(1);
  REQUIRE(AgeClassOf(-kDay * 100) == AgeClass::kDay);
  REQUIRE(AgeClassOf(kDay - one) == AgeClass::kDay);
  REQUIRE(AgeClassOf(kDay) == AgeClass::kWeek);
  REQUIRE(AgeClassOf(7 * kDay) == AgeClass::kMonth);
  REQUIRE(AgeClassOf(30 * kDay - one) == AgeClass::kMonth);
  REQUIRE(AgeClassOf(30 * kDay) == AgeClass::kQuarter);
  REQUIRE(AgeClassOf(91 * kDay) == AgeClass::kOlder);
  REQUIRE(AgeClassOf(absl::InfiniteDuration()) == AgeClass::kOlder);
  REQUIRE(AgeClassName(AgeClass::kOlder) == "older");
  REQUIRE(SizeClassOf(0) == SizeClass::kSmall);
  REQUIRE(SizeClassOf(64 * kMiB) == SizeClass::kSmall);
  REQUIRE(SizeClassOf(64 * kMiB + 1) == SizeClass::kMedium);
  REQUIRE(SizeClassOf(512 * kMiB + 1) == SizeClass::kLarge);
  REQUIRE(SizeClassOf(4096 * kMiB + 1) == SizeClass::kHuge);
  REQUIRE(SizeClassOf(kMax) == SizeClass::kHuge);
  REQUIRE(CostClassOf(0, absl::ZeroDuration()) == CostClass::kCheap);
  REQUIRE(CostClassOf(0, absl::Seconds(60)) == CostClass::kModerate);
  REQUIRE(CostClassOf(0, absl::Minutes(9)) == CostClass::kDear);
  REQUIRE(CostClassOf(kMax, -absl::Hours(1)) == CostClass::kVeryDear);
}

TEST_CASE("Reclaiming begins before the bounds and stops well below them") {
  struct Case {
    std::string name;
    uint64_t used, limit, free, floor;
    bool needed_idle, needed_running;
  };
  const Case cases[] = {
      {"room", 900, 1000, kMax, 0, false, false},
      {"between the marks", 901, 1000, kMax, 0, false, true},
      {"up to where it begins", 950, 1000, kMax, 0, false, true},
      {"beyond", 951, 1000, kMax, 0, true, true},
      {"no limit", kMax, 0, kMax, 0, false, false},
      {"largest limit", kMax, kMax, kMax, 0, true, true},
      {"free disk", 0, 1000, 1250, 1000, false, false},
      {"free disk between the marks", 0, 1000, 1100, 1000, false, true},
      {"free disk is scarce", 0, 1000, 1099, 1000, true, true},
      {"floor beyond all numbers", 0, 1000, kMax - 1, kMax, true, true},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    GlobalSnapshot all{.now = kNow,
                       .used_bytes = c.used,
                       .limit_bytes = c.limit,
                       .free_disk_bytes = c.free,
                       .floor_bytes = c.floor};
    all.models.push_back(Model("m", kDay));
    REQUIRE(NeedsReclaim(all) == c.needed_idle);
    REQUIRE(NextReclaim(all).has_value() == c.needed_idle);
    all.running = true;
    REQUIRE(NeedsReclaim(all) == c.needed_running);
    REQUIRE(NextReclaim(all).has_value() == c.needed_running);
  }
}

TEST_CASE("Plans go first, then models by priority, age, size and cost") {
  GlobalSnapshot all = Full();
  auto add = [&](absl::string_view name, Priority priority, absl::Duration age, uint64_t bytes,
                 absl::Duration compile) {
    ReclaimableModel model = Model(name, age, bytes);
    model.priority = priority;
    model.compile_time = compile;
    all.models.push_back(model);
  };
  add("high, old", Priority::kHigh, 365 * kDay, 9 * kGiB, {});
  add("recent, dear", Priority::kNormal, kDay / 2, 100 * kMiB, absl::Hours(1));
  add("recent, cheap", Priority::kNormal, kDay / 2, 100 * kMiB, {});
  add("recent, large", Priority::kNormal, kDay / 2, 9 * kGiB, {});
  add("week", Priority::kNormal, 2 * kDay, 1, {});
  add("older", Priority::kNormal, 100 * kDay, 1, {});
  add("low, recent", Priority::kLow, {}, 1, absl::Hours(1));
  all.plans.push_back({.key = Digest::Of("new plan"), .size_bytes = kGiB, .last_used = kNow});
  all.plans.push_back({.key = Digest::Of("old plan"), .size_bytes = 1, .last_used = kNow - 50 * kDay});
  std::shuffle(all.models.begin(), all.models.end(), std::mt19937(3));
  std::vector<Digest> expected;
  for (const char* name : {"old plan", "new plan", "low, recent", "older", "week", "recent, large",
                           "recent, cheap", "recent, dear", "high, old"}) {
    expected.push_back(Digest::Of(name));
  }
  REQUIRE(Order(all) == expected);
}

TEST_CASE("What is pinned or in use never goes") {
  GlobalSnapshot all = Full();
  all.models = {Model("pinned", 99 * kDay), Model("used", 99 * kDay)};
  all.models[0].pinned = true;
  all.models[1].in_use = true;
  all.plans.push_back({.key = Digest::Of("mapped"), .size_bytes = kGiB, .in_use = true});
  REQUIRE_FALSE(NextReclaim(all).has_value());
  all.models.push_back(Model("free", {}));
  REQUIRE(NextReclaim(all)->id == Digest::Of("free"));
}

TEST_CASE("The reason names the classes and the disk") {
  GlobalSnapshot all = Full();
  all.models = {Model("m", 40 * kDay, 5 * kGiB)};
  const auto action = NextReclaim(all);
  REQUIRE(action->what == ReclaimAction::What::kModel);
  REQUIRE(action->partition == "app:a");
  REQUIRE(absl::StrContains(action->why, "priority normal, age class quarter, size more than 4 GiB, dear"));
  REQUIRE(absl::StrContains(action->why, "1000 B in use, limit 1000 B"));
}

TEST_CASE("Ties are settled by the salt, not by the order of the snapshot nor by ids alone") {
  GlobalSnapshot all = Full();
  for (int i = 0; i < 8; ++i) all.models.push_back(Model(absl::StrCat(i), {}));
  const std::vector<Digest> order = Order(all);
  std::reverse(all.models.begin(), all.models.end());
  REQUIRE(Order(all) == order);
  std::set<Digest> first;
  for (all.tie_salt = 0; all.tie_salt < 64; ++all.tie_salt) first.insert(Order(all).front());
  REQUIRE(first.size() > 4);
}

// Partition A does what it likes; B's models must go in the same order among themselves.
TEST_CASE("Nothing that one partition does changes the order of another's models") {
  const uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random);
  };
  const auto random_model = [&](absl::string_view partition, uint64_t number) {
    ReclaimableModel model =
        Model(absl::StrCat(number), kDay * static_cast<int64_t>(below(120)), below(6 * kGiB));
    model.partition = std::string(partition);
    model.compile_time = absl::Seconds(below(900));
    model.priority = static_cast<Priority>(static_cast<int>(below(3)) - 1);
    model.pinned = below(10) == 0;
    model.in_use = below(10) == 0;
    return model;
  };
  const auto of_b = [](const GlobalSnapshot& all) {
    std::vector<Digest> order;
    GlobalSnapshot rest = all;
    while (const auto action = NextReclaim(rest)) {
      if (action->partition == "app:b") order.push_back(action->id);
      std::erase_if(rest.models,
                    [&](const auto& m) { return m.id == action->id && m.partition == action->partition; });
      rest.running = true;
    }
    return order;
  };
  for (int round = 0; round < 40; ++round) {
    GlobalSnapshot all = Full();
    all.tie_salt = random();
    for (uint64_t i = 0; i < 12; ++i) all.models.push_back(random_model("app:b", i));
    const std::vector<Digest> alone = of_b(all);
    for (int step = 0; step < 10; ++step) {
      // A stores a model (perhaps one that B holds, too), uses one, loads one, or clears its cache.
      std::vector<ReclaimableModel*> own;
      for (ReclaimableModel& model : all.models) {
        if (model.partition == "app:a") own.push_back(&model);
      }
      const uint64_t what = below(8);
      if (what < 4 || own.empty()) {
        all.models.insert(all.models.begin() + below(all.models.size() + 1),
                          random_model("app:a", below(24)));
      } else if (what < 6) {
        own[below(own.size())]->last_used = kNow;
      } else if (what < 7) {
        own[below(own.size())]->in_use ^= true;
      } else {
        std::erase_if(all.models, [](const auto& model) { return model.partition == "app:a"; });
      }
      REQUIRE(of_b(all) == alone);
    }
  }
}

}  // namespace
}  // namespace modeld::policy
