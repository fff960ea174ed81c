// Memory that crosses process borders as memfds.
#ifndef MODELD_DAEMON_MEMORY_SHARED_MEMORY_H_
#define MODELD_DAEMON_MEMORY_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "base/unique_fd.h"

namespace modeld {

// A tensor's buffer: a memfd of fixed size, sealed against resizing (so that no client can pull it from under
// a mapping), zero at first, mapped shared. The clients that received it may write at any time: whoever reads
// indices or sizes from it reads each once. Thread-safe as far as its bytes are not concerned.
class SharedMemory {
 public:
  // RESOURCE_EXHAUSTED when the kernel refuses. `size_bytes` >= 1.
  static absl::StatusOr<std::shared_ptr<SharedMemory>> Create(uint64_t size_bytes);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::span<std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }
  // Borrowed; what the memory socket sends.
  int fd() const { return fd_.get(); }

 private:
  SharedMemory(UniqueFd fd, std::byte* data, uint64_t size) : fd_(std::move(fd)), data_(data), size_(size) {}
  UniqueFd fd_;
  std::byte* data_;
  uint64_t size_;
};

// Whether `fd` is what a client may hand over as unchanging memory. FAILED_PRECONDITION: not a memfd sealed
// with F_SEAL_WRITE, F_SEAL_SHRINK and F_SEAL_GROW. INVALID_ARGUMENT: its size is not `size_bytes`.
absl::Status CheckSealedMemory(int fd, uint64_t size_bytes);

// Maps what a client handed over, read-only. Errors of CheckSealedMemory, and RESOURCE_EXHAUSTED: the mapping
// failed.
absl::StatusOr<Region> MapSealedMemory(UniqueFd fd, uint64_t size_bytes);

}  // namespace modeld

#endif  // MODELD_DAEMON_MEMORY_SHARED_MEMORY_H_
