// Probe budget, information budget, store rate: what a site or partition may do within a time.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "catch2/catch.hpp"
#include "policy/information_budget.h"
#include "policy/probe_budget.h"
#include "policy/store_rate.h"

namespace modeld::policy {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

ModelMark Mark(int number) {
  return MarkOf(Digest::Of(absl::StrCat(number)));
}

std::vector<Probe> Asked(int count, absl::Time at) {
  std::vector<Probe> probes;
  for (int i = 0; i < count; ++i) probes.push_back({Mark(i), at});
  return probes;
}

TEST_CASE("A mark is the first half of the model's id") {
  const Digest id = Digest::Of("model");
  const ModelMark mark = MarkOf(id);
  REQUIRE(std::string(mark.begin(), mark.end()) == std::string(id.bytes().substr(0, 16)));
  REQUIRE(MarkOf(Digest::Of("another")) != mark);
}

TEST_CASE("Distinct models cost one probe each until the budget is spent") {
  const ProbeBudget budget{.models = 3, .window = absl::Hours(1)};
  for (int asked = 0; asked < 6; ++asked) {
    INFO(asked << " asked before");
    const auto verdict = DecideProbe(Asked(asked, kNow), Mark(100), budget, kNow);
    REQUIRE(verdict == (asked < 3 ? ProbeVerdict::kCharge : ProbeVerdict::kSpent));
  }
}

TEST_CASE("The k+1st distinct probe is spent whatever the order, and what was asked stays known") {
  const ProbeBudget budget{.models = 10, .window = absl::Hours(24)};
  std::vector<Probe> probes;
  int charged = 0;
  for (int i = 0; i < 50; ++i) {
    const absl::Time now = kNow + absl::Minutes(i);
    if (DecideProbe(probes, Mark(i % 25), budget, now) != ProbeVerdict::kCharge) continue;
    ++charged;
    probes = LiveProbes(probes, budget, now);
    probes.push_back({Mark(i % 25), now});
  }
  REQUIRE(charged == 10);
  REQUIRE(probes.size() == 10);
  for (int i = 0; i < 25; ++i) {
    const auto verdict = DecideProbe(probes, Mark(i), budget, kNow + absl::Hours(1));
    REQUIRE(verdict == (i < 10 ? ProbeVerdict::kKnown : ProbeVerdict::kSpent));
  }
}

TEST_CASE("A probe leaves the window at its end, not before") {
  const ProbeBudget budget{.models = 1, .window = absl::Hours(1)};
  const std::vector<Probe> probes = Asked(1, kNow);
  const absl::Duration one = absl::Nanoseconds(1);
  REQUIRE(DecideProbe(probes, Mark(0), budget, kNow + absl::Hours(1) - one) == ProbeVerdict::kKnown);
  REQUIRE(DecideProbe(probes, Mark(1), budget, kNow + absl::Hours(1) - one) == ProbeVerdict::kSpent);
  REQUIRE(DecideProbe(probes, Mark(0), budget, kNow + absl::Hours(1)) == ProbeVerdict::kCharge);
  REQUIRE(DecideProbe(probes, Mark(1), budget, kNow + absl::Hours(1)) == ProbeVerdict::kCharge);
  REQUIRE(LiveProbes(probes, budget, kNow + absl::Hours(1)).empty());
}

TEST_CASE("Probe budgets at their edges") {
  const std::vector<Probe> one = Asked(1, kNow);
  SECTION("none allowed: neither new nor known") {
    const ProbeBudget none{.models = 0};
    REQUIRE(DecideProbe({}, Mark(0), none, kNow) == ProbeVerdict::kSpent);
    REQUIRE(DecideProbe(one, Mark(0), none, kNow) == ProbeVerdict::kSpent);
  }
  SECTION("a clock that was set back forgets nothing") {
    const ProbeBudget budget{.models = 1, .window = absl::Hours(1)};
    const absl::Time before = kNow - absl::Hours(1000);
    REQUIRE(DecideProbe(one, Mark(0), budget, before) == ProbeVerdict::kKnown);
    REQUIRE(DecideProbe(one, Mark(1), budget, before) == ProbeVerdict::kSpent);
  }
  SECTION("no window: nothing is ever forgotten") {
    for (absl::Duration window : {absl::ZeroDuration(), absl::Hours(-1), absl::InfiniteDuration()}) {
      const ProbeBudget budget{.models = 1, .window = window};
      REQUIRE(DecideProbe(one, Mark(1), budget, kNow + absl::Hours(1'000'000)) == ProbeVerdict::kSpent);
    }
  }
  SECTION("a budget that was lowered covers what was asked first") {
    const ProbeBudget two{.models = 2};
    const std::vector<Probe> three = Asked(3, kNow);
    REQUIRE(DecideProbe(three, Mark(1), two, kNow) == ProbeVerdict::kKnown);
    REQUIRE(DecideProbe(three, Mark(2), two, kNow) == ProbeVerdict::kSpent);
  }
}

TEST_CASE("A hit tells -log2 of the model's commonness") {
  REQUIRE(BitsOf(1) == 0);
  REQUIRE(BitsOf(0.5) == 1);
  REQUIRE(BitsOf(0.25) == 2);
  REQUIRE(BitsOf(1.0 / 1024) == 10);
  REQUIRE(BitsOf(2) == 0);
  REQUIRE(BitsOf(kInf) == 0);
  REQUIRE(BitsOf(std::numeric_limits<double>::denorm_min()) == 1074);
  for (double wrong : {0.0, -0.0, -0.5, -kInf, kNan}) {
    INFO(wrong);
    REQUIRE(BitsOf(wrong) == kInf);
  }
}

struct SpendingCase {
  std::string name;
  std::vector<Spending> before;
  double commonness;
  double budget_bits;
  SpendingVerdict::Kind kind;
  double bits;
};

TEST_CASE("Bits are spent once per model, never beyond the budget") {
  using Kind = SpendingVerdict::Kind;
  const Spending known{Mark(0), 3, kNow};
  const Spending other{Mark(1), 3, kNow};
  const Spending old{Mark(0), 3, kNow - absl::Hours(2)};
  const Spending future{Mark(1), 3, kNow + absl::Hours(900)};
  const SpendingCase cases[] = {
      {"fits", {}, 0.25, 8, Kind::kSpend, 2},
      {"fits to the last bit", {other}, 1.0 / 32, 8, Kind::kSpend, 5},
      {"is a bit too much", {other}, 1.0 / 64, 8, Kind::kRefuse, 0},
      {"was confirmed before", {known}, 1e-300, 3, Kind::kFree, 0},
      {"was confirmed too long ago", {old}, 0.25, 1, Kind::kRefuse, 0},
      {"what is too long ago counts no more", {old}, 0.25, 2, Kind::kSpend, 2},
      {"is everybody's", {other}, 1, 0, Kind::kFree, 0},
      {"spent in the future counts", {future}, 0.25, 4, Kind::kRefuse, 0},
      {"impossible model", {}, 0, 8, Kind::kRefuse, 0},
      {"impossible model and endless budget", {}, 0, kInf, Kind::kRefuse, 0},
      {"endless budget", {other}, 0.25, kInf, Kind::kSpend, 2},
      {"commonness is no number", {}, kNan, 8, Kind::kRefuse, 0},
      {"budget is no number", {}, 0.5, kNan, Kind::kRefuse, 0},
      {"budget below nothing", {}, 0.5, -1, Kind::kRefuse, 0},
      {"record is no number", {{Mark(1), kNan, kNow}}, 0.5, 8, Kind::kRefuse, 0},
      {"record gives bits back", {{Mark(1), -100, kNow}}, 0.5, 8, Kind::kRefuse, 0},
      {"damaged record confirms nothing", {{Mark(0), kNan, kNow}}, 0.5, 8, Kind::kRefuse, 0},
  };
  for (const SpendingCase& c : cases) {
    INFO(c.name);
    const InformationBudget budget{.bits = c.budget_bits, .window = absl::Hours(1)};
    const SpendingVerdict verdict = DecideSpending(c.before, Mark(0), c.commonness, budget, kNow);
    REQUIRE(verdict.kind == c.kind);
    REQUIRE(verdict.bits == c.bits);
  }
}

TEST_CASE("What is left falls to nothing and comes back with the window") {
  const InformationBudget budget{.bits = 8, .window = absl::Hours(1)};
  const std::vector<Spending> spent = {{Mark(0), 5, kNow}, {Mark(1), 5, kNow + absl::Minutes(30)}};
  REQUIRE(BitsLeft({}, budget, kNow) == 8);
  REQUIRE(BitsLeft(spent, budget, kNow) == 0);
  REQUIRE(BitsLeft(spent, budget, kNow + absl::Hours(1)) == 3);
  REQUIRE(LiveSpendings(spent, budget, kNow + absl::Hours(1)).size() == 1);
  REQUIRE(BitsLeft(spent, budget, kNow + absl::Hours(2)) == 8);
}

TEST_CASE("A full bucket allows a burst, then one store per interval") {
  const StoreRate rate{.stores_per_hour = 60, .burst = 3};
  StoreBucket bucket;
  absl::Time now = kNow;
  for (int i = 0; i < 3; ++i) {
    const StoreTurn turn = TakeStore(bucket, rate, now);
    REQUIRE(turn.allowed);
    REQUIRE(turn.retry_after == absl::ZeroDuration());
    bucket = turn.bucket;
  }
  const StoreTurn refused = TakeStore(bucket, rate, now);
  REQUIRE_FALSE(refused.allowed);
  REQUIRE(refused.retry_after == absl::Minutes(1));
  now += refused.retry_after - absl::Seconds(1);
  REQUIRE_FALSE(TakeStore(refused.bucket, rate, now).allowed);
  now += absl::Seconds(1);
  const StoreTurn again = TakeStore(refused.bucket, rate, now);
  REQUIRE(again.allowed);
  REQUIRE_FALSE(TakeStore(again.bucket, rate, now).allowed);
}

TEST_CASE("Refused stores cost nothing, and no pace gets more than the rate") {
  const StoreRate rate{.stores_per_hour = 120, .burst = 30};
  for (absl::Duration pace : {absl::Milliseconds(1), absl::Seconds(7), absl::Seconds(30), absl::Minutes(5)}) {
    INFO(pace);
    StoreBucket bucket;
    int64_t allowed = 0;
    for (absl::Time now = kNow; now < kNow + absl::Hours(1); now += std::max(pace, absl::Seconds(1))) {
      const StoreTurn turn = TakeStore(bucket, rate, now);
      bucket = turn.bucket;
      allowed += turn.allowed;
    }
    const int64_t tries = absl::Hours(1) / std::max(pace, absl::Seconds(1));
    REQUIRE(allowed <= 30 + 120);
    REQUIRE(allowed >= std::min<int64_t>(tries, 30 + 119));
  }
}

TEST_CASE("Store rates at their edges") {
  const StoreRate rate{.stores_per_hour = 60, .burst = 2};
  SECTION("no rate is no bound") {
    StoreBucket bucket;
    for (int i = 0; i < 1000; ++i) {
      const StoreTurn turn = TakeStore(bucket, {.stores_per_hour = 0, .burst = 0}, kNow);
      REQUIRE(turn.allowed);
      bucket = turn.bucket;
    }
  }
  SECTION("a burst of none is one") {
    const StoreRate slow{.stores_per_hour = 1, .burst = 0};
    const StoreTurn first = TakeStore({}, slow, kNow);
    REQUIRE(first.allowed);
    REQUIRE_FALSE(TakeStore(first.bucket, slow, kNow).allowed);
    REQUIRE(TakeStore(first.bucket, slow, kNow + absl::Hours(1)).allowed);
  }
  SECTION("a clock that was set back gives nothing and takes no more than a bucket's time") {
    const StoreBucket empty{.taken = 2, .at = kNow};
    const absl::Time before = kNow - absl::Hours(24 * 365);
    StoreTurn turn = TakeStore(empty, rate, before);
    REQUIRE_FALSE(turn.allowed);
    REQUIRE(turn.retry_after <= absl::Minutes(3));
    REQUIRE(TakeStore(turn.bucket, rate, before + turn.retry_after).allowed);
  }
  SECTION("wild numbers in a record are an empty bucket") {
    for (double wild : {kNan, kInf, -kInf, -5.0, 1e300}) {
      INFO(wild);
      const StoreTurn turn = TakeStore({.taken = wild, .at = kNow}, rate, kNow);
      REQUIRE_FALSE(turn.allowed);
      REQUIRE(turn.bucket.taken == 2);
    }
  }
  SECTION("the largest rate") {
    const StoreRate most{.stores_per_hour = UINT32_MAX, .burst = UINT32_MAX};
    const StoreTurn turn = TakeStore({}, most, kNow);
    REQUIRE(turn.allowed);
    REQUIRE(turn.bucket.taken == 1);
  }
}

}  // namespace
}  // namespace modeld::policy
