#include "daemon/metrics/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace modeld {
namespace {

// The number of the series that `given` names: label values count like digits, the last one fastest.
size_t SeriesNumber(const MetricRow& row, Metrics::Labels given) {
  size_t number = 0;
  auto value = given.begin();
  for (const MetricLabel& label : row.labels) {
    size_t digit = label.values.size() - 1;
    if (value != given.end()) {
      const auto found = std::find(label.values.begin(), label.values.end(), *value++);
      if (found != label.values.end()) digit = static_cast<size_t>(found - label.values.begin());
    }
    number = number * label.values.size() + digit;
  }
  return number;
}

// `result="ok",` for each label of a series; its values are the table's and need no escaping.
std::string LabelText(const MetricRow& row, size_t number) {
  std::string text;
  for (size_t i = row.labels.size(); i-- > 0;) {
    const MetricLabel& label = row.labels[i];
    text = absl::StrCat(label.name, "=\"", label.values[number % label.values.size()], "\",", text);
    number /= label.values.size();
  }
  return text;
}

// `name{labels} value`, with the comma that LabelText() leaves.
void AppendSample(absl::string_view name, absl::string_view suffix, absl::string_view labels,
                  absl::string_view value, std::string& out) {
  absl::StrAppend(&out, name, suffix);
  if (!labels.empty()) absl::StrAppend(&out, "{", labels.substr(0, labels.size() - 1), "}");
  absl::StrAppend(&out, " ", value, "\n");
}

void AppendHead(const MetricRow& row, absl::string_view type, std::string& out) {
  absl::StrAppend(&out, "# HELP ", row.name, " ", row.help, "\n# TYPE ", row.name, " ", type, "\n");
}

void AppendHistogram(const MetricRow& row, absl::string_view labels, const Histogram& histogram,
                     std::string& out) {
  const auto counts = histogram.cumulative();
  for (size_t i = 0; i < counts.size(); ++i) {
    const std::string bound = i < kDurationBuckets.size() ? absl::StrCat(kDurationBuckets[i]) : "+Inf";
    AppendSample(row.name, "_bucket", absl::StrCat(labels, "le=\"", bound, "\","), absl::StrCat(counts[i]),
                 out);
  }
  AppendSample(row.name, "_sum", labels, absl::StrFormat("%.15g", absl::ToDoubleSeconds(histogram.sum())),
               out);
  AppendSample(row.name, "_count", labels, absl::StrCat(counts.back()), out);
}

template <typename Series>
void AllocateFamilies(std::span<const MetricRow> rows, std::vector<std::unique_ptr<Series[]>>& families) {
  for (const MetricRow& row : rows) families.push_back(std::make_unique<Series[]>(row.series()));
}

// Heads and series of all metrics of one type; `append` writes one series.
template <typename Series, typename Append>
void AppendFamilies(std::span<const MetricRow> rows, const std::vector<std::unique_ptr<Series[]>>& families,
                    absl::string_view type, const Append& append, std::string& out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    AppendHead(rows[i], type, out);
    for (size_t number = 0; number < rows[i].series(); ++number) {
      append(rows[i], LabelText(rows[i], number), families[i][number], out);
    }
  }
}

}  // namespace

void Counter::RaiseTo(uint64_t total) {
  uint64_t seen = value();
  while (seen < total && !value_.compare_exchange_weak(seen, total, std::memory_order_relaxed)) {
  }
}

void Histogram::Observe(absl::Duration duration) {
  const absl::Duration counted = std::max(duration, absl::ZeroDuration());
  const auto bucket =
      std::lower_bound(kDurationBuckets.begin(), kDurationBuckets.end(), absl::ToDoubleSeconds(counted));
  counts_[static_cast<size_t>(bucket - kDurationBuckets.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(absl::ToInt64Nanoseconds(counted), std::memory_order_relaxed);
}

std::array<uint64_t, kDurationBuckets.size() + 1> Histogram::cumulative() const {
  std::array<uint64_t, kDurationBuckets.size() + 1> counts;
  uint64_t sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    sum += counts_[i].load(std::memory_order_relaxed);
    counts[i] = sum;
  }
  return counts;
}

Metrics::Metrics() {
  AllocateFamilies(CounterRows(), counters_);
  AllocateFamilies(GaugeRows(), gauges_);
  AllocateFamilies(HistogramRows(), histograms_);
}

Counter& Metrics::counter(CounterName name, Labels labels) {
  const auto row = static_cast<size_t>(name);
  return counters_[row][SeriesNumber(CounterRows()[row], labels)];
}

Gauge& Metrics::gauge(GaugeName name, Labels labels) {
  const auto row = static_cast<size_t>(name);
  return gauges_[row][SeriesNumber(GaugeRows()[row], labels)];
}

Histogram& Metrics::histogram(HistogramName name, Labels labels) {
  const auto row = static_cast<size_t>(name);
  return histograms_[row][SeriesNumber(HistogramRows()[row], labels)];
}

std::string Metrics::Text() const {
  std::string text;
  const auto single = [](const MetricRow& row, absl::string_view labels, const auto& series,
                         std::string& out) {
    AppendSample(row.name, "", labels, absl::StrCat(series.value()), out);
  };
  AppendFamilies(CounterRows(), counters_, "counter", single, text);
  AppendFamilies(GaugeRows(), gauges_, "gauge", single, text);
  AppendFamilies(HistogramRows(), histograms_, "histogram", AppendHistogram, text);
  return text;
}

}  // namespace modeld
