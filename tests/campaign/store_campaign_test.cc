// Random schedules of several clients on one store, with faults and crashes, each followed by a full check.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/campaign/schedule.h"

namespace modeld::campaign {
namespace {

// MODELD_CAMPAIGN_SEED repeats a campaign, MODELD_CAMPAIGN_SCHEDULES makes it longer.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_CASE("300 schedules of calls, faults and crashes lose, damage, leak and miscount nothing") {
  const uint64_t seed = FromEnvironment("MODELD_CAMPAIGN_SEED", std::random_device()());
  const uint64_t schedules = FromEnvironment("MODELD_CAMPAIGN_SCHEDULES", 300);
  Totals totals;
  for (uint64_t i = 0; i < schedules; ++i) {
    CAPTURE(seed, i);
    Schedule(seed + i, totals).Run(150);
  }
  std::printf(
      "seed %llu: %llu schedules, %llu calls (%llu failed), %llu faults injected, %llu crashes, %llu files "
      "damaged, %llu full checks\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(schedules),
      static_cast<unsigned long long>(totals.calls), static_cast<unsigned long long>(totals.failed_calls),
      static_cast<unsigned long long>(totals.faults), static_cast<unsigned long long>(totals.crashes),
      static_cast<unsigned long long>(totals.damaged_files), static_cast<unsigned long long>(totals.checks));
  CHECK(totals.faults > schedules);
  CHECK(totals.failed_calls > schedules);
}

}  // namespace
}  // namespace modeld::campaign
