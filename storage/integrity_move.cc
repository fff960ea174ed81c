// Moving the cache folder: copying while the store is in use, and completing that at the next start.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/integrity.h"
#include "storage/move.h"
#include "storage/move_files.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

// Whether one path is the other, or lies beneath it.
bool Overlap(absl::string_view a, absl::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return absl::StartsWith(b, a) && (a.size() == b.size() || b[a.size()] == '/' || a == "/");
}

absl::Status CheckDirectory(const StoreOptions& options, const std::string& directory) {
  const auto wrong = [](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("directory: ", why));
  };
  const bool plain = absl::StartsWith(directory, "/") && directory.size() > 1 && directory.back() != '/' &&
                     !absl::StrContains(directory, "//") && !absl::StrContains(directory + "/", "/../") &&
                     !absl::StrContains(directory + "/", "/./") && !absl::StrContains(directory, '\0');
  if (!plain) return wrong("must be an absolute path without \".\", \"..\" or a slash at its end");
  if (Overlap(directory, options.cache_dir) || Overlap(directory, options.state_dir)) {
    return wrong("must lie outside of the cache folder and the state folder, and not contain them");
  }
  return absl::OkStatus();
}

// Every blob that a model names is in the cache folder.
bool HasAllBlobs(const StoreCore& core) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  for (const auto& [digest, reference] : core.index.references()) {
    if (!core.files.CheckSize({digest, reference.size_bytes}).ok()) return false;
  }
  return true;
}

// Brings over what the cache folder lacks and empties the old one. False: something is to be done yet.
bool TakeOver(StoreCore& core, FileSystem& old) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu) {
  FileSystem& cache = core.files.cache();
  // A disk that is not mounted looks like this, too, and an old folder that is removed already.
  if (!IsCacheFolder(old)) return HasAllBlobs(core);
  const absl::StatusOr<std::unique_ptr<FileLock>> lock = LockCacheFolder(old);
  if (!lock.ok()) return false;
  const absl::StatusOr<std::vector<MovedFile>> files = FilesIn(old, kCacheParts);
  if (!files.ok()) return false;
  for (const MovedFile& file : *files) {
    if (BlobFiles::IsSpent(file.path)) continue;
    // An upload that went on in the new folder is ahead of the old one.
    const bool staged = absl::StartsWith(file.path, "staging/");
    if (staged ? cache.Stat(file.path).ok() : IsThere(cache, file)) continue;
    const absl::Status copied = CopyFile(old, cache, file.path, [](uint64_t) { return true; });
    ++(copied.ok() ? core.recovery.files_moved : core.recovery.files_not_moved);
  }
  // From here on the new folder has everything, durably.
  return core.recovery.files_not_moved == 0 && RemoveCacheFolder(old, *files);
}

}  // namespace

absl::Status Integrity::Move(const std::string& directory,
                             const std::function<bool(const MoveProgress&)>& report) {
  MODELD_RETURN_IF_ERROR(CheckDirectory(core_.options, directory));
  const std::shared_ptr<FileSystem> target = OpenFolder(core_.options, directory, "the new cache folder");
  MODELD_ASSIGN_OR_RETURN(MoveTarget taken, MoveTarget::Take(*target, core_.options));
  FileSystem& source = core_.files.cache();
  // Uploads and quarantined files change or are few: they are brought over at the next start.
  MODELD_ASSIGN_OR_RETURN(std::vector<MovedFile> files,
                          FilesIn(source, std::vector<std::string>{"blobs", "plans"}));
  std::erase_if(files, [](const MovedFile& file) { return BlobFiles::IsSpent(file.path); });
  MoveProgress progress;
  uint64_t needed = 0;
  for (const MovedFile& file : files) {
    progress.total_bytes += file.size_bytes;
    if (!IsThere(*target, file)) needed += file.size_bytes;
  }
  const absl::StatusOr<uint64_t> free_bytes = target->FreeBytes();
  if (!free_bytes.ok() || needed > *free_bytes) {
    taken.GiveBack();
    MODELD_RETURN_IF_ERROR(free_bytes.status());
    return absl::ResourceExhaustedError(
        absl::StrCat("directory: has ", *free_bytes, " bytes of room, the cache needs ", needed));
  }
  MODELD_RETURN_IF_ERROR(Annotate(taken.Mark(), "directory"));
  {
    absl::MutexLock hold(&core_.mu);
    record::MoveRecord move;
    move.set_from(core_.options.cache_dir);
    move.set_to(directory);
    move.set_begun_us(core_.NowMicros());
    Transaction changes;
    changes.moves[0] = move;
    MODELD_RETURN_IF_ERROR(core_.Commit(changes, Durability::kSynced));
  }
  MODELD_RETURN_IF_ERROR(BlobFiles(target).EnsureLayout());
  const absl::Status cancelled = absl::CancelledError("the move was stopped; it can be taken up again");
  if (!report(progress)) return cancelled;
  for (const MovedFile& file : files) {
    // A file that proves wrong is read and then copied, one that grew has more: the bar waits for the others.
    uint64_t handled = 0;
    const auto on = [&](uint64_t bytes) {
      handled = std::min(handled + bytes, file.size_bytes);
      return report({progress.copied_bytes + handled, progress.total_bytes});
    };
    const absl::StatusOr<bool> copied = IsCopied(*target, file, on);
    const absl::Status done =
        copied.ok() && !*copied ? CopyFile(source, *target, file.path, on) : copied.status();
    if (absl::IsAborted(done)) return cancelled;
    // What went, or cannot be read just now, is looked at again at the next start.
    const bool from_target = absl::IsResourceExhausted(done) || absl::IsFailedPrecondition(done);
    if (from_target) return Annotate(done, "directory");
    progress.copied_bytes += file.size_bytes;
    if (!report(progress)) return cancelled;
  }
  return absl::OkStatus();
}

std::optional<std::string> Integrity::move_target() const {
  absl::MutexLock lock(&core_.mu);
  auto move = core_.index.records().moves.find(0);
  if (move == core_.index.records().moves.end()) return std::nullopt;
  return move->second.to();
}

absl::Status CompleteMove(StoreCore& core) {
  const auto move = core.index.records().moves.find(0);
  const bool here = move != core.index.records().moves.end() && move->second.to() == core.options.cache_dir;
  if (here) {
    if (!TakeOver(core, *OpenFolder(core.options, move->second.from(), "the old cache folder"))) {
      return absl::OkStatus();
    }
    Transaction changes;
    changes.moves[0] = std::nullopt;
    MODELD_RETURN_IF_ERROR(core.Commit(changes, Durability::kSynced));
  }
  MoveTarget::RemoveMark(core.files.cache());
  return absl::OkStatus();
}

}  // namespace modeld::storage
