// Replays traces through what evicts: the daemon's policy, textbook ones, and what no policy can do.
#ifndef MODELD_TOOLS_BENCH_EVICTION_REPLAY_H_
#define MODELD_TOOLS_BENCH_EVICTION_REPLAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/eviction_traces.h"

namespace modeld::bench {

// What a cache did with a trace.
struct Outcome {
  uint64_t uses = 0;
  uint64_t hits = 0;
  // Of models that had been in the cache before: the first fetch of each is the same for all.
  uint64_t refetched_bytes = 0;

  double HitRate() const { return uses == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(uses); }
};

// What evicts. Every model that is used is stored, whatever must go for it, since a partition's store is
// never refused while the partition can make room.
enum class Evictor {
  // policy/eviction.h, called as the daemon calls it: one step at a time on a snapshot.
  kModeld,
  // The longest unused.
  kLru,
  // The least often used since it was stored; equals: the longest unused.
  kLfu,
  // GreedyDual-Size-Frequency as published for hits (cost 1) and for bytes (cost = size).
  kGdsfHits,
  kGdsfBytes,
  // Not online: the one whose next use is farthest, by time (Belady's MIN, the best for models of one size)
  // and by time times size
  // (its usual size-aware form). Neither is optimal for sizes that differ; they are what a clairvoyant would
  // do.
  kBelady,
  kBeladySize,
};
// "modeld", "lru", ... .
std::string NameOf(Evictor evictor);
// All that need not know the future, modeld first.
std::vector<Evictor> OnlineEvictors();
std::vector<Evictor> AllEvictors();

// Pure.
Outcome Replay(const Trace& trace, Evictor evictor);

// What nothing can do better, also knowing the future and free to store or not: hits and refetched bytes are
// bounds of their own, not of one run. (PFOO-L of Berger, Beckmann, Harchol-Balter 2018: of all intervals
// between two uses of a model those are kept that take the least of the cache's capacity times the trace's
// length, as if only the sum had to fit.) Pure.
Outcome Unbeatable(const Trace& trace);

}  // namespace modeld::bench

#endif  // MODELD_TOOLS_BENCH_EVICTION_REPLAY_H_
