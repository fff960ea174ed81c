// Whether the daemon's policy is at least as good as the others on a trace.
#ifndef MODELD_TOOLS_BENCH_EVICTION_VERDICT_H_
#define MODELD_TOOLS_BENCH_EVICTION_VERDICT_H_

#include <string>
#include <vector>

#include "tools/bench/eviction_replay.h"

namespace modeld::bench {

// One sentence for each online policy and measure by which `modeld` is worse, without tolerance; empty: it is
// at least as good. Bytes are compared with all. Hits are compared with all but gdsf-hits: it gives up the
// largest models first, and so has more hits than what fetches the least bytes can have. No policy is best in
// both: with a popularity that never changes, one that knew it from the start would have to keep the models
// of most uses per byte for hits and of most uses for bytes, which are different ones. Pure.
std::vector<std::string> LossesOn(const Trace& trace, const Outcome& modeld);

}  // namespace modeld::bench

#endif  // MODELD_TOOLS_BENCH_EVICTION_VERDICT_H_
