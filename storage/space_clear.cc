// Forgetting what a partition got in a span of time.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/space.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

// [from, to) in the records' unit.
struct Span {
  int64_t from_us;
  int64_t to_us;
  bool Has(int64_t at_us) const { return from_us <= at_us && at_us < to_us; }
};

// What one Clear() collects.
struct Clearing {
  StoreCore& core;
  const PartitionId id;
  const Span span;
  Transaction changes;
  ClearResult result;
};

void ClearHolds(Clearing& clearing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  const Index& index = clearing.core.index;
  const auto& records = index.records();
  for (auto it = records.holds.lower_bound({clearing.id, Digest()});
       it != records.holds.end() && it->first.first == clearing.id; ++it) {
    if (!clearing.span.Has(it->second.created_us())) continue;
    index.DropHold(it->first, clearing.changes);
    clearing.result.model_ids.push_back(it->first.second);
    ++clearing.result.models;
  }
}

// Keys saved in the span for models that were stored before it; a model that loses its last key goes with
// them.
void ClearKeys(Clearing& clearing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  const Index& index = clearing.core.index;
  const auto& records = index.records();
  std::set<Digest> touched;
  for (auto it = records.keys.lower_bound({clearing.id, ""});
       it != records.keys.end() && it->first.first == clearing.id; ++it) {
    const bool gone = clearing.changes.keys.contains(it->first);
    if (!gone && !clearing.span.Has(it->second.created_us())) continue;
    clearing.changes.keys[it->first] = std::nullopt;
    ++clearing.result.keys;
    if (auto model = Digest::FromBytes(it->second.model_id()); model.ok()) touched.insert(*model);
  }
  for (const Digest& model : touched) {
    auto hold = records.holds.find({clearing.id, model});
    if (hold == records.holds.end() || hold->second.stored_by_id()) continue;
    if (clearing.changes.holds.contains(hold->first)) continue;
    const std::vector<std::string> keys = index.KeysOf(clearing.id, model);
    const bool kept = std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return !clearing.changes.keys.contains({clearing.id, key});
    });
    if (kept) continue;
    index.DropHold(hold->first, clearing.changes);
    clearing.result.model_ids.push_back(model);
    ++clearing.result.models;
  }
}

// One that a session is sending ends with it, at its next checkpoint or at its end.
void ClearUploads(Clearing& clearing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  const auto& uploads = clearing.core.index.records().uploads;
  for (auto it = uploads.lower_bound({clearing.id, Digest()});
       it != uploads.end() && it->first.first == clearing.id; ++it) {
    if (!clearing.span.Has(it->second.created_us())) continue;
    clearing.changes.uploads[it->first] = std::nullopt;
    ++clearing.result.uploads;
  }
}

void ClearPlans(Clearing& clearing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  std::set<std::string> models;
  for (const Digest& model : clearing.result.model_ids) models.insert(std::string(model.bytes()));
  for (const auto& [key, plan] : clearing.core.index.records().plans) {
    const bool of_cleared = std::any_of(plan.models().begin(), plan.models().end(),
                                        [&](const std::string& model) { return models.contains(model); });
    if (!of_cleared && !clearing.span.Has(plan.created_us())) continue;
    if (!clearing.core.DropPlanCause(clearing.id, key, clearing.changes)) continue;
    if (!clearing.changes.plans.at(key)) ++clearing.result.plans;
  }
}

void ClearDecisions(Clearing& clearing, const Partition& partition)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  for (const auto& [number, decision] : clearing.core.index.records().decisions) {
    if (decision.partition() != partition) continue;
    if (clearing.span.Has(decision.at_us())) {
      clearing.changes.decisions[number] = std::nullopt;
      ++clearing.result.decisions;
    } else if (decision.has_uses()) {
      // Which of these uses fell into the span, nobody knows.
      record::DecisionRecord& blank = clearing.changes.decisions[number].emplace(decision);
      blank.clear_uses();
    }
  }
}

// What stays forgets uses within the span: it was last used when it was stored.
void ClearTraces(Clearing& clearing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(clearing.core.mu) {
  const auto& holds = clearing.core.index.records().holds;
  for (auto it = holds.lower_bound({clearing.id, Digest()});
       it != holds.end() && it->first.first == clearing.id; ++it) {
    if (clearing.changes.holds.contains(it->first) || !clearing.span.Has(it->second.last_used_us())) continue;
    record::HoldRecord blank = it->second;
    blank.set_last_used_us(blank.created_us());
    blank.clear_frequency();
    blank.clear_credit();
    clearing.changes.holds[it->first] = blank;
  }
}

}  // namespace

std::vector<Partition> Space::PartitionNames() const {
  std::set<Partition> names;
  absl::MutexLock lock(&core_.mu);
  for (const auto& [id, partition] : core_.index.records().partitions) names.insert(partition.name());
  for (const auto& [number, decision] : core_.index.records().decisions) names.insert(decision.partition());
  names.erase("");
  return {names.begin(), names.end()};
}

absl::StatusOr<ClearResult> Space::Clear(const Partition& partition, absl::Time from, absl::Time to) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  absl::MutexLock lock(&core_.mu);
  Clearing clearing{core_,
                    Digest::Of(absl::string_view(partition)),
                    {absl::ToUnixMicros(from), absl::ToUnixMicros(to)},
                    {},
                    {}};
  ClearHolds(clearing);
  ClearKeys(clearing);
  ClearUploads(clearing);
  ClearPlans(clearing);
  ClearDecisions(clearing, partition);
  ClearTraces(clearing);
  MODELD_RETURN_IF_ERROR(core_.Commit(clearing.changes, Durability::kSynced));
  for (const auto& [upload, removed] : clearing.changes.uploads) {
    core_.files.RemoveStaging(BlobFiles::StagingName(upload)).IgnoreError();  // else the collector does it
  }
  return clearing.result;
}

}  // namespace modeld::storage
