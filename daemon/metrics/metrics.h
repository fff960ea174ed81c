// The daemon's counters, gauges and histograms, and their text for Prometheus.
#ifndef MODELD_DAEMON_METRICS_METRICS_H_
#define MODELD_DAEMON_METRICS_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/metrics/metric_table.h"

namespace modeld {

// A sum that only grows. Thread-safe.
class Counter {
 public:
  void Add(uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  // For what is counted elsewhere: makes it `total` unless it is more already.
  void RaiseTo(uint64_t total);
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A figure that goes up and down. Thread-safe.
class Gauge {
 public:
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How often durations fell into each of kDurationBuckets, and their sum. Thread-safe; a reader may see an
// observation's parts one after the other.
class Histogram {
 public:
  // Negative durations (the clock was set back) count as zero.
  void Observe(absl::Duration duration);

  // Observations at or below kDurationBuckets[i]; the last entry counts all.
  std::array<uint64_t, kDurationBuckets.size() + 1> cumulative() const;
  absl::Duration sum() const { return absl::Nanoseconds(sum_ns_.load(std::memory_order_relaxed)); }

 private:
  std::array<std::atomic<uint64_t>, kDurationBuckets.size() + 1> counts_{};
  std::atomic<int64_t> sum_ns_{0};
};

// All metrics of one daemon, with a series for each combination of the table's label values from the start,
// so that nothing appears later than its first zero. What is named here cannot hold an origin, key, digest or
// model: labels take the table's values and no others. Thread-safe and lock-free but for Text(); what the
// accessors return lives as long as this object.
class Metrics {
 public:
  Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The series with these label values, in the order of the metric's labels. A value that the table does not
  // allow, or that is left out, stands for the label's last allowed one; superfluous ones are ignored.
  using Labels = std::initializer_list<absl::string_view>;
  Counter& counter(CounterName name, Labels labels = {});
  Gauge& gauge(GaugeName name, Labels labels = {});
  Histogram& histogram(HistogramName name, Labels labels = {});

  // Everything in Prometheus' text exposition format, version 0.0.4, in the table's order. Gauges stand as
  // they were last set.
  std::string Text() const;

 private:
  template <typename Series>
  using Families = std::vector<std::unique_ptr<Series[]>>;

  Families<Counter> counters_;
  Families<Gauge> gauges_;
  Families<Histogram> histograms_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_METRICS_METRICS_H_
