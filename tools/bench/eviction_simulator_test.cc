// The ordering that the simulator prints, and that its replays count right.
#include <string>

#include "catch2/catch.hpp"
#include "tools/bench/eviction_replay.h"
#include "tools/bench/eviction_traces.h"
#include "tools/bench/eviction_verdict.h"

namespace modeld::bench {
namespace {

// Models of 10 bytes each, used one per hour.
Trace Hand(std::vector<uint32_t> models, uint64_t capacity) {
  Trace trace{.name = "hand", .what = "", .size_bytes = std::vector<uint64_t>(5, 10), .uses = {}};
  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  for (uint32_t model : models) trace.uses.push_back({now += absl::Hours(1), model});
  trace.capacity_bytes = capacity;
  return trace;
}

TEST_CASE("The policy is at least as good as the online ones on each shipped trace") {
  for (const Trace& trace : MakeTraces(TraceOptions())) {
    INFO(trace.name);
    const Outcome modeld = Replay(trace, Evictor::kModeld);
    const auto losses = LossesOn(trace, modeld);
    INFO((losses.empty() ? "" : losses.front()));
    REQUIRE(losses.empty());
  }
}

TEST_CASE("No replay passes the bound") {
  for (const Trace& trace : MakeTraces({.seed = 5, .uses = 2000, .models = 60})) {
    const Outcome bound = Unbeatable(trace);
    for (Evictor evictor : AllEvictors()) {
      INFO(trace.name << " " << NameOf(evictor));
      const Outcome outcome = Replay(trace, evictor);
      REQUIRE(outcome.uses == trace.uses.size());
      REQUIRE(outcome.hits <= bound.hits);
      REQUIRE(outcome.refetched_bytes >= bound.refetched_bytes);
    }
  }
}

TEST_CASE("Replays count what can be counted by hand") {
  // Two fit. LRU: 0 1 miss, 0 hit, 2 drops 1, 0 hit, 1 drops 2 and was there before.
  const Trace trace = Hand({0, 1, 0, 2, 0, 1}, 20);
  const Outcome lru = Replay(trace, Evictor::kLru);
  REQUIRE(lru.hits == 2);
  REQUIRE(lru.refetched_bytes == 10);
  REQUIRE(lru.HitRate() == Approx(2.0 / 6));
  // 0 0 1 2 0: of 0 (twice used) and 1, LFU gives up 1, LRU gives up 0.
  const Trace often = Hand({0, 0, 1, 2, 0}, 20);
  REQUIRE(Replay(often, Evictor::kLfu).hits == 2);
  REQUIRE(Replay(often, Evictor::kLru).hits == 1);
  REQUIRE(Replay(often, Evictor::kBelady).hits == 2);
  // With room for all only first uses miss.
  for (Evictor evictor : AllEvictors()) {
    const Outcome all = Replay(Hand({0, 1, 2, 3, 4, 0, 1, 2, 3, 4}, 50), evictor);
    REQUIRE(all.hits == 5);
    REQUIRE(all.refetched_bytes == 0);
  }
  // A cycle that does not fit: LRU never hits, one that sees the future does.
  const Trace cycle = Hand({0, 1, 2, 0, 1, 2, 0, 1, 2}, 20);
  REQUIRE(Replay(cycle, Evictor::kLru).hits == 0);
  REQUIRE(Replay(cycle, Evictor::kBelady).hits == 3);
  REQUIRE(Unbeatable(Hand({}, 20)).hits == 0);
  REQUIRE(Replay(Hand({}, 20), Evictor::kModeld).HitRate() == 0);
}

TEST_CASE("Traces are reproducible, in order of time, and fit the cache model by model") {
  const TraceOptions options{.seed = 9, .uses = 500, .models = 40};
  const auto traces = MakeTraces(options);
  const auto again = MakeTraces(options);
  const auto other = MakeTraces({.seed = 10, .uses = 500, .models = 40});
  REQUIRE(traces.size() == 9);
  for (size_t t = 0; t < traces.size(); ++t) {
    INFO(traces[t].name);
    REQUIRE(traces[t].uses.size() == 500);
    bool differs = false;
    for (size_t i = 0; i < traces[t].uses.size(); ++i) {
      const Use& use = traces[t].uses[i];
      REQUIRE(use.model < traces[t].size_bytes.size());
      REQUIRE((i == 0 || traces[t].uses[i - 1].at <= use.at));
      REQUIRE(use.model == again[t].uses[i].model);
      REQUIRE(use.at == again[t].uses[i].at);
      differs |= use.at != other[t].uses[i].at;
    }
    REQUIRE(differs);
    for (uint64_t size : traces[t].size_bytes) {
      REQUIRE(size >= 10'000'000);
      REQUIRE(size <= traces[t].capacity_bytes);
    }
  }
}

TEST_CASE("A loss is told with its figures") {
  const Trace trace = Hand({0, 1, 0, 2, 0, 1}, 20);
  const auto losses = LossesOn(trace, {.uses = 6, .hits = 0, .refetched_bytes = 1000});
  REQUIRE_FALSE(losses.empty());
  REQUIRE(losses.front() == "hand: modeld fetched 1000 bytes again, lru 10");
}

}  // namespace
}  // namespace modeld::bench
