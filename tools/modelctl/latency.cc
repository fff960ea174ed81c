#include "tools/modelctl/latency.h"

#include <algorithm>

namespace modeld::tools {

Latency LatencyOf(std::vector<absl::Duration> series) {
  if (series.empty()) return {};
  std::sort(series.begin(), series.end());
  const size_t count = series.size();
  const size_t p95_rank = (count * 95 + 99) / 100;
  return {.min = series.front(),
          .median = (series[(count - 1) / 2] + series[count / 2]) / 2,
          .p95 = series[p95_rank - 1],
          .max = series.back()};
}

}  // namespace modeld::tools
