#include "daemon/services/cache_messages.h"

#include <algorithm>

#include "absl/time/time.h"
#include "base/status.h"
#include "daemon/services/transfer_messages.h"
#include "policy/partition.h"

namespace modeld {

using Entry = v1::ListCacheResponse::Entry;

absl::Status CheckPartitionField(const std::string& partition) {
  if (partition.empty() || partition == storage::kSharedPartition) return absl::OkStatus();
  const auto parsed = ParsePartition(partition);
  return parsed.ok() ? absl::OkStatus() : Annotate(parsed.status(), "partition");
}

absl::string_view HealthName(storage::Health health) {
  switch (health) {
    case storage::Health::kWhole:
      return "whole";
    case storage::Health::kMissing:
      return "missing";
    case storage::Health::kDamaged:
      break;
  }
  return "damaged";
}

v1::Priority PriorityMessage(int priority) {
  return priority == -1 ? v1::PRIORITY_LOW : priority == 1 ? v1::PRIORITY_HIGH : v1::PRIORITY_NORMAL;
}

int PriorityNumber(v1::Priority priority) {
  return priority == v1::PRIORITY_LOW ? -1 : priority == v1::PRIORITY_HIGH ? 1 : 0;
}

const storage::HeldModel* FindHeld(const storage::PartitionSnapshot& snapshot, const Digest& model_id) {
  const auto held =
      std::lower_bound(snapshot.models.begin(), snapshot.models.end(), model_id,
                       [](const storage::HeldModel& model, const Digest& id) { return model.model_id < id; });
  return held != snapshot.models.end() && held->model_id == model_id ? &*held : nullptr;
}

v1::ModelSummary Summarize(const storage::ModelInfo& info, const storage::HeldModel* held, size_t holders,
                           bool shared) {
  v1::ModelSummary summary;
  summary.set_model_id(std::string(info.model_id.bytes()));
  summary.set_partition(info.partition);
  for (const std::string& key : info.keys) summary.add_keys(key);
  summary.set_size_bytes(info.logical_bytes);
  summary.set_created_at(absl::ToUnixSeconds(info.created));
  summary.set_last_used_at(absl::ToUnixSeconds(info.last_used));
  summary.set_damaged(info.health == storage::Health::kDamaged);
  summary.set_missing(info.health == storage::Health::kMissing);
  if (holders == 1) summary.set_exclusive_bytes(info.exclusive_bytes);
  summary.set_shared(shared);
  if (held == nullptr) return summary;
  summary.set_pinned(held->wish.pinned);
  summary.set_priority(PriorityMessage(held->wish.priority));
  summary.set_frequency(held->figures.frequency);
  return summary;
}

Entry ModelEntry(const storage::ModelInfo& info, const storage::HeldModel* held) {
  Entry entry;
  entry.set_kind(Entry::MODEL);
  entry.set_id(std::string(info.model_id.bytes()));
  entry.set_partition(info.partition);
  entry.set_size_bytes(info.logical_bytes);
  entry.set_created_at(absl::ToUnixSeconds(info.created));
  entry.set_last_used_at(absl::ToUnixSeconds(info.last_used));
  for (const std::string& key : info.keys) entry.add_keys(key);
  entry.set_health(std::string(HealthName(info.health)));
  if (held == nullptr) return entry;
  entry.set_pinned(held->wish.pinned);
  entry.set_priority(PriorityMessage(held->wish.priority));
  entry.set_in_use(held->in_use);
  return entry;
}

Entry PlanEntry(const storage::PlanInfo& plan) {
  Entry entry;
  entry.set_kind(Entry::PLAN);
  entry.set_id(std::string(plan.key.bytes()));
  entry.set_size_bytes(plan.size_bytes);
  entry.set_created_at(absl::ToUnixSeconds(plan.created));
  entry.set_last_used_at(absl::ToUnixSeconds(plan.last_used));
  entry.set_health(std::string(HealthName(storage::Health::kWhole)));
  for (const Digest& model : plan.models) entry.add_models(std::string(model.bytes()));
  entry.set_device(plan.device);
  entry.set_in_use(plan.mapped);
  return entry;
}

Entry PartialEntry(const storage::StagedInfo& staged, const policy::TransferVerdict& verdict) {
  Entry entry;
  entry.set_kind(Entry::PARTIAL);
  entry.set_id(std::string(staged.blob.digest.bytes()));
  entry.set_partition(staged.partition);
  entry.set_size_bytes(staged.blob.size_bytes);
  entry.set_committed_bytes(staged.committed_bytes);
  entry.set_created_at(absl::ToUnixSeconds(staged.created));
  entry.set_last_used_at(absl::ToUnixSeconds(staged.touched));
  entry.set_health(std::string(HealthName(storage::Health::kWhole)));
  entry.set_in_use(staged.open);
  entry.set_state(StateMessage(verdict.state));
  entry.set_quiet_seconds(QuietSeconds(verdict));
  return entry;
}

Entry QuarantinedEntry(const storage::QuarantinedInfo& file) {
  Entry entry;
  entry.set_kind(Entry::QUARANTINED);
  entry.set_id(std::string(file.blob.digest.bytes()));
  entry.set_size_bytes(file.blob.size_bytes);
  entry.set_created_at(absl::ToUnixSeconds(file.found));
  entry.set_last_used_at(entry.created_at());
  entry.set_health(std::string(HealthName(storage::Health::kDamaged)));
  for (const Digest& model : file.models) entry.add_models(std::string(model.bytes()));
  return entry;
}

v1::GetUsageResponse UsageMessage(const storage::SpaceUsage& usage) {
  v1::GetUsageResponse message;
  for (const storage::SpaceUsage::ByPartition& part : usage.partitions) {
    auto& partition = *message.add_partitions();
    partition.set_name(part.partition);
    partition.set_logical_bytes(part.logical_bytes);
    partition.set_exclusive_bytes(part.exclusive_bytes);
    partition.set_physical_bytes(part.physical_bytes);
    partition.set_staged_bytes(part.staged_bytes);
    partition.set_models(part.models);
    partition.set_quota_bytes(part.quota_bytes);
  }
  message.set_blob_bytes(usage.blob_bytes);
  message.set_unreferenced_bytes(usage.unreferenced_bytes);
  message.set_plan_bytes(usage.plan_bytes);
  message.set_staging_bytes(usage.staging_bytes);
  message.set_quarantine_bytes(usage.quarantine_bytes);
  message.set_physical_bytes(usage.physical_bytes);
  message.set_disk_bytes(usage.disk_bytes);
  message.set_logical_bytes(usage.logical_bytes);
  message.set_reserved_bytes(usage.reserved_bytes);
  message.set_free_bytes(usage.free_bytes);
  message.set_limit_bytes(usage.limit_bytes);
  message.set_min_free_bytes(usage.min_free_bytes);
  return message;
}

v1::PartitionLimits LimitsMessage(const storage::PartitionLimits& limits) {
  v1::PartitionLimits message;
  if (limits.quota_bytes) message.set_quota_bytes(*limits.quota_bytes);
  if (limits.keep_at_most) message.set_keep_at_most(*limits.keep_at_most);
  if (limits.max_age) message.set_max_age_seconds(absl::ToInt64Seconds(*limits.max_age));
  return message;
}

}  // namespace modeld
