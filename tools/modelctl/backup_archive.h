// Backups of a cache: a folder, or the same in one uncompressed tar file. Format: README.md.
//
// The tar is read and written here: a library reads dozens of formats that hostile input could choose, and
// cannot leave members in place to be mapped, as models of gigabytes want to be.
#ifndef MODELD_TOOLS_MODELCTL_BACKUP_ARCHIVE_H_
#define MODELD_TOOLS_MODELCTL_BACKUP_ARCHIVE_H_

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/region.h"
#include "tools/modelctl/container.h"

namespace modeld::tools {

// Whether a backup of this name is a tar file: it ends in ".tar". Else it is a folder.
bool IsTarName(absl::string_view path);

// Writes a backup: models, then the index, without which it is none. Not thread-safe.
class BackupWriter {
 public:
  // A tar file appears under its name when Finish succeeded. A folder may hold an earlier, unfinished backup;
  // what it has is kept. ALREADY_EXISTS: there is a file and `replace` is not set, or a folder with something
  // else in it. Else the system's errors. Messages begin with `path`.
  static absl::StatusOr<std::unique_ptr<BackupWriter>> Create(const std::string& path, bool replace);
  virtual ~BackupWriter() = default;

  // Whether the model is in it, whole.
  virtual bool Has(const Digest& model_id) const = 0;
  // Writes a model, of which `fill` adds the parts. When that fails, the backup is as it was before.
  virtual absl::Status Add(const Digest& model_id,
                           absl::FunctionRef<absl::Status(ContainerBody& container)> fill) = 0;
  // Ends the backup with its index.
  virtual absl::Status Finish(absl::string_view index) = 0;
};

// A backup to read. Thread-safe. Its files must not be cut while this or a region of it lives.
class BackupReader {
 public:
  // NOT_FOUND, PERMISSION_DENIED. INVALID_ARGUMENT: no backup: a member that none has, or a header that
  // cannot be read. DATA_LOSS: cut off. Messages begin with `path`.
  static absl::StatusOr<std::unique_ptr<BackupReader>> Open(const std::string& path);
  virtual ~BackupReader() = default;

  // index.json.
  virtual absl::string_view index() const = 0;
  // A model's container. NOT_FOUND: it is not in the backup.
  virtual absl::StatusOr<Region> Model(const Digest& model_id) const = 0;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_BACKUP_ARCHIVE_H_
