#include "daemon/session/peer_identity.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "daemon/memory/shared_memory.h"
#include "daemon/session/app_id.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace modeld {
namespace {

constexpr size_t kMaxFileBytes = 64 << 10;

// The content of a regular file, links not followed; nothing when it cannot be had. A peer may shape its own
// root.
std::optional<std::string> ReadSmallFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  std::string text(kMaxFileBytes, '\0');
  size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  text.resize(length);
  return text;
}

std::optional<std::string> ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  if (length <= 0 || length == static_cast<ssize_t>(sizeof(target))) return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

// Clock ticks from boot to the process's start, field 22 of /proc/PID/stat; the name before it may hold
// anything.
std::optional<uint64_t> StartTime(const std::string& process) {
  const auto text = ReadSmallFile(process + "/stat");
  if (!text.has_value()) return std::nullopt;
  const size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(*text).substr(name_end + 1), ' ', absl::SkipEmpty());
  uint64_t ticks = 0;
  if (fields.size() < 20 || !absl::SimpleAtoi(fields[19], &ticks)) return std::nullopt;
  return ticks;
}

bool SameFile(const struct stat& executable, const std::string& path) {
  struct stat named = {};
  return stat(path.c_str(), &named) == 0 && S_ISREG(named.st_mode) && named.st_dev == executable.st_dev &&
         named.st_ino == executable.st_ino;
}

bool NamesFile(const std::vector<std::string>& paths, const struct stat& executable) {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return absl::StartsWith(path, "/") && SameFile(executable, path);
  });
}

std::optional<std::string> SandboxId(const std::string& process, const std::string& cgroup) {
  for (const char* attribute : {"/attr/apparmor/current", "/attr/current"}) {
    if (const auto label = ReadSmallFile(process + attribute)) {
      if (auto id = SnapAppIdOfLabel(*label)) return id;
    }
  }
  if (const auto info = ReadSmallFile(process + "/root/.flatpak-info")) {
    if (auto id = FlatpakAppId(*info)) return id;
  }
  return SnapAppIdOfCgroup(cgroup);
}

absl::Status Gone() {
  return absl::UnavailableError("peer: the process has ended");
}

}  // namespace

absl::StatusOr<PeerIdentity> PeerIdentifier::Identify(int socket) const {
  ucred peer = {};
  socklen_t length = sizeof(peer);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0) {
    return absl::PermissionDeniedError("peer: the kernel does not tell who it is");
  }
  if (peer.uid != geteuid())
    return absl::PermissionDeniedError(absl::StrCat("peer: it belongs to user ", peer.uid));
  int pidfd = -1;
  length = sizeof(pidfd);
  const bool has_pidfd = getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0;
  const UniqueFd process(has_pidfd ? pidfd : -1);
  MODELD_ASSIGN_OR_RETURN(PeerIdentity identity, IdentifyProcess(peer.pid, peer.uid));
  // A pidfd is readable when its process has ended; until then its number names no other one.
  pollfd ended{process.get(), POLLIN, 0};
  if (has_pidfd && poll(&ended, 1, 0) != 0) return Gone();
  return identity;
}

absl::StatusOr<PeerIdentity> PeerIdentifier::IdentifyProcess(pid_t pid, uid_t uid) const {
  const std::string process = absl::StrCat(proc_, "/", pid);
  const std::optional<uint64_t> started = StartTime(process);
  if (!started.has_value()) return Gone();
  const std::optional<std::string> executable = ReadLink(process + "/exe");
  struct stat file = {};
  if (!executable.has_value() || stat((process + "/exe").c_str(), &file) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("peer: process ", pid, " does not let its executable be seen"));
  }
  const std::string cgroup = ReadSmallFile(process + "/cgroup").value_or("");

  PeerIdentity identity{.role = Role::kApp, .app_id = "", .pid = pid, .uid = uid};
  if (const auto sandbox = SandboxId(process, cgroup)) {
    identity.app_id = *sandbox;
    const std::string entry = absl::StrCat("app:", *sandbox);
    if (std::find(rules_.brokers.begin(), rules_.brokers.end(), entry) != rules_.brokers.end())
      identity.role = Role::kBroker;
  } else {
    identity.role = NamesFile(rules_.admins, file)    ? Role::kAdmin
                    : NamesFile(rules_.brokers, file) ? Role::kBroker
                                                      : Role::kApp;
    const auto unit = identity.role == Role::kApp ? UnitAppId(cgroup) : std::nullopt;
    identity.app_id = unit.has_value() ? *unit : ExecutableAppId(*executable);
  }
  if (StartTime(process) != started) return Gone();
  return identity;
}

}  // namespace modeld
