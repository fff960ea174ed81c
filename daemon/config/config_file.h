// config.toml.
#ifndef MODELD_DAEMON_CONFIG_CONFIG_FILE_H_
#define MODELD_DAEMON_CONFIG_CONFIG_FILE_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace modeld {

// A value of the file.
struct FileValue {
  // One text, or the texts of an array. Numbers as they stand in decimal.
  std::vector<std::string> values;
  int line = 0;
};

// The values of a TOML text by "section.key". Only tables with texts, whole numbers and arrays of texts in
// them. INVALID_ARGUMENT, beginning with "line N": the text is no TOML, or holds something else. Pure.
absl::StatusOr<std::map<std::string, FileValue>> ParseConfigFile(absl::string_view toml_text);

}  // namespace modeld

#endif  // MODELD_DAEMON_CONFIG_CONFIG_FILE_H_
