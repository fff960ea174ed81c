#include "tools/modelctl/config_edit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "tools/modelctl/local_file.h"

namespace modeld::tools {
namespace {

constexpr mode_t kNewFileMode = 0600;

// Where things stand in the text, by lines.
struct Places {
  std::vector<std::string> lines;  // without their ends
  std::optional<size_t> value;     // the line that sets it
  std::optional<size_t> header;    // the line of [section]
};

absl::Status NotEditable() {
  return absl::FailedPreconditionError(
      "the configuration file uses a form of TOML that is not changed safely here; edit it by hand");
}

// A key as it stands before '=': bare, or in quotes. Empty when there is no '='.
std::string KeyOf(absl::string_view line) {
  const size_t at = line.find('=');
  if (at == absl::string_view::npos) return "";
  absl::string_view key = absl::StripAsciiWhitespace(line.substr(0, at));
  if (key.size() >= 2 && key.front() == key.back() && (key.front() == '"' || key.front() == '\'')) {
    key = key.substr(1, key.size() - 2);
  }
  return std::string(key);
}

absl::StatusOr<Places> Locate(absl::string_view toml, const ConfigKey& key) {
  if (absl::StrContains(toml, "\"\"\"") || absl::StrContains(toml, "'''")) return NotEditable();
  Places places{.lines = absl::StrSplit(toml, '\n')};
  std::string section;
  for (size_t i = 0; i < places.lines.size(); ++i) {
    const absl::string_view line = absl::StripAsciiWhitespace(places.lines[i]);
    if (absl::StartsWith(line, "[")) {
      section = std::string(absl::StripAsciiWhitespace(line.substr(1, line.find(']') - 1)));
      if (section == key.section) places.header = i;
      continue;
    }
    const std::string name = KeyOf(line);
    if (section.empty() && name == key.section) return NotEditable();
    if ((section == key.section && name == key.name) ||
        (section.empty() && name == absl::StrCat(key.section, ".", key.name))) {
      places.value = i;
    }
  }
  return places;
}

// Where the text in quotes at `begin` ends, behind the closing quote; npos when it does not.
size_t EndOfQuoted(absl::string_view line, size_t begin) {
  const char quote = line[begin];
  for (size_t i = begin + 1; i < line.size(); ++i) {
    if (line[i] == '\\' && quote == '"') {
      ++i;
    } else if (line[i] == quote) {
      return i + 1;
    }
  }
  return absl::string_view::npos;
}

// The text's begin and end in a line that sets a value in quotes.
std::optional<std::pair<size_t, size_t>> QuotedValue(absl::string_view line) {
  const size_t begin = line.find_first_not_of(" \t", line.find('=') + 1);
  if (begin == absl::string_view::npos || (line[begin] != '"' && line[begin] != '\'')) return std::nullopt;
  const size_t end = EndOfQuoted(line, begin);
  if (end == absl::string_view::npos) return std::nullopt;
  return std::pair(begin, end);
}

std::string Quoted(absl::string_view value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, c));
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&quoted, "\\u%04X", static_cast<unsigned char>(c));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

}  // namespace

absl::StatusOr<std::string> WithValue(absl::string_view toml, const ConfigKey& key, absl::string_view value) {
  MODELD_ASSIGN_OR_RETURN(Places places, Locate(toml, key));
  const std::string setting = absl::StrCat(key.name, " = ", Quoted(value));
  if (places.value) {
    std::string& line = places.lines[*places.value];
    const auto old = QuotedValue(line);
    if (!old) return NotEditable();
    line.replace(old->first, old->second - old->first, Quoted(value));
  } else if (places.header) {
    const bool returns = absl::EndsWith(places.lines[*places.header], "\r");
    places.lines.insert(places.lines.begin() + static_cast<ptrdiff_t>(*places.header) + 1,
                        absl::StrCat(setting, returns ? "\r" : ""));
  } else {
    const bool ended = toml.empty() || absl::EndsWith(toml, "\n");
    return absl::StrCat(toml, ended ? "" : "\n", toml.empty() ? "" : "\n", "[", key.section, "]\n", setting,
                        "\n");
  }
  return absl::StrJoin(places.lines, "\n");
}

std::optional<std::string> ValueIn(absl::string_view toml, const ConfigKey& key) {
  const auto places = Locate(toml, key);
  if (!places.ok() || !places->value) return std::nullopt;
  const std::string& line = places->lines[*places->value];
  const auto quoted = QuotedValue(line);
  if (!quoted) return std::nullopt;
  std::string value = line.substr(quoted->first + 1, quoted->second - quoted->first - 2);
  // Escapes other than these two do not occur in paths that people write.
  if (line[quoted->first] == '"') value = absl::StrReplaceAll(value, {{"\\\\", "\\"}, {"\\\"", "\""}});
  return value;
}

absl::Status ReplaceFile(const std::string& path, absl::string_view content) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  if (error) return SystemError(path, error.value());
  std::filesystem::create_directories(real.parent_path(), error);
  if (error) return SystemError(path, error.value());
  struct stat old = {};
  const mode_t mode = ::stat(real.c_str(), &old) == 0 ? old.st_mode & 07777 : kNewFileMode;
  const std::string fresh = absl::StrCat(real.string(), ".new");
  ::unlink(fresh.c_str());
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.valid()) return SystemError(path, errno);
  const auto fail = [&](int cause) {
    ::unlink(fresh.c_str());
    return SystemError(path, cause);
  };
  for (absl::string_view rest = content; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail(errno);
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return fail(errno);
  if (::rename(fresh.c_str(), real.c_str()) != 0) return fail(errno);
  const UniqueFd folder(::open(real.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return SystemError(path, errno);
  return absl::OkStatus();
}

}  // namespace modeld::tools
