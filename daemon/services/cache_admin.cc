#include "daemon/services/cache_admin.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/units.h"
#include "daemon/services/cache_messages.h"
#include "daemon/services/errors.h"
#include "policy/transfer.h"
#include "storage/integrity.h"
#include "storage/plan_store.h"
#include "storage/space.h"

namespace modeld {
namespace {

using Entry = v1::ListCacheResponse::Entry;

std::optional<std::string> OnlyOf(const std::string& partition) {
  return partition.empty() ? std::nullopt : std::optional(partition);
}

// Whether a plan is one partition's alone.
bool CausedOnlyBy(const storage::PlanInfo& plan, const std::string& partition) {
  return plan.causes.size() == 1 && plan.causes[0] == Digest::Of(partition);
}

// Whether pruning takes what was last used then.
bool OldEnough(absl::Time last_used, int64_t older_than_seconds, absl::Time now) {
  return older_than_seconds == 0 || now - last_used > absl::Seconds(older_than_seconds);
}

void AddFreed(uint64_t bytes, v1::PruneResponse& response) {
  response.set_freed_bytes(response.freed_bytes() + bytes);
}

}  // namespace

std::vector<CacheAdmin::Held> CacheAdmin::ModelsOf(const std::string& partition) const {
  std::vector<Held> models;
  std::map<std::string, storage::PartitionSnapshot> snapshots;
  for (const storage::ModelInfo& info : store_.ListModels(OnlyOf(partition))) {
    auto [snapshot, fresh] = snapshots.try_emplace(info.partition);
    if (fresh) snapshot->second = store_.space().Snapshot(info.partition);
    // Null for what came or went between the two looks.
    const storage::HeldModel* held = FindHeld(snapshot->second, info.model_id);
    models.push_back({{info.partition, info.model_id}, info.last_used, ModelEntry(info, held)});
  }
  return models;
}

void CacheAdmin::ListPlans(const std::string& partition, std::vector<Entry>& entries) const {
  for (const storage::PlanInfo& plan : store_.plans().List()) {
    if (partition.empty() || CausedOnlyBy(plan, partition)) entries.push_back(PlanEntry(plan));
  }
}

CacheAdmin::Entry CacheAdmin::PartialOf(const storage::StagedInfo& staged) const {
  const policy::Transfer transfer{
      .complete = staged.finished, .open = staged.open, .last_bytes = staged.last_bytes};
  return PartialEntry(staged, policy::JudgeTransfer(transfer, stall_after_, clock_.Now()));
}

void CacheAdmin::ListPartials(const std::string& partition, std::vector<Entry>& entries) const {
  for (const storage::StagedInfo& staged : store_.ListStaged()) {
    if (partition.empty() || staged.partition == partition) entries.push_back(PartialOf(staged));
  }
}

absl::StatusOr<v1::ListCacheResponse> CacheAdmin::List(const std::string& partition) const {
  MODELD_RETURN_IF_ERROR(CheckPartitionField(partition));
  std::vector<Entry> entries;
  for (Held& model : ModelsOf(partition)) entries.push_back(std::move(model.entry));
  ListPlans(partition, entries);
  ListPartials(partition, entries);
  if (partition.empty()) {
    auto quarantined = store_.ListQuarantined();
    if (!quarantined.ok()) return FromStorage(quarantined.status());
    for (const storage::QuarantinedInfo& file : *quarantined) entries.push_back(QuarantinedEntry(file));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::forward_as_tuple(a.kind(), a.partition(), a.id()) <
           std::forward_as_tuple(b.kind(), b.partition(), b.id());
  });
  v1::ListCacheResponse response;
  for (Entry& entry : entries) *response.add_entries() = std::move(entry);
  return response;
}

absl::StatusOr<v1::GetUsageResponse> CacheAdmin::Usage() const {
  const auto usage = store_.space().Usage();
  if (!usage.ok()) return FromStorage(usage.status());
  return UsageMessage(*usage);
}

absl::StatusOr<v1::PruneResponse> CacheAdmin::Prune(const v1::PruneRequest& request) {
  MODELD_RETURN_IF_ERROR(CheckPartitionField(request.partition()));
  if (request.older_than_seconds() < 0) {
    return BadField("older_than_seconds", absl::StrCat("is ", request.older_than_seconds()));
  }
  v1::PruneResponse response;
  MODELD_RETURN_IF_ERROR(PrunePartials(request, response));
  if (!request.partial()) {
    MODELD_RETURN_IF_ERROR(PrunePlans(request, response));
    MODELD_RETURN_IF_ERROR(PruneModels(request, response));
  }
  // Only sooner than the next upkeep would; what fails here is tried again there.
  if (!request.dry_run()) store_.Collect(clock_.Now()).status().IgnoreError();
  return response;
}

absl::Status CacheAdmin::PrunePartials(const v1::PruneRequest& request, v1::PruneResponse& response) {
  storage::PartialFilter filter;
  filter.older_than = absl::Seconds(request.older_than_seconds());
  filter.partition = OnlyOf(request.partition());
  filter.dry_run = request.dry_run();
  auto removed = store_.integrity().PrunePartials(filter);
  if (!removed.ok()) return FromStorage(removed.status());
  for (const storage::StagedInfo& staged : *removed) {
    *response.add_removed() = PartialOf(staged);
    AddFreed(staged.committed_bytes, response);
  }
  return absl::OkStatus();
}

absl::Status CacheAdmin::PrunePlans(const v1::PruneRequest& request, v1::PruneResponse& response) {
  for (const storage::PlanInfo& plan : store_.plans().List()) {
    if (!request.partition().empty() && !CausedOnlyBy(plan, request.partition())) continue;
    if (plan.mapped || !OldEnough(plan.last_used, request.older_than_seconds(), clock_.Now())) continue;
    if (!request.dry_run()) {
      const absl::Status status = store_.plans().Remove(plan.key);
      if (!status.ok()) return FromStorage(status);
    }
    *response.add_removed() = PlanEntry(plan);
    AddFreed(plan.size_bytes, response);
  }
  return absl::OkStatus();
}

absl::Status CacheAdmin::PruneModels(const v1::PruneRequest& request, v1::PruneResponse& response) {
  const absl::Time now = clock_.Now();
  std::vector<Held> models = ModelsOf(request.partition());
  std::erase_if(models, [&](const Held& model) {
    return model.name.partition == storage::kSharedPartition || model.entry.pinned() ||
           model.entry.in_use() || !OldEnough(model.last_used, request.older_than_seconds(), now);
  });
  if (request.dry_run()) {
    std::vector<storage::HoldName> names;
    for (const Held& model : models) names.push_back(model.name);
    AddFreed(store_.FreedBy(names), response);
  }
  for (Held& model : models) {
    if (!request.dry_run()) {
      // What it alone names now that the ones before it have gone.
      const uint64_t freed = store_.FreedBy({&model.name, 1});
      const absl::Duration age = absl::Trunc(now - model.last_used, absl::Seconds(1));
      auto evicted =
          store_.space().Evict(model.name.partition, model.name.model_id, "pruned",
                               absl::StrCat("Pruned by the user: ", HumanBytes(model.entry.size_bytes()),
                                            ", last used ", absl::FormatDuration(age), " before."));
      if (!evicted.ok()) return FromStorage(evicted.status());
      if (!*evicted) continue;
      // A program that stays in memory for a while maps the files.
      programs_.Drop(model.name.model_id);
      AddFreed(freed, response);
    }
    *response.add_removed() = std::move(model.entry);
  }
  return absl::OkStatus();
}

absl::Status CacheAdmin::SetWish(const Digest& model_id, std::optional<bool> pinned,
                                 std::optional<v1::Priority> priority) {
  std::optional<int> rank;
  if (priority) {
    if (!v1::Priority_IsValid(*priority)) {
      return BadField("priority", absl::StrCat("is ", static_cast<int>(*priority), ", which is none"));
    }
    rank = PriorityNumber(*priority);
  }
  return FromStorage(store_.space().SetWish(model_id, pinned, rank));
}

absl::Status CacheAdmin::SetLimits(const std::string& partition, const v1::PartitionLimits& limits) {
  if (partition.empty()) return BadField("partition", "is empty");
  MODELD_RETURN_IF_ERROR(CheckPartitionField(partition));
  storage::PartitionLimits stored;
  if (limits.has_quota_bytes()) stored.quota_bytes = limits.quota_bytes();
  if (limits.has_keep_at_most()) stored.keep_at_most = limits.keep_at_most();
  if (limits.has_max_age_seconds()) {
    if (limits.max_age_seconds() <= 0) {
      return BadField("max_age_seconds", absl::StrCat("is ", limits.max_age_seconds(), ", must be above 0"));
    }
    stored.max_age = absl::Seconds(limits.max_age_seconds());
  }
  MODELD_RETURN_IF_ERROR(FromStorage(store_.space().SetLimits(partition, stored)));
  // The user need not wait for the next upkeep to see what a bound does.
  space_.Wake();
  return absl::OkStatus();
}

absl::StatusOr<v1::WhyResponse> CacheAdmin::Why(const Digest& model_id) const {
  v1::WhyResponse response;
  for (const storage::Decision& decision : store_.space().DecisionsOf(model_id)) {
    auto& message = *response.add_decisions();
    message.set_at(absl::ToUnixSeconds(decision.at));
    message.set_what(decision.what);
    message.set_partition(decision.partition);
    message.set_text(decision.text);
  }
  for (std::string& sentence : space_.Outlook(model_id)) response.add_now(std::move(sentence));
  if (response.decisions().empty() && response.now().empty()) return ModelNotFound();
  return response;
}

}  // namespace modeld
