#include "tools/modelctl/checks.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/unique_fd.h"
#include "base/units.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {
namespace {

constexpr auto kOk = Finding::OK;
constexpr auto kWarning = Finding::WARNING;
constexpr auto kError = Finding::ERROR;

constexpr uint64_t kLittleSpaceBytes = uint64_t{1} << 30;
constexpr char kSystemdFolder[] = "systemd/user";

bool Exists(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0;
}

// The nearest folder at or above `path` that is there.
std::string Nearest(const std::string& path) {
  std::filesystem::path at = path;
  while (at.has_relative_path() && !Exists(at.string())) at = at.parent_path();
  return at.string();
}

// One of modeld's own folders. What is not there yet is made by the daemon at its start.
Finding CheckOwnFolder(const std::string& what, const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT && ::access(Nearest(path).c_str(), W_OK | X_OK) == 0) {
      return MakeFinding(kOk, "paths", absl::StrCat(what, " ", path, " is made at the daemon's first start"));
    }
    return MakeFinding(kError, "paths", absl::StrCat(what, " ", path, ": ", std::strerror(errno)),
                       absl::StrCat("make the folder and give it to your user: mkdir -p ", path));
  }
  if (!S_ISDIR(info.st_mode)) {
    return MakeFinding(kError, "paths", absl::StrCat(what, " ", path, " is no folder"),
                       "move the file away, or name another folder in the settings");
  }
  if (info.st_uid != ::geteuid()) {
    return MakeFinding(kError, "permissions", absl::StrCat(what, " ", path, " belongs to another user"),
                       absl::StrCat("sudo chown -R ", ::geteuid(), " ", path));
  }
  if ((info.st_mode & 0022) != 0) {
    return MakeFinding(kWarning, "permissions", absl::StrCat(what, " ", path, " can be written by others"),
                       absl::StrCat("chmod go-w ", path));
  }
  return MakeFinding(kOk, "paths", absl::StrCat(what, " ", path));
}

Finding CheckSpace(const std::string& cache_folder) {
  struct statvfs disk = {};
  const std::string folder = Nearest(cache_folder);
  if (::statvfs(folder.c_str(), &disk) != 0) {
    return MakeFinding(kError, "space", absl::StrCat(folder, ": ", std::strerror(errno)),
                       "see that the disk is mounted");
  }
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  const std::string text = absl::StrCat(HumanBytes(free), " are free on the disk of the cache");
  if (free >= kLittleSpaceBytes) return MakeFinding(kOk, "space", text);
  return MakeFinding(
      kWarning, "space", text,
      "make room: modelctl cache prune --older-than 30d, or modelctl cache move to another disk");
}

Finding CheckRuntimeHome(const Surroundings& surroundings) {
  const std::string folder = surroundings.Variable("XDG_RUNTIME_DIR");
  if (folder.empty()) {
    return MakeFinding(kWarning, "paths", "XDG_RUNTIME_DIR is not set: this is no login session of systemd's",
                       "log in anew, or set MODELD_HOST to the daemon's socket");
  }
  struct stat info = {};
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return MakeFinding(kError, "paths", absl::StrCat("XDG_RUNTIME_DIR ", folder, " is not there"),
                       "log in anew: systemd-logind makes it");
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 0077) != 0) {
    return MakeFinding(kError, "permissions", absl::StrCat("XDG_RUNTIME_DIR ", folder, " is not yours alone"),
                       "it must belong to you with mode 0700; is it another user's, after su or sudo?");
  }
  return MakeFinding(kOk, "paths", absl::StrCat("XDG_RUNTIME_DIR ", folder));
}

Finding CheckSocket(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return MakeFinding(kError, "sockets", absl::StrCat(path, " is too long for a socket's path"),
                       "set MODELD_RUNTIME_DIR to a shorter folder");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return MakeFinding(kOk, "sockets", absl::StrCat(path, " is listened to"));
  }
  if (errno == ECONNREFUSED) {
    return MakeFinding(
        kError, "sockets", absl::StrCat(path, " is left over: nothing listens there"),
        "start the daemon, which replaces it: systemctl --user start modeld.socket, or modeld");
  }
  return MakeFinding(
      kError, "sockets", absl::StrCat(path, ": ", std::strerror(errno)),
      "start the daemon: systemctl --user start modeld.socket modeld-memory.socket, or modeld");
}

// The folders in which systemd looks for a user's units, most important first.
std::vector<std::string> UnitFolders(const Surroundings& surroundings) {
  const std::string home = surroundings.Variable("HOME");
  const auto xdg = [&](const char* variable, const char* usual) {
    const std::string value = surroundings.Variable(variable);
    return value.empty() ? absl::StrCat(home, "/", usual) : value;
  };
  std::vector<std::string> folders = {xdg("XDG_CONFIG_HOME", ".config"), xdg("XDG_DATA_HOME", ".local/share"),
                                      "/etc", "/usr/local/lib", "/usr/lib"};
  for (std::string& folder : folders) folder = absl::StrCat(folder, "/", kSystemdFolder);
  return folders;
}

// The program that a unit starts; "" where it says none.
std::string ProgramOf(const std::string& unit_text, const std::string& home) {
  for (absl::string_view line : absl::StrSplit(unit_text, '\n')) {
    if (!absl::ConsumePrefix(&line, "ExecStart=")) continue;
    const std::string program(line.substr(0, line.find(' ')));
    return absl::StrReplaceAll(program, {{"%h", home}});
  }
  return "";
}

Finding CheckService(const std::string& path, const std::string& home) {
  const std::string program = ProgramOf(ReadSmallFile(path).value_or(""), home);
  if (program.empty() || ::access(program.c_str(), X_OK) != 0) {
    return MakeFinding(kError, "units", absl::StrCat(path, " starts ", program, ", which is not there"),
                       "install modeld again: tools/install --user");
  }
  return MakeFinding(kOk, "units", absl::StrCat(path, " starts ", program));
}

}  // namespace

Finding MakeFinding(Finding::Severity severity, const std::string& area, const std::string& text,
                    const std::string& remedy) {
  Finding finding;
  finding.set_severity(severity);
  finding.set_area(area);
  finding.set_text(text);
  finding.set_remedy(remedy);
  return finding;
}

std::vector<Finding> CheckFolders(const Surroundings& surroundings) {
  std::vector<Finding> findings = {CheckRuntimeHome(surroundings)};
  if (surroundings.Variable("HOME").empty()) {
    findings.push_back(MakeFinding(kError, "paths", "HOME is not set", "set it to your home folder"));
    return findings;
  }
  const std::string cache = CacheFolder(surroundings);
  findings.push_back(CheckOwnFolder("cache", cache));
  findings.push_back(CheckOwnFolder("state", StateFolder(surroundings)));
  findings.push_back(CheckSpace(cache));
  return findings;
}

std::vector<Finding> CheckSockets(const std::string& runtime_folder) {
  return {CheckSocket(absl::StrCat(runtime_folder, "/modeld.sock")),
          CheckSocket(absl::StrCat(runtime_folder, "/memory.sock"))};
}

std::vector<Finding> CheckUnits(const Surroundings& surroundings) {
  std::vector<Finding> findings;
  const std::vector<std::string> folders = UnitFolders(surroundings);
  for (const std::string unit : {"modeld.socket", "modeld-memory.socket", "modeld.service"}) {
    std::string found;
    bool enabled = false;
    for (const std::string& folder : folders) {
      const std::string path = absl::StrCat(folder, "/", unit);
      if (found.empty() && Exists(path)) found = path;
      enabled = enabled || Exists(absl::StrCat(folder, "/sockets.target.wants/", unit));
    }
    if (found.empty()) {
      findings.push_back(MakeFinding(kWarning, "units", absl::StrCat(unit, " is not installed"),
                                     "tools/install --user installs it; or start modeld yourself"));
    } else if (unit == "modeld.service") {
      findings.push_back(CheckService(found, surroundings.Variable("HOME")));
    } else if (!enabled) {
      findings.push_back(MakeFinding(kWarning, "units", absl::StrCat(found, " is not enabled"),
                                     absl::StrCat("systemctl --user enable --now ", unit)));
    } else {
      findings.push_back(MakeFinding(kOk, "units", absl::StrCat(found, ", enabled")));
    }
  }
  return findings;
}

std::vector<Finding> CheckPrograms(const Surroundings& surroundings, const std::string& own_executable) {
  std::vector<Finding> findings;
  for (const std::string program : {"modelctl", "modeld"}) {
    const std::vector<std::string> files = InPath(surroundings, program);
    if (files.empty()) {
      findings.push_back(
          MakeFinding(kWarning, "programs", absl::StrCat(program, " is not in PATH"),
                      absl::StrCat("add its folder to PATH, usually ~/.local/bin, in ~/.profile")));
    } else if (files.size() > 1) {
      findings.push_back(
          MakeFinding(kWarning, "programs",
                      absl::StrCat("several ", program, " are in PATH: ", absl::StrJoin(files, ", ")),
                      "the first one is used; remove the others"));
    } else {
      findings.push_back(MakeFinding(kOk, "programs", files[0]));
    }
  }
  std::error_code error;
  const std::vector<std::string> own = InPath(surroundings, "modelctl");
  if (!own.empty() && !own_executable.empty() &&
      !std::filesystem::equivalent(own.front(), own_executable, error)) {
    findings.push_back(MakeFinding(
        kWarning, "programs", absl::StrCat("this modelctl is ", own_executable, ", PATH leads to another"),
        "the daemon trusts the modelctl beside it; use that one"));
  }
  return findings;
}

std::vector<Finding> CheckConfiguration(const Surroundings& surroundings) {
  std::vector<Finding> findings;
  const std::string file = ConfigFile(surroundings);
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) {
    findings.push_back(
        errno == ENOENT
            ? MakeFinding(kOk, "configuration", absl::StrCat(file, " is not there: defaults hold"))
            : MakeFinding(kError, "configuration", absl::StrCat(file, ": ", std::strerror(errno)),
                          "give your user the right to read it"));
  } else if (::access(file.c_str(), R_OK) != 0) {
    findings.push_back(MakeFinding(kError, "configuration", absl::StrCat(file, " cannot be read"),
                                   absl::StrCat("chmod u+r ", file)));
  } else if ((info.st_mode & 0022) != 0) {
    findings.push_back(MakeFinding(kWarning, "configuration", absl::StrCat(file, " can be written by others"),
                                   absl::StrCat("chmod go-w ", file)));
  } else {
    findings.push_back(MakeFinding(kOk, "configuration", file));
  }
  if (const std::string half = absl::StrCat(file, ".new"); Exists(half)) {
    findings.push_back(MakeFinding(kWarning, "leftovers",
                                   absl::StrCat(half, " is of a change that did not end"),
                                   absl::StrCat("rm ", half)));
  }
  const std::string fallback = absl::StrCat("/tmp/modeld-", ::geteuid());
  if (Exists(fallback) && RuntimeFolder(surroundings) != fallback) {
    findings.push_back(MakeFinding(kWarning, "leftovers",
                                   absl::StrCat(fallback, " is of a daemon that ran without XDG_RUNTIME_DIR"),
                                   absl::StrCat("if no such daemon runs any more: rm -r ", fallback)));
  }
  return findings;
}

}  // namespace modeld::tools
