#include "client/cpp/memory_socket.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld::client::internal {
namespace {

constexpr absl::string_view kMagic = "MDM1";
// The daemon answers at once; a dead one must not hang the caller.
constexpr absl::Duration kTimeout = absl::Seconds(10);

absl::Status Errno(absl::StatusCode code, absl::string_view what) {
  return absl::Status(code, absl::StrCat(what, ": ", std::strerror(errno)));
}

// Sends magic and ticket, with `fd` attached if it is not -1.
absl::Status SendRequest(int socket, absl::string_view ticket, int fd) {
  std::string bytes = absl::StrCat(kMagic, ticket);
  iovec part = {.iov_base = bytes.data(), .iov_len = bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(int));
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent == static_cast<ssize_t>(bytes.size())) return absl::OkStatus();
  return Errno(absl::StatusCode::kUnavailable, "memory socket: cannot send");
}

// The status of the reply, and the descriptor that came with it.
absl::StatusOr<UniqueFd> ReceiveReply(int socket) {
  uint8_t status[4];
  size_t have = 0;
  UniqueFd received;
  while (have < sizeof(status)) {
    iovec part = {.iov_base = status + have, .iov_len = sizeof(status) - have};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Errno(absl::StatusCode::kUnavailable, "memory socket: no reply");
    if (count == 0) return absl::UnavailableError("memory socket: closed without a reply");
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      int fd;
      std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
      received = UniqueFd(fd);
    }
    have += static_cast<size_t>(count);
  }
  uint32_t code = 0;
  for (int i = 3; i >= 0; --i) code = code << 8 | status[i];
  if (code != 0) {
    return absl::NotFoundError(absl::StrCat("memory socket: ticket refused (status ", code, ")"));
  }
  return received;
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, absl::Duration timeout) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("socket path: ", path.size(), " bytes; expected 1 to ", sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Errno(absl::StatusCode::kResourceExhausted, "modeld: no socket");
  const timeval limit = absl::ToTimeval(timeout);
  // Bounds connect() where the daemon's queue is full, and every later read and write.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  int result;
  do {
    result = ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  } while (result < 0 && errno == EINTR);
  if (result < 0) return Errno(absl::StatusCode::kUnavailable, "modeld: no daemon at its socket");
  // Somebody else may have taken the name in a shared folder: models and data are not for them.
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != ::geteuid()) {
    return absl::PermissionDeniedError("modeld: another user listens at its socket");
  }
  return fd;
}

absl::StatusOr<UniqueFd> ReceiveMemory(const std::string& socket_path, absl::string_view ticket) {
  MODELD_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(socket_path, kTimeout));
  MODELD_RETURN_IF_ERROR(SendRequest(socket.get(), ticket, -1));
  MODELD_ASSIGN_OR_RETURN(UniqueFd memfd, ReceiveReply(socket.get()));
  if (!memfd.valid()) return absl::UnavailableError("memory socket: the reply holds no descriptor");
  return memfd;
}

absl::Status SendMemory(const std::string& socket_path, absl::string_view ticket, const UniqueFd& memfd) {
  MODELD_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(socket_path, kTimeout));
  MODELD_RETURN_IF_ERROR(SendRequest(socket.get(), ticket, memfd.get()));
  return ReceiveReply(socket.get()).status();
}

absl::StatusOr<SealedMemory> SealedMemory::Create(uint64_t size_bytes) {
  UniqueFd fd(::memfd_create("modeld-constants", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid() || ::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
    return Errno(absl::StatusCode::kResourceExhausted, "constants: no shared memory");
  }
  return SealedMemory(std::move(fd));
}

absl::Status SealedMemory::Write(uint64_t offset_bytes, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset_bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Errno(absl::StatusCode::kResourceExhausted, "constants: no shared memory");
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset_bytes += static_cast<uint64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status SealedMemory::Seal() {
  if (::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return absl::OkStatus();
  }
  return Errno(absl::StatusCode::kInternal, "constants: shared memory cannot be sealed");
}

absl::StatusOr<std::unique_ptr<Mapping>> Mapping::Map(const UniqueFd& memfd, uint64_t size_bytes) {
  struct stat info = {};
  if (::fstat(memfd.get(), &info) != 0 || info.st_size < 0 ||
      static_cast<uint64_t>(info.st_size) < size_bytes) {
    return absl::FailedPreconditionError("tensor: its shared memory is smaller than the tensor");
  }
  const int seals = ::fcntl(memfd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return absl::FailedPreconditionError("tensor: its shared memory is not sealed against shrinking");
  }
  void* memory = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd.get(), 0);
  if (memory == MAP_FAILED)
    return Errno(absl::StatusCode::kResourceExhausted, "tensor: cannot map its memory");
  return std::unique_ptr<Mapping>(
      new Mapping({static_cast<std::byte*>(memory), static_cast<size_t>(size_bytes)}));
}

Mapping::~Mapping() {
  ::munmap(bytes_.data(), bytes_.size());
}

}  // namespace modeld::client::internal
