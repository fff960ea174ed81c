#include "daemon/metrics/metrics.h"

#include <catch2/catch.hpp>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace modeld {
namespace {

struct Table {
  absl::string_view type;
  std::span<const MetricRow> rows;
};

std::vector<Table> AllTables() {
  return {{"counter", CounterRows()}, {"gauge", GaugeRows()}, {"histogram", HistogramRows()}};
}

// The value of the sample that a line begins with; "" when there is none.
std::string ValueOf(const std::string& text, const std::string& sample) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, sample + " ")) return std::string(line.substr(sample.size() + 1));
  }
  return "";
}

TEST_CASE("every row of the table has a name, a type's suffix and a help of one line") {
  std::set<std::string> names;
  for (const Table& table : AllTables()) {
    for (const MetricRow& row : table.rows) {
      INFO(std::string(row.name));
      CHECK(std::regex_match(std::string(row.name), std::regex("modeld_[a-z]+(_[a-z]+)*")));
      CHECK(names.insert(std::string(row.name)).second);
      CHECK(absl::EndsWith(row.name, "_total") == (table.type == "counter"));
      CHECK(absl::EndsWith(row.name, "_seconds") == (table.type == "histogram"));
      CHECK(!row.help.empty());
      // Neither needs escaping so.
      CHECK(row.help.find_first_of("\n\\") == absl::string_view::npos);
    }
  }
}

// What a label could leak is a value from outside: there are only words of our own, and few.
TEST_CASE("no label can hold an origin, key, digest or model's name") {
  for (const Table& table : AllTables()) {
    for (const MetricRow& row : table.rows) {
      CHECK(row.series() <= 32);
      std::set<std::string> names;
      for (const MetricLabel& label : row.labels) {
        INFO(std::string(row.name) << " " << std::string(label.name));
        CHECK(std::regex_match(std::string(label.name), std::regex("[a-z]+")));
        CHECK(names.insert(std::string(label.name)).second);
        CHECK(label.name != "le");
        for (const char* telling :
             {"origin", "site", "partition", "app", "key", "digest", "id", "model", "session"}) {
          CHECK(label.name != telling);
        }
        CHECK(label.values.size() >= 2);
        std::set<std::string> values;
        for (const absl::string_view value : label.values) {
          CHECK(std::regex_match(std::string(value), std::regex("[a-z]+(_[a-z]+)*")));
          CHECK(values.insert(std::string(value)).second);
        }
      }
    }
  }
}

TEST_CASE("a value from outside never becomes a label") {
  Metrics metrics;
  const std::string origin = "https://a.example";
  metrics.counter(CounterName::kInferenceRequests, {origin}).Add();
  metrics.counter(CounterName::kPlacements, {"cpu", origin}).Add(2);
  metrics.gauge(GaugeName::kResidentBytes, {"gated"}).Set(7);
  metrics.counter(CounterName::kIntegrityErrors, {origin}).Add(3);
  const std::string text = metrics.Text();
  CHECK(text.find("a.example") == std::string::npos);
  CHECK(text.find("gated") == std::string::npos);
  CHECK(ValueOf(text, "modeld_inference_requests_total{result=\"other\"}") == "1");
  CHECK(ValueOf(text, "modeld_placements_total{device=\"cpu\",reason=\"other\"}") == "2");
  CHECK(ValueOf(text, "modeld_resident_bytes{device=\"other\"}") == "7");
  CHECK(ValueOf(text, "modeld_integrity_errors_total") == "3");
}

TEST_CASE("a device counts by its kind") {
  CHECK(DeviceKind("cpu") == "cpu");
  CHECK(DeviceKind("opencl:12") == "opencl");
  CHECK(DeviceKind("") == "");
}

TEST_CASE("the text obeys the exposition format's grammar") {
  Metrics metrics;
  metrics.counter(CounterName::kEvictions, {"quota"}).Add(5);
  metrics.histogram(HistogramName::kBuildDuration, {"hit"}).Observe(absl::Milliseconds(3));
  const std::string text = metrics.Text();
  REQUIRE(!text.empty());
  CHECK(text.back() == '\n');

  const std::regex help("# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) [^\\n\\\\]+");
  const std::regex type("# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)");
  const std::string pair = "[a-zA-Z_][a-zA-Z0-9_]*=\"[^\"\\\\\\n]*\"";
  const std::regex sample("([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{" + pair + "(," + pair +
                          ")*\\})? [0-9]+(\\.[0-9]+)?(e[+-][0-9]+)?");
  std::map<std::string, std::string> types;
  std::set<std::string> helped, samples;
  std::string current;
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  lines.pop_back();
  for (const std::string& line : lines) {
    INFO(line);
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      CHECK(helped.insert(match[1]).second);
    } else if (std::regex_match(line, match, type)) {
      // After its help, before its samples, once.
      current = match[1];
      CHECK(helped.count(current) == 1);
      CHECK(types.emplace(current, match[2]).second);
    } else {
      REQUIRE(std::regex_match(line, match, sample));
      const std::string name = match[1];
      const std::string suffix = name.substr(std::min(current.size(), name.size()));
      CHECK(absl::StartsWith(name, current));
      if (types[current] == "histogram") {
        CHECK((suffix == "_bucket" || suffix == "_sum" || suffix == "_count"));
      } else {
        CHECK(suffix.empty());
      }
      CHECK(samples.insert(line.substr(0, line.rfind(' '))).second);
    }
  }
  CHECK(types.size() == CounterRows().size() + GaugeRows().size() + HistogramRows().size());
  CHECK(ValueOf(text, "modeld_evictions_total{cause=\"quota\"}") == "5");
}

TEST_CASE("a histogram's buckets are cumulative and end with all") {
  Metrics metrics;
  Histogram& histogram = metrics.histogram(HistogramName::kQueueDuration);
  // On a bound, between bounds, beyond the last, and before time.
  histogram.Observe(absl::Milliseconds(1));
  histogram.Observe(absl::Milliseconds(30));
  histogram.Observe(absl::Minutes(10));
  histogram.Observe(-absl::Seconds(5));
  const std::string text = metrics.Text();
  const auto bucket = [&](const std::string& bound) {
    return ValueOf(text, "modeld_queue_duration_seconds_bucket{le=\"" + bound + "\"}");
  };
  CHECK(bucket("0.0001") == "1");
  CHECK(bucket("0.001") == "2");
  CHECK(bucket("0.01") == "2");
  CHECK(bucket("0.05") == "3");
  CHECK(bucket("60") == "3");
  CHECK(bucket("+Inf") == "4");
  CHECK(ValueOf(text, "modeld_queue_duration_seconds_count") == "4");
  CHECK(ValueOf(text, "modeld_queue_duration_seconds_sum") == "600.031");
}

TEST_CASE("every series is there from the start, at zero") {
  const std::string text = Metrics().Text();
  CHECK(ValueOf(text, "modeld_probe_refusals_total{budget=\"probes\"}") == "0");
  CHECK(ValueOf(text, "modeld_cache_bytes{kind=\"plan\"}") == "0");
  CHECK(ValueOf(text, "modeld_build_duration_seconds_count{plan=\"recompile\"}") == "0");
  size_t series = 0;
  for (const Table& table : AllTables()) {
    for (const MetricRow& row : table.rows) {
      series += row.series() * (table.type == "histogram" ? kDurationBuckets.size() + 3 : 1);
    }
  }
  size_t samples = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    samples += !line.empty() && line[0] != '#';
  }
  CHECK(samples == series);
}

TEST_CASE("a counter that follows another never falls") {
  Counter counter;
  counter.RaiseTo(5);
  counter.RaiseTo(3);
  CHECK(counter.value() == 5);
  counter.RaiseTo(6);
  CHECK(counter.value() == 6);
}

TEST_CASE("counts from many threads add up") {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) {
        metrics.counter(CounterName::kInferenceRequests, {"ok"}).Add();
        metrics.histogram(HistogramName::kInferenceDuration).Observe(absl::Microseconds(j));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(metrics.counter(CounterName::kInferenceRequests, {"ok"}).value() == 4000);
  CHECK(metrics.histogram(HistogramName::kInferenceDuration).cumulative().back() == 4000);
}

}  // namespace
}  // namespace modeld
