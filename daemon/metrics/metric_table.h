// Which metrics there are: names, meanings, labels and the values that labels may take, as data.
#ifndef MODELD_DAEMON_METRICS_METRIC_TABLE_H_
#define MODELD_DAEMON_METRICS_METRIC_TABLE_H_

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"

namespace modeld {

// A row of the table each, in its order; the row's name says what is counted.
enum class CounterName {
  kInferenceRequests,
  kEvictions,
  kStoreRefusals,
  kProbeRefusals,
  kIntegrityErrors,
  kPlacements,
  kPlanFailures,
  kSentinel,
};
enum class GaugeName {
  kPendingRequests,
  kLoadedModels,
  kResidentBytes,
  kCacheBytes,
  kSentinel,
};
enum class HistogramName {
  kInferenceDuration,
  kQueueDuration,
  kBuildDuration,
  kSentinel,
};

// Upper bounds of all histograms of durations, in seconds, ascending: from an eager operation to a large
// model's compilation.
inline constexpr std::array<double, 12> kDurationBuckets = {0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05,
                                                            0.1,    0.5,    1,     5,     10,   60};

struct MetricLabel {
  absl::string_view name;
  // All values that it may take, the catch-all last. A closed set of our own words: never an origin, key,
  // digest or model's name.
  std::vector<absl::string_view> values;
};

struct MetricRow {
  // "modeld_...", in base units; counters end in _total.
  absl::string_view name;
  // One line.
  absl::string_view help;
  std::vector<MetricLabel> labels;

  // How many series the metric has: one for each combination of label values.
  size_t series() const;
};

// What stands for a device in a label: its kind, "opencl" of "opencl:0". Pure.
absl::string_view DeviceKind(absl::string_view device);

// The rows, by their names' numbers. They live as long as the process.
std::span<const MetricRow> CounterRows();
std::span<const MetricRow> GaugeRows();
std::span<const MetricRow> HistogramRows();

}  // namespace modeld

#endif  // MODELD_DAEMON_METRICS_METRIC_TABLE_H_
