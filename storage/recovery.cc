#include "storage/recovery.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/status.h"
#include "storage/move.h"
#include "storage/plan_upkeep.h"
#include "storage/record_codec.h"
#include "storage/salvage.h"
#include "storage/upload.h"

namespace modeld::storage {
namespace {

// Moves a blob's file to quarantine and tells which of its chunks are right.
std::string SetAside(StoreCore& core, const BlobRef& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const bool moved = core.files.Quarantine(blob.digest).ok();
  auto chunks = core.index.records().chunks.find(blob.digest);
  if (chunks == core.index.records().chunks.end()) return "";
  const uint64_t chunk_bytes = core.options.digest_chunk_bytes;
  return RightBits(core.files.cache(),
                   moved ? BlobFiles::QuarantinePath(blob.digest) : BlobFiles::BlobPath(blob.digest),
                   blob.size_bytes, chunk_bytes, ChunksOf(chunks->second, blob.size_bytes, chunk_bytes));
}

// Compares each blob that models name with its file; the differences go to `changes`.
absl::Status CheckReferenced(StoreCore& core, Transaction& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  for (const auto& [digest, reference] : core.index.references()) {
    absl::Status file = core.files.CheckSize({digest, reference.size_bytes});
    Health known = core.index.HealthOfBlob(digest);
    if (file.ok()) {
      // A repair whose record was lost; the bytes are hashed when they are first used.
      const bool repaired = known != Health::kWhole && core.files.SyncName(digest).ok();
      if (repaired) changes.damage[digest] = std::nullopt;
      continue;
    }
    bool cut = absl::IsDataLoss(file);
    // One file that cannot be looked at must not keep the others from being used; its first use tells.
    if (!cut && !absl::IsNotFound(file)) continue;
    if (known != Health::kWhole && !cut) continue;
    if (known == Health::kWhole) ++core.recovery.blobs_missing;
    record::DamageRecord damage;
    damage.set_wrong_bytes(cut);
    damage.set_found_us(core.NowMicros());
    if (cut) damage.set_right_chunks(SetAside(core, {digest, reference.size_bytes}));
    changes.damage[digest] = damage;
  }
  return absl::OkStatus();
}

// What came after the last sync and was not lost: whole chunks whose digests the client gave are known to be
// right. Syncs and notes them.
void ExtendUpload(StoreCore& core, const Owned& id, const record::UploadRecord& upload, Transaction& changes)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  const std::vector<Digest> digests = SplitDigests(upload.chunk_digests());
  ChunkMap durable = DurableOf(upload, core.options.digest_chunk_bytes);
  if (digests.size() != durable.count() || durable.complete()) return;
  const std::string path = BlobFiles::StagingPath(BlobFiles::StagingName(id));
  absl::StatusOr<std::unique_ptr<File>> file = core.files.cache().Open(path, FileSystem::Access::kReadWrite);
  if (!file.ok()) return;
  const uint64_t before = durable.whole_bytes();
  std::vector<std::byte> buffer;
  while (!durable.complete()) {
    const uint64_t index = durable.next();
    if (!ReadRightChunk(**file, durable.range(index), digests[index], buffer)) break;
    durable.Hold(index);
  }
  if (durable.whole_bytes() == before || !(*file)->Sync().ok()) return;
  record::UploadRecord extended = upload;
  SetDurable(durable, extended);
  changes.uploads[id] = std::move(extended);
}

// Forgets the chunks of blobs that nothing names any more.
void DropChunks(StoreCore& core, Transaction& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  for (const auto& [digest, chunks] : core.index.records().chunks) {
    const bool named = core.index.References(digest) > 0 || core.index.HasFinishedUpload(digest);
    if (!named) changes.chunks[digest] = std::nullopt;
  }
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
      ExtendUpload(core, id, upload, changes);
    }
  }
  return kept;
}

// Removes the files that neither a model nor an upload names. What cannot be removed stays for the collector;
// what is no file of ours, for the next start.
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
    if (needed) continue;
    if (core.files.RemoveEntry(entry).ok()) {
      ++core.recovery.orphan_files_removed;
    } else if (entry.digest) {
      core.candidates.insert(*entry.digest);
    }
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
  MODELD_RETURN_IF_ERROR(CompleteMove(core));
  Transaction changes;
  MODELD_RETURN_IF_ERROR(CheckReferenced(core, changes));
  MODELD_ASSIGN_OR_RETURN(std::set<std::string> kept, CheckUploads(core, changes));
  DropChunks(core, changes);
  MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kLazy));
  MODELD_RETURN_IF_ERROR(SweepFiles(core, kept));
  return RecoverPlans(core);
}

}  // namespace modeld::storage
