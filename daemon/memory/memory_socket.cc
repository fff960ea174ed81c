#include "daemon/memory/memory_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"

namespace modeld {
namespace {

constexpr absl::string_view kMagic = "MDM1";
constexpr size_t kFrameBytes = 4 + TicketOffice::kTicketBytes;
// Room for more descriptors than a request may have, to tell one from several; the kernel closes what is past
// it.
constexpr size_t kMaxReceivedFds = 4;
// After accept() failed for want of descriptors.
constexpr std::chrono::milliseconds kAcceptPause{100};

bool IsOwnUser(int socket) {
  ucred peer = {};
  socklen_t length = sizeof(peer);
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.uid == geteuid();
}

// Appends the descriptors that came with `message`, which are ours to close.
void TakeFds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
}

// False when not all could be sent at once: the client does not read its answers.
bool SendAnswer(int socket, uint32_t code, int fd) {
  char bytes[4];
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(code >> (8 * i));
  iovec data{bytes, sizeof(bytes)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &fd, sizeof(int));
  }
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(sizeof(bytes));
}

}  // namespace

struct MemorySocket::Connection {
  UniqueFd socket;
  Time last_request;
  // The request that is arriving.
  std::array<char, kFrameBytes> frame;
  size_t received = 0;
  std::vector<UniqueFd> fds;
  bool too_many_fds = false;
};

struct MemorySocket::Request {
  absl::string_view ticket;
  UniqueFd fd;
  bool too_many_fds = false;
};

absl::StatusOr<std::unique_ptr<MemorySocket>> MemorySocket::Start(UniqueFd listener, TicketOffice& tickets,
                                                                  const Options& options) {
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int flags = fcntl(listener.get(), F_GETFL);
  if (!wake.valid() || flags < 0 || fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::ResourceExhaustedError("memory socket: the kernel gives no descriptor");
  }
  std::unique_ptr<MemorySocket> socket(
      new MemorySocket(std::move(listener), std::move(wake), tickets, options));
  socket->thread_ = std::thread([raw = socket.get()] { raw->Serve(); });
  return socket;
}

MemorySocket::MemorySocket(UniqueFd listener, UniqueFd wake, TicketOffice& tickets, const Options& options)
    : listener_(std::move(listener)), wake_(std::move(wake)), tickets_(tickets), options_(options) {}

MemorySocket::~MemorySocket() {
  if (!thread_.joinable()) return;
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void MemorySocket::Serve() {
  std::vector<pollfd> polled;
  while (true) {
    const Time before = std::chrono::steady_clock::now();
    polled.assign(1, pollfd{wake_.get(), POLLIN, 0});
    // A negative descriptor is left out by poll().
    polled.push_back(pollfd{before < accept_again_at_ ? -1 : listener_.get(), POLLIN, 0});
    for (const auto& connection : connections_) polled.push_back(pollfd{connection->socket.get(), POLLIN, 0});
    if (poll(polled.data(), polled.size(), PollTimeoutMs(before)) < 0 && errno != EINTR && errno != ENOMEM)
      return;
    if (polled[0].revents != 0) return;
    const Time now = std::chrono::steady_clock::now();
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (polled[i + 2].revents != 0 && !Read(*connections_[i], now)) connections_[i].reset();
    }
    std::erase(connections_, nullptr);
    DropSilent(now);
    if (polled[1].revents != 0) Accept(now);
  }
}

int MemorySocket::PollTimeoutMs(Time now) const {
  Time wake_at = Time::max();
  for (const auto& connection : connections_) {
    wake_at = std::min(wake_at, connection->last_request + options_.max_silence);
  }
  if (accept_again_at_ > now) wake_at = std::min(wake_at, accept_again_at_);
  if (wake_at == Time::max()) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(wake_at - now).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000));
}

void MemorySocket::DropSilent(Time now) {
  std::erase_if(connections_, [&](const auto& connection) {
    return connection->last_request + options_.max_silence <= now;
  });
}

void MemorySocket::Accept(Time now) {
  UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) {
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) accept_again_at_ = now + kAcceptPause;
    return;
  }
  if (!IsOwnUser(socket.get())) return;
  if (connections_.size() >= options_.max_connections) {
    connections_.erase(
        std::min_element(connections_.begin(), connections_.end(),
                         [](const auto& a, const auto& b) { return a->last_request < b->last_request; }));
  }
  auto connection = std::make_unique<Connection>();
  connection->socket = std::move(socket);
  connection->last_request = now;
  connections_.push_back(std::move(connection));
}

bool MemorySocket::Read(Connection& connection, Time now) {
  // No more than the rest of this request: the descriptors of the next one come with its own bytes.
  iovec data{connection.frame.data() + connection.received, kFrameBytes - connection.received};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxReceivedFds * sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = recvmsg(connection.socket.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  TakeFds(message, connection.fds);
  if (connection.fds.size() > 1 || (message.msg_flags & MSG_CTRUNC) != 0) {
    connection.too_many_fds = true;
    connection.fds.clear();
  }
  if (got == 0) return false;
  connection.received += static_cast<size_t>(got);
  const size_t magic_bytes = std::min(connection.received, kMagic.size());
  if (std::memcmp(connection.frame.data(), kMagic.data(), magic_bytes) != 0) return false;
  if (connection.received < kFrameBytes) return true;

  Request request;
  request.ticket = absl::string_view(connection.frame.data() + kMagic.size(), TicketOffice::kTicketBytes);
  request.too_many_fds = std::exchange(connection.too_many_fds, false);
  if (!connection.fds.empty()) request.fd = std::move(connection.fds.front());
  connection.fds.clear();
  connection.received = 0;
  connection.last_request = now;
  return Answer(connection, std::move(request));
}

bool MemorySocket::Answer(const Connection& connection, Request request) const {
  const absl::StatusOr<std::shared_ptr<SharedMemory>> memory = Redeem(std::move(request));
  const int fd = memory.ok() && *memory != nullptr ? (*memory)->fd() : -1;
  return SendAnswer(connection.socket.get(), static_cast<uint32_t>(memory.status().code()), fd);
}

absl::StatusOr<std::shared_ptr<SharedMemory>> MemorySocket::Redeem(Request request) const {
  MODELD_ASSIGN_OR_RETURN(TicketOffice::Redeemed what, tickets_.Redeem(request.ticket));
  const bool receives = what.receive != nullptr;
  if (request.too_many_fds || request.fd.valid() == receives) {
    return absl::InvalidArgumentError("memory socket: not the number of descriptors that the ticket is for");
  }
  if (receives) return what.receive;
  MODELD_RETURN_IF_ERROR(CheckSealedMemory(request.fd.get(), what.size_bytes));
  what.deliver(std::move(request.fd));
  return nullptr;
}

}  // namespace modeld
