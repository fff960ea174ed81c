// How long runs took.
#ifndef MODELD_TOOLS_MODELCTL_LATENCY_H_
#define MODELD_TOOLS_MODELCTL_LATENCY_H_

#include <vector>

#include "absl/time/time.h"

namespace modeld::tools {

// Figures of a series; all zero for an empty one.
struct Latency {
  absl::Duration min;
  // Of an even number: the mean of the two in the middle.
  absl::Duration median;
  // The smallest that at least 95 of 100 do not exceed (nearest rank).
  absl::Duration p95;
  absl::Duration max;
};

Latency LatencyOf(std::vector<absl::Duration> series);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_LATENCY_H_
