#include "tools/bench/eviction_verdict.h"

#include "absl/strings/str_format.h"

namespace modeld::bench {

std::vector<std::string> LossesOn(const Trace& trace, const Outcome& modeld) {
  std::vector<std::string> losses;
  for (Evictor evictor : OnlineEvictors()) {
    if (evictor == Evictor::kModeld) continue;
    const Outcome other = Replay(trace, evictor);
    if (modeld.refetched_bytes > other.refetched_bytes) {
      losses.push_back(absl::StrFormat("%s: modeld fetched %d bytes again, %s %d", trace.name,
                                       modeld.refetched_bytes, NameOf(evictor), other.refetched_bytes));
    }
    if (evictor != Evictor::kGdsfHits && modeld.hits < other.hits) {
      losses.push_back(absl::StrFormat("%s: modeld had %d hits, %s %d", trace.name, modeld.hits,
                                       NameOf(evictor), other.hits));
    }
  }
  return losses;
}

}  // namespace modeld::bench
