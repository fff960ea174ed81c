#include "tools/modelctl/installation.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

extern char** environ;

namespace modeld::tools {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

void Add(absl::string_view assignment, std::map<std::string, std::string>& environment) {
  const size_t at = assignment.find('=');
  if (at == absl::string_view::npos) return;
  environment.emplace(assignment.substr(0, at), assignment.substr(at + 1));
}

// $XDG_..._HOME/modeld, or ~/DEFAULT/modeld.
std::string XdgFolder(const Surroundings& daemon, const std::string& variable, const std::string& usual) {
  const std::string xdg = daemon.Variable(variable);
  if (absl::StartsWith(xdg, "/")) return absl::StrCat(xdg, "/modeld");
  return absl::StrCat(daemon.Variable("HOME"), "/", usual, "/modeld");
}

std::string Folder(const Surroundings& daemon, const std::string& variable, const std::string& name,
                   const std::string& usual) {
  if (std::string own = daemon.Variable(variable); !own.empty()) return own;
  const auto file = ReadSmallFile(ConfigFile(daemon));
  const auto value = file ? ValueIn(*file, {"paths", name}) : std::nullopt;
  if (!value) return usual;
  return absl::StartsWith(*value, "~/") ? absl::StrCat(daemon.Variable("HOME"), value->substr(1)) : *value;
}

}  // namespace

std::string Surroundings::Variable(const std::string& name) const {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

Surroundings OwnSurroundings() {
  Surroundings own;
  for (char** variable = environ; *variable != nullptr; ++variable) Add(*variable, own.environment);
  return own;
}

std::optional<Surroundings> SurroundingsOf(uint64_t pid) {
  const std::string folder = absl::StrCat("/proc/", pid);
  const auto variables = ReadSmallFile(folder + "/environ");
  const auto arguments = ReadSmallFile(folder + "/cmdline");
  if (!variables || !arguments) return std::nullopt;
  Surroundings found;
  for (absl::string_view one : absl::StrSplit(*variables, '\0')) Add(one, found.environment);
  found.arguments = absl::StrSplit(absl::StripSuffix(*arguments, absl::string_view("\0", 1)), '\0');
  if (!found.arguments.empty()) found.arguments.erase(found.arguments.begin());
  const std::string groups = ReadSmallFile(folder + "/cgroup").value_or("");
  if (absl::StrContains(groups, "/modeld.service")) found.unit = "modeld.service";
  return found;
}

std::string ConfigFile(const Surroundings& daemon) {
  for (size_t i = 0; i < daemon.arguments.size(); ++i) {
    absl::string_view argument = daemon.arguments[i];
    if (absl::ConsumePrefix(&argument, "--config=")) return std::string(argument);
    if (argument == "--config" && i + 1 < daemon.arguments.size()) return daemon.arguments[i + 1];
  }
  if (std::string named = daemon.Variable("MODELD_CONFIG"); !named.empty()) return named;
  return absl::StrCat(XdgFolder(daemon, "XDG_CONFIG_HOME", ".config"), "/config.toml");
}

std::string CacheFolder(const Surroundings& daemon) {
  return Folder(daemon, "MODELD_CACHE_DIR", "cache_dir", XdgFolder(daemon, "XDG_CACHE_HOME", ".cache"));
}

std::string StateFolder(const Surroundings& daemon) {
  return Folder(daemon, "MODELD_STATE_DIR", "state_dir", XdgFolder(daemon, "XDG_STATE_HOME", ".local/state"));
}

std::string RuntimeFolder(const Surroundings& daemon) {
  const std::string xdg = daemon.Variable("XDG_RUNTIME_DIR");
  const std::string logind = absl::StrCat("/run/user/", ::geteuid());
  std::error_code error;
  std::string usual = absl::StrCat("/tmp/modeld-", ::geteuid());
  if (absl::StartsWith(xdg, "/")) {
    usual = absl::StrCat(xdg, "/modeld");
  } else if (std::filesystem::is_directory(logind, error)) {
    usual = absl::StrCat(logind, "/modeld");
  }
  return Folder(daemon, "MODELD_RUNTIME_DIR", "runtime_dir", usual);
}

std::string OwnExecutable() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::vector<std::string> InPath(const Surroundings& surroundings, const std::string& program) {
  std::vector<std::string> found;
  for (absl::string_view folder : absl::StrSplit(surroundings.Variable("PATH"), ':', absl::SkipEmpty())) {
    std::string path = absl::StrCat(folder, "/", program);
    if (::access(path.c_str(), X_OK) == 0) found.push_back(std::move(path));
  }
  return found;
}

std::optional<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file.eof() && file.fail())) return std::nullopt;
  const auto size = static_cast<size_t>(file.gcount());
  if (size > kMaxFileBytes || (size == 0 && !file.eof())) return std::nullopt;
  text.resize(size);
  return text;
}

}  // namespace modeld::tools
