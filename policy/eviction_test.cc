#include "policy/eviction.h"

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

using What = EvictionAction::What;
using Reason = EvictionAction::Reason;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const absl::Duration kDay = absl::Hours(24);
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

// A partition whose models have one blob each, unless told otherwise.
struct Builder {
  PartitionSnapshot partition{.now = kNow};

  HeldModel& Add(absl::string_view name, uint64_t mib, double frequency = 1, absl::Duration age = kDay) {
    partition.blob_bytes.push_back(mib * kMiB);
    HeldModel model{.id = Digest::Of(name)};
    model.blobs = {static_cast<uint32_t>(partition.blob_bytes.size() - 1)};
    model.uses = {.frequency = frequency, .credit = 0, .last_used = kNow - age};
    partition.models.push_back(model);
    return partition.models.back();
  }
  void AddPlan(absl::string_view name, uint64_t mib, absl::Duration age = kDay, bool in_use = false) {
    partition.plans.push_back({.key = Digest::Of(name),
                               .size_bytes = mib * kMiB,
                               .uses = 1,
                               .last_used = kNow - age,
                               .compile_time = absl::Seconds(10),
                               .in_use = in_use});
  }
};

Digest Id(absl::string_view name) {
  return Digest::Of(name);
}

// Carries steps out as the daemon does; the names' digests in the order of leaving.
std::vector<Digest> Drain(PartitionSnapshot partition, uint64_t bytes) {
  std::vector<Digest> gone;
  while (const auto action = NextEviction(partition, bytes)) {
    gone.push_back(action->id);
    if (action->what == What::kPlan) {
      std::erase_if(partition.plans, [&](const OwnPlan& plan) { return plan.key == action->id; });
    } else {
      std::erase_if(partition.models, [&](const HeldModel& model) { return model.id == action->id; });
    }
    bytes -= std::min(bytes, action->freed_bytes);
  }
  return gone;
}

TEST_CASE("Frequency halves with each half-life") {
  REQUIRE(Faded(8, absl::ZeroDuration(), kDay) == 8);
  REQUIRE(Faded(8, kDay, kDay) == Approx(4));
  REQUIRE(Faded(8, 3 * kDay, kDay) == Approx(1));
  REQUIRE(Faded(8, absl::InfiniteDuration(), kDay) == 0);
  REQUIRE(Faded(8, -5 * kDay, kDay) == 8);
  REQUIRE(Faded(8, 5 * kDay, absl::ZeroDuration()) == 8);
  REQUIRE(Faded(8, 5 * kDay, -kDay) == 8);
  REQUIRE(Faded(8, absl::InfiniteDuration(), absl::InfiniteDuration()) == 8);
  for (double wrong : {kNan, kInf, -kInf, -1.0}) REQUIRE(Faded(wrong, kDay) == 0);
}

TEST_CASE("What was used often is missed sooner") {
  REQUIRE(Expected(5, absl::ZeroDuration()) == 5);
  REQUIRE(Expected(5, -kDay) == 5);
  // Ten times a day, then not for a month; and once or twice a year.
  const double often = 10 * 100 / std::log(2);
  REQUIRE(Expected(often, 3 * kDay) > 0.9 * often);
  REQUIRE(Expected(often, 5 * kDay) < 0.01 * often);
  REQUIRE(Expected(often, 30 * kDay) < 1e-6);
  REQUIRE(Expected(1, 30 * kDay) > 0.8);
  REQUIRE(Expected(1e300, absl::InfiniteDuration()) == 0);
  REQUIRE(Expected(kNan, kDay) == 0);
  REQUIRE(std::isfinite(Expected(1e308, absl::Hours(1e9))));
}

TEST_CASE("Costs and credits are finite whatever comes in") {
  REQUIRE(RegainCost(0, absl::ZeroDuration()) == 0);
  REQUIRE(RegainCost(kMiB, absl::ZeroDuration()) == Approx(1));
  REQUIRE(RegainCost(kMiB, -absl::Hours(1)) == Approx(1));
  REQUIRE(RegainCost(0, absl::Seconds(1)) == Approx(std::pow(12.5e6 / kMiB, 0.4)));
  REQUIRE(std::isfinite(RegainCost(kMax, absl::InfiniteDuration())));
  REQUIRE(Credit(1, 2, 3, 6 * kMiB) == 2);
  REQUIRE(Credit(0, 1, 1, 0) == Credit(0, 1, 1, 1));
  REQUIRE(Credit(kNan, kInf, -1, kMiB) == 0);
  for (double a : {0.0, -1.0, 1e308, kNan, kInf}) {
    for (double b : {0.0, -1.0, 1e308, kNan, kInf}) {
      for (uint64_t size : {uint64_t{0}, uint64_t{1}, kMax}) {
        REQUIRE(std::isfinite(Credit(a, b, 1e308, size)));
        REQUIRE(Credit(a, b, 1e308, size) >= 0);
      }
    }
  }
}

TEST_CASE("Uses add up and fade, and a trace that was left behind goes on") {
  const UseTrace first = Used(std::nullopt, kMiB, {}, kNow);
  REQUIRE(first.frequency == 1);
  REQUIRE(first.last_used == kNow);
  REQUIRE(first.credit == Approx(1));
  const UseTrace second = Used(first, kMiB, {}, kNow + kHalfLife);
  REQUIRE(second.frequency == Approx(1.5));
  REQUIRE(Used(second, kMiB, {}, kNow).frequency == Approx(2.5));
  REQUIRE(Used(UseTrace{.frequency = kNan}, kMiB, {}, kNow).frequency == 1);
  REQUIRE(Used(UseTrace{}, 0, {}, kNow).frequency == 1);
  REQUIRE(Used(std::nullopt, 100 * kMiB, absl::Minutes(5), kNow).credit >
          Used(std::nullopt, 100 * kMiB, {}, kNow).credit);
}

TEST_CASE("Which model goes for room") {
  struct Case {
    std::string name;
    std::function<void(Builder&)> make;
    uint64_t mib;
    std::vector<std::string> gone;
  };
  const Case cases[] = {
      {"nothing is there", [](Builder&) {}, 1, {}},
      {"nothing is needed", [](Builder& b) { b.Add("a", 9); }, 0, {}},
      {"it cannot be made to fit: nothing goes in vain",
       [](Builder& b) { b.Add("a", 9), b.Add("b", 9); },
       19,
       {}},
      {"all of it", [](Builder& b) { b.Add("a", 9, 1), b.Add("b", 9, 2); }, 18, {"a", "b"}},
      {"seldom used first", [](Builder& b) { b.Add("a", 9, 3), b.Add("b", 9, 2); }, 5, {"b"}},
      {"long unused first",
       [](Builder& b) { b.Add("a", 9, 2, kDay), b.Add("b", 9, 2, 90 * kDay); },
       5,
       {"b"}},
      {"abandoned first, though used more often",
       [](Builder& b) { b.Add("a", 9, 2000, 60 * kDay), b.Add("b", 9, 2); },
       5,
       {"a"}},
      {"of two that must go, the large one first: least credit",
       [](Builder& b) { b.Add("a", 1000), b.Add("b", 2000); },
       2001,
       {"b", "a"}},
      {"cheap to get back first",
       [](Builder& b) {
         b.Add("a", 9).compile_time = absl::Minutes(10);
         b.Add("b", 9);
       },
       5,
       {"b"}},
      {"low priority before any credit",
       [](Builder& b) {
         b.Add("a", 9, 1);
         b.Add("b", 9, 100).priority = Priority::kLow;
         b.Add("c", 9, 0).priority = Priority::kHigh;
       },
       27,
       {"b", "a", "c"}},
      {"never what is pinned or in use",
       [](Builder& b) {
         b.Add("a", 9, 0).pinned = true;
         b.Add("b", 9, 0).in_use = true;
         b.Add("c", 9, 100);
       },
       5,
       {"c"}},
      {"pinned bytes are not counted on",
       [](Builder& b) {
         b.Add("a", 9, 0).pinned = true;
         b.Add("c", 9, 100);
       },
       10,
       {}},
      {"plans before models, least credit first",
       [](Builder& b) {
         b.Add("a", 9);
         b.AddPlan("p", 1);
         b.AddPlan("q", 4);
         b.AddPlan("r", 2, kDay, true);
       },
       8,
       {"q", "p", "a"}},
      {"plans alone are enough",
       [](Builder& b) { b.Add("a", 9), b.AddPlan("p", 6), b.AddPlan("q", 5); },
       6,
       {"p"}},
      {"one that fits instead of one that is too large",
       [](Builder& b) { b.Add("a", 5000, 1), b.Add("b", 100, 1); },
       90,
       {"b"}},
      {"one instead of many small ones",
       [](Builder& b) {
         for (const char* small : {"a", "b", "c", "d"}) b.Add(small, 25, 1);
         b.Add("e", 100, 2);
       },
       100,
       {"e"}},
      {"a size of zero frees nothing and stays",
       [](Builder& b) { b.Add("a", 0, 0), b.Add("b", 9, 9); },
       9,
       {"b"}},
      {"equals: by use, then by digest",
       [](Builder& b) { b.Add("a", 9, 0, 2 * kDay), b.Add("b", 9, 0, 3 * kDay), b.Add("c", 9, 0, kDay); },
       27,
       {"b", "a", "c"}},
      {"wrong numbers are worth nothing",
       [](Builder& b) { b.Add("a", 9, kNan), b.Add("b", 9, 0.1); },
       9,
       {"a"}},
      {"endless uses are a damaged record",
       [](Builder& b) { b.Add("a", 9, kInf), b.Add("b", 9, 0.1); },
       9,
       {"a"}},
      {"a use in the future is one of now",
       [](Builder& b) { b.Add("a", 9, 1, -900 * kDay), b.Add("b", 9, 2, kDay); },
       9,
       {"a"}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Builder builder;
    c.make(builder);
    std::vector<Digest> expected;
    for (const std::string& name : c.gone) expected.push_back(Id(name));
    REQUIRE(Drain(builder.partition, c.mib * kMiB) == expected);
  }
}

TEST_CASE("Shared blobs go with the last model that names them") {
  Builder builder;
  builder.Add("a", 100, 1, 3 * kDay);
  builder.Add("twin", 0, 5).blobs = {0};
  SECTION("both twins go, for what either alone would not free") {
    const auto first = NextEviction(builder.partition, 100 * kMiB);
    REQUIRE(first->id == Id("a"));
    REQUIRE(first->freed_bytes == 0);
    REQUIRE(Drain(builder.partition, 100 * kMiB) == std::vector<Digest>{Id("a"), Id("twin")});
  }
  SECTION("a pinned twin keeps the bytes: neither goes") {
    builder.partition.models[1].pinned = true;
    REQUIRE_FALSE(NextEviction(builder.partition, 1).has_value());
    REQUIRE(Outlook(builder.partition, Id("a")) == "stays: models that stay name all of its bytes");
  }
  SECTION("positions beyond the list are passed over") {
    builder.partition.models[0].blobs = {kMax % 1000, 7, 4'000'000'000u};
    builder.partition.models[1].blobs = {5};
    REQUIRE_FALSE(NextEviction(builder.partition, 1).has_value());
  }
}

TEST_CASE("Sums beyond all numbers") {
  Builder builder;
  builder.Add("a", 1, 1);
  builder.Add("b", 1, 2);
  builder.partition.blob_bytes = {kMax, kMax};
  REQUIRE(Drain(builder.partition, kMax) == std::vector<Digest>{Id("a")});
}

TEST_CASE("What is too old expires, what is too many goes") {
  Builder builder;
  builder.Add("old", 9, 100, 31 * kDay);
  builder.Add("older, pinned", 9, 0, 400 * kDay).pinned = true;
  builder.Add("new", 9, 1, kDay);
  builder.Add("limit", 9, 1, 30 * kDay);
  SECTION("by age, whatever its credit") {
    builder.partition.max_age = 30 * kDay;
    const auto action = NextEviction(builder.partition, 0);
    REQUIRE(action->reason == Reason::kMaxAge);
    REQUIRE(action->verdict == "expired");
    REQUIRE(action->why == "kept for 30 days without a use: last use 31 days ago");
    REQUIRE(Drain(builder.partition, 0) == std::vector<Digest>{Id("old")});
    for (absl::Duration none : {absl::ZeroDuration(), -kDay, absl::InfiniteDuration()}) {
      builder.partition.max_age = none;
      REQUIRE_FALSE(NextEviction(builder.partition, 0).has_value());
    }
  }
  SECTION("by number, pinned ones counted and kept") {
    builder.partition.keep_at_most = 4;
    REQUIRE_FALSE(NextEviction(builder.partition, 0).has_value());
    builder.partition.keep_at_most = 3;
    const auto action = NextEviction(builder.partition, 0);
    REQUIRE(action->reason == Reason::kKeepAtMost);
    REQUIRE(action->verdict == "evicted");
    builder.partition.keep_at_most = 2;
    REQUIRE(Drain(builder.partition, 0).size() == 2);
    builder.partition.keep_at_most = 0;
    REQUIRE(Drain(builder.partition, 0).size() == 3);
  }
}

TEST_CASE("Models that would have gone but for the user's pin, or a use, are told, the least worth first") {
  Builder builder;
  builder.Add("goes", 100, 5);
  builder.Add("pinned", 100, 2).pinned = true;
  builder.Add("in use", 100, 3).in_use = true;
  builder.Add("worth more", 100, 9).pinned = true;
  builder.Add("high", 100, 1).priority = Priority::kHigh;
  builder.partition.models.back().pinned = true;
  const auto action = NextEviction(builder.partition, kMiB);
  REQUIRE(action->id == Id("goes"));
  REQUIRE(action->kept.size() == 2);
  REQUIRE(action->kept[0].id == Id("pinned"));
  REQUIRE(absl::StartsWith(action->kept[0].why, "pinned by the user"));
  REQUIRE(action->kept[1].id == Id("in use"));
  REQUIRE(absl::StartsWith(action->kept[1].why, "in use"));
  builder.partition.keep_at_most = 2;
  REQUIRE(NextEviction(builder.partition, 0)->kept.size() == 2);
  for (int i = 0; i < 50; ++i) builder.Add(absl::StrCat(i), 100, 1).pinned = true;
  REQUIRE(NextEviction(builder.partition, kMiB)->kept.size() == kMaxKept);
  // What expires makes room for nobody.
  builder.partition.max_age = absl::Hours(1);
  REQUIRE(NextEviction(builder.partition, kMiB)->kept.empty());
}

TEST_CASE("Reasons carry the figures") {
  Builder builder;
  builder.Add("a", 512, 1.5, 12 * kDay);
  builder.Add("b", 512, 40).pinned = true;
  const auto action = NextEviction(builder.partition, 100 * kMiB);
  REQUIRE(action->reason == Reason::kRoom);
  REQUIRE(action->verdict == "evicted");
  REQUIRE(action->freed_bytes == 512 * kMiB);
  REQUIRE(action->inflation > 0);
  REQUIRE(absl::StartsWith(action->why,
                           "for 100.0 MiB of room within the partition's quota, frees 512.0 MiB: credit "));
  REQUIRE(absl::EndsWith(action->why, "priority normal, used 1.4 times lately, last use 12 days ago"));
  builder.partition.inflation = 0.25;
  REQUIRE(Outlook(builder.partition, Id("b")) == "stays: pinned by the user");
  REQUIRE(absl::StartsWith(Outlook(builder.partition, Id("a")),
                           "may go for room, as number 1 of 1 by credit, after 0 plans"));
  REQUIRE(absl::EndsWith(Outlook(builder.partition, Id("a")), "the last that went had 0.25"));
  REQUIRE(Outlook(builder.partition, Id("c")).empty());
  builder.partition.models[0].in_use = true;
  REQUIRE(Outlook(builder.partition, Id("a")) == "stays: in use now");
}

TEST_CASE("Steps on random partitions end with enough room, spare what must stay, and need no second look") {
  const uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    PartitionSnapshot partition{.now = kNow};
    for (uint64_t i = 0, n = 1 + below(12); i < n; ++i) partition.blob_bytes.push_back(below(1000));
    for (uint64_t i = 0, n = below(12); i < n; ++i) {
      HeldModel model{.id = Digest::Of(absl::StrCat(i))};
      for (uint32_t blob = 0; blob < partition.blob_bytes.size(); ++blob) {
        if (below(3) == 0) model.blobs.push_back(blob);
      }
      model.uses = {static_cast<double>(below(100)) / 10, 0, kNow - kDay * static_cast<int64_t>(below(400))};
      model.priority = static_cast<Priority>(static_cast<int>(below(3)) - 1);
      model.pinned = below(6) == 0;
      model.in_use = below(6) == 0;
      partition.models.push_back(model);
    }
    const auto sum = [&] {
      uint64_t bytes = 0;
      for (uint32_t blob = 0; blob < partition.blob_bytes.size(); ++blob) {
        for (const HeldModel& model : partition.models) {
          if (std::find(model.blobs.begin(), model.blobs.end(), blob) == model.blobs.end()) continue;
          bytes += partition.blob_bytes[blob];
          break;
        }
      }
      return bytes;
    };
    const uint64_t start = sum();
    const uint64_t wanted = below(3000);
    bool began = false;
    while (true) {
      const uint64_t freed = start - sum();
      const auto action = NextEviction(partition, wanted - std::min(wanted, freed));
      if (!action) {
        // What was begun was finished.
        if (began) REQUIRE(freed >= wanted);
        break;
      }
      began = true;
      const auto victim = std::find_if(partition.models.begin(), partition.models.end(),
                                       [&](const HeldModel& model) { return model.id == action->id; });
      REQUIRE(victim != partition.models.end());
      REQUIRE_FALSE(victim->pinned);
      REQUIRE_FALSE(victim->in_use);
      const uint64_t before = sum();
      partition.models.erase(victim);
      REQUIRE(before - sum() == action->freed_bytes);
    }
  }
}

}  // namespace
}  // namespace modeld::policy
