#include "policy/figures.h"

#include <limits>

#include "catch2/catch.hpp"

namespace modeld::policy {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

TEST_CASE("Ages read well at every magnitude") {
  REQUIRE(AgeText(-absl::Hours(5)) == "now");
  REQUIRE(AgeText(absl::Milliseconds(999)) == "now");
  REQUIRE(AgeText(absl::Seconds(1)) == "1 second");
  REQUIRE(AgeText(absl::Seconds(119)) == "1 minute");
  REQUIRE(AgeText(absl::Hours(47)) == "1 day");
  REQUIRE(AgeText(absl::Hours(24 * 400)) == "400 days");
  REQUIRE(AgeText(absl::InfiniteDuration()) == "never");
}

TEST_CASE("Sums stop at the ends") {
  static_assert(SaturatingAdd(kMax, 1) == kMax);
  static_assert(SaturatingAdd(kMax - 1, 1) == kMax);
  static_assert(SaturatingAdd(2, 3) == 5);
  static_assert(SaturatingSubtract(2, 3) == 0);
  static_assert(SaturatingSubtract(kMax, 1) == kMax - 1);
  REQUIRE(SaturatingAdd(kMax, kMax) == kMax);
}

}  // namespace
}  // namespace modeld::policy
