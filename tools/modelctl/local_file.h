// Files that the user names, where messages do hold paths.
#ifndef MODELD_TOOLS_MODELCTL_LOCAL_FILE_H_
#define MODELD_TOOLS_MODELCTL_LOCAL_FILE_H_

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/region.h"

namespace modeld::tools {

// "PATH: reason", with the code that has the right exit code: NOT_FOUND, PERMISSION_DENIED, ALREADY_EXISTS,
// RESOURCE_EXHAUSTED for no space or quota, else UNKNOWN.
absl::Status SystemError(const std::string& path, int error);

// A plain file's bytes, mapped; it must not be cut while they are used. Errors: SystemError's;
// INVALID_ARGUMENT: empty, or no plain file.
absl::StatusOr<Region> MapFile(const std::string& path);

// Brings what was written to disk, closes it, and gives it its name in one step. Removes it when that fails.
// Takes `file`, open as `partial`.
absl::Status PutInPlace(std::FILE* file, const std::string& partial, const std::string& path);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_LOCAL_FILE_H_
