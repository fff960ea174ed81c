#include "daemon/memory/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {
namespace {

// Without the last a client could add F_SEAL_WRITE, and the daemon's own mapping would be in its way for
// ever.
constexpr int kTensorSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int kImmutable = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

absl::Status Refused(absl::string_view what, int error) {
  return absl::ResourceExhaustedError(absl::StrCat("shared memory: ", what, ": ", strerrordesc_np(error)));
}

// Unmaps when the last share is gone.
class Mapping {
 public:
  Mapping(void* data, size_t size) : data_(data), size_(size) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(data_, size_); }

 private:
  void* const data_;
  const size_t size_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<SharedMemory>> SharedMemory::Create(uint64_t size_bytes) {
  if (size_bytes == 0 || size_bytes > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) {
    return absl::ResourceExhaustedError(absl::StrCat("shared memory: ", size_bytes, " bytes cannot be had"));
  }
  UniqueFd fd(memfd_create("modeld-tensor", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return Refused("no memfd", errno);
  if (ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) return Refused("no room", errno);
  if (fcntl(fd.get(), F_ADD_SEALS, kTensorSeals) != 0) return Refused("no seals", errno);
  void* data = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return Refused("no mapping", errno);
  return std::shared_ptr<SharedMemory>(
      new SharedMemory(std::move(fd), static_cast<std::byte*>(data), size_bytes));
}

SharedMemory::~SharedMemory() {
  munmap(data_, size_);
}

absl::Status CheckSealedMemory(int fd, uint64_t size_bytes) {
  // Only memfds (and other shmem files) have seals: for anything else the call fails.
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kImmutable) != kImmutable) {
    return absl::FailedPreconditionError(
        "memory: the descriptor is not a memfd sealed with F_SEAL_WRITE, F_SEAL_SHRINK and F_SEAL_GROW");
  }
  struct stat info = {};
  if (fstat(fd, &info) != 0)
    return absl::FailedPreconditionError("memory: the descriptor cannot be examined");
  if (info.st_size < 0 || static_cast<uint64_t>(info.st_size) != size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory: it has ", info.st_size, " bytes, ", size_bytes, " were announced"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Region> MapSealedMemory(UniqueFd fd, uint64_t size_bytes) {
  MODELD_RETURN_IF_ERROR(CheckSealedMemory(fd.get(), size_bytes));
  if (size_bytes == 0) return Region();
  void* data = mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return Refused("no mapping", errno);
  return Region(std::span(static_cast<const std::byte*>(data), size_bytes),
                std::make_shared<const Mapping>(data, size_bytes));
}

}  // namespace modeld
