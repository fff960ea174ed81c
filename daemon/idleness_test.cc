#include "daemon/idleness.h"

#include "catch2/catch.hpp"

namespace modeld {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);
absl::Time At(int seconds) {
  return kStart + absl::Seconds(seconds);
}

TEST_CASE("A daemon that nobody uses ends after its limit") {
  Idleness idleness(absl::Seconds(60), kStart);
  CHECK(idleness.Observe(false, 0, At(0)) == absl::Seconds(60));
  CHECK(idleness.Observe(false, 0, At(20)) == absl::Seconds(40));
  CHECK(idleness.Observe(false, 0, At(60)) == absl::ZeroDuration());
  CHECK(idleness.Observe(false, 0, At(61)) == absl::ZeroDuration());
}

TEST_CASE("Use starts the wait anew, also use between two looks") {
  Idleness idleness(absl::Seconds(60), kStart);
  CHECK(idleness.Observe(true, 1, At(50)) == absl::Seconds(60));
  CHECK(idleness.Observe(false, 1, At(70)) == absl::Seconds(40));
  CHECK(idleness.Observe(false, 2, At(80)) == absl::Seconds(60));
  CHECK(idleness.Observe(true, 2, At(500)) == absl::Seconds(60));
  CHECK(idleness.Observe(false, 2, At(560)) == absl::ZeroDuration());
}

TEST_CASE("No limit means no end, and the shortest is a second") {
  CHECK(Idleness(absl::InfiniteDuration(), kStart).Observe(false, 0, At(1'000'000)) ==
        absl::InfiniteDuration());
  CHECK(Idleness(absl::ZeroDuration(), kStart).Observe(false, 0, At(0)) == absl::Seconds(1));
}

TEST_CASE("A clock that was set back does not make the wait longer than the limit") {
  Idleness idleness(absl::Seconds(60), kStart);
  CHECK(idleness.Observe(false, 0, At(-1'000)) == absl::Seconds(60));
  CHECK(idleness.Observe(false, 0, At(-940)) == absl::ZeroDuration());
}

}  // namespace
}  // namespace modeld
