#include "storage/move_files.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/blob_files.h"

namespace modeld::storage {

const std::vector<std::string> kCacheParts = {"blobs", "plans", "staging", "quarantine"};

namespace {

constexpr absl::string_view kLock = "lock";
constexpr absl::string_view kTag = "CACHEDIR.TAG";
// What a new file system may hold before anybody used it.
constexpr absl::string_view kLostAndFound = "lost+found";
constexpr absl::string_view kCopy = "staging/move";
constexpr absl::string_view kMark = "modeld-move";
constexpr absl::string_view kNewMark = "modeld-move.new";
constexpr size_t kPieceSize = size_t{1} << 20;

absl::Status AddFiles(FileSystem& folder, const std::string& path, int levels,
                      std::vector<MovedFile>& files) {
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

// Shows a file's pieces to `visit` until its end. ABORTED: `on` says so.
absl::Status ReadPieces(const File& file, const std::function<bool(uint64_t)>& on,
                        absl::FunctionRef<absl::Status(uint64_t at, absl::string_view piece)> visit) {
  std::vector<std::byte> buffer(kPieceSize);
  for (uint64_t at = 0;;) {
    MODELD_ASSIGN_OR_RETURN(const size_t count, file.ReadAt(at, buffer));
    if (count == 0) return absl::OkStatus();
    MODELD_RETURN_IF_ERROR(visit(at, absl::string_view(reinterpret_cast<const char*>(buffer.data()), count)));
    at += count;
    if (!on(count)) return absl::AbortedError("the copy was stopped");
  }
}

// Names the store, so that nobody goes on with the move of another one.
std::string MarkOf(const StoreOptions& options) {
  return absl::StrCat("A modeld moves its cache here, or began to and was cut off.\nfrom: ",
                      options.cache_dir, "\nstate: ", options.state_dir, "\n");
}

bool Holds(FileSystem& folder, absl::string_view path, absl::string_view text) {
  const auto file = folder.Open(path, FileSystem::Access::kRead);
  if (!file.ok()) return false;
  std::string found(text.size() + 1, '\0');
  const auto count = (*file)->ReadAt(0, std::as_writable_bytes(std::span(found)));
  return count.ok() && absl::string_view(found).substr(0, *count) == text;
}

}  // namespace

std::shared_ptr<FileSystem> OpenFolder(const StoreOptions& options, const std::string& path,
                                       const std::string& name) {
  if (options.open_folder) return options.open_folder(path);
  return NewRealFileSystem(path, name);
}

absl::StatusOr<std::vector<MovedFile>> FilesIn(FileSystem& folder, std::span<const std::string> parts) {
  std::vector<MovedFile> files;
  for (const std::string& part : parts) MODELD_RETURN_IF_ERROR(AddFiles(folder, part, 2, files));
  return files;
}

bool IsThere(FileSystem& folder, const MovedFile& file) {
  const absl::StatusOr<FileInfo> info = folder.Stat(file.path);
  return info.ok() && info->is_plain_file && info->size_bytes == file.size_bytes;
}

absl::StatusOr<bool> IsCopied(FileSystem& folder, const MovedFile& file,
                              const std::function<bool(uint64_t)>& on) {
  if (!IsThere(folder, file)) return false;
  const auto name = Digest::FromHex(absl::string_view(file.path).substr(file.path.rfind('/') + 1));
  if (!name.ok() || BlobFiles::BlobPath(*name) != file.path) {
    if (!on(file.size_bytes)) return absl::AbortedError("the copy was stopped");
    return true;
  }
  const auto open = folder.Open(file.path, FileSystem::Access::kRead);
  if (!open.ok()) return false;
  Sha256 hasher;
  const absl::Status read = ReadPieces(**open, on, [&](uint64_t, absl::string_view piece) {
    hasher.Update(std::as_bytes(std::span(piece.data(), piece.size())));
    return absl::OkStatus();
  });
  if (absl::IsAborted(read)) return read;
  return read.ok() && hasher.Finish() == *name;
}

absl::Status CopyFile(FileSystem& from, FileSystem& to, const std::string& path,
                      const std::function<bool(uint64_t)>& on) {
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> source, from.Open(path, FileSystem::Access::kRead));
  MODELD_RETURN_IF_ERROR(MakeParents(to, path));
  MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> copy, to.Open(kCopy, FileSystem::Access::kCreate));
  MODELD_RETURN_IF_ERROR(copy->Truncate(0));
  MODELD_RETURN_IF_ERROR(ReadPieces(
      *source, on, [&](uint64_t at, absl::string_view piece) { return copy->WriteAt(at, piece); }));
  MODELD_RETURN_IF_ERROR(copy->Sync());
  MODELD_RETURN_IF_ERROR(to.Rename(kCopy, path));
  return to.SyncDir(absl::string_view(path).substr(0, path.rfind('/')));
}

MoveTarget::MoveTarget(FileSystem& folder, const StoreOptions& options)
    : folder_(folder), mark_(MarkOf(options)) {}

absl::StatusOr<bool> MoveTarget::IsFree(std::span<const std::string> names) {
  marked_ = Holds(folder_, kMark, mark_);
  return marked_ || std::all_of(names.begin(), names.end(), [](absl::string_view name) {
           return name == kLock || name == kLostAndFound || name == kNewMark;
         });
}

absl::StatusOr<MoveTarget> MoveTarget::Take(FileSystem& folder, const StoreOptions& options) {
  MoveTarget target(folder, options);
  target.made_folder_ = absl::IsNotFound(folder.Stat("").status());
  MODELD_RETURN_IF_ERROR(folder.MakeDir(""));
  // Looked at before, so that a lock is not left in somebody's folder, and again when nobody else can write.
  for (const bool locked : {false, true}) {
    const absl::StatusOr<std::vector<std::string>> names = folder.List("");
    MODELD_RETURN_IF_ERROR(names.status());
    const bool has_lock = std::binary_search(names->begin(), names->end(), kLock);
    MODELD_ASSIGN_OR_RETURN(const bool free, target.IsFree(*names));
    if (!free && (locked || !has_lock)) {
      target.GiveBack();
      return absl::FailedPreconditionError("directory: is not empty");
    }
    if (locked) break;
    absl::StatusOr<std::unique_ptr<FileLock>> lock = folder.Lock(kLock);
    if (absl::IsAborted(lock.status()))
      return absl::FailedPreconditionError("directory: another modeld uses it");
    if (!lock.ok()) {
      target.GiveBack();
      return Annotate(lock.status(), "directory");
    }
    target.made_lock_ = !has_lock;
    target.lock_ = *std::move(lock);
  }
  return target;
}

absl::Status MoveTarget::Mark() {
  if (marked_) return absl::OkStatus();
  {
    MODELD_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                            folder_.Open(kNewMark, FileSystem::Access::kCreate));
    MODELD_RETURN_IF_ERROR(file->Truncate(0));
    MODELD_RETURN_IF_ERROR(file->WriteAt(0, mark_));
    MODELD_RETURN_IF_ERROR(file->Sync());
  }
  MODELD_RETURN_IF_ERROR(folder_.Rename(kNewMark, kMark));
  MODELD_RETURN_IF_ERROR(folder_.SyncDir(""));
  marked_ = true;
  return absl::OkStatus();
}

void MoveTarget::GiveBack() {
  if (made_lock_ && !marked_) folder_.Remove(kLock).IgnoreError();
  if (made_folder_ && !marked_) folder_.RemoveDir("").IgnoreError();
}

void MoveTarget::RemoveMark(FileSystem& folder) {
  for (const absl::string_view name : {kMark, kNewMark}) folder.Remove(name).IgnoreError();
}

bool IsCacheFolder(FileSystem& folder) {
  return folder.Stat(kLock).ok() || folder.Stat(kCacheParts.front()).ok();
}

bool RemoveCacheFolder(FileSystem& folder, std::span<const MovedFile> files) {
  const auto gone = [](const absl::Status& removed) { return removed.ok() || absl::IsNotFound(removed); };
  bool all = true;
  for (const MovedFile& file : files) all = gone(folder.Remove(file.path)) && all;
  if (!all) return false;
  // A folder's removal is durable with its parent; one that somebody else uses stays.
  const auto remove_dir = [&](const std::string& path) {
    if (!folder.RemoveDir(path).ok()) folder.SyncDir(path).IgnoreError();
  };
  for (const std::string& part : kCacheParts) {
    const auto shards = folder.List(part);
    if (!shards.ok()) continue;
    for (const std::string& shard : *shards) remove_dir(absl::StrCat(part, "/", shard));
    remove_dir(part);
  }
  for (const absl::string_view name : {kMark, kNewMark, kTag, kLock}) folder.Remove(name).IgnoreError();
  if (!folder.SyncDir("").ok()) return false;
  folder.RemoveDir("").IgnoreError();
  return true;
}

absl::StatusOr<std::unique_ptr<FileLock>> LockCacheFolder(FileSystem& folder) {
  return folder.Lock(kLock);
}

}  // namespace modeld::storage
