// Changing one value of config.toml and nothing else of it.
#ifndef MODELD_TOOLS_MODELCTL_CONFIG_EDIT_H_
#define MODELD_TOOLS_MODELCTL_CONFIG_EDIT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld::tools {

// A text value of the file.
struct ConfigKey {
  std::string section;
  std::string name;
};

// `toml` with the value set, where it stands or in a line of its own; every other byte stays, comments too.
// FAILED_PRECONDITION: the file uses a form of TOML that is not safely changed line by line (texts of several
// lines, inline tables); it is to be edited by hand. Pure.
absl::StatusOr<std::string> WithValue(absl::string_view toml, const ConfigKey& key, absl::string_view value);

// The value as WithValue would find it; nothing when it is not there, or of a form that is not read here.
// Pure.
std::optional<std::string> ValueIn(absl::string_view toml, const ConfigKey& key);

// Replaces a file's content in one step: a reader, or a crash, sees the old or the new one whole. Follows
// symbolic links, keeps the mode, makes missing folders. Errors: the system's, beginning with `path`.
absl::Status ReplaceFile(const std::string& path, absl::string_view content);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_CONFIG_EDIT_H_
