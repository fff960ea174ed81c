#include "daemon/session/app_id.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/digest.h"
#include "policy/partition.h"

namespace modeld {
namespace {

constexpr size_t kMaxSafeBytes = 200;

std::string ShortHash(absl::string_view text) {
  return Digest::Of(text).ToHex().substr(0, 8);
}

// Undoes systemd's escaping: "\x2d" is '-'. What is no escape stays.
std::string UnescapeUnit(absl::string_view text) {
  std::string plain;
  while (!text.empty()) {
    if (text.size() >= 4 && text[0] == '\\' && text[1] == 'x' && absl::ascii_isxdigit(text[2]) &&
        absl::ascii_isxdigit(text[3])) {
      plain += absl::HexStringToBytes(text.substr(2, 2));
      text.remove_prefix(4);
    } else {
      plain += text[0];
      text.remove_prefix(1);
    }
  }
  return plain;
}

// The path components of the process's systemd cgroup, innermost first.
std::vector<absl::string_view> CgroupComponents(absl::string_view cgroup) {
  for (absl::string_view line : absl::StrSplit(cgroup, '\n')) {
    if (!absl::ConsumePrefix(&line, "0::") && !absl::ConsumePrefix(&line, "1:name=systemd:")) continue;
    std::vector<absl::string_view> components = absl::StrSplit(line, '/', absl::SkipEmpty());
    if (components.empty()) continue;
    std::reverse(components.begin(), components.end());
    return components;
  }
  return {};
}

// Of "snap.NAME.APP...".
std::optional<std::string> SnapAppId(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "snap.")) return std::nullopt;
  const absl::string_view name = text.substr(0, text.find('.'));
  const auto allowed = [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_';
  };
  if (name.empty() || name.size() == text.size() || !std::all_of(name.begin(), name.end(), allowed))
    return std::nullopt;
  return absl::StrCat("snap.", name);
}

std::optional<std::string> UnitAppIdOf(absl::string_view unit) {
  if (!absl::ConsumePrefix(&unit, "app-")) return std::nullopt;
  const bool scope = absl::ConsumeSuffix(&unit, ".scope");
  if (!scope && !absl::ConsumeSuffix(&unit, ".service")) return std::nullopt;
  if (!scope) unit = unit.substr(0, unit.find('@'));
  std::vector<absl::string_view> parts = absl::StrSplit(unit, '-');
  if (scope) parts.pop_back();
  if (parts.empty() || parts.size() > 2 || parts.back().empty()) return std::nullopt;
  return SafeAppId(UnescapeUnit(parts.back()));
}

}  // namespace

std::optional<std::string> FlatpakAppId(absl::string_view flatpak_info) {
  bool in_application = false;
  for (absl::string_view line : absl::StrSplit(flatpak_info, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::StartsWith(line, "[")) {
      in_application = line == "[Application]";
    } else if (in_application && absl::ConsumePrefix(&line, "name=")) {
      const auto allowed = [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
      };
      const bool valid = line.size() <= 255 && std::all_of(line.begin(), line.end(), allowed) &&
                         std::count(line.begin(), line.end(), '.') >= 2;
      if (!valid) return std::nullopt;
      return std::string(line);
    }
  }
  return std::nullopt;
}

std::optional<std::string> SnapAppIdOfLabel(absl::string_view apparmor_label) {
  return SnapAppId(apparmor_label);
}

std::optional<std::string> SnapAppIdOfCgroup(absl::string_view cgroup) {
  for (absl::string_view component : CgroupComponents(cgroup)) {
    if (!absl::EndsWith(component, ".scope") && !absl::EndsWith(component, ".service")) continue;
    if (auto id = SnapAppId(component)) return id;
  }
  return std::nullopt;
}

std::optional<std::string> UnitAppId(absl::string_view cgroup) {
  for (absl::string_view component : CgroupComponents(cgroup)) {
    if (auto id = UnitAppIdOf(component)) return id;
  }
  return std::nullopt;
}

std::string ExecutableAppId(absl::string_view path) {
  absl::ConsumeSuffix(&path, " (deleted)");
  const size_t slash = path.rfind('/');
  const absl::string_view name = slash == absl::string_view::npos ? path : path.substr(slash + 1);
  return SafeAppId(absl::StrCat(name, "-", ShortHash(path)));
}

std::string SafeAppId(absl::string_view text) {
  if (AppPartition(text).ok()) return std::string(text);
  std::string safe(text.substr(0, kMaxSafeBytes));
  for (char& c : safe) {
    if (!AppPartition(absl::string_view(&c, 1)).ok()) c = '_';
  }
  return absl::StrCat(safe, "-", ShortHash(text));
}

}  // namespace modeld
