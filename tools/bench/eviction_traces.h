// Synthetic traces of model uses, for comparing what evicts best.
#ifndef MODELD_TOOLS_BENCH_EVICTION_TRACES_H_
#define MODELD_TOOLS_BENCH_EVICTION_TRACES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace modeld::bench {

// One use of a model. When it is not in the cache it is fetched and stored.
struct Use {
  absl::Time at;
  uint32_t model = 0;
};

struct Trace {
  std::string name;
  // One line on what it imitates.
  std::string what;
  // By model.
  std::vector<uint64_t> size_bytes;
  // In order of time.
  std::vector<Use> uses;
  // Of the cache. Never below the largest model.
  uint64_t capacity_bytes = 0;
};

struct TraceOptions {
  uint64_t seed = 1;
  uint32_t uses = 20000;
  // Models that come again; some traces add others that do not.
  uint32_t models = 300;
  // Of the bytes of these models that fit the cache.
  double cache_share = 0.125;
};

// All shipped traces. Sizes are 10 MB to 8 GB, each order of magnitude equally likely, independent of
// popularity; uses come at random, one an hour on average. The same options give the same traces. Pure.
std::vector<Trace> MakeTraces(const TraceOptions& options);

}  // namespace modeld::bench

#endif  // MODELD_TOOLS_BENCH_EVICTION_TRACES_H_
