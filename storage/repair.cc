// How catalogue, memory and files are made to agree again.
#include <algorithm>
#include <set>
#include <utility>

#include "base/status.h"
#include "storage/audit.h"
#include "storage/plan_store.h"
#include "storage/record_codec.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// Keeps the first error.
void Note(absl::Status& first, const absl::Status& status) {
  if (first.ok()) first = status;
}

// What stands in for an unreadable record in memory goes to the database; records that nothing stands in for
// go.
absl::Status ReplaceUnreadable(StoreCore& core, const LoadedCatalogue& loaded)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  if (loaded.unreadable.empty()) return absl::OkStatus();
  const std::map<std::string, std::string> standing_in = EncodedRecords(loaded.index);
  std::vector<CatalogueChange> changes;
  for (const std::string& key : loaded.unreadable) {
    auto found = standing_in.find(key);
    changes.push_back({key, found == standing_in.end() ? std::nullopt : std::optional(found->second)});
  }
  return core.catalogue->Commit(changes, Durability::kSynced);
}

absl::Status MendCatalogue(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  // First what memory alone knows.
  MODELD_RETURN_IF_ERROR(core.FlushUses());
  MODELD_ASSIGN_OR_RETURN(LoadedCatalogue loaded, LoadCatalogue(*core.catalogue));
  MODELD_RETURN_IF_ERROR(ReplaceUnreadable(core, loaded));
  const bool differs = Comparable(loaded.index) != Comparable(core.index) || !core.index.Recount().empty();
  if (differs) core.index = std::move(loaded.index);
  return absl::OkStatus();
}

// Keys and models that nobody holds go; a hold that lost its reason stays, for the user to see.
absl::Status MendRecords(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::MutexLock lock(&core.mu);
  const auto& records = core.index.records();
  Transaction changes;
  for (const auto& [id, key] : records.keys) {
    const absl::StatusOr<Digest> model = Digest::FromBytes(key.model_id());
    if (!model.ok() || !records.holds.contains({id.first, *model})) changes.keys[id] = std::nullopt;
  }
  for (const auto& [id, hold] : records.holds) {
    if (hold.stored_by_id() || !core.index.KeysOf(id.first, id.second).empty()) continue;
    record::HoldRecord kept = hold;
    kept.set_stored_by_id(true);
    changes.holds[id] = kept;
  }
  for (const auto& [id, model] : records.models) {
    if (core.index.Holders(id) == 0) changes.models[id] = std::nullopt;
  }
  return core.Commit(changes, Durability::kSynced);
}

// A mark without need and a need without mark both end in a look at the file.
absl::Status MendReferences(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  std::vector<BlobRef> doubtful;
  {
    absl::MutexLock lock(&core.mu);
    for (const auto& [digest, reference] : core.index.references()) {
      const BlobRef blob{digest, reference.size_bytes};
      const bool marked = core.index.HealthOfBlob(digest) != Health::kWhole;
      if (core.files.CheckSize(blob).ok() == marked) doubtful.push_back(blob);
    }
  }
  return core.VerifyEach(doubtful);
}

absl::Status MendBlobFiles(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<BlobFiles::Entry> blobs, core.files.ListBlobs());
  absl::Status first;
  absl::MutexLock lock(&core.mu);
  for (const BlobFiles::Entry& entry : blobs) {
    if (!entry.digest) {
      Note(first, core.files.RemoveEntry(entry));
    } else if (core.IsGarbage(*entry.digest)) {
      core.candidates.insert(*entry.digest);
    }
  }
  return first;
}

absl::Status MendStaging(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  // Under mu to the end: nobody may begin to use a name meanwhile.
  absl::MutexLock lock(&core.mu);
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> listed, core.files.ListStaging());
  std::set<std::string> unnamed(listed.begin(), listed.end());
  for (const std::string& name : core.live_temps) unnamed.erase(name);
  for (const Owned& id : core.open_uploads) unnamed.erase(BlobFiles::StagingName(id));
  Transaction changes;
  for (const auto& [id, upload] : core.index.records().uploads) {
    if (core.open_uploads.contains(id)) continue;
    if (upload.finished()) {
      const bool here = core.files.CheckSize({id.second, upload.size_bytes()}).ok();
      if (!here && core.index.HealthOfBlob(id.second) == Health::kWhole) changes.uploads[id] = std::nullopt;
    } else if (unnamed.erase(BlobFiles::StagingName(id)) == 0) {
      changes.uploads[id] = std::nullopt;
    }
  }
  absl::Status first = core.Commit(changes, Durability::kSynced);
  for (const std::string& name : unnamed) Note(first, core.files.RemoveStaging(name));
  return first;
}

absl::Status MendPlans(StoreCore& core) ABSL_LOCKS_EXCLUDED(core.mu) {
  std::vector<Digest> broken;
  {
    absl::MutexLock lock(&core.mu);
    for (const auto& [key, plan] : core.index.records().plans) {
      const absl::StatusOr<uint64_t> size = core.plan_files.Size(key);
      if (!size.ok() || *size != plan.size_bytes() || plan.causes().empty()) broken.push_back(key);
    }
  }
  absl::Status first;
  PlanStore plans(core);
  for (const Digest& key : broken) Note(first, plans.Remove(key));
  MODELD_ASSIGN_OR_RETURN(const std::vector<BlobFiles::Entry> entries, core.plan_files.List());
  absl::MutexLock lock(&core.mu);
  for (const BlobFiles::Entry& entry : entries) {
    if (!entry.digest) {
      Note(first, core.files.RemoveEntry(entry));
    } else if (!core.index.records().plans.contains(*entry.digest)) {
      core.plan_candidates.insert(*entry.digest);
    }
  }
  return first;
}

}  // namespace

absl::Status Repair(StoreCore& core) {
  absl::Status first = MendCatalogue(core);
  Note(first, MendRecords(core));
  Note(first, MendReferences(core));
  Note(first, MendBlobFiles(core));
  Note(first, MendStaging(core));
  Note(first, MendPlans(core));
  return first;
}

}  // namespace modeld::storage
