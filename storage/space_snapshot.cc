// What decides on eviction, and the steps that a decision leads to.
#include <algorithm>
#include <map>
#include <set>

#include "base/status.h"
#include "storage/space.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

UseFigures FiguresOf(const record::HoldRecord& hold) {
  return {hold.frequency(), hold.credit(), absl::Microseconds(hold.compile_us()),
          absl::FromUnixMicros(hold.last_used_us())};
}

Wish WishIn(const Index& index, const Digest& model) {
  auto found = index.records().wishes.find(model);
  if (found == index.records().wishes.end()) return {};
  return {found->second.pinned(), found->second.priority(), absl::FromUnixMicros(found->second.changed_us())};
}

// Blobs that a lease of the partition holds.
std::set<Digest> LeasedBy(const StoreCore& core, const PartitionId& partition)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  std::set<Digest> leased;
  for (const auto& [lease, held] : core.leases) {
    for (auto it = held.lower_bound({partition, Digest()}); it != held.end() && it->first.first == partition;
         ++it) {
      leased.insert(it->first.second);
    }
  }
  return leased;
}

// Whether the partition uses a model: a lease of it holds the manifest, or it is sending one of the blobs.
bool InUse(const StoreCore& core, const PartitionId& partition, const Digest& model,
           const std::vector<BlobRef>& blobs, const std::set<Digest>& leased)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  if (leased.contains(model)) return true;
  return std::any_of(blobs.begin(), blobs.end(), [&](const BlobRef& blob) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return core.open_uploads.contains({partition, blob.digest});
  });
}

std::vector<BlobRef> BlobsIn(const Index& index, const Digest& model) {
  auto found = index.records().models.find(model);
  return found == index.records().models.end() ? std::vector<BlobRef>() : BlobsOf(model, found->second);
}

HeldPlan Describe(const Digest& key, const record::PlanRecord& plan) {
  HeldPlan held;
  held.key = key;
  held.size_bytes = plan.size_bytes();
  for (const std::string& model : plan.models()) {
    if (auto id = Digest::FromBytes(model); id.ok()) held.models.push_back(*id);
  }
  held.causes = plan.causes_size();
  held.compile_time = absl::Microseconds(plan.compile_us());
  held.created = absl::FromUnixMicros(plan.created_us());
  held.last_used = absl::FromUnixMicros(plan.last_used_us());
  held.uses = plan.uses();
  return held;
}

bool IsCause(const record::PlanRecord& plan, const PartitionId& partition) {
  const std::string bytes(partition.bytes());
  return std::find(plan.causes().begin(), plan.causes().end(), bytes) != plan.causes().end();
}

// The bounds of a partition and what it uses in all.
PartitionSnapshot SumsFor(const StoreCore& core, const PartitionId& id)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const auto& records = core.index.records();
  PartitionSnapshot snapshot;
  snapshot.quota_bytes = core.QuotaOf(id);
  snapshot.keep_at_most = core.bounds.keep_at_most;
  snapshot.max_age = core.bounds.max_age;
  if (auto limits = records.limits.find(id); limits != records.limits.end()) {
    if (limits->second.has_keep_at_most()) snapshot.keep_at_most = limits->second.keep_at_most();
    if (limits->second.has_max_age_us()) snapshot.max_age = absl::Microseconds(limits->second.max_age_us());
  }
  if (auto partition = records.partitions.find(id); partition != records.partitions.end()) {
    snapshot.inflation = partition->second.inflation();
  }
  const Index::Sums sums = core.index.SumsOf(id);
  snapshot.logical_bytes = sums.logical_bytes;
  snapshot.staged_bytes = sums.staged_bytes - sums.both_bytes + core.LeasedBytes(id);
  snapshot.reserved_bytes = core.promises.UncountedOf(id);
  snapshot.plan_bytes = sums.plan_bytes;
  return snapshot;
}

// Adds the models that a partition holds.
void AddModels(const StoreCore& core, const PartitionId& id, PartitionSnapshot& snapshot)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const auto& records = core.index.records();
  const std::set<Digest> leased = LeasedBy(core, id);
  std::map<Digest, uint32_t> places;
  std::vector<uint32_t> named;  // how many models name each place
  std::vector<uint64_t> sizes;
  for (auto it = records.holds.lower_bound({id, Digest()});
       it != records.holds.end() && it->first.first == id; ++it) {
    HeldModel& model = snapshot.models.emplace_back();
    model.model_id = it->first.second;
    model.created = absl::FromUnixMicros(it->second.created_us());
    model.figures = FiguresOf(it->second);
    model.wish = WishIn(core.index, model.model_id);
    model.shared = id == SharedPartitionId();
    const std::vector<BlobRef> blobs = BlobsIn(core.index, model.model_id);
    model.in_use = InUse(core, id, model.model_id, blobs, leased);
    for (const BlobRef& blob : blobs) {
      auto [place, fresh] = places.try_emplace(blob.digest, static_cast<uint32_t>(sizes.size()));
      if (fresh) {
        const Owned owned(id, blob.digest);
        const bool stays = leased.contains(blob.digest) || records.uploads.contains(owned) ||
                           core.promises.SizeOf(owned).has_value();
        snapshot.blob_bytes.push_back(stays ? 0 : blob.size_bytes);
        sizes.push_back(blob.size_bytes);
        named.push_back(0);
      }
      ++named[place->second];
      model.blobs.push_back(place->second);
      model.logical_bytes += blob.size_bytes;
    }
  }
  for (HeldModel& model : snapshot.models) {
    for (uint32_t place : model.blobs) {
      if (named[place] == 1) model.own_bytes += sizes[place];
    }
  }
}

StoreTotals TotalsOf(const StoreCore& core) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  StoreTotals totals;
  totals.used_bytes = core.UsedBytes();
  totals.limit_bytes = core.bounds.limit_bytes;
  // A disk that does not answer does not call for reclaiming.
  const uint64_t free_bytes = core.files.cache().FreeBytes().value_or(UINT64_MAX);
  totals.free_bytes = free_bytes - std::min(free_bytes, core.promises.unwritten());
  totals.min_free_bytes = core.options.min_free_bytes;
  return totals;
}

}  // namespace

PartitionSnapshot Space::Snapshot(const Partition& partition) const {
  const PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_.mu);
  PartitionSnapshot snapshot = SumsFor(core_, id);
  snapshot.partition = partition;
  AddModels(core_, id, snapshot);
  for (const auto& [key, plan] : core_.index.records().plans) {
    if (IsCause(plan, id)) snapshot.plans.push_back(Describe(key, plan));
  }
  return snapshot;
}

StoreSnapshot Space::SnapshotAll() const {
  StoreSnapshot all;
  absl::MutexLock lock(&core_.mu);
  const auto& records = core_.index.records();
  std::set<PartitionId> ids;
  for (const auto& [id, hold] : records.holds) ids.insert(id.first);
  for (const auto& [id, upload] : records.uploads) ids.insert(id.first);
  std::map<PartitionId, size_t> places;
  for (const PartitionId& id : ids) {
    places[id] = all.partitions.size();
    PartitionSnapshot& snapshot = all.partitions.emplace_back(SumsFor(core_, id));
    snapshot.partition = core_.NameOf(id);
    AddModels(core_, id, snapshot);
  }
  for (const auto& [key, plan] : records.plans) {
    all.plans.push_back(Describe(key, plan));
    for (const std::string& cause : plan.causes()) {
      auto id = Digest::FromBytes(cause);
      auto place = id.ok() ? places.find(*id) : places.end();
      if (place != places.end()) all.partitions[place->second].plans.push_back(all.plans.back());
    }
  }
  std::sort(all.partitions.begin(), all.partitions.end(),
            [](const auto& a, const auto& b) { return a.partition < b.partition; });
  all.totals = TotalsOf(core_);
  return all;
}

StoreTotals Space::Totals() const {
  absl::MutexLock lock(&core_.mu);
  return TotalsOf(core_);
}

bool Space::Use(const Partition& partition, const Digest& model_id,
                absl::FunctionRef<UseFigures(const UseFigures&, uint64_t)> value) {
  const Owned id(Digest::Of(absl::string_view(partition)), model_id);
  absl::MutexLock lock(&core_.mu);
  auto hold = core_.index.records().holds.find(id);
  if (hold == core_.index.records().holds.end()) return false;
  uint64_t bytes = 0;
  for (const BlobRef& blob : BlobsIn(core_.index, model_id)) bytes += blob.size_bytes;
  const UseFigures figures = value(FiguresOf(hold->second), bytes);
  record::HoldRecord used = hold->second;
  used.set_frequency(figures.frequency);
  used.set_credit(figures.credit);
  used.set_compile_us(absl::ToInt64Microseconds(figures.compile_time));
  used.set_last_used_us(absl::ToUnixMicros(figures.last_used));
  core_.index.SetUses(id, std::move(used));
  core_.unflushed_uses.insert(id);
  return true;
}

absl::StatusOr<bool> Space::Evict(const Partition& partition, const Digest& model_id, absl::string_view what,
                                  absl::string_view text, std::optional<double> inflation) {
  const Owned id(Digest::Of(absl::string_view(partition)), model_id);
  absl::MutexLock lock(&core_.mu);
  const auto& records = core_.index.records();
  if (!records.holds.contains(id) || id.first == SharedPartitionId()) return false;
  if (WishIn(core_.index, model_id).pinned) return false;
  if (InUse(core_, id.first, model_id, BlobsIn(core_.index, model_id), LeasedBy(core_, id.first)))
    return false;
  const record::HoldRecord& hold = records.holds.at(id);
  Transaction changes;
  core_.index.DropHold(id, changes);
  if (auto record = records.partitions.find(id.first); inflation && record != records.partitions.end()) {
    record::PartitionRecord inflated = record->second;
    inflated.set_inflation(*inflation);
    changes.partitions[id.first] = inflated;
  }
  record::DecisionRecord::Uses& uses =
      *core_.AddDecision(model_id, partition, what, text, changes).mutable_uses();
  uses.set_frequency(hold.frequency());
  uses.set_credit(hold.credit());
  uses.set_compile_us(hold.compile_us());
  uses.set_last_used_us(hold.last_used_us());
  MODELD_RETURN_IF_ERROR(core_.Commit(changes, Durability::kSynced));
  return true;
}

absl::StatusOr<bool> Space::DropPlanCause(const Partition& partition, const Digest& plan_key) {
  const PartitionId id = Digest::Of(absl::string_view(partition));
  absl::MutexLock lock(&core_.mu);
  Transaction changes;
  if (!core_.DropPlanCause(id, plan_key, changes)) return false;
  MODELD_RETURN_IF_ERROR(core_.Commit(changes, Durability::kSynced));
  return true;
}

}  // namespace modeld::storage
