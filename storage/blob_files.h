// The layout of the cache folder. FORMAT.md describes it.
#ifndef MODELD_STORAGE_BLOB_FILES_H_
#define MODELD_STORAGE_BLOB_FILES_H_

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "base/region.h"
#include "storage/chunks.h"
#include "storage/index.h"
#include "storage/store_types.h"

namespace modeld::storage {

// Reads a file's first `size_bytes` in pieces and shows each to `visit`. DATA_LOSS: the file is shorter.
// Others as File's.
absl::Status ReadPrefix(const File& file, uint64_t size_bytes,
                        absl::FunctionRef<void(std::span<const std::byte>)> visit);
// ReadPrefix() into `hasher`.
absl::Status HashPrefix(const File& file, uint64_t size_bytes, Sha256& hasher);

// "blob <64 hex digits>": how messages name a blob.
std::string BlobName(const Digest& digest);

// Blobs, uploads and quarantined files as names beneath the cache folder; each method is one step of
// FORMAT.md's transactions. Knows no records and takes no locks on digests: callers keep two calls on one
// digest apart. Thread-safe otherwise. Errors are FileSystem's, put after the blob's name.
class BlobFiles {
 public:
  explicit BlobFiles(std::shared_ptr<FileSystem> cache) : cache_(std::move(cache)) {}

  // Names are made from digests alone, so that nothing from outside reaches a path.
  static std::string BlobPath(const Digest& blob);
  static std::string StagingPath(absl::string_view name);
  static std::string StagingName(const Owned& upload);
  static std::string TempName(uint64_t number);
  static std::string QuarantinePath(const Digest& blob);

  FileSystem& cache() const { return *cache_; }

  // Makes the folders and the CACHEDIR.TAG that are absent, durably.
  absl::Status EnsureLayout();
  // Opens the file `name` beneath staging/, made when absent. Makes the layout again when the cache was
  // wiped.
  absl::StatusOr<std::unique_ptr<File>> OpenStaging(const std::string& name);
  // Makes the names beneath staging/ durable.
  absl::Status SyncStaging();
  // Makes the synced file `name` beneath staging/ the blob's file, durably; replaces what is there.
  // UNAVAILABLE: that file has gone.
  absl::Status Place(const Digest& blob, const std::string& name);
  // Does the same work as Place() but keeps the blob's file: the other becomes a spent one beside it. Who
  // uploads cannot tell from the time it takes whether the blob was there.
  absl::Status Discard(const Digest& blob, const std::string& name);
  // Makes the name of the blob's file durable: it may have got it from a Place() that failed after that.
  absl::Status SyncName(const Digest& blob);
  // Removes the spent files, and lets go of those that were replaced: with large ones that takes its time.
  // The first error; what could not be removed is tried again at the next call.
  absl::Status RemoveSpent();
  // Whether Discard() made this file.
  static bool IsSpent(absl::string_view path);
  // NOT_FOUND: no file. DATA_LOSS: another size, or no plain file.
  absl::Status CheckSize(const BlobRef& blob) const;
  // Reads it whole, also into `sums` unless that is null. NOT_FOUND, DATA_LOSS: as CheckSize(), or the bytes
  // are wrong or cannot be read.
  absl::Status CheckDigest(const BlobRef& blob, ChunkSums* sums = nullptr) const;
  absl::StatusOr<Region> Map(const BlobRef& blob) const;
  // Moves the blob's file out of the way. OK when there is none.
  absl::Status Quarantine(const Digest& blob);
  // Puts a quarantined file back whose bytes prove right; returns whether it did.
  bool RestoreQuarantined(const BlobRef& blob);
  // OK when there is none.
  absl::Status RemoveBlob(const Digest& blob);
  absl::Status RemoveQuarantined(const Digest& blob);
  absl::Status RemoveStaging(absl::string_view name);

  // What stands in a folder: the digest for names that are one, else only the name.
  struct Entry {
    std::string path;
    std::optional<Digest> digest;
    uint64_t size_bytes = 0;
  };
  // All plain files beneath blobs/; `digest` is unset for a name in the wrong place.
  absl::StatusOr<std::vector<Entry>> ListBlobs() const;
  absl::StatusOr<std::vector<Entry>> ListQuarantine() const;
  absl::StatusOr<FileInfo> StatStaging(absl::string_view name) const;
  // All plain files beneath staging/, names only.
  absl::StatusOr<std::vector<std::string>> ListStaging() const;
  absl::Status RemoveEntry(const Entry& entry);

 private:
  // Makes the folders of blobs, all at once: the first blob in a folder would take longer than the next, and
  // so tell that there was none.
  absl::Status MakeShards();
  // Renames a staging file to `to`, in the blob's folder, durably. UNAVAILABLE: that file has gone.
  absl::Status MoveIn(const Digest& blob, const std::string& name, const std::string& to);
  absl::Status RemoveIfThere(const std::string& path);

  const std::shared_ptr<FileSystem> cache_;
  absl::Mutex mu_;
  // Paths of discarded uploads, and handles of replaced files, until the next RemoveSpent().
  std::set<std::string> spent_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<File>> replaced_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_BLOB_FILES_H_
