#include "daemon/services/admin_activity.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "storage/plan_store.h"

namespace modeld {
namespace {

constexpr uint32_t kDefaultIntervalMs = 1'000;
constexpr uint32_t kMinIntervalMs = 100;
// How often a pause looks whether the call is still wanted.
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

uint64_t OwnResidentBytes() {
  std::ifstream file("/proc/self/statm");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ResidentBytesIn(text, static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

v1::ActivityResponse::Model ActiveModel(const v1::LoadedGraph& loaded) {
  v1::ActivityResponse::Model model;
  model.set_model_id(loaded.model_id());
  model.set_partition(loaded.partition());
  model.set_device(loaded.device());
  model.set_packed_bytes(loaded.packed_bytes());
  model.set_weight_bytes(loaded.weight_bytes());
  model.set_arena_bytes(loaded.arena_bytes());
  model.set_sessions(loaded.sessions());
  model.set_residency(loaded.residency());
  model.set_idle_seconds_left(loaded.idle_seconds_left());
  return model;
}

// Events per second; counts fall when a session takes its graphs with it.
double Rate(uint64_t before, uint64_t now, absl::Duration over) {
  if (now <= before || over <= absl::ZeroDuration()) return 0;
  return static_cast<double>(now - before) / absl::ToDoubleSeconds(over);
}

absl::Status PauseUntil(absl::Time end, const Activity::Wanted& wanted) {
  while (true) {
    MODELD_RETURN_IF_ERROR(wanted());
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return absl::OkStatus();
    absl::SleepFor(std::min(left, kPollInterval));
  }
}

}  // namespace

uint64_t ResidentBytesIn(absl::string_view statm, uint64_t page_bytes) {
  const std::vector<absl::string_view> fields = absl::StrSplit(statm, ' ');
  uint64_t pages = 0;
  return fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages) ? pages * page_bytes : 0;
}

absl::StatusOr<std::string> Activity::MetricsText() {
  auto usage = parts_.store.space().Usage();
  if (!usage.ok()) return FromStorage(usage.status());
  RefreshGauges(*usage);
  return parts_.metrics.Text();
}

void Activity::RefreshGauges(const storage::SpaceUsage& usage) {
  Metrics& metrics = parts_.metrics;
  metrics.counter(CounterName::kIntegrityErrors).RaiseTo(parts_.store.DamagesFound());
  metrics.gauge(GaugeName::kPendingRequests).Set(parts_.runs.queued());
  metrics.gauge(GaugeName::kCacheBytes, {"blob"}).Set(usage.blob_bytes + usage.unreferenced_bytes);
  metrics.gauge(GaugeName::kCacheBytes, {"plan"}).Set(usage.plan_bytes);
  metrics.gauge(GaugeName::kCacheBytes, {"staging"}).Set(usage.staging_bytes);
  metrics.gauge(GaugeName::kCacheBytes, {"quarantine"}).Set(usage.quarantine_bytes);
  const auto sessions = parts_.table.All();
  const LoadedTotals totals = SumLoaded(sessions, parts_.programs);
  metrics.gauge(GaugeName::kLoadedModels).Set(totals.programs);
  // Zero for the kinds that hold nothing now.
  std::map<Gauge*, uint64_t> resident;
  for (const absl::string_view kind :
       GaugeRows()[static_cast<size_t>(GaugeName::kResidentBytes)].labels[0].values) {
    resident[&metrics.gauge(GaugeName::kResidentBytes, {kind})] = 0;
  }
  for (const auto& [device, bytes] : totals.resident_by_device) {
    resident[&metrics.gauge(GaugeName::kResidentBytes, {DeviceKind(device)})] += bytes;
  }
  for (const auto& [gauge, bytes] : resident) gauge->Set(bytes);
}

v1::ActivityResponse Activity::Observe(Counts& counts) const {
  v1::ActivityResponse message;
  Counts now;
  now.at = parts_.clock.Now();
  now.runs = parts_.metrics.counter(CounterName::kInferenceRequests, {"ok"}).value();
  const absl::Duration over = now.at - counts.at;
  const auto sessions = parts_.table.All();
  for (const auto& [name, loaded] : DescribeLoaded(sessions, parts_.programs, parts_.store, std::nullopt)) {
    v1::ActivityResponse::Model& model = *message.add_models() = ActiveModel(loaded);
    now.by_model[name] = loaded.runs();
    const auto before = counts.by_model.find(name);
    if (before != counts.by_model.end()) {
      model.set_runs_per_second(Rate(before->second, loaded.runs(), over));
    }
  }
  if (counts.at != absl::InfinitePast()) message.set_runs_per_second(Rate(counts.runs, now.runs, over));
  message.set_running(parts_.runs.running());
  message.set_queued(parts_.runs.queued());
  message.set_resident_bytes(SumLoaded(sessions, parts_.programs).resident_bytes);
  message.set_memory_budget_bytes(parts_.memory_budget_bytes);
  message.set_rss_bytes(OwnResidentBytes());
  message.set_sessions(static_cast<uint32_t>(parts_.sessions.List().size()));
  const storage::StoreUsage usage = parts_.store.Usage();
  message.set_disk_bytes(usage.physical_bytes + usage.unreferenced_bytes + usage.staged_bytes +
                         parts_.store.plans().Bytes());
  message.set_free_bytes(usage.free_bytes);
  message.set_staging_bytes(usage.staged_bytes);
  counts = std::move(now);
  return message;
}

absl::Status Activity::Watch(uint32_t interval_ms, const Wanted& wanted, const Send& send) {
  if (interval_ms == 0) interval_ms = kDefaultIntervalMs;
  if (interval_ms < kMinIntervalMs) {
    return BadField("interval_ms", absl::StrCat("is ", interval_ms, ", at least ", kMinIntervalMs));
  }
  const absl::Duration interval = absl::Milliseconds(interval_ms);
  Counts counts;
  counts.at = absl::InfinitePast();
  absl::Time next = absl::Now();
  while (true) {
    if (!send(Observe(counts))) return absl::CancelledError("the call: cancelled");
    // A slow reader gets the next message an interval after this one, not all that it missed.
    next = std::max(next + interval, absl::Now());
    MODELD_RETURN_IF_ERROR(PauseUntil(next, wanted));
  }
}

}  // namespace modeld
