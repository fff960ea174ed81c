#include "storage/space.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

PartitionId IdOf(const Partition& partition) {
  return Digest::Of(absl::string_view(partition));
}

}  // namespace

void Space::SetBounds(const SpaceBounds& bounds) {
  absl::MutexLock lock(&core_.mu);
  core_.bounds = bounds;
}

SpaceBounds Space::bounds() const {
  absl::MutexLock lock(&core_.mu);
  return core_.bounds;
}

absl::StatusOr<uint64_t> Space::DiskBytes() const {
  return core_.files.cache().TotalBytes();
}

absl::Status Space::Reserve(const Partition& partition, std::span<const BlobRef> refs, Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  const PartitionId id = IdOf(partition);
  absl::MutexLock lock(&core_.mu);
  std::vector<BlobRef> lacking;
  for (const BlobRef& ref : refs) {
    if (!core_.HasWhole(id, ref)) lacking.push_back(ref);
  }
  return core_.Promise(id, lacking, &lease);
}

absl::StatusOr<std::unique_ptr<Reservation>> Space::ReserveFile(uint64_t bytes) {
  return core_.ReserveFile("a file", bytes);
}

absl::Status Space::Record(Decision decision) {
  absl::MutexLock lock(&core_.mu);
  Transaction changes;
  core_.AddDecision(decision.model_id, decision.partition, decision.what, decision.text, changes);
  return core_.Commit(changes, Durability::kLazy);
}

std::vector<Decision> Space::DecisionsOf(const Digest& model_id) const {
  std::vector<Decision> decisions;
  absl::MutexLock lock(&core_.mu);
  const auto& records = core_.index.records().decisions;
  for (auto it = records.rbegin(); it != records.rend(); ++it) {
    const record::DecisionRecord& record = it->second;
    if (record.model_id() != std::string(model_id.bytes())) continue;
    decisions.push_back(
        {model_id, record.partition(), record.what(), record.text(), absl::FromUnixMicros(record.at_us())});
  }
  return decisions;
}

absl::Status Space::SetWish(const Digest& model_id, std::optional<bool> pinned, std::optional<int> priority) {
  absl::MutexLock lock(&core_.mu);
  const auto& wishes = core_.index.records().wishes;
  auto old = wishes.find(model_id);
  if (old == wishes.end() && core_.index.Holders(model_id) == 0) return NoSuchModel();
  record::WishRecord wish = old == wishes.end() ? record::WishRecord() : old->second;
  if (pinned) wish.set_pinned(*pinned);
  if (priority) wish.set_priority(std::clamp(*priority, -1, 1));
  wish.set_changed_us(core_.NowMicros());
  Transaction changes;
  const bool nothing = !wish.pinned() && wish.priority() == 0;
  changes.wishes[model_id] = nothing ? std::nullopt : std::optional(wish);
  return core_.Commit(changes, Durability::kSynced);
}

Wish Space::WishOf(const Digest& model_id) const {
  absl::MutexLock lock(&core_.mu);
  const auto& wishes = core_.index.records().wishes;
  auto found = wishes.find(model_id);
  if (found == wishes.end()) return {};
  return {found->second.pinned(), found->second.priority(), absl::FromUnixMicros(found->second.changed_us())};
}

absl::Status Space::SetLimits(const Partition& partition, const PartitionLimits& limits) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  Transaction changes;
  std::optional<record::LimitsRecord>& record = changes.limits[IdOf(partition)];
  if (!limits.empty()) {
    record.emplace().set_name(partition);
    if (limits.quota_bytes) record->set_quota_bytes(*limits.quota_bytes);
    if (limits.keep_at_most) record->set_keep_at_most(*limits.keep_at_most);
    if (limits.max_age) record->set_max_age_us(absl::ToInt64Microseconds(*limits.max_age));
  }
  absl::MutexLock lock(&core_.mu);
  return core_.Commit(changes, Durability::kSynced);
}

PartitionLimits Space::LimitsOf(const Partition& partition) const {
  PartitionLimits limits;
  absl::MutexLock lock(&core_.mu);
  const auto& records = core_.index.records().limits;
  auto found = records.find(IdOf(partition));
  if (found == records.end()) return limits;
  const record::LimitsRecord& record = found->second;
  if (record.has_quota_bytes()) limits.quota_bytes = record.quota_bytes();
  if (record.has_keep_at_most()) limits.keep_at_most = record.keep_at_most();
  if (record.has_max_age_us()) limits.max_age = absl::Microseconds(record.max_age_us());
  return limits;
}

uint64_t Space::QuotaOf(const Partition& partition) const {
  absl::MutexLock lock(&core_.mu);
  return core_.QuotaOf(IdOf(partition));
}

std::vector<std::string> Space::Recount() const {
  absl::MutexLock lock(&core_.mu);
  return core_.index.Recount();
}

}  // namespace modeld::storage
