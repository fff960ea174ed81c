// Plans as names beneath the cache folder. FORMAT.md describes the layout.
#ifndef MODELD_STORAGE_PLAN_FILES_H_
#define MODELD_STORAGE_PLAN_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "base/region.h"
#include "storage/blob_files.h"

namespace modeld::storage {

// The daemon's own secret, under which plans' heads are authenticated: 32 random bytes in the file plans.key
// of the state folder, made at the first call. `fresh` is set when it was made now: plans written before are
// of no use. On an error plans cannot be kept in this run: as FileSystem's, UNAVAILABLE without random bytes.
// A file that cannot be read is left alone.
struct PlanSecret {
  std::string bytes;
  bool fresh = false;
};
absl::StatusOr<PlanSecret> LoadPlanSecret(FileSystem& state);

// The files of plans. Knows no records and takes no locks: callers keep two calls on one key apart.
// Thread-safe otherwise. Errors are FileSystem's.
class PlanFiles {
 public:
  // `files` must outlive this.
  explicit PlanFiles(BlobFiles& files) : files_(files) {}

  // plans/<2 hex>/<64 hex>: made of the key alone.
  static std::string Path(const Digest& key);

  absl::StatusOr<std::unique_ptr<File>> Open(const Digest& key) const;
  absl::StatusOr<Region> Map(const Digest& key) const;
  // NOT_FOUND: no file. FAILED_PRECONDITION: no plain file.
  absl::StatusOr<uint64_t> Size(const Digest& key) const;
  // Makes the synced file `name` beneath staging/ the plan's, durably; replaces what is there.
  absl::Status Place(const Digest& key, const std::string& name);
  // OK when there is none.
  absl::Status Remove(const Digest& key);
  // All plain files beneath plans/; `digest` is unset for a name in the wrong place. Nothing when the folder
  // is absent.
  absl::StatusOr<std::vector<BlobFiles::Entry>> List() const;

 private:
  FileSystem& cache() const { return files_.cache(); }

  BlobFiles& files_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_PLAN_FILES_H_
