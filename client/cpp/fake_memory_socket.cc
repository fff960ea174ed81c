#include "client/cpp/fake_memory_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <cstring>
#include <utility>

namespace modeld::client {

FakeMemorySocket::FakeMemorySocket(const std::string& path)
    : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  ::unlink(path.c_str());
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 16) != 0) {
    std::perror("fake memory socket");
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeMemorySocket::~FakeMemorySocket() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  thread_.join();
}

std::string FakeMemorySocket::Issue(Ticket ticket) {
  absl::MutexLock lock(&mu_);
  std::string name = std::to_string(++issued_);
  name.resize(32, '.');
  tickets_[name] = std::move(ticket);
  return name;
}

std::string FakeMemorySocket::Offer(int fd) {
  return Issue({.offer = fd, .deliver = {}});
}

std::string FakeMemorySocket::Expect(std::function<void(UniqueFd)> deliver) {
  return Issue({.offer = -1, .deliver = std::move(deliver)});
}

void FakeMemorySocket::Refuse() {
  absl::MutexLock lock(&mu_);
  refuse_ = true;
}

void FakeMemorySocket::Serve() {
  for (;;) {
    const UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.valid()) return;
    Answer(connection);
  }
}

void FakeMemorySocket::Answer(const UniqueFd& connection) {
  char request[36];
  iovec part = {.iov_base = request, .iov_len = sizeof(request)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  if (::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) != sizeof(request)) return;
  UniqueFd received;
  if (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    received = UniqueFd(fd);
  }
  Ticket ticket;
  uint8_t status[4] = {5, 0, 0, 0};
  {
    absl::MutexLock lock(&mu_);
    const auto it = tickets_.find(std::string(request + 4, 32));
    if (!refuse_ && std::memcmp(request, "MDM1", 4) == 0 && it != tickets_.end()) {
      ticket = std::move(it->second);
      tickets_.erase(it);
      status[0] = 0;
    }
  }
  if (ticket.deliver) ticket.deliver(std::move(received));
  part = {.iov_base = status, .iov_len = sizeof(status)};
  message.msg_control = nullptr;
  message.msg_controllen = 0;
  if (ticket.offer >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &ticket.offer, sizeof(int));
  }
  ::sendmsg(connection.get(), &message, MSG_NOSIGNAL);
}

}  // namespace modeld::client
