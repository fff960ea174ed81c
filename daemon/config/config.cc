#include "daemon/config/config.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/version.h"
#include "daemon/config/config_file.h"
#include "daemon/config/settings.h"

namespace modeld {
namespace {

// What the user gave, by a setting's name.
using Given = std::map<std::string, std::vector<std::string>>;

struct CommandLine {
  Given given;
  std::string config_file;
  std::optional<std::string> print;
};

std::string Variable(const ConfigSources& sources, const char* name) {
  return sources.environment(name).value_or("");
}

// $XDG_..., or its default below the home folder. The specification has relative paths ignored.
std::string XdgFolder(const ConfigSources& sources, const char* variable, absl::string_view below_home) {
  const std::string value = Variable(sources, variable);
  if (absl::StartsWith(value, "/")) return absl::StrCat(value, "/modeld");
  const std::string home = Variable(sources, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/", below_home, "/modeld");
}

bool IsPrivateFolder(const std::string& path, uint32_t uid) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == uid &&
         (info.st_mode & 077) == 0;
}

// Without XDG_RUNTIME_DIR: the place that logind would have named, if it is there, else one in /tmp. Who
// holds that name in /tmp first can at most keep the daemon from starting, as its owner and mode are checked
// (daemon/sockets/runtime_dir.h).
std::string RuntimeFolder(const ConfigSources& sources) {
  const std::string value = Variable(sources, "XDG_RUNTIME_DIR");
  if (absl::StartsWith(value, "/")) return absl::StrCat(value, "/modeld");
  const std::string logind = absl::StrCat("/run/user/", sources.uid);
  if (IsPrivateFolder(logind, sources.uid)) return absl::StrCat(logind, "/modeld");
  return absl::StrCat("/tmp/modeld-", sources.uid);
}

Config Defaults(const ConfigSources& sources) {
  Config config;
  config.store.cache_dir = XdgFolder(sources, "XDG_CACHE_HOME", ".cache");
  config.store.state_dir = XdgFolder(sources, "XDG_STATE_HOME", ".local/state");
  config.runtime_dir = RuntimeFolder(sources);
  const std::filesystem::path own(sources.own_executable);
  if (own.is_absolute()) config.identity.admins = {(own.parent_path() / "modelctl").string()};
  // Who is started by the first connection can end when there is none: the next one starts it again.
  if (sources.environment("LISTEN_FDS").has_value()) config.idle_exit = absl::Minutes(10);
  return config;
}

absl::string_view KindName(SettingKind kind) {
  switch (kind) {
    case SettingKind::kText:
      return "TEXT";
    case SettingKind::kChoice:
      return "WORD";
    case SettingKind::kPath:
      return "PATH";
    case SettingKind::kSwitch:
      return "true|false";
    case SettingKind::kCount:
      return "NUMBER";
    case SettingKind::kFraction:
      return "0..1";
    case SettingKind::kBytes:
      return "SIZE";
    case SettingKind::kDuration:
      return "TIME";
    case SettingKind::kList:
    case SettingKind::kWords:
      return "LIST";
  }
  return "VALUE";
}

// A relative path in a flag is meant from where the command was given.
void MakeAbsolute(const Setting& setting, std::vector<std::string>& values) {
  if (setting.kind != SettingKind::kPath) return;
  for (std::string& value : values) {
    std::error_code error;
    if (!value.empty() && !absl::StartsWith(value, "~/"))
      value = std::filesystem::absolute(value, error).string();
  }
}

absl::StatusOr<CommandLine> ParseCommandLine(const ConfigSources& sources, const Config& defaults) {
  CLI::App app(
      "modeld: local model-management daemon. Runs in the foreground.\n"
      "A setting is taken from its flag, else its environment variable, else config.toml, else the default.",
      "modeld");
  app.set_help_flag("-h,--help", "print this");
  app.get_formatter()->column_width(36);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  CommandLine line;
  app.add_option("--config", line.config_file,
                 "the file of settings (MODELD_CONFIG) [$XDG_CONFIG_HOME/modeld/config.toml]")
      ->type_name("PATH");
  bool version = false;
  app.add_flag("--version", version, "print the version");
  std::map<const Setting*, std::pair<std::vector<std::string>, const CLI::Option*>> flags;
  for (const Setting& setting : AllSettings()) {
    auto& [values, option] = flags[&setting];
    const std::string shown = ShowSetting(setting, defaults);
    const std::string doc =
        absl::StrCat(setting.doc, *setting.choices == '\0' ? "" : " {", setting.choices,
                     *setting.choices == '\0' ? "" : "}", " (", setting.variable, ") [", shown, "]");
    CLI::Option* added = app.add_option(setting.flag, values, doc);
    added->type_name(std::string(KindName(setting.kind)))
        ->group(std::string(setting.name, std::strchr(setting.name, '.')));
    if (IsList(setting.kind)) {
      added->delimiter(',')->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      added->expected(1);
    }
    option = added;
  }
  try {
    // CLI11 wants them backwards.
    app.parse(std::vector<std::string>(sources.arguments.rbegin(), sources.arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    line.print = app.help();
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(error.what(), "\nTry modeld --help."));
  }
  if (version) line.print = absl::StrCat("modeld ", kVersion, "\n");
  for (auto& [setting, flag] : flags) {
    if (flag.second->count() == 0) continue;
    MakeAbsolute(*setting, flag.first);
    line.given[setting->name] = flag.first;
  }
  return line;
}

// Which file, and whether the user named it.
absl::StatusOr<std::map<std::string, FileValue>> ReadFile(const ConfigSources& sources,
                                                          const std::string& flag) {
  std::string path = flag.empty() ? Variable(sources, "MODELD_CONFIG") : flag;
  const bool named = !path.empty();
  if (!named) {
    const std::string folder = XdgFolder(sources, "XDG_CONFIG_HOME", ".config");
    if (folder.empty()) return std::map<std::string, FileValue>();
    path = absl::StrCat(folder, "/config.toml");
  }
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (!named && !error) return std::map<std::string, FileValue>();
    return absl::NotFoundError(absl::StrCat(path, ": ", error ? error.message() : "no such file"));
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  auto values = ParseConfigFile(content.str());
  if (!values.ok()) return Annotate(values.status(), path);
  for (const auto& [name, value] : *values) {
    if (FindSetting(name) == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": line ", value.line, ": there is no setting ", name));
    }
    Config scratch;
    const absl::Status wrong =
        AssignSetting(*FindSetting(name), value.values, Variable(sources, "HOME"), scratch);
    if (!wrong.ok()) return Annotate(wrong, absl::StrCat(path, ": line ", value.line, ": ", name));
  }
  return values;
}

std::vector<std::string> SplitVariable(const Setting& setting, const std::string& value) {
  if (!IsList(setting.kind)) return {value};
  return absl::StrSplit(value, ',', absl::SkipEmpty());
}

}  // namespace

absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSources& sources) {
  LoadedConfig loaded;
  loaded.config = Defaults(sources);
  MODELD_ASSIGN_OR_RETURN(CommandLine line, ParseCommandLine(sources, loaded.config));
  loaded.print = std::move(line.print);
  if (loaded.print.has_value()) return loaded;
  MODELD_ASSIGN_OR_RETURN(const auto file, ReadFile(sources, line.config_file));
  const std::string home = Variable(sources, "HOME");
  for (const Setting& setting : AllSettings()) {
    std::string origin = "default";
    absl::Status assigned;
    if (const auto flag = line.given.find(setting.name); flag != line.given.end()) {
      origin = "flag";
      assigned = Annotate(AssignSetting(setting, flag->second, home, loaded.config), setting.flag);
    } else if (const std::string value = Variable(sources, setting.variable); !value.empty()) {
      origin = "environment";
      assigned = Annotate(AssignSetting(setting, SplitVariable(setting, value), home, loaded.config),
                          setting.variable);
    } else if (const auto in_file = file.find(setting.name); in_file != file.end()) {
      origin = "file";
      assigned = AssignSetting(setting, in_file->second.values, home, loaded.config);
    }
    MODELD_RETURN_IF_ERROR(assigned);
    loaded.settings.push_back({setting.name, ShowSetting(setting, loaded.config), origin});
    if (setting.kind == SettingKind::kPath && loaded.settings.back().value.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(setting.name, ": HOME is not set, so there is no default; give ", setting.flag));
    }
  }
  return loaded;
}

}  // namespace modeld
