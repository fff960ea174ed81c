// Files beside a model that hold its weights.
#ifndef MODELD_TOOLS_IMPORTER_EXTERNAL_DATA_H_
#define MODELD_TOOLS_IMPORTER_EXTERNAL_DATA_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/region.h"

namespace modeld::importer {

// Maps a whole plain file read-only. NOT_FOUND, PERMISSION_DENIED (no plain file, or not readable),
// INVALID_ARGUMENT (empty).
absl::StatusOr<Region> MapFile(const std::string& path);

// Opens files beneath one folder, each mapped once. The kernel keeps the look-up beneath the folder and free
// of symbolic links (openat2); hard links to files elsewhere are refused by their link count. Not
// thread-safe.
class ExternalFiles {
 public:
  // `folder` holds the model. Nothing is opened yet.
  explicit ExternalFiles(std::string folder) : folder_(std::move(folder)) {}

  // `length` bytes at `offset` of the file at the relative path `location`. INVALID_ARGUMENT: the path is
  // empty, absolute or holds NUL; the range is outside the file. PERMISSION_DENIED: it leaves the folder,
  // passes a link, or is no plain file of one link. NOT_FOUND.
  absl::StatusOr<Region> Map(const std::string& location, uint64_t offset, uint64_t length);

 private:
  std::string folder_;
  std::map<std::string, Region> files_;
};

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_EXTERNAL_DATA_H_
