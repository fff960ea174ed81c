#include "daemon/sockets/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {
namespace {

constexpr int kBacklog = 128;

absl::Status Wrong(const std::string& path, absl::string_view message) {
  return absl::FailedPreconditionError(absl::StrCat("socket ", path, ": ", message));
}

UniqueFd NewSocket() {
  return UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// Removes a socket file at which nobody listens. The runtime folder's lock keeps a second daemon from doing
// so at the same time.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : Wrong(path, strerrordesc_np(errno));
  }
  if (!S_ISSOCK(info.st_mode)) return Wrong(path, "something that is no socket has that name");
  const UniqueFd probe = NewSocket();
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN) {
    return Wrong(path, "another modeld, or systemd for it, listens there");
  }
  if (errno != ECONNREFUSED) return Wrong(path, strerrordesc_np(errno));
  if (unlink(path.c_str()) != 0)
    return Wrong(path, absl::StrCat("it is stale and cannot be removed: ", strerrordesc_np(errno)));
  return absl::OkStatus();
}

std::string PathOf(int fd) {
  sockaddr_un address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      length <= offsetof(sockaddr_un, sun_path)) {
    return "";
  }
  // One of the abstract names begins with a zero byte, and so is empty here.
  return std::string(address.sun_path, strnlen(address.sun_path, length - offsetof(sockaddr_un, sun_path)));
}

}  // namespace

absl::StatusOr<UnixListener> UnixListener::Bind(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return Wrong(path, "the path is too long for a socket");
  path.copy(address.sun_path, path.size());
  MODELD_RETURN_IF_ERROR(RemoveStale(path, address));
  UniqueFd fd = NewSocket();
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Wrong(path, absl::StrCat("cannot be bound: ", strerrordesc_np(errno)));
  }
  UnixListener listener(std::move(fd), path);
  struct stat info = {};
  if (lstat(path.c_str(), &info) == 0) listener.bound_ = FileId{info.st_dev, info.st_ino};
  if (listen(listener.fd_.get(), kBacklog) != 0) return Wrong(path, strerrordesc_np(errno));
  return listener;
}

absl::StatusOr<UnixListener> UnixListener::Adopt(UniqueFd fd) {
  if (sd_is_socket_unix(fd.get(), SOCK_STREAM, /*listening=*/1, nullptr, 0) <= 0) {
    return absl::FailedPreconditionError("LISTEN_FDS: a descriptor is no listening unix stream socket");
  }
  std::string path = PathOf(fd.get());
  return UnixListener(std::move(fd), std::move(path));
}

UnixListener::~UnixListener() {
  RemoveFile();
}

void UnixListener::RemoveFile() {
  struct stat info = {};
  if (bound_.has_value() && lstat(path_.c_str(), &info) == 0 && info.st_dev == bound_->device &&
      info.st_ino == bound_->inode) {
    unlink(path_.c_str());
  }
  bound_.reset();
}

absl::StatusOr<ActivatedSockets> TakeActivatedSockets() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  if (count < 0) return absl::FailedPreconditionError(absl::StrCat("LISTEN_FDS: ", strerrordesc_np(-count)));
  ActivatedSockets sockets;
  absl::Status status;
  for (int i = 0; i < count; ++i) {
    const std::string name = names != nullptr && names[i] != nullptr ? names[i] : "";
    free(names != nullptr ? names[i] : nullptr);
    absl::StatusOr<UnixListener> listener = UnixListener::Adopt(UniqueFd(SD_LISTEN_FDS_START + i));
    if (!listener.ok()) {
      status = listener.status();
      continue;
    }
    const bool memory =
        name == "memory" || (name != "modeld" && absl::EndsWith(listener->path(), "/memory.sock"));
    const bool modeld = name == "modeld" || (!memory && absl::EndsWith(listener->path(), "/modeld.sock"));
    std::optional<UnixListener>& place = memory ? sockets.memory : sockets.modeld;
    if ((!memory && !modeld) || place.has_value()) {
      status = absl::FailedPreconditionError(
          absl::StrCat("LISTEN_FDS: \"", name, "\" is not one \"modeld\" and one \"memory\" socket"));
      continue;
    }
    place.emplace(*std::move(listener));
  }
  free(names);
  if (!status.ok()) return status;
  return sockets;
}

}  // namespace modeld
