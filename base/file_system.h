// The seam through which storage does all of its file I/O: one folder and what lies beneath it.
#ifndef MODELD_BASE_FILE_SYSTEM_H_
#define MODELD_BASE_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/region.h"

namespace modeld {

// The one translation of errno to a status: "`what`: <reason>". `what` is the caller's own name for the thing
// and holds no path.
//   RESOURCE_EXHAUSTED  no space, quota, descriptors, memory, file size (ENOSPC EDQUOT EFBIG EMFILE ENFILE
//   ENOMEM) FAILED_PRECONDITION the folder does not allow it: read-only, no permission, not a plain file or
//   folder, not
//                       empty (EROFS EACCES EPERM ENOTDIR EISDIR ELOOP EXDEV ENOTEMPTY)
//   NOT_FOUND           ENOENT
//   ALREADY_EXISTS      EEXIST
//   UNAVAILABLE         the disk failed or is busy; what was written before is not known to be lost (EIO
//   EAGAIN
//                       EBUSY EINTR ESTALE ETIMEDOUT)
//   INTERNAL            everything else
absl::Status ErrnoStatus(int error, absl::string_view what);

// INVALID_ARGUMENT unless `path` is relative and made of plain components (see FileSystem), or empty.
absl::Status CheckRelativePath(absl::string_view path);

// An open plain file. Not thread-safe. Closes on destruction.
class File {
 public:
  virtual ~File() = default;
  // In bytes.
  virtual absl::StatusOr<uint64_t> Size() const = 0;
  // Reads up to out.size() bytes at `offset`; returns how many; fewer only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) const = 0;
  // Writes all of `bytes` at `offset`. After an error, any part of them may have been written.
  virtual absl::Status WriteAt(uint64_t offset, absl::string_view bytes) = 0;
  // Cuts or extends with zeros.
  virtual absl::Status Truncate(uint64_t size_bytes) = 0;
  // Makes content and size durable. The name is durable only after FileSystem::SyncDir().
  virtual absl::Status Sync() = 0;
};

// Holds an exclusive lock while it lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// What a name stands for.
struct FileInfo {
  uint64_t size_bytes = 0;
  // Blocks that it takes on the disk, in bytes, as du(1) counts; less than its size where it has holes.
  uint64_t allocated_bytes = 0;
  bool is_directory = false;
  bool is_plain_file = false;  // neither a folder nor a link, socket ...
};

// A folder and what lies beneath it. `path` is relative, of one or more components joined by '/', none of
// them empty, "." or ".." or holding NUL: INVALID_ARGUMENT otherwise; "" is the folder itself where said.
// Symbolic links are never followed. New files get mode 0600, new folders 0700. Errors are ErrnoStatus()'s;
// `what` is the name() of the folder and no path. Thread-safe.
class FileSystem {
 public:
  enum class Access {
    kRead,       // must exist
    kReadWrite,  // must exist
    kCreate,     // read and write; created when absent
  };

  virtual ~FileSystem() = default;

  // What messages call this folder, such as "the cache folder".
  virtual absl::string_view name() const = 0;

  // Opens a plain file; FAILED_PRECONDITION for anything else.
  virtual absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path, Access access) = 0;
  // Maps a plain file read-only and whole, or reads it where it is small: mappings are few. The Region keeps
  // the bytes, also when the name goes. Reads beyond a later cut of a mapped file would fault: only this
  // daemon may write beneath the folder.
  virtual absl::StatusOr<Region> Map(absl::string_view path) = 0;
  virtual absl::StatusOr<FileInfo> Stat(absl::string_view path) = 0;
  // Names in a folder ("" too), sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(absl::string_view path) = 0;
  // Makes a folder ("" too, with its parents); OK when it is there.
  virtual absl::Status MakeDir(absl::string_view path) = 0;
  // Moves a file within the file system, replacing a file of the new name; atomic.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  // Unlinks a file. NOT_FOUND when absent.
  virtual absl::Status Remove(absl::string_view path) = 0;
  // Removes an empty folder ("" too). NOT_FOUND when absent; FAILED_PRECONDITION when it holds something.
  virtual absl::Status RemoveDir(absl::string_view path) = 0;
  // Makes the names in a folder ("" too) durable.
  virtual absl::Status SyncDir(absl::string_view path) = 0;
  // Bytes that an unprivileged process may still write.
  virtual absl::StatusOr<uint64_t> FreeBytes() = 0;
  // The size of the disk.
  virtual absl::StatusOr<uint64_t> TotalBytes() = 0;
  // Takes an exclusive lock on a file, created when absent. ABORTED when somebody else, in this process or
  // another, holds it. Goes with the process, also when it is killed. The file may be removed by who holds
  // the lock: nobody is then left with the lock of a file that has no name.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(absl::string_view path) = 0;
};

// The folder `root` (an absolute path, created by MakeDir("")) on the disk. The root is looked up anew for
// every call, so that a folder which was wiped and made again works.
std::unique_ptr<FileSystem> NewRealFileSystem(std::string root, std::string name);

}  // namespace modeld

#endif  // MODELD_BASE_FILE_SYSTEM_H_
