#include "storage/ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"

namespace modeld::storage {
namespace {

constexpr size_t kTagBytes = 16;

absl::Status NotShared(const Digest& model_id) {
  return absl::NotFoundError(absl::StrCat("model ", model_id.ToHex(), ": is not shared so"));
}

SiteBudget FromRecord(absl::string_view site, const record::BudgetRecord& record) {
  SiteBudget budget;
  // A record stands under its site's digest; what stands there for another site is as good as lost.
  budget.unreadable = absl::string_view(record.site()) != site;
  if (budget.unreadable) return budget;
  for (const auto& probe : record.probes())
    budget.probes.push_back({probe.model(), absl::FromUnixMicros(probe.at_us())});
  for (const auto& spending : record.spendings())
    budget.spendings.push_back({spending.model(), spending.bits(), absl::FromUnixMicros(spending.at_us())});
  if (record.has_spent_until_us()) budget.spent_until = absl::FromUnixMicros(record.spent_until_us());
  return budget;
}

record::BudgetRecord ToRecord(absl::string_view site, const SiteBudget& budget) {
  record::BudgetRecord record;
  record.set_site(std::string(site));
  for (const SiteBudget::Probe& probe : budget.probes) {
    auto& message = *record.add_probes();
    message.set_model(probe.model);
    message.set_at_us(absl::ToUnixMicros(probe.at));
  }
  for (const SiteBudget::Spending& spending : budget.spendings) {
    auto& message = *record.add_spendings();
    message.set_model(spending.model);
    message.set_bits(spending.bits);
    message.set_at_us(absl::ToUnixMicros(spending.at));
  }
  if (budget.spent_until > absl::InfinitePast())
    record.set_spent_until_us(absl::ToUnixMicros(budget.spent_until));
  return record;
}

// The share in force: one whose model the shared partition holds.
const record::ShareRecord* Find(const Index& index, const Digest& model_id) {
  auto share = index.records().shares.find(model_id);
  const bool held = index.records().holds.contains({SharedPartitionId(), model_id});
  return share != index.records().shares.end() && held ? &share->second : nullptr;
}

ShareInfo Describe(const Index& index, const Digest& model_id, const record::ShareRecord& share) {
  ShareInfo info;
  info.model_id = model_id;
  info.everybody = share.everybody();
  info.with.assign(share.with().begin(), share.with().end());
  if (share.has_commonness()) info.commonness = share.commonness();
  info.created = absl::FromUnixMicros(share.created_us());
  auto model = index.records().models.find(model_id);
  if (model == index.records().models.end()) return info;
  for (const BlobRef& blob : BlobsOf(model_id, model->second)) info.size_bytes += blob.size_bytes;
  return info;
}

// Replaces the list of those that the model is shared with.
void SetWith(record::ShareRecord& share, std::vector<std::string> with) {
  std::sort(with.begin(), with.end());
  with.erase(std::unique(with.begin(), with.end()), with.end());
  share.mutable_with()->Assign(with.begin(), with.end());
}

}  // namespace

std::string ModelTag(const Digest& model_id) {
  return std::string(model_id.bytes().substr(0, kTagBytes));
}

SiteBudget Ledger::Budget(absl::string_view site) const {
  absl::MutexLock lock(&core_.mu);
  auto found = core_.index.records().budgets.find(Digest::Of(site));
  if (found == core_.index.records().budgets.end()) return {};
  return FromRecord(site, found->second);
}

absl::Status Ledger::SetBudget(absl::string_view site, const SiteBudget& budget) {
  MODELD_RETURN_IF_ERROR(CheckPartition(site));
  Transaction changes;
  changes.budgets[Digest::Of(site)] = ToRecord(site, budget);
  absl::MutexLock lock(&core_.mu);
  return core_.Commit(changes, Durability::kSynced);
}

absl::Status Ledger::Share(const Digest& model_id, const std::string& with,
                           std::optional<double> commonness) {
  if (commonness && !(*commonness > 0 && *commonness <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("commonness: is ", *commonness, ", must be above 0 and at most 1"));
  }
  const Owned hold(SharedPartitionId(), model_id);
  absl::MutexLock lock(&core_.mu);
  if (!core_.index.records().models.contains(model_id)) return NoSuchModel();
  Transaction changes;
  record::ShareRecord share;
  if (const record::ShareRecord* old = Find(core_.index, model_id)) {
    share = *old;
  } else {
    share.set_created_us(core_.NowMicros());
  }
  if (with.empty()) {
    share.set_everybody(true);
  } else {
    std::vector<std::string> all(share.with().begin(), share.with().end());
    all.push_back(with);
    SetWith(share, std::move(all));
  }
  if (commonness) share.set_commonness(*commonness);
  changes.shares[model_id] = share;
  if (!core_.index.records().holds.contains(hold)) {
    record::HoldRecord record;
    record.set_stored_by_id(true);
    record.set_created_us(core_.NowMicros());
    record.set_last_used_us(core_.NowMicros());
    changes.holds[hold] = record;
  }
  core_.AddPartition(kSharedPartition, hold.first, changes);
  return core_.Commit(changes, Durability::kSynced);
}

absl::Status Ledger::Unshare(const Digest& model_id, const std::string& with) {
  const Owned hold(SharedPartitionId(), model_id);
  absl::MutexLock lock(&core_.mu);
  Transaction changes;
  const record::ShareRecord* old = Find(core_.index, model_id);
  if (!with.empty()) {
    if (old == nullptr) return NotShared(model_id);
    std::vector<std::string> rest(old->with().begin(), old->with().end());
    if (std::erase(rest, with) == 0) return NotShared(model_id);
    record::ShareRecord share = *old;
    SetWith(share, std::move(rest));
    changes.shares[model_id] = share;
    if (share.everybody() || share.with_size() != 0) return core_.Commit(changes, Durability::kSynced);
  }
  // A hold whose share could not be read is taken back, too.
  if (!core_.index.records().holds.contains(hold)) return NotShared(model_id);
  core_.index.DropHold(hold, changes);
  return core_.Commit(changes, Durability::kSynced);
}

std::vector<ShareInfo> Ledger::Shares() const {
  std::vector<ShareInfo> list;
  absl::MutexLock lock(&core_.mu);
  for (const auto& [model_id, share] : core_.index.records().shares) {
    if (Find(core_.index, model_id) != nullptr) list.push_back(Describe(core_.index, model_id, share));
  }
  return list;
}

std::optional<ShareInfo> Ledger::FindShare(const Digest& model_id) const {
  absl::MutexLock lock(&core_.mu);
  const record::ShareRecord* share = Find(core_.index, model_id);
  if (share == nullptr) return std::nullopt;
  return Describe(core_.index, model_id, *share);
}

absl::StatusOr<StoredModel> Ledger::OpenShared(const Partition& reader, const Digest& model_id,
                                               Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(reader));
  return core_.OpenModel({SharedPartitionId(), model_id}, Digest::Of(absl::string_view(reader)), lease);
}

}  // namespace modeld::storage
