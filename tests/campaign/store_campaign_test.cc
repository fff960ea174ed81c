// Random schedules of several clients on one store, with faults and crashes, each followed by a full check.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

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
  const std::pair<const char*, uint64_t> figures[] = {
      {"schedules", schedules},
      {"calls", totals.calls},
      {"of them failed", totals.failed_calls},
      {"faults injected", totals.faults},
      {"syncs dropped", totals.dropped_syncs},
      {"crashes", totals.crashes},
      {"files damaged", totals.damaged_files},
      {"evictions", totals.evictions},
      {"clears", totals.clears},
      {"plans written", totals.plans},
      {"full checks", totals.checks},
  };
  std::printf("seed %llu", static_cast<unsigned long long>(seed));
  for (const auto& [name, count] : figures) {
    std::printf(", %s: %llu", name, static_cast<unsigned long long>(count));
    // A campaign in which something never happened has tested nothing of it.
    INFO(name);
    if (schedules >= 100) CHECK(count > schedules / 100);
  }
  std::printf("\n");
}

}  // namespace
}  // namespace modeld::campaign
