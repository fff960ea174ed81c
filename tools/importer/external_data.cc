#include "tools/importer/external_data.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace modeld::importer {
namespace {

absl::Status OpenError(int error, absl::string_view name) {
  const std::string message = absl::StrCat("\"", name, "\": ", strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EXDEV:
      return absl::PermissionDeniedError(absl::StrCat("\"", name, "\" is outside the model's folder"));
    case ELOOP:
      return absl::PermissionDeniedError(absl::StrCat("\"", name, "\" passes a symbolic link"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InvalidArgumentError(message);
  }
}

// Takes over `fd`.
absl::StatusOr<Region> MapDescriptor(int fd, absl::string_view name, bool contained) {
  absl::Cleanup close_fd = [fd] { close(fd); };
  struct stat info;
  if (fstat(fd, &info) != 0) return OpenError(errno, name);
  if (!S_ISREG(info.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat("\"", name, "\" is not a plain file"));
  }
  if (contained && info.st_nlink != 1) {
    return absl::PermissionDeniedError(
        absl::StrCat("\"", name, "\" has other hard links, it may be a file from elsewhere"));
  }
  if (info.st_size <= 0) return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is empty"));
  const auto size = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED) return OpenError(errno, name);
  std::shared_ptr<const void> owner(data, [size](const void* p) { munmap(const_cast<void*>(p), size); });
  return Region({static_cast<const std::byte*>(data), size}, std::move(owner));
}

}  // namespace

absl::StatusOr<Region> MapFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return OpenError(errno, path);
  return MapDescriptor(fd, path, /*contained=*/false);
}

absl::StatusOr<Region> ExternalFiles::Map(const std::string& location, uint64_t offset, uint64_t length) {
  if (location.empty() || location[0] == '/' || location.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("external data location \"", location, "\" is not a relative path"));
  }
  auto found = files_.find(location);
  if (found == files_.end()) {
    const int folder = open(folder_.empty() ? "." : folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return OpenError(errno, "the model's folder");
    absl::Cleanup close_folder = [folder] { close(folder); };
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const long fd = syscall(SYS_openat2, folder, location.c_str(), &how, sizeof(how));
    if (fd < 0) return OpenError(errno, location);
    MODELD_ASSIGN_OR_RETURN(Region file, MapDescriptor(static_cast<int>(fd), location, /*contained=*/true));
    found = files_.emplace(location, std::move(file)).first;
  }
  const Region& file = found->second;
  const auto end = CheckedAdd(offset, length);
  if (!end || *end > file.size()) {
    return absl::InvalidArgumentError(absl::StrCat("external data \"", location, "\" has ", file.size(),
                                                   " bytes, ", length, " at offset ", offset, " are wanted"));
  }
  return Region(file.bytes().subspan(offset, length), file.owner());
}

}  // namespace modeld::importer
