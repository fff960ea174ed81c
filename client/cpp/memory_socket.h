// Memory passed as descriptors: the client's side of the memory socket (proto/memory_socket.md). Internal to
// the client library.
#ifndef MODELD_CLIENT_CPP_MEMORY_SOCKET_H_
#define MODELD_CLIENT_CPP_MEMORY_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"

namespace modeld::client::internal {

// A stream socket connected to this path, with a process of this user at the other end, as the kernel tells.
// INVALID_ARGUMENT: the path does not fit a socket address. UNAVAILABLE: nobody listens there, or not within
// `timeout`. PERMISSION_DENIED: another user listens there.
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, absl::Duration timeout);

// Redeems a ticket for receiving: the memfd that it stands for. UNAVAILABLE: the socket does not answer as
// agreed. NOT_FOUND: it does not take the ticket.
absl::StatusOr<UniqueFd> ReceiveMemory(const std::string& socket_path, absl::string_view ticket);

// Redeems a ticket for sending: hands `memfd` over. Errors: as ReceiveMemory.
absl::Status SendMemory(const std::string& socket_path, absl::string_view ticket, const UniqueFd& memfd);

// Anonymous memory that is written once, then sealed against every change, as the daemon wants constants. Not
// thread-safe.
class SealedMemory {
 public:
  // RESOURCE_EXHAUSTED when the kernel refuses.
  static absl::StatusOr<SealedMemory> Create(uint64_t size_bytes);
  // Copies bytes in. RESOURCE_EXHAUSTED when memory runs out. Requires: not sealed, and within the size.
  absl::Status Write(uint64_t offset_bytes, std::span<const std::byte> bytes);
  absl::Status Seal();
  const UniqueFd& fd() const { return fd_; }

 private:
  explicit SealedMemory(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// A tensor's memory, shared with the daemon. Unmaps on destruction. Thread-safe as far as its bytes are not
// concerned.
class Mapping {
 public:
  // Maps `size_bytes` of a memfd. FAILED_PRECONDITION: it is smaller, or may be shrunk. RESOURCE_EXHAUSTED:
  // no room to map it.
  static absl::StatusOr<std::unique_ptr<Mapping>> Map(const UniqueFd& memfd, uint64_t size_bytes);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit Mapping(std::span<std::byte> bytes) : bytes_(bytes) {}
  const std::span<std::byte> bytes_;
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_MEMORY_SOCKET_H_
