#include "daemon/config/config.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/version.h"
#include "catch2/catch.hpp"
#include "daemon/config/settings.h"
#include "policy/first_build.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;

// A user's home with nothing in it.
class Home {
 public:
  Home() {
    std::string pattern = (fs::path(std::getenv("TEST_TMPDIR")) / "home-XXXXXX").string();
    path = mkdtemp(pattern.data());
    environment["HOME"] = path.string();
    environment["XDG_RUNTIME_DIR"] = "/run/user/1000";
  }
  ~Home() { fs::remove_all(path); }

  void WriteConfig(const std::string& text) const {
    fs::create_directories(path / ".config" / "modeld");
    std::ofstream(path / ".config" / "modeld" / "config.toml") << text;
  }

  absl::StatusOr<LoadedConfig> Load(const std::vector<std::string>& arguments = {}) const {
    return LoadConfig({.arguments = arguments,
                       .environment = [this](const char* name) -> std::optional<std::string> {
                         const auto it = environment.find(name);
                         if (it == environment.end()) return std::nullopt;
                         return it->second;
                       },
                       .own_executable = "/opt/modeld/bin/modeld",
                       .uid = 4711});
  }

  fs::path path;
  std::map<std::string, std::string> environment;
};

const SettingInForce& Find(const LoadedConfig& loaded, const std::string& name) {
  for (const SettingInForce& setting : loaded.settings) {
    if (setting.name == name) return setting;
  }
  FAIL(name);
  throw std::logic_error("unreachable");
}

void CheckRefused(const absl::StatusOr<LoadedConfig>& loaded, const std::string& why) {
  REQUIRE_FALSE(loaded.ok());
  INFO(loaded.status());
  CHECK(loaded.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(absl::StrContains(std::string(loaded.status().message()), why));
}

TEST_CASE("A daemon that systemd starts on demand ends when idle, unless the user says otherwise") {
  Home home;
  home.environment["LISTEN_FDS"] = "2";
  CHECK(home.Load()->config.idle_exit == absl::Minutes(10));
  CHECK(Find(home.Load().value(), "daemon.idle_exit").origin == "default");
  home.WriteConfig("[daemon]\nidle_exit = \"-1\"\n");
  CHECK(home.Load()->config.idle_exit == absl::InfiniteDuration());
}

TEST_CASE("Without any configuration the folders are those of the XDG specification") {
  const Home home;
  const LoadedConfig loaded = home.Load().value();
  CHECK(loaded.config.store.cache_dir == (home.path / ".cache/modeld").string());
  CHECK(loaded.config.store.state_dir == (home.path / ".local/state/modeld").string());
  CHECK(loaded.config.runtime_dir == "/run/user/1000/modeld");
  CHECK(loaded.config.identity.brokers.empty());
  CHECK(loaded.config.identity.admins == std::vector<std::string>{"/opt/modeld/bin/modelctl"});
  CHECK(loaded.config.idle_exit == absl::InfiniteDuration());
  CHECK_FALSE(loaded.print.has_value());
  CHECK(loaded.settings.size() == AllSettings().size());
  for (const SettingInForce& setting : loaded.settings) CHECK(setting.origin == "default");
}

TEST_CASE("Each way of a first build is one that policy knows") {
  const Home home;
  CHECK(policy::FirstBuildNamed(home.Load()->config.first_build) == policy::FirstBuild::kCompile);
  for (const absl::string_view name : absl::StrSplit(FindSetting("privacy.first_build")->choices, ',')) {
    CAPTURE(std::string(name));
    CHECK(policy::FirstBuildNamed(name).has_value());
  }
  CheckRefused(home.Load({"--first-build", "never"}), "none of compile, wait, share");
}

TEST_CASE("XDG variables move the folders; relative ones are ignored") {
  Home home;
  home.environment["XDG_CACHE_HOME"] = "/var/c";
  home.environment["XDG_STATE_HOME"] = "relative";
  CHECK(home.Load()->config.store.cache_dir == "/var/c/modeld");
  CHECK(home.Load()->config.store.state_dir == (home.path / ".local/state/modeld").string());
}

TEST_CASE("Without XDG_RUNTIME_DIR the sockets go to a folder named after the user") {
  Home home;
  home.environment.erase("XDG_RUNTIME_DIR");
  CHECK(home.Load()->config.runtime_dir == "/tmp/modeld-4711");
}

TEST_CASE("Without a home the folders must be given") {
  Home home;
  home.environment.erase("HOME");
  CheckRefused(home.Load(), "HOME is not set");
  CHECK(home.Load({"--cache-dir", "/c", "--state-dir", "/s"}).ok());
}

TEST_CASE("A flag goes before the environment, that before the file, that before the default") {
  Home home;
  home.WriteConfig("[limits]\nsessions = 5\n[daemon]\nidle_exit = \"5m\"\n[log]\nlevel = 'error'\n");
  CHECK(home.Load()->config.sessions.max_sessions == 5);
  CHECK(Find(*home.Load(), "limits.sessions").origin == "file");
  home.environment["MODELD_MAX_SESSIONS"] = "6";
  CHECK(home.Load()->config.sessions.max_sessions == 6);
  CHECK(Find(*home.Load(), "limits.sessions").origin == "environment");
  const LoadedConfig loaded = home.Load({"--max-sessions", "7"}).value();
  CHECK(loaded.config.sessions.max_sessions == 7);
  CHECK(Find(loaded, "limits.sessions").origin == "flag");
  CHECK(Find(loaded, "limits.sessions").value == "7");
  CHECK(Find(loaded, "daemon.idle_exit").value == "5m");
  CHECK(Find(loaded, "log.level").value == "error");
  CHECK(Find(loaded, "limits.graphs").origin == "default");
  home.environment["MODELD_MAX_SESSIONS"] = "";
  CHECK(Find(*home.Load(), "limits.sessions").origin == "file");
}

TEST_CASE("Every setting can be given as flag, variable and in the file, and is shown as it is given") {
  const Home home;
  const LoadedConfig defaults = home.Load().value();
  for (const Setting& setting : AllSettings()) {
    INFO(setting.name);
    std::string value;
    switch (setting.kind) {
      case SettingKind::kText:
        value = "cpu";
        break;
      case SettingKind::kChoice:
        value = std::string(setting.choices, std::strchr(setting.choices, ','));
        break;
      case SettingKind::kPath:
        value = "/some/where";
        break;
      case SettingKind::kSwitch:
        value = "false";
        break;
      case SettingKind::kCount:
        value = "17";
        break;
      case SettingKind::kFraction:
        value = "0.25";
        break;
      case SettingKind::kBytes:
        value = "17M";
        break;
      case SettingKind::kDuration:
        value = "17s";
        break;
      case SettingKind::kList:
      case SettingKind::kWords:
        value = "/a/b,app:org.example.app";
        break;
    }
    CHECK(Find(home.Load({setting.flag, value}).value(), setting.name).value == value);
    Home with_variable;
    with_variable.environment[setting.variable] = value;
    CHECK(Find(with_variable.Load().value(), setting.name).value == value);
    Home with_file;
    const std::string name = setting.name;
    const size_t dot = name.find('.');
    const std::string toml = IsList(setting.kind) ? "['/a/b', 'app:org.example.app']" : "'" + value + "'";
    with_file.WriteConfig(
        absl::StrCat("[", name.substr(0, dot), "]\n", name.substr(dot + 1), " = ", toml, "\n"));
    CHECK(Find(with_file.Load().value(), setting.name).value == value);
    // What is shown can be given again.
    const std::string shown = Find(defaults, setting.name).value;
    if (!shown.empty()) CHECK(Find(home.Load({setting.flag, shown}).value(), setting.name).value == shown);
  }
}

TEST_CASE("A switch is true or false, in the file also without quotes") {
  Home home;
  CHECK(home.Load()->config.compile.claim);
  CHECK(home.Load()->config.compile.fuse);
  home.WriteConfig("[engine]\nclaim = false\n");
  CHECK_FALSE(home.Load()->config.compile.claim);
  CHECK(home.Load()->config.compile.fuse);
  CHECK(home.Load({"--claim", "true"})->config.compile.claim);
  CheckRefused(home.Load({"--claim", "no"}), "--claim: \"no\" is neither true nor false");
  CheckRefused(home.Load({"--claim"}), "--claim");
  home.WriteConfig("[engine]\nclaim = 0\n");
  CheckRefused(home.Load(), "line 2: engine.claim: \"0\" is neither true nor false");
}

TEST_CASE("A fraction is from 0 to 1, in the file also without quotes") {
  Home home;
  CHECK(home.Load()->config.privacy.commonness == 0.01);
  home.WriteConfig("[privacy]\ncommonness = 0.25\n");
  CHECK(home.Load()->config.privacy.commonness == 0.25);
  CHECK(home.Load({"--commonness", "1"})->config.privacy.commonness == 1);
  for (const char* text : {"1.01", "-0.1", "nan", "x", ""}) {
    INFO(text);
    CheckRefused(home.Load({"--commonness", text}), "--commonness");
  }
}

TEST_CASE("Words are taken as they are, paths in a list must be absolute") {
  const Home home;
  CHECK(home.Load({"--commonness-keys", "ab,cd"})->config.privacy.commonness_keys ==
        std::vector<std::string>{"ab", "cd"});
  CheckRefused(home.Load({"--commonness-lists", "relative"}), "absolute");
}

TEST_CASE("An unknown key in the file is an error with its line") {
  const Home home;
  home.WriteConfig("[limits]\ngraphs = 5\n\nsesions = 5\n");
  CheckRefused(home.Load(), "line 4: there is no setting limits.sesions");
  home.WriteConfig("[limts]\ngraphs = 5\n");
  CheckRefused(home.Load(), "there is no setting limts.graphs");
  home.WriteConfig("graphs = 5\n");
  CheckRefused(home.Load(), "line 1: \"graphs\" stands outside of a [section]");
}

TEST_CASE("A wrong value is an error that says where it stands, also where something else wins") {
  Home home;
  home.WriteConfig("[limits]\ngraphs = -1\n");
  CheckRefused(home.Load({"--max-graphs", "3"}), "line 2: limits.graphs: \"-1\" is not a whole number");
  home.WriteConfig("[limits]\ngraphs = 0\n");
  CheckRefused(home.Load(), "less than 1");
  home.WriteConfig("[log]\nlevel = 'loud'\n");
  CheckRefused(home.Load(), "\"loud\" is none of trace, debug");
  home.WriteConfig("[log]\nlevel = 2020-01-01\n");
  CheckRefused(home.Load(), "line 2: log.level is neither a text, a number, true nor false");
  home.WriteConfig("[log]\nlevel = ['info', 'debug']\n");
  CheckRefused(home.Load(), "one value");
  home.WriteConfig("[identity]\nbrokers = ['/a', 7]\n");
  CheckRefused(home.Load(), "line 2: identity.brokers holds something other than texts");
  home.WriteConfig("[paths]\ncache_dir = 'here'\n");
  CheckRefused(home.Load(), "\"here\" is not an absolute path");
  home.WriteConfig("[limits\n");
  CheckRefused(home.Load(), "line 1");
  home.WriteConfig("");
  home.environment["MODELD_IDLE_EXIT"] = "soon";
  CheckRefused(home.Load(), "MODELD_IDLE_EXIT: \"soon\" is not a duration");
  CheckRefused(home.Load({"--idle-exit", "soon"}), "--idle-exit: \"soon\"");
}

TEST_CASE("Wrong command lines are refused") {
  const Home home;
  CheckRefused(home.Load({"--no-such-flag"}), "--no-such-flag");
  CheckRefused(home.Load({"word"}), "word");
  CheckRefused(home.Load({"--cache-dir"}), "--cache-dir");
  CheckRefused(home.Load({"--max-graphs", "1", "--max-graphs", "2"}), "--max-graphs");
}

TEST_CASE("Lists come from repeated flags or commas; a path may begin with the home folder") {
  const Home home;
  const std::vector<std::string> expected = {"/a", "/b", "app:org.x.y", (home.path / "bin/c").string()};
  CHECK(home.Load({"--brokers", "/a,/b", "--brokers", "app:org.x.y,~/bin/c"})->config.identity.brokers ==
        expected);
  CheckRefused(home.Load({"--brokers", "relative"}), "not an absolute path");
}

TEST_CASE("A relative path in a flag is meant from the working folder") {
  const Home home;
  CHECK(home.Load({"--cache-dir", "x/y"})->config.store.cache_dir == (fs::current_path() / "x/y").string());
}

TEST_CASE("Another file is named by flag or variable, and then must be there") {
  Home home;
  std::ofstream(home.path / "other.toml") << "[limits]\ngraphs = 9\n";
  CHECK(home.Load({"--config", (home.path / "other.toml").string()})->config.limits.max_graphs == 9);
  home.environment["MODELD_CONFIG"] = (home.path / "other.toml").string();
  CHECK(home.Load()->config.limits.max_graphs == 9);
  home.environment["MODELD_CONFIG"] = (home.path / "missing.toml").string();
  CHECK(home.Load().status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("Help names every setting, and neither it nor the version needs a working configuration") {
  const Home home;
  home.WriteConfig("broken");
  const std::string help = home.Load({"--help"})->print.value();
  for (const Setting& setting : AllSettings()) {
    INFO(setting.name);
    CHECK(absl::StrContains(help, setting.flag));
    CHECK(absl::StrContains(help, setting.variable));
  }
  CHECK(home.Load({"--version"})->print == absl::StrCat("modeld ", kVersion, "\n"));
}

TEST_CASE("No two settings share a name, variable or flag") {
  std::map<std::string, int> seen;
  for (const Setting& setting : AllSettings()) {
    for (const char* name : {setting.name, setting.variable, setting.flag}) {
      INFO(name);
      CHECK(++seen[name] == 1);
    }
    CHECK(FindSetting(setting.name) == &setting);
  }
  CHECK(FindSetting("limits") == nullptr);
}

}  // namespace
}  // namespace modeld
