// What removes bytes that nobody needs any more.
#include "base/status.h"
#include "storage/model_store.h"
#include "storage/plan_upkeep.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// Keeps the first error.
void Note(absl::Status& first, const absl::Status& status) {
  if (first.ok()) first = status;
}

// Takes the uploads that have aged out as open, so that nobody resumes them meanwhile.
std::vector<Owned> ClaimExpired(StoreCore& core, absl::Time now) ABSL_LOCKS_EXCLUDED(core.mu) {
  std::vector<Owned> expired;
  absl::MutexLock lock(&core.mu);
  for (const auto& [id, upload] : core.index.records().uploads) {
    absl::Duration limit = upload.finished() ? core.options.presented_max_age : core.options.staged_max_age;
    if (now - absl::FromUnixMicros(upload.touched_us()) < limit) continue;
    // A finished upload serves the sessions that hold the blob, too: it ages from their end on.
    if (core.open_uploads.contains(id) || (upload.finished() && core.pins.contains(id.second))) continue;
    core.open_uploads.insert(id);
    expired.push_back(id);
  }
  return expired;
}

void RemoveExpired(StoreCore& core, absl::Time now, CollectResult& result, absl::Status& first) {
  for (const Owned& id : ClaimExpired(core, now)) {
    absl::Status removed = core.files.RemoveStaging(BlobFiles::StagingName(id));
    Note(first, removed);
    absl::MutexLock lock(&core.mu);
    core.open_uploads.erase(id);
    if (!removed.ok()) continue;
    auto upload = core.index.records().uploads.find(id);
    if (upload == core.index.records().uploads.end()) continue;
    uint64_t bytes = upload->second.finished() ? 0 : upload->second.durable_bytes();
    Transaction changes;
    changes.uploads[id] = std::nullopt;
    absl::Status committed = core.Commit(changes, Durability::kLazy);
    Note(first, committed);
    if (!committed.ok()) continue;
    ++result.uploads;
    result.bytes += bytes;
  }
}

// Removes files beneath staging/ that nothing names (a failed call could not), and records of unfinished
// uploads whose files are gone.
void SweepStaging(StoreCore& core, CollectResult& result, absl::Status& first) {
  absl::StatusOr<std::vector<std::string>> listed = core.files.ListStaging();
  if (absl::IsNotFound(listed.status())) listed = std::vector<std::string>();  // wiped
  Note(first, listed.status());
  if (!listed.ok()) return;
  std::set<std::string> unnamed(listed->begin(), listed->end());
  // Under mu to the end: nobody may begin to use a name meanwhile.
  absl::MutexLock lock(&core.mu);
  for (const std::string& name : core.live_temps) unnamed.erase(name);
  for (const Owned& id : core.open_uploads) unnamed.erase(BlobFiles::StagingName(id));
  Transaction changes;
  for (const auto& [id, upload] : core.index.records().uploads) {
    if (upload.finished() || core.open_uploads.contains(id)) continue;
    std::string name = BlobFiles::StagingName(id);
    if (unnamed.erase(name) == 0 && absl::IsNotFound(core.files.StatStaging(name).status())) {
      changes.uploads[id] = std::nullopt;
    }
  }
  Note(first, core.Commit(changes, Durability::kLazy));
  for (const std::string& name : unnamed) {
    absl::StatusOr<FileInfo> info = core.files.StatStaging(name);
    absl::Status removed = core.files.RemoveStaging(name);
    Note(first, removed);
    if (removed.ok() && info.ok()) result.bytes += info->size_bytes;
  }
}

// Removes a candidate's file unless something keeps it.
void RemoveCandidate(StoreCore& core, const Digest& blob, CollectResult& result, absl::Status& first) {
  DigestLocks::Guard guard(core.digest_locks, blob);
  {
    absl::MutexLock lock(&core.mu);
    if (!core.IsGarbage(blob)) {
      // Whatever else keeps it makes it a candidate again when it goes; a mapping that lives cannot.
      auto mapping = core.mappings.find(blob);
      bool mapped = mapping != core.mappings.end() && !mapping->second.owner.expired();
      if (!mapped) core.candidates.erase(blob);
      return;
    }
    // Nobody sees the blob now, and only an upload, which waits for the digest's lock, could bring it back.
    core.verified.erase(blob);
    core.mappings.erase(blob);
  }
  absl::StatusOr<FileInfo> info = core.files.cache().Stat(BlobFiles::BlobPath(blob));
  absl::Status removed = core.files.RemoveBlob(blob);
  Note(first, removed);
  if (!removed.ok()) return;
  if (info.ok()) {
    ++result.blobs;
    result.bytes += info->size_bytes;
  }
  absl::MutexLock lock(&core.mu);
  core.candidates.erase(blob);
  Transaction changes;
  if (core.index.HealthOfBlob(blob) != Health::kWhole) changes.damage[blob] = std::nullopt;
  if (core.index.records().chunks.contains(blob)) changes.chunks[blob] = std::nullopt;
  Note(first, core.Commit(changes, Durability::kLazy));
}

// Looks again at blobs whose marks could not be written.
absl::Status MarkAgain(StoreCore& core) {
  std::vector<BlobRef> unmarked;
  {
    absl::MutexLock lock(&core.mu);
    std::erase_if(core.unmarked, [&](const auto& blob)
                                     ABSL_NO_THREAD_SAFETY_ANALYSIS { return core.IsGarbage(blob.first); });
    for (const auto& [digest, size] : core.unmarked) unmarked.push_back({digest, size});
  }
  return core.VerifyEach(unmarked);
}

// A quarantined file is of use while its blob is damaged.
void CleanQuarantine(StoreCore& core, CollectResult& result, absl::Status& first) {
  absl::StatusOr<std::vector<BlobFiles::Entry>> entries = core.files.ListQuarantine();
  if (absl::IsNotFound(entries.status())) return;  // wiped; the next upload makes it again
  Note(first, entries.status());
  if (!entries.ok()) return;
  for (const BlobFiles::Entry& entry : *entries) {
    if (entry.digest) {
      absl::MutexLock lock(&core.mu);
      if (core.index.HealthOfBlob(*entry.digest) == Health::kDamaged) continue;
    }
    absl::StatusOr<FileInfo> info = core.files.cache().Stat(entry.path);
    absl::Status removed = core.files.RemoveEntry(entry);
    Note(first, removed);
    if (removed.ok() && info.ok()) result.bytes += info->size_bytes;
  }
}

// Forgets partitions that hold nothing, and writes the last uses.
void TidyRecords(StoreCore& core, absl::Status& first) {
  absl::MutexLock lock(&core.mu);
  Transaction changes;
  for (const auto& [id, partition] : core.index.records().partitions) {
    if (!core.index.InUse(id)) changes.partitions[id] = std::nullopt;
  }
  Note(first, core.Commit(changes, Durability::kLazy));
  Note(first, core.FlushUses());
}

}  // namespace

absl::StatusOr<CollectResult> ModelStore::Collect(absl::Time now) {
  CollectResult result;
  absl::Status first;
  RemoveExpired(*core_, now, result, first);
  SweepStaging(*core_, result, first);
  Note(first, MarkAgain(*core_));
  std::set<Digest> candidates;
  {
    absl::MutexLock lock(&core_->mu);
    candidates = core_->candidates;
  }
  for (const Digest& blob : candidates) RemoveCandidate(*core_, blob, result, first);
  CleanQuarantine(*core_, result, first);
  Note(first, core_->files.RemoveSpent());
  Note(first, CollectPlans(*core_, now, result));
  TidyRecords(*core_, first);
  MODELD_RETURN_IF_ERROR(first);
  return result;
}

}  // namespace modeld::storage
