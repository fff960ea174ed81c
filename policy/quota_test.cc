#include "policy/quota.h"

#include <limits>
#include <string>

#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

using Verdict = Admission::Verdict;
constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("Bounds are the user's numbers, else shares of the disk") {
  const SpaceBounds shares = BoundsInForce({}, 1000, std::nullopt);
  REQUIRE(shares.limit_bytes == 500);
  REQUIRE(shares.quota_bytes == 200);
  REQUIRE(shares.floor_bytes == 0);
  const SpaceSettings set{.quota_bytes = 70, .limit_bytes = 300, .min_free_bytes = 5};
  const SpaceBounds numbers = BoundsInForce(set, 1000, std::nullopt);
  REQUIRE(numbers.limit_bytes == 300);
  REQUIRE(numbers.quota_bytes == 70);
  REQUIRE(numbers.floor_bytes == 5);
  REQUIRE(BoundsInForce(set, 1000, 10).quota_bytes == 10);
  REQUIRE(BoundsInForce(set, 1000, 0).quota_bytes == 0);
  REQUIRE(BoundsInForce(set, 1000, kMax).quota_bytes == 300);
}

TEST_CASE("Shares that make no sense are cut") {
  for (double none : {kNan, -0.1, 0.0, -std::numeric_limits<double>::infinity()}) {
    INFO(none);
    REQUIRE(BoundsInForce({.limit_share = none}, 1000, std::nullopt).limit_bytes == 0);
    REQUIRE(BoundsInForce({.quota_share = none}, 1000, std::nullopt).quota_bytes == 0);
  }
  REQUIRE(BoundsInForce({.limit_share = 7}, 1000, std::nullopt).limit_bytes == 1000);
  REQUIRE(BoundsInForce({.quota_share = 1, .limit_share = 1}, kMax, std::nullopt).quota_bytes == kMax);
  REQUIRE(BoundsInForce({.limit_share = 0.9999999999999999}, kMax, std::nullopt).limit_bytes < kMax);
}

struct Case {
  std::string name;
  SpaceFigures figures;
  uint64_t need;
  Verdict verdict;
  Bound bound;
  uint64_t evict;
};

TEST_CASE("Stores are admitted, make their own partition give up, or are refused") {
  // Quota 100, limit 300, floor 50 of free disk.
  const SpaceBounds bounds{.quota_bytes = 100, .limit_bytes = 300, .floor_bytes = 50};
  const SpaceFigures roomy{.partition_bytes = 60, .used_bytes = 60, .free_disk_bytes = 1000};
  const auto with = [&](auto change) {
    SpaceFigures figures = roomy;
    change(figures);
    return figures;
  };
  const Case cases[] = {
      {"nothing asked", with([](auto& f) { f = {}; }), 0, Verdict::kAdmit, Bound::kNone, 0},
      {"fits", roomy, 40, Verdict::kAdmit, Bound::kNone, 0},
      {"a byte over the quota", roomy, 41, Verdict::kEvictOwn, Bound::kQuota, 1},
      {"the whole quota", roomy, 100, Verdict::kEvictOwn, Bound::kQuota, 60},
      {"more than the quota", roomy, 101, Verdict::kRefuse, Bound::kQuota, 0},
      {"the largest number", roomy, kMax, Verdict::kRefuse, Bound::kQuota, 0},
      {"promises count", with([](auto& f) { f.partition_reserved_bytes = f.reserved_bytes = 30; }), 20,
       Verdict::kEvictOwn, Bound::kQuota, 10},
      {"promises cannot be evicted",
       with([](auto& f) { f.partition_reserved_bytes = f.reserved_bytes = 30; }), 71, Verdict::kRefuse,
       Bound::kQuota, 0},
      {"over the quota already", with([](auto& f) { f.partition_bytes = f.used_bytes = 150; }), 10,
       Verdict::kEvictOwn, Bound::kQuota, 60},
      {"up to the limit", with([](auto& f) { f.used_bytes = 260; }), 40, Verdict::kAdmit, Bound::kNone, 0},
      {"over the limit", with([](auto& f) { f.used_bytes = 261; }), 40, Verdict::kRefuse, Bound::kLimit, 0},
      {"others' promises count", with([](auto& f) { f.used_bytes = 200, f.reserved_bytes = 61; }), 40,
       Verdict::kRefuse, Bound::kLimit, 0},
      {"eviction would make it fit the limit", with([](auto& f) { f.used_bytes = 260; }), 50,
       Verdict::kEvictOwn, Bound::kQuota, 10},
      {"no eviction in vain for the limit", with([](auto& f) { f.used_bytes = 290; }), 50, Verdict::kRefuse,
       Bound::kLimit, 0},
      {"down to the floor", with([](auto& f) { f.free_disk_bytes = 90; }), 40, Verdict::kAdmit, Bound::kNone,
       0},
      {"below the floor", with([](auto& f) { f.free_disk_bytes = 89; }), 40, Verdict::kRefuse, Bound::kFloor,
       0},
      {"promises are not free disk", with([](auto& f) { f.free_disk_bytes = 95, f.reserved_bytes = 6; }), 40,
       Verdict::kRefuse, Bound::kFloor, 0},
      {"no eviction in vain for the floor", with([](auto& f) { f.free_disk_bytes = 80; }), 50,
       Verdict::kRefuse, Bound::kFloor, 0},
      {"a disk that is full", with([](auto& f) { f.free_disk_bytes = 0; }), 1, Verdict::kRefuse,
       Bound::kFloor, 0},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Admission admission = Admit(bounds, c.figures, c.need);
    REQUIRE(admission.verdict == c.verdict);
    REQUIRE(admission.bound == c.bound);
    REQUIRE(admission.evict_bytes == c.evict);
    REQUIRE(admission.why.empty() == (c.verdict == Verdict::kAdmit));
    if (c.verdict != Verdict::kAdmit) REQUIRE(admission.need_bytes == c.need);
  }
}

TEST_CASE("What is promised never exceeds a bound, whatever the figures") {
  const uint64_t values[] = {0, 1, 99, 100, kMax / 2, kMax - 1, kMax};
  for (uint64_t quota : values) {
    for (uint64_t own : values) {
      for (uint64_t reserved : values) {
        for (uint64_t need : values) {
          const SpaceBounds bounds{.quota_bytes = quota, .limit_bytes = kMax, .floor_bytes = 0};
          const SpaceFigures figures{
              .partition_bytes = own, .partition_reserved_bytes = reserved, .free_disk_bytes = kMax};
          const Admission admission = Admit(bounds, figures, need);
          INFO(quota << " " << own << " " << reserved << " " << need);
          using Wide = unsigned __int128;
          const bool fits = Wide{own} + reserved + need <= quota;
          REQUIRE((admission.verdict == Verdict::kAdmit) == (fits || need == 0));
          if (admission.verdict == Verdict::kEvictOwn) {
            REQUIRE(admission.evict_bytes <= own);
            REQUIRE(Wide{own} - admission.evict_bytes + reserved + need <= quota);
          }
        }
      }
    }
  }
}

TEST_CASE("Refusals say which bound and how much") {
  const SpaceBounds bounds{.quota_bytes = 100 << 20, .limit_bytes = kMax, .floor_bytes = 0};
  const Admission refused =
      Admit(bounds, {.partition_bytes = 90 << 20, .free_disk_bytes = kMax}, uint64_t{3} << 30);
  REQUIRE(refused.why == "needs 3.0 GiB, but the partition's quota leaves 10.0 MiB");
  REQUIRE(refused.have_bytes == 10 << 20);
  REQUIRE(BoundName(refused.bound) == "quota");
  REQUIRE(BoundName(Bound::kLimit) == "limit");
  REQUIRE(BoundName(Bound::kFloor) == "floor");
  REQUIRE(BoundName(Bound::kNone) == "none");
}

}  // namespace
}  // namespace modeld::policy
