#include "tools/modelctl/local_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

namespace modeld::tools {

absl::Status SystemError(const std::string& path, int error) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    case EEXIST:
      return absl::AlreadyExistsError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnknownError(text);
  }
}

absl::StatusOr<Region> MapFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(path, errno);
  struct stat info = {};
  void* memory = MAP_FAILED;
  int error = ::fstat(fd, &info) == 0 ? 0 : errno;
  const auto size = static_cast<size_t>(info.st_size);
  if (error == 0 && S_ISREG(info.st_mode) && size > 0) {
    memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    error = memory == MAP_FAILED ? errno : 0;
  }
  ::close(fd);
  if (error != 0) return SystemError(path, error);
  if (memory == MAP_FAILED)
    return absl::InvalidArgumentError(absl::StrCat(path, ": empty, or not a plain file"));
  std::shared_ptr<const void> owner(memory, [size](const void* m) { ::munmap(const_cast<void*>(m), size); });
  return Region({static_cast<const std::byte*>(memory), size}, std::move(owner));
}

absl::Status PutInPlace(std::FILE* file, const std::string& partial, const std::string& path) {
  int error = std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0 ? 0 : errno;
  std::fclose(file);
  if (error == 0 && ::rename(partial.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  ::unlink(partial.c_str());
  return SystemError(path, error);
}

}  // namespace modeld::tools
