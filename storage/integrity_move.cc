// Moving the cache folder: copying while the store is in use, and completing that at the next start.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/integrity.h"
#include "storage/move.h"
#include "storage/store_core.h"

namespace modeld::storage {
namespace {

constexpr absl::string_view kLock = "lock";
constexpr absl::string_view kTag = "CACHEDIR.TAG";
// What a new file system may hold before anybody used it.
constexpr absl::string_view kLostAndFound = "lost+found";
constexpr absl::string_view kCopy = "staging/move";
constexpr size_t kPieceSize = size_t{1} << 20;

struct FileEntry {
  std::string path;
  uint64_t size_bytes = 0;
};

std::shared_ptr<FileSystem> OpenFolder(const StoreCore& core, const std::string& path,
                                       const std::string& name) {
  if (core.options.open_folder) return core.options.open_folder(path);
  return NewRealFileSystem(path, name);
}

// Plain files beneath `folder`, at most two levels down. A folder that is not there is empty.
absl::Status AddFiles(FileSystem& folder, const std::string& path, int levels,
                      std::vector<FileEntry>& files) {
  const absl::StatusOr<std::vector<std::string>> names = folder.List(path);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  MODELD_RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    const std::string below = absl::StrCat(path, "/", name);
    const absl::StatusOr<FileInfo> info = folder.Stat(below);
    if (!info.ok()) continue;  // went meanwhile
    if (info->is_plain_file) files.push_back({below, info->size_bytes});
    if (info->is_directory && levels > 1) MODELD_RETURN_IF_ERROR(AddFiles(folder, below, levels - 1, files));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FileEntry>> FilesIn(FileSystem& folder, std::initializer_list<const char*> parts) {
  std::vector<FileEntry> files;
  for (const char* part : parts) MODELD_RETURN_IF_ERROR(AddFiles(folder, part, 2, files));
  return files;
}

// Makes the folders above a file, durably.
absl::Status MakeParents(FileSystem& folder, absl::string_view path) {
  for (size_t slash = path.find('/'); slash != absl::string_view::npos; slash = path.find('/', slash + 1)) {
    const absl::string_view parent = path.substr(0, slash);
    MODELD_RETURN_IF_ERROR(folder.MakeDir(parent));
    const size_t above = parent.rfind('/');
    MODELD_RETURN_IF_ERROR(
        folder.SyncDir(above == absl::string_view::npos ? absl::string_view() : parent.substr(0, above)));
  }
  return absl::OkStatus();
}

absl::string_view ParentOf(absl::string_view path) {
  return path.substr(0, path.rfind('/'));
}

// A copy has its name only when all of it is durable. NOT_FOUND: the file went meanwhile. ABORTED: `on` says
// so.
absl::Status CopyFile(FileSystem& from, FileSystem& to, const std::string& path,
                      const std::function<bool(uint64_t)>& on) {
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> source, from.Open(path, FileSystem::Access::kRead));
  MODELD_RETURN_IF_ERROR(MakeParents(to, path));
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> copy, to.Open(kCopy, FileSystem::Access::kCreate));
  MODELD_RETURN_IF_ERROR(copy->Truncate(0));
  std::vector<std::byte> buffer(kPieceSize);
  for (uint64_t at = 0;;) {
    MODELD_ASSIGN_OR_RETURN(const size_t count, source->ReadAt(at, buffer));
    if (count == 0) break;
    MODELD_RETURN_IF_ERROR(
        copy->WriteAt(at, absl::string_view(reinterpret_cast<const char*>(buffer.data()), count)));
    at += count;
    if (!on(count)) return absl::AbortedError("the copy was stopped");
  }
  MODELD_RETURN_IF_ERROR(copy->Sync());
  MODELD_RETURN_IF_ERROR(to.Rename(kCopy, path));
  return to.SyncDir(ParentOf(path));
}

bool IsThere(FileSystem& folder, const FileEntry& file) {
  const absl::StatusOr<FileInfo> info = folder.Stat(file.path);
  return info.ok() && info->is_plain_file && info->size_bytes == file.size_bytes;
}

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

// Takes the folder for the move. FAILED_PRECONDITION as Integrity::Move() says.
absl::StatusOr<std::unique_ptr<FileLock>> TakeTarget(FileSystem& target, bool begun_before) {
  MODELD_RETURN_IF_ERROR(target.MakeDir(""));
  absl::StatusOr<std::unique_ptr<FileLock>> lock = target.Lock(kLock);
  if (absl::IsAborted(lock.status()))
    return absl::FailedPreconditionError("directory: another modeld uses it");
  MODELD_RETURN_IF_ERROR(lock.status());
  MODELD_ASSIGN_OR_RETURN(std::vector<std::string> names, target.List(""));
  std::erase(names, std::string(kLock));
  std::erase(names, std::string(kLostAndFound));
  if (!names.empty() && !begun_before) return absl::FailedPreconditionError("directory: is not empty");
  return lock;
}

}  // namespace

absl::Status Integrity::Move(const std::string& directory,
                             const std::function<bool(const MoveProgress&)>& report) {
  MODELD_RETURN_IF_ERROR(CheckDirectory(core_.options, directory));
  const std::shared_ptr<FileSystem> target = OpenFolder(core_, directory, "the new cache folder");
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<FileLock> lock,
                          TakeTarget(*target, move_target() == directory));
  FileSystem& source = core_.files.cache();
  // Uploads and quarantined files change or are few: they are brought over at the next start.
  MODELD_ASSIGN_OR_RETURN(std::vector<FileEntry> files, FilesIn(source, {"blobs", "plans"}));
  MoveProgress progress;
  for (const FileEntry& file : files) progress.total_bytes += file.size_bytes;
  std::erase_if(files, [&](const FileEntry& file) { return IsThere(*target, file); });
  uint64_t needed = 0;
  for (const FileEntry& file : files) needed += file.size_bytes;
  progress.copied_bytes = progress.total_bytes - needed;
  MODELD_ASSIGN_OR_RETURN(const uint64_t free_bytes, target->FreeBytes());
  if (needed > free_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("directory: has ", free_bytes, " bytes of room, the cache needs ", needed));
  }
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
  for (const FileEntry& file : files) {
    uint64_t copied = 0;
    const absl::Status done = CopyFile(source, *target, file.path, [&](uint64_t bytes) {
      copied += bytes;
      MoveProgress now = progress;
      now.copied_bytes += copied;
      return report(now);
    });
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
  auto move = core.index.records().moves.find(0);
  if (move == core.index.records().moves.end() || move->second.to() != core.options.cache_dir) {
    return absl::OkStatus();
  }
  const std::shared_ptr<FileSystem> old = OpenFolder(core, move->second.from(), "the old cache folder");
  FileSystem& cache = core.files.cache();
  const auto everything = {"blobs", "plans", "staging", "quarantine"};
  std::unique_ptr<FileLock> lock;
  if (old->Stat("blobs").ok()) {
    absl::StatusOr<std::unique_ptr<FileLock>> taken = old->Lock(kLock);
    // Somebody else uses it, or the disk is not there: the next start looks again.
    if (!taken.ok()) return absl::OkStatus();
    lock = *std::move(taken);
  }
  const absl::StatusOr<std::vector<FileEntry>> files = FilesIn(*old, everything);
  if (!files.ok()) return absl::OkStatus();
  for (const FileEntry& file : *files) {
    // An upload that went on in the new folder is ahead of the old one.
    const bool staged = absl::StartsWith(file.path, "staging/");
    if (staged ? cache.Stat(file.path).ok() : IsThere(cache, file)) continue;
    const absl::Status copied = CopyFile(*old, cache, file.path, [](uint64_t) { return true; });
    ++(copied.ok() ? core.recovery.files_moved : core.recovery.files_not_moved);
  }
  if (core.recovery.files_not_moved > 0) return absl::OkStatus();
  // From here the new folder has everything, durably. What cannot be removed stays behind, of no use to
  // anybody.
  for (const FileEntry& file : *files) old->Remove(file.path).IgnoreError();
  if (lock != nullptr) old->Remove(kTag).IgnoreError();
  Transaction changes;
  changes.moves[0] = std::nullopt;
  return core.Commit(changes, Durability::kSynced);
}

}  // namespace modeld::storage
