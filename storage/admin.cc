// The user's view: listings, sums, checks, and removal of a partition.
#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "storage/audit.h"
#include "storage/model_store.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

ModelInfo Describe(const StoreCore& core, const Owned& id, const record::HoldRecord& hold)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const Index& index = core.index;
  ModelInfo info;
  info.partition = core.NameOf(id.first);
  info.model_id = id.second;
  info.display_name = hold.display_name();
  info.source = hold.source();
  info.keys = index.KeysOf(id.first, id.second);
  info.stored_by_id = hold.stored_by_id();
  info.created = absl::FromUnixMicros(hold.created_us());
  info.last_used = absl::FromUnixMicros(hold.last_used_us());
  info.health = index.HealthOf(id.second);
  auto model = index.records().models.find(id.second);
  if (model == index.records().models.end()) return info;
  for (const BlobRef& blob : BlobsOf(id.second, model->second)) {
    info.logical_bytes += blob.size_bytes;
    if (index.References(blob.digest) == 1) info.exclusive_bytes += blob.size_bytes;
    if (blob.digest != id.second) ++info.constants;
  }
  return info;
}

}  // namespace

std::vector<PartitionInfo> ModelStore::ListPartitions() const {
  absl::MutexLock lock(&core_->mu);
  const Index& index = core_->index;
  std::map<PartitionId, PartitionInfo> infos;
  for (const auto& [id, hold] : index.records().holds) {
    PartitionInfo& info = infos[id.first];
    ++info.models;
    info.last_used = std::max(info.last_used, absl::FromUnixMicros(hold.last_used_us()));
  }
  for (const auto& [id, upload] : index.records().uploads) {
    PartitionInfo& info = infos[id.first];
    info.last_used = std::max(info.last_used, absl::FromUnixMicros(upload.touched_us()));
  }
  for (const auto& [id, key] : index.records().keys) ++infos[id.first].keys;
  for (const auto& [id, limits] : index.records().limits) infos.try_emplace(id);
  std::vector<PartitionInfo> list;
  for (auto& [id, info] : infos) {
    info.partition = core_->NameOf(id);
    info.logical_bytes = index.LogicalBytes(id);
    info.staged_bytes = index.StagedBytes(id);
    auto record = index.records().partitions.find(id);
    if (record != index.records().partitions.end()) {
      info.created = absl::FromUnixMicros(record->second.created_us());
    }
    list.push_back(std::move(info));
  }
  std::sort(list.begin(), list.end(),
            [](const PartitionInfo& a, const PartitionInfo& b) { return a.partition < b.partition; });
  return list;
}

std::vector<ModelInfo> ModelStore::ListModels(const std::optional<Partition>& partition) const {
  std::optional<PartitionId> only;
  if (partition) only = Digest::Of(absl::string_view(*partition));
  absl::MutexLock lock(&core_->mu);
  std::vector<ModelInfo> list;
  for (const auto& [id, hold] : core_->index.records().holds) {
    if (!only || id.first == *only) list.push_back(Describe(*core_, id, hold));
  }
  std::sort(list.begin(), list.end(), [](const ModelInfo& a, const ModelInfo& b) {
    return std::tie(a.partition, a.model_id) < std::tie(b.partition, b.model_id);
  });
  return list;
}

std::vector<StagedInfo> ModelStore::ListStaged() const {
  absl::MutexLock lock(&core_->mu);
  std::vector<StagedInfo> list;
  for (const auto& [id, upload] : core_->index.records().uploads) {
    list.push_back(core_->Describe(id, upload));
  }
  return list;
}

StoreUsage ModelStore::Usage() const {
  StoreUsage usage;
  usage.free_bytes = core_->files.cache().FreeBytes().value_or(0);
  absl::MutexLock lock(&core_->mu);
  const Index& index = core_->index;
  std::set<PartitionId> partitions;
  for (const auto& [id, hold] : index.records().holds) partitions.insert(id.first);
  for (const PartitionId& id : partitions) usage.logical_bytes += index.LogicalBytes(id);
  for (const auto& [digest, reference] : index.references()) {
    if (index.HealthOfBlob(digest) == Health::kWhole) usage.physical_bytes += reference.size_bytes;
  }
  std::map<Digest, uint64_t> unreferenced;
  for (const auto& [id, upload] : index.records().uploads) {
    partitions.insert(id.first);
    if (!upload.finished()) {
      usage.staged_bytes += upload.durable_bytes();
    } else if (index.References(id.second) == 0) {
      unreferenced[id.second] = upload.size_bytes();
    }
  }
  for (const auto& [lease, held] : core_->leases) {
    for (const auto& [id, size] : held) {
      if (index.References(id.second) == 0) unreferenced[id.second] = size;
    }
  }
  for (const auto& [digest, size] : unreferenced) usage.unreferenced_bytes += size;
  usage.models = index.records().models.size();
  usage.partitions = partitions.size();
  return usage;
}

absl::StatusOr<bool> ModelStore::RemovePartition(const Partition& partition) {
  PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_->mu);
  Transaction changes;
  bool busy = false;
  const auto& records = core_->index.records();
  for (auto it = records.holds.lower_bound({id, Digest()});
       it != records.holds.end() && it->first.first == id; ++it) {
    core_->index.DropHold(it->first, changes);
  }
  for (auto it = records.keys.lower_bound({id, ""}); it != records.keys.end() && it->first.first == id;
       ++it) {
    changes.keys[it->first] = std::nullopt;
  }
  for (auto it = records.uploads.lower_bound({id, Digest()});
       it != records.uploads.end() && it->first.first == id; ++it) {
    if (core_->open_uploads.contains(it->first)) {
      busy = true;
    } else {
      changes.uploads[it->first] = std::nullopt;
    }
  }
  for (const auto& [number, decision] : records.decisions) {
    if (decision.partition() == partition) changes.decisions[number] = std::nullopt;
  }
  for (const auto& [key, plan] : records.plans) core_->DropPlanCause(id, key, changes);
  // A plan that was being written when the partition went is no sign of it.
  const bool nothing =
      changes.holds.empty() && changes.uploads.empty() && changes.keys.empty() && changes.decisions.empty();
  if (!nothing && !busy) changes.partitions[id] = std::nullopt;
  MODELD_RETURN_IF_ERROR(core_->Commit(changes, Durability::kSynced));
  if (nothing) return busy;
  for (const auto& [upload, removed] : changes.uploads) {
    core_->files.RemoveStaging(BlobFiles::StagingName(upload)).IgnoreError();  // else the collector does it
  }
  return true;
}

absl::Status ModelStore::VerifyBlob(const Digest& digest) {
  StoreCore::Pin pin(*core_, digest);
  std::optional<uint64_t> size;
  {
    absl::MutexLock lock(&core_->mu);
    size = core_->index.ReferencedSize(digest);
  }
  if (!size) return absl::NotFoundError(absl::StrCat(BlobName(digest), ": no stored model names it"));
  absl::Status verified = core_->Verify({digest, *size});
  if (!absl::IsDataLoss(verified)) return verified;
  absl::MutexLock lock(&core_->mu);
  std::vector<Digest> models = ModelsNaming(core_->index, digest);
  auto hex = [](std::string* out, const Digest& id) { absl::StrAppend(out, id.ToHex()); };
  return absl::DataLossError(
      absl::StrCat(verified.message(), "; damaged models: ", absl::StrJoin(models, ", ", hex)));
}

absl::StatusOr<VerifyReport> ModelStore::VerifyAll(const std::function<bool(uint64_t, uint64_t)>& progress) {
  std::vector<BlobRef> blobs;
  uint64_t total = 0;
  {
    absl::MutexLock lock(&core_->mu);
    for (const auto& [digest, reference] : core_->index.references()) {
      blobs.push_back({digest, reference.size_bytes});
      total += reference.size_bytes;
    }
  }
  VerifyReport report;
  for (const BlobRef& blob : blobs) {
    absl::Status verified = VerifyBlob(blob.digest);
    if (absl::IsNotFound(verified)) continue;  // deleted meanwhile
    if (!verified.ok() && !absl::IsDataLoss(verified)) return verified;
    ++report.blobs_checked;
    report.bytes_checked += blob.size_bytes;
    if (!verified.ok()) {
      absl::MutexLock lock(&core_->mu);
      report.bad.push_back(
          {blob.digest, core_->index.HealthOfBlob(blob.digest), ModelsNaming(core_->index, blob.digest)});
    }
    if (progress && !progress(report.bytes_checked, total))
      return absl::CancelledError("the check was cancelled");
  }
  return report;
}

}  // namespace modeld::storage
