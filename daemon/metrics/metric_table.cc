#include "daemon/metrics/metric_table.h"

namespace modeld {
namespace {

// Values of DeviceKind().
MetricLabel DeviceLabel() {
  return {"device", {"cpu", "reference", "opencl", "cuda", "other"}};
}

}  // namespace

absl::string_view DeviceKind(absl::string_view device) {
  return device.substr(0, device.find(':'));
}

size_t MetricRow::series() const {
  size_t count = 1;
  for (const MetricLabel& label : labels) count *= label.values.size();
  return count;
}

std::span<const MetricRow> CounterRows() {
  static const auto& rows = *new std::array<MetricRow, static_cast<size_t>(CounterName::kSentinel)>{{
      {"modeld_inference_requests_total",
       "Dispatches and runs by how they ended: rejected before they began, by the client or the user, by the "
       "engine.",
       {{"result", {"ok", "rejected", "cancelled", "backend", "other"}}}},
      {"modeld_evictions_total",
       "Models and plans that were removed to make room, by what asked for it.",
       {{"cause", {"quota", "reclaim", "keep_at_most", "max_age", "plan_bound", "other"}}}},
      {"modeld_store_refusals_total",
       "Uploads and stores that were refused, by the bound that they would have passed.",
       {{"cause", {"quota", "limit", "floor", "count", "rate", "other"}}}},
      {"modeld_probe_refusals_total",
       "Fetches of models that were answered as absent because a budget was spent.",
       {{"budget", {"probes", "bits"}}}},
      {"modeld_integrity_errors_total", "Stored files found with wrong bytes or missing.", {}},
      {"modeld_placements_total",
       "Contexts made, by device and by what decided for it.",
       {DeviceLabel(), {"reason", {"requested", "default", "other"}}}},
      {"modeld_plan_failures_total",
       "Plans that could not be used or written, so that was compiled instead, by what was in the way.",
       {{"cause", {"absent", "unreadable", "version", "damaged", "engine", "write", "other"}}}},
  }};
  return rows;
}

std::span<const MetricRow> GaugeRows() {
  static const auto& rows = *new std::array<MetricRow, static_cast<size_t>(GaugeName::kSentinel)>{{
      {"modeld_pending_requests", "Dispatches and runs that wait for a worker now.", {}},
      {"modeld_loaded_models",
       "Compiled programs in memory now, also those that no session holds and that are kept for later.",
       {}},
      {"modeld_resident_bytes",
       "Memory of arenas and of the weights, shared ones once, of all programs, also of those kept for "
       "later.",
       {DeviceLabel()}},
      {"modeld_cache_bytes",
       "Sizes of the cache's files.",
       {{"kind", {"blob", "plan", "staging", "quarantine"}}}},
  }};
  return rows;
}

std::span<const MetricRow> HistogramRows() {
  static const auto& rows = *new std::array<MetricRow, static_cast<size_t>(HistogramName::kSentinel)>{{
      {"modeld_inference_duration_seconds", "Execution of dispatches and runs, without their waiting.", {}},
      {"modeld_queue_duration_seconds", "Waiting of dispatches and runs for a worker.", {}},
      {"modeld_build_duration_seconds",
       "From a validated graph to a program: with a plan, with one that needed recompiling, or without.",
       {{"plan", {"hit", "recompile", "miss"}}}},
  }};
  return rows;
}

}  // namespace modeld
