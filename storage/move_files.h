// Files and folders of a move of the cache: what is copied, and how; what tells a target that is ours.
#ifndef MODELD_STORAGE_MOVE_FILES_H_
#define MODELD_STORAGE_MOVE_FILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "storage/store_types.h"

namespace modeld::storage {

// A plain file of a cache folder. A plain value.
struct MovedFile {
  std::string path;
  uint64_t size_bytes = 0;
};

// The folders beneath a cache folder that hold files.
extern const std::vector<std::string> kCacheParts;

// The folder at an absolute path; of the test's choice where the options have one.
std::shared_ptr<FileSystem> OpenFolder(const StoreOptions& options, const std::string& path,
                                       const std::string& name);

// Plain files beneath these folders, at most two levels down. A folder that is not there is empty.
absl::StatusOr<std::vector<MovedFile>> FilesIn(FileSystem& folder, std::span<const std::string> parts);

// Whether the folder has a plain file of this name and size.
bool IsThere(FileSystem& folder, const MovedFile& file);

// Whether the folder has the file as the copy would make it. A blob is read, and `on` called with the bytes
// of each piece: it has to have the digest that is its name. Other files count by name and size. ABORTED:
// `on` says so.
absl::StatusOr<bool> IsCopied(FileSystem& folder, const MovedFile& file,
                              const std::function<bool(uint64_t)>& on);

// Copies a file, durably; it has its name only when all of it is there. `on` is called with the bytes of each
// piece. NOT_FOUND: the file went meanwhile. ABORTED: `on` says so. Else FileSystem's.
absl::Status CopyFile(FileSystem& from, FileSystem& to, const std::string& path,
                      const std::function<bool(uint64_t)>& on);

// The target of a move, locked. Not thread-safe.
class MoveTarget {
 public:
  // Makes the folder when absent. A move of this very store, cut off earlier, is gone on with. Nothing is
  // left behind when this fails. FAILED_PRECONDITION: it holds something else, may not be written to, or
  // another modeld uses it.
  static absl::StatusOr<MoveTarget> Take(FileSystem& folder, const StoreOptions& options);

  // Writes down, durably, whose move fills the folder; to be called before anything else is written to it.
  absl::Status Mark();
  // Takes back what Take() did to a folder that nothing was copied to.
  void GiveBack();
  // Removes the mark of a folder that is now in use, where it has one.
  static void RemoveMark(FileSystem& folder);

 private:
  MoveTarget(FileSystem& folder, const StoreOptions& options);
  // Whether nothing but this store's own move was ever here.
  absl::StatusOr<bool> IsFree(std::span<const std::string> names);

  FileSystem& folder_;
  std::string mark_;
  bool made_folder_ = false;
  bool made_lock_ = false;
  bool marked_ = false;
  std::unique_ptr<FileLock> lock_;
};

// Whether a folder still has something that a modeld left there.
bool IsCacheFolder(FileSystem& folder);

// Removes an old cache folder whose files are all elsewhere: these files, our folders, tag and lock, and the
// folder itself when nobody else has put anything into it. False: a file could not be removed. Requires: its
// lock is held by the caller.
bool RemoveCacheFolder(FileSystem& folder, std::span<const MovedFile> files);

// Takes the lock of a cache folder. ABORTED: somebody else has it. Else FileSystem's.
absl::StatusOr<std::unique_ptr<FileLock>> LockCacheFolder(FileSystem& folder);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_MOVE_FILES_H_
