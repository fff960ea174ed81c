#include "storage/recovery.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/status.h"
#include "storage/record_codec.h"

namespace modeld::storage {
namespace {

// Compares each blob that models name with its file; the differences go to `changes`.
absl::Status CheckReferenced(StoreCore& core, Transaction& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  for (const auto& [digest, reference] : core.index.references()) {
    absl::Status file = core.files.CheckSize({digest, reference.size_bytes});
    Health known = core.index.HealthOfBlob(digest);
    if (file.ok()) {
      // A repair whose record was lost; the bytes are hashed when they are first used.
      if (known != Health::kWhole) changes.damage[digest] = std::nullopt;
      continue;
    }
    bool cut = absl::IsDataLoss(file);
    if (!cut && !absl::IsNotFound(file)) return file;
    if (cut) MODELD_RETURN_IF_ERROR(core.files.Quarantine(digest));
    if (known != Health::kWhole && !cut) continue;
    if (known == Health::kWhole) ++core.recovery.blobs_missing;
    record::DamageRecord damage;
    damage.set_wrong_bytes(cut);
    damage.set_found_us(core.NowMicros());
    changes.damage[digest] = damage;
  }
  return absl::OkStatus();
}

// Keeps the uploads whose files are there. Returns the names beneath staging/ that stay.
absl::StatusOr<std::set<std::string>> CheckUploads(StoreCore& core, Transaction& changes)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  std::set<std::string> kept;
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> staged, core.files.ListStaging());
  for (const auto& [id, upload] : core.index.records().uploads) {
    std::string name = BlobFiles::StagingName(id);
    bool here = upload.finished() ? core.files.CheckSize({id.second, upload.size_bytes()}).ok()
                                  : std::binary_search(staged.begin(), staged.end(), name);
    if (!here) {
      ++core.recovery.uploads_dropped;
      changes.uploads[id] = std::nullopt;
    } else if (!upload.finished()) {
      ++core.recovery.uploads_resumable;
      kept.insert(name);
    }
  }
  return kept;
}

// Removes the files that neither a model nor an upload names. What cannot be removed stays for the next
// start.
absl::Status SweepFiles(StoreCore& core, const std::set<std::string>& kept_uploads)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> staged, core.files.ListStaging());
  for (const std::string& name : staged) {
    if (!kept_uploads.contains(name) && core.files.RemoveStaging(name).ok())
      ++core.recovery.orphan_files_removed;
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<BlobFiles::Entry> blobs, core.files.ListBlobs());
  for (const BlobFiles::Entry& entry : blobs) {
    bool needed = entry.digest &&
                  (core.index.References(*entry.digest) > 0 || core.index.HasFinishedUpload(*entry.digest));
    if (!needed && core.files.RemoveEntry(entry).ok()) ++core.recovery.orphan_files_removed;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Recover(StoreCore& core) {
  MODELD_ASSIGN_OR_RETURN(LoadedCatalogue loaded, LoadCatalogue(*core.catalogue));
  MODELD_RETURN_IF_ERROR(core.files.EnsureLayout());
  if (loaded.empty || loaded.older) {
    CatalogueChange schema{SchemaKey(), SchemaValue()};
    MODELD_RETURN_IF_ERROR(core.catalogue->Commit({&schema, 1}, Durability::kSynced));
  }
  core.recovery.unreadable_records = loaded.unreadable.size();
  absl::MutexLock lock(&core.mu);
  core.index = std::move(loaded.index);
  Transaction changes;
  MODELD_RETURN_IF_ERROR(CheckReferenced(core, changes));
  MODELD_ASSIGN_OR_RETURN(std::set<std::string> kept, CheckUploads(core, changes));
  MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kLazy));
  return SweepFiles(core, kept);
}

}  // namespace modeld::storage
