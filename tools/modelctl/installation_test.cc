// config.toml is changed in one place only, and what doctor finds on this machine.
#include "tools/modelctl/installation.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "tools/data/file.h"
#include "tools/modelctl/checks.h"
#include "tools/modelctl/config_edit.h"

namespace modeld::tools {
namespace {

using Catch::Matchers::Contains;

const ConfigKey kKey = {"paths", "cache_dir"};

std::string TempFolder(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

TEST_CASE("A value is set where it stands, and nothing else changes", "[config]") {
  const std::pair<std::string, std::string> cases[] = {
      {"", "[paths]\ncache_dir = \"/new\"\n"},
      {"[log]\nlevel = \"debug\"", "[log]\nlevel = \"debug\"\n\n[paths]\ncache_dir = \"/new\"\n"},
      {"# mine\n[paths]\nstate_dir = \"/s\"\n",
       "# mine\n[paths]\ncache_dir = \"/new\"\nstate_dir = \"/s\"\n"},
      {"[paths]\n  cache_dir='/old' # here\n[log]\n", "[paths]\n  cache_dir=\"/new\" # here\n[log]\n"},
      {"[ paths ]\r\ncache_dir = \"/o\\\"ld\"\r\n", "[ paths ]\r\ncache_dir = \"/new\"\r\n"},
      {"paths.cache_dir = \"/old\"\n[log]\n", "paths.cache_dir = \"/new\"\n[log]\n"},
      {"[other]\ncache_dir = \"/x\"\n", "[other]\ncache_dir = \"/x\"\n\n[paths]\ncache_dir = \"/new\"\n"},
      {"[paths]\n\"cache_dir\" = \"/old\"\n", "[paths]\n\"cache_dir\" = \"/new\"\n"},
      {"[paths]\n# cache_dir = \"/no\"\n", "[paths]\ncache_dir = \"/new\"\n# cache_dir = \"/no\"\n"},
  };
  for (const auto& [before, after] : cases) {
    const auto changed = WithValue(before, kKey, "/new");
    CAPTURE(before);
    REQUIRE(changed.status() == absl::OkStatus());
    CHECK(*changed == after);
    CHECK(*WithValue(*changed, kKey, "/new") == after);
    CHECK(ValueIn(*changed, kKey) == "/new");
  }
  const std::string odd = "/a \"b\" \\c";
  CHECK(ValueIn(*WithValue("", kKey, odd), kKey) == odd);
}

TEST_CASE("Forms that a line does not tell are left to a person", "[config]") {
  for (const char* text : {"paths = { cache_dir = \"/old\" }\n", "[a]\nb = \"\"\"\n[paths]\n\"\"\"\n",
                           "[paths]\ncache_dir = 7\n", "[paths]\ncache_dir = \"/open\n"}) {
    CAPTURE(text);
    CHECK(WithValue(text, kKey, "/new").status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK_FALSE(ValueIn(text, kKey));
  }
}

TEST_CASE("A file is replaced whole, through links, with its mode", "[config]") {
  const std::string folder = TempFolder("replace");
  const std::string file = folder + "/deep/er/config.toml", link = folder + "/link.toml";
  REQUIRE(ReplaceFile(file, "one") == absl::OkStatus());
  ::chmod(file.c_str(), 0640);
  std::filesystem::create_symlink(file, link);
  REQUIRE(ReplaceFile(link, "two") == absl::OkStatus());
  CHECK(std::filesystem::is_symlink(link));
  CHECK(ReadSmallFile(file) == "two");
  struct stat info = {};
  ::stat(file.c_str(), &info);
  CHECK((info.st_mode & 0777) == 0640);
  CHECK_FALSE(std::filesystem::exists(file + ".new"));
  CHECK(ReplaceFile("/proc/none/x", "y").code() != absl::StatusCode::kOk);
}

TEST_CASE("Folders follow the daemon's order: environment, file, default", "[installation]") {
  const std::string home = TempFolder("home");
  Surroundings daemon{.environment = {{"HOME", home}}};
  CHECK(ConfigFile(daemon) == home + "/.config/modeld/config.toml");
  CHECK(CacheFolder(daemon) == home + "/.cache/modeld");
  CHECK(StateFolder(daemon) == home + "/.local/state/modeld");
  REQUIRE(ReplaceFile(ConfigFile(daemon), "[paths]\ncache_dir = \"~/models\"\n") == absl::OkStatus());
  CHECK(CacheFolder(daemon) == home + "/models");
  daemon.environment["MODELD_CACHE_DIR"] = "/c";
  CHECK(CacheFolder(daemon) == "/c");
  daemon.environment["MODELD_CONFIG"] = "/named.toml";
  CHECK(ConfigFile(daemon) == "/named.toml");
  daemon.arguments = {"--log", "debug", "--config", "/flag.toml"};
  CHECK(ConfigFile(daemon) == "/flag.toml");
  daemon.arguments = {"--config=/other.toml"};
  CHECK(ConfigFile(daemon) == "/other.toml");
  daemon.environment["XDG_RUNTIME_DIR"] = "/run/x";
  CHECK(RuntimeFolder(daemon) == "/run/x/modeld");
}

TEST_CASE("This process has the surroundings that /proc tells", "[installation]") {
  const auto found = SurroundingsOf(static_cast<uint64_t>(::getpid()));
  REQUIRE(found);
  CHECK(found->Variable("TEST_TMPDIR") == OwnSurroundings().Variable("TEST_TMPDIR"));
  CHECK_FALSE(SurroundingsOf(uint64_t{1} << 40));
  CHECK_THAT(OwnExecutable(), Contains("installation_test"));
}

// The finding of that area whose text holds `text`.
Finding Of(const std::vector<Finding>& findings, const std::string& text) {
  for (const Finding& finding : findings) {
    if (finding.text().find(text) != std::string::npos) return finding;
  }
  FAIL("no finding tells of " << text);
  return {};
}

TEST_CASE("Folders of the wrong mode or kind are found, each with its remedy", "[doctor]") {
  const std::string home = TempFolder("home");
  const std::string runtime = TempFolder("runtime");
  ::chmod(runtime.c_str(), 0700);
  Surroundings own{.environment = {{"HOME", home}, {"XDG_RUNTIME_DIR", runtime}}};
  for (const Finding& finding : CheckFolders(own)) {
    if (finding.area() != "space") CHECK(finding.severity() == Finding::OK);
  }
  ::chmod(runtime.c_str(), 0755);
  CHECK(Of(CheckFolders(own), "XDG_RUNTIME_DIR").severity() == Finding::ERROR);
  std::filesystem::create_directories(home + "/.cache/modeld");
  ::chmod((home + "/.cache/modeld").c_str(), 0777);
  const Finding open = Of(CheckFolders(own), "can be written by others");
  CHECK(open.severity() == Finding::WARNING);
  CHECK(open.remedy() == "chmod go-w " + home + "/.cache/modeld");
  std::filesystem::create_directories(home + "/.local/state");
  REQUIRE(WriteWholeFile(home + "/.local/state/modeld", "x") == absl::OkStatus());
  CHECK(Of(CheckFolders(own), "is no folder").severity() == Finding::ERROR);
  own.environment.erase("XDG_RUNTIME_DIR");
  CHECK(Of(CheckFolders(own), "XDG_RUNTIME_DIR is not set").severity() == Finding::WARNING);
}

TEST_CASE("Units are found where systemd finds them, enabled or not", "[doctor]") {
  const std::string home = TempFolder("home");
  const Surroundings own{.environment = {{"HOME", home}}};
  const std::string units = home + "/.local/share/systemd/user/",
                    wants = home + "/.config/systemd/user/sockets.target.wants/";
  std::filesystem::create_directories(units);
  std::filesystem::create_directories(wants);
  CHECK(Of(CheckUnits(own), "modeld.socket is not installed").severity() == Finding::WARNING);
  for (const char* name : {"modeld.socket", "modeld-memory.socket"}) {
    REQUIRE(WriteWholeFile(units + name, "[Socket]\n") == absl::OkStatus());
  }
  CHECK(Of(CheckUnits(own), "modeld.socket is not enabled").remedy() ==
        "systemctl --user enable --now modeld.socket");
  std::filesystem::create_symlink(units + "modeld.socket", wants + "modeld.socket");
  CHECK(Of(CheckUnits(own), "modeld.socket, enabled").severity() == Finding::OK);
  REQUIRE(WriteWholeFile(units + "modeld.service", "[Service]\nExecStart=%h/modeld\n") == absl::OkStatus());
  CHECK(Of(CheckUnits(own), home + "/modeld, which is not there").severity() == Finding::ERROR);
  REQUIRE(WriteWholeFile(home + "/modeld", "#!/bin/sh\n") == absl::OkStatus());
  ::chmod((home + "/modeld").c_str(), 0755);
  CHECK(Of(CheckUnits(own), "starts " + home + "/modeld").severity() == Finding::OK);
}

TEST_CASE("Programs are looked for as the shell does", "[doctor]") {
  const std::string one = TempFolder("one"), two = TempFolder("two");
  Surroundings own{.environment = {{"PATH", one + ":" + two}}};
  CHECK(Of(CheckPrograms(own, ""), "modelctl is not in PATH").severity() == Finding::WARNING);
  for (const std::string& folder : {one, two}) {
    REQUIRE(WriteWholeFile(folder + "/modelctl", "#!/bin/sh\n") == absl::OkStatus());
    ::chmod((folder + "/modelctl").c_str(), 0755);
  }
  CHECK(Of(CheckPrograms(own, one + "/modelctl"), "several modelctl").severity() == Finding::WARNING);
  CHECK(Of(CheckPrograms(own, two + "/modelctl"), "PATH leads to another").severity() == Finding::WARNING);
}

TEST_CASE("A socket that nobody listens to is told from one that is not there", "[doctor]") {
  char name[] = "/tmp/modeld-doctor-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  CHECK(Of(CheckSockets(folder), "modeld.sock: No such file").severity() == Finding::ERROR);
  REQUIRE(std::system(("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"" + folder +
                       "/modeld.sock\")'")
                          .c_str()) == 0);
  CHECK(Of(CheckSockets(folder), "is left over").severity() == Finding::ERROR);
  std::filesystem::remove_all(folder);
  CHECK(Of(CheckSockets(std::string(200, 'x')), "too long").severity() == Finding::ERROR);
}

TEST_CASE("A configuration that others may write, and a change that did not end, are found", "[doctor]") {
  const std::string home = TempFolder("home");
  const Surroundings own{.environment = {{"HOME", home}}};
  CHECK(Of(CheckConfiguration(own), "defaults hold").severity() == Finding::OK);
  const std::string file = ConfigFile(own);
  REQUIRE(ReplaceFile(file, "") == absl::OkStatus());
  CHECK(Of(CheckConfiguration(own), file).severity() == Finding::OK);
  ::chmod(file.c_str(), 0666);
  CHECK(Of(CheckConfiguration(own), "can be written by others").remedy() == "chmod go-w " + file);
  REQUIRE(WriteWholeFile(file + ".new", "") == absl::OkStatus());
  CHECK(Of(CheckConfiguration(own), "did not end").remedy() == "rm " + file + ".new");
}

}  // namespace
}  // namespace modeld::tools
