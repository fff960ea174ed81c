// Uploads as their owners and the user see them, and how the user removes them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/integrity.h"
#include "storage/store_core.h"
#include "storage/text_rules.h"
#include "storage/upload.h"

namespace modeld::storage {
namespace {

// A claimed upload stands among the open ones: nobody resumes it, and the collector leaves it alone.
using Claimed = std::vector<Owned>;

// Whether a session holds the blob for the partition.
bool IsLeased(const StoreCore& core, const Owned& id) ABSL_SHARED_LOCKS_REQUIRED(core.mu) {
  return std::any_of(core.leases.begin(), core.leases.end(),
                     [&](const auto& lease) { return lease.second.contains(id); });
}

// Removes records, then files, of uploads that were claimed, and ends the claim.
absl::Status RemoveClaimed(StoreCore& core, const Claimed& claimed) ABSL_LOCKS_EXCLUDED(core.mu) {
  absl::Status committed;
  {
    absl::MutexLock lock(&core.mu);
    Transaction changes;
    for (const Owned& id : claimed) {
      if (core.index.records().uploads.contains(id)) changes.uploads[id] = std::nullopt;
    }
    committed = core.Commit(changes, Durability::kSynced);
  }
  for (const Owned& id : claimed) {
    // What stays is a stray file, which the collector removes.
    if (committed.ok()) core.files.RemoveStaging(BlobFiles::StagingName(id)).IgnoreError();
  }
  absl::MutexLock lock(&core.mu);
  for (const Owned& id : claimed) core.open_uploads.erase(id);
  return committed;
}

}  // namespace

absl::StatusOr<UploadState> Integrity::StateOf(const Partition& partition, const BlobRef& blob,
                                               Lease& lease) {
  MODELD_RETURN_IF_ERROR(CheckPartition(partition));
  const Owned id(Digest::Of(absl::string_view(partition)), blob.digest);
  MODELD_ASSIGN_OR_RETURN(const std::vector<BlobRef> missing, core_.FindMissing(id.first, {&blob, 1}, lease));
  if (missing.empty()) return UploadState{blob.size_bytes, true, {}};
  const uint64_t chunk_bytes = core_.options.digest_chunk_bytes;
  ChunkMap map(blob.size_bytes, chunk_bytes);
  absl::MutexLock lock(&core_.mu);
  auto upload = core_.index.records().uploads.find(id);
  const bool resumable = upload != core_.index.records().uploads.end() && !upload->second.finished() &&
                         upload->second.size_bytes() == blob.size_bytes;
  if (resumable) map = DurableOf(upload->second, chunk_bytes);
  const Mendable mendable = FindMendable(core_, id.first, blob, lease);
  if (!mendable.digests.empty()) {
    map.HoldBits(mendable.right.bits());
    if (!map.is_prefix()) map.Empty();  // as OpenUpload() does
  }
  UploadState state{map.held_bytes(), false, map.missing()};
  const auto sending = core_.sending.find(id);
  state.open = sending != core_.sending.end();
  if (state.open) {
    state.last_bytes = sending->second.last_bytes;
  } else if (resumable) {
    state.last_bytes = absl::FromUnixMicros(upload->second.touched_us());
  }
  return state;
}

absl::StatusOr<uint64_t> Integrity::DeleteUpload(const Digest& blob) {
  Claimed claimed;
  uint64_t freed = 0;
  {
    absl::MutexLock lock(&core_.mu);
    for (const auto& [id, upload] : core_.index.records().uploads) {
      if (id.second != blob) continue;
      if (core_.open_uploads.contains(id) || IsLeased(core_, id)) {
        return absl::FailedPreconditionError(
            absl::StrCat(BlobName(blob), ": a session is sending it or holds it"));
      }
      if (!upload.finished()) freed += upload.durable_bytes();
      claimed.push_back(id);
    }
    if (claimed.empty())
      return absl::NotFoundError(absl::StrCat(BlobName(blob), ": there is no upload of it"));
    core_.open_uploads.insert(claimed.begin(), claimed.end());
  }
  MODELD_RETURN_IF_ERROR(RemoveClaimed(core_, claimed));
  // A finished upload's file goes at the next collection, unless a model names it.
  absl::MutexLock lock(&core_.mu);
  const absl::StatusOr<FileInfo> file = core_.files.cache().Stat(BlobFiles::BlobPath(blob));
  if (file.ok() && core_.IsGarbage(blob)) freed += file->size_bytes;
  return freed;
}

absl::StatusOr<std::vector<StagedInfo>> Integrity::PrunePartials(const PartialFilter& filter) {
  std::vector<StagedInfo> chosen;
  Claimed claimed;
  {
    absl::MutexLock lock(&core_.mu);
    const absl::Time now = core_.clock.Now();
    for (const auto& [id, upload] : core_.index.records().uploads) {
      if (upload.finished() || core_.open_uploads.contains(id)) continue;
      const StagedInfo info = core_.Describe(id, upload);
      if (filter.partition && *filter.partition != info.partition) continue;
      if (now - info.touched < filter.older_than) continue;
      chosen.push_back(info);
      claimed.push_back(id);
    }
    if (filter.dry_run || claimed.empty()) return chosen;
    core_.open_uploads.insert(claimed.begin(), claimed.end());
  }
  MODELD_RETURN_IF_ERROR(RemoveClaimed(core_, claimed));
  return chosen;
}

}  // namespace modeld::storage
