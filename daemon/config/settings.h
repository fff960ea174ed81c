// The one table of settings.
#ifndef MODELD_DAEMON_CONFIG_SETTINGS_H_
#define MODELD_DAEMON_CONFIG_SETTINGS_H_

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/config/config.h"

namespace modeld {

// How a setting's text is read.
enum class SettingKind {
  kText,
  // One of Setting::choices.
  kChoice,
  // Absolute, or beginning with "~/".
  kPath,
  // "true" or "false".
  kSwitch,
  // A number from 0 to 2^32 - 1.
  kCount,
  // A number from 0 to 1.
  kFraction,
  // base/units.h
  kBytes,
  kDuration,
  // Texts. With commas between them in a flag or variable, an array in the file.
  kList,
  // As kList, of texts that are no paths.
  kWords,
};

// Whether a setting of that kind has any number of values.
constexpr bool IsList(SettingKind kind) {
  return kind == SettingKind::kList || kind == SettingKind::kWords;
}

// Where a setting's value lies in a Config.
using SettingPlace = std::variant<std::string& (*)(Config&), bool& (*)(Config&), uint32_t& (*)(Config&),
                                  uint64_t& (*)(Config&), double& (*)(Config&), absl::Duration& (*)(Config&),
                                  std::vector<std::string>& (*)(Config&)>;

// One row.
struct Setting {
  // "section.key" of config.toml.
  const char* name;
  // "MODELD_..." and "--...".
  const char* variable;
  const char* flag;
  SettingKind kind;
  SettingPlace place;
  // For --help and the reference: what it does, in one sentence.
  const char* doc;
  // Between commas; kChoice only.
  const char* choices = "";
  // Smallest value; kCount only.
  uint32_t at_least = 0;
};

// All settings, grouped by section.
std::span<const Setting> AllSettings();

// The row of that name, or null.
const Setting* FindSetting(absl::string_view name);

// Reads `values` (one text; for lists any number) into the setting's place in `config`. INVALID_ARGUMENT:
// what is wrong, without the setting's name. `home` replaces "~".
absl::Status AssignSetting(const Setting& setting, const std::vector<std::string>& values,
                           const std::string& home, Config& config);

// The value in `config`, as AssignSetting takes it; a list with commas.
std::string ShowSetting(const Setting& setting, const Config& config);

}  // namespace modeld

#endif  // MODELD_DAEMON_CONFIG_SETTINGS_H_
