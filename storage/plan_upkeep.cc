#include "storage/plan_upkeep.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/digest_locks.h"

namespace modeld::storage {
namespace {

// Calls `use` with each plan and each of its causes that holds none of the plan's models.
template <typename Use>
void ForEachUnheldCause(const Index& index, Use use) {
  for (const auto& [key, plan] : index.records().plans) {
    for (const std::string& bytes : plan.causes()) {
      absl::StatusOr<Digest> cause = Digest::FromBytes(bytes);
      if (cause.ok() && !index.HoldsModelOf(*cause, plan)) use(key, *cause);
    }
  }
}

void RemoveFile(StoreCore& core, const Digest& key, CollectResult& result, absl::Status& first) {
  DigestLocks::Guard guard(core.digest_locks, key);
  {
    absl::MutexLock lock(&core.mu);
    if (auto plan = core.index.records().plans.find(key); plan != core.index.records().plans.end()) {
      const absl::StatusOr<uint64_t> size = core.plan_files.Size(key);
      const bool replaced =
          absl::IsNotFound(size.status()) || (size.ok() && *size != plan->second.size_bytes());
      if (size.ok() && !replaced) core.plan_candidates.erase(key);  // written again meanwhile
      if (!replaced) return;
      // A file took its name whose record did not come.
      Transaction changes;
      changes.plans[key] = std::nullopt;
      const absl::Status forgotten = core.Commit(changes, Durability::kLazy);
      if (first.ok()) first = forgotten;
      if (!forgotten.ok()) return;
    }
  }
  absl::StatusOr<uint64_t> size = core.plan_files.Size(key);
  absl::Status removed = core.plan_files.Remove(key);
  if (first.ok()) first = removed;
  if (!removed.ok()) return;
  if (size.ok()) result.bytes += *size;
  absl::MutexLock lock(&core.mu);
  core.plan_candidates.erase(key);
  core.plan_mappings.erase(key);
}

}  // namespace

absl::Status RecoverPlans(StoreCore& core) {
  const bool usable = !core.plan_secret.empty() && !core.plan_secret_is_fresh;
  Transaction changes;
  ForEachUnheldCause(core.index, [&](const Digest& key, const PartitionId& cause) {
    core.index.DropCause(key, cause, changes);
  });
  for (const auto& [key, plan] : core.index.records().plans) {
    absl::StatusOr<uint64_t> size = core.plan_files.Size(key);
    if (!usable || !size.ok() || *size != plan.size_bytes() || plan.causes().empty()) {
      changes.plans[key] = std::nullopt;
    }
  }
  MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kLazy));
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> entries, core.plan_files.List());
  for (const BlobFiles::Entry& entry : entries) {
    if (entry.digest && core.index.records().plans.contains(*entry.digest)) continue;
    if (core.files.RemoveEntry(entry).ok()) {
      ++core.recovery.orphan_files_removed;
    } else if (entry.digest) {
      core.plan_candidates.insert(*entry.digest);
    }
  }
  return absl::OkStatus();
}

absl::Status CollectPlans(StoreCore& core, absl::Time now, CollectResult& result) {
  std::set<Digest> candidates;
  absl::Status first;
  {
    absl::MutexLock lock(&core.mu);
    Transaction changes;
    ForEachUnheldCause(core.index, [&](const Digest& key, const PartitionId& cause) {
      auto paid = core.plan_payments.find({cause, key});
      const bool lately =
          paid != core.plan_payments.end() && now - paid->second < core.options.presented_max_age;
      if (!lately) core.index.DropCause(key, cause, changes);
    });
    first = core.Commit(changes, Durability::kLazy);
    absl::erase_if(core.plan_payments, [&](const auto& payment) {
      return now - payment.second >= core.options.presented_max_age;
    });
    candidates = core.plan_candidates;
  }
  for (const Digest& key : candidates) RemoveFile(core, key, result, first);
  return first;
}

absl::Status AuditPlans(StoreCore& core, std::vector<std::string>& problems) {
  for (const auto& [key, plan] : core.index.records().plans) {
    absl::StatusOr<uint64_t> size = core.plan_files.Size(key);
    // A plan that is being written anew has its file before its record.
    const bool judged_later = core.plan_candidates.contains(key);
    if (!judged_later && (!size.ok() || *size != plan.size_bytes())) {
      problems.push_back(absl::StrCat("plan ", key.ToHex(), ": its file is not what its record says"));
    }
    if (plan.causes().empty()) problems.push_back(absl::StrCat("plan ", key.ToHex(), ": nobody caused it"));
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> entries, core.plan_files.List());
  for (const BlobFiles::Entry& entry : entries) {
    if (!entry.digest) {
      problems.push_back("the cache folder: a file among the plans is none");
    } else if (!core.index.records().plans.contains(*entry.digest) &&
               !core.plan_candidates.contains(*entry.digest)) {
      problems.push_back(absl::StrCat("plan ", entry.digest->ToHex(), ": its file has no record"));
    }
  }
  return absl::OkStatus();
}

}  // namespace modeld::storage
