#include "daemon/sockets/runtime_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr char kLockName[] = "modeld.lock";

absl::Status Wrong(absl::string_view path, absl::string_view message) {
  return absl::FailedPreconditionError(absl::StrCat("runtime folder ", path, ": ", message));
}

}  // namespace

absl::StatusOr<RuntimeDir> RuntimeDir::Open(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Wrong(path, absl::StrCat("cannot be made: ", strerrordesc_np(errno)));
  }
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info = {};
  if (!folder.valid() || fstat(folder.get(), &info) != 0) {
    return Wrong(path, errno == ELOOP || errno == ENOTDIR ? "it is not a folder" : strerrordesc_np(errno));
  }
  if (info.st_uid != geteuid()) return Wrong(path, absl::StrCat("it belongs to user ", info.st_uid));
  if ((info.st_mode & 077) != 0)
    return Wrong(path, "others may look into it; chmod 700 it, or name another folder");
  UniqueFd lock(openat(folder.get(), kLockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.valid())
    return Wrong(path, absl::StrCat("modeld.lock cannot be opened: ", strerrordesc_np(errno)));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Wrong(path, errno == EWOULDBLOCK ? "another modeld runs there" : strerrordesc_np(errno));
  }
  return RuntimeDir(path, std::move(lock));
}

absl::StatusOr<std::string> RuntimeDir::SocketPath(absl::string_view name) const {
  std::string path = absl::StrCat(path_, "/", name);
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("runtime folder ", path_, ": its path is too long for a socket; at most ",
                     sizeof(sockaddr_un::sun_path) - 2 - name.size(), " bytes are possible"));
  }
  return path;
}

}  // namespace modeld
