#include "tools/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld::tools {
namespace {

absl::Status SystemError(int error, absl::string_view path) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EISDIR:
      return absl::InvalidArgumentError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnknownError(message);
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int Close() { return close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t max_bytes) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (file.get() < 0 || fstat(file.get(), &info) != 0) return SystemError(errno, path);
  if (S_ISDIR(info.st_mode)) return SystemError(EISDIR, path);
  const absl::Status too_long = absl::InvalidArgumentError(
      absl::StrCat(path, ": more than the ", max_bytes, " bytes that are allowed"));
  if (S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) > max_bytes) return too_long;
  constexpr size_t kStep = 1 << 20;
  std::string bytes;
  if (S_ISREG(info.st_mode)) bytes.reserve(static_cast<size_t>(info.st_size) + kStep);
  while (true) {
    const size_t have = bytes.size();
    bytes.resize(have + kStep);
    const ssize_t got = read(file.get(), bytes.data() + have, kStep);
    const int error = errno;
    bytes.resize(have + std::max<ssize_t>(got, 0));
    if (got < 0 && error != EINTR) return SystemError(error, path);
    if (got == 0) return bytes;
    if (bytes.size() > max_bytes) return too_long;
  }
}

absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.get() < 0) return SystemError(errno, path);
  while (!bytes.empty()) {
    const ssize_t put = write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno != EINTR) return SystemError(errno, path);
    bytes.remove_prefix(std::max<ssize_t>(put, 0));
  }
  return file.Close() == 0 ? absl::OkStatus() : SystemError(errno, path);
}

}  // namespace modeld::tools
