#include "daemon/memory/memory_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "catch2/catch.hpp"

namespace modeld {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
constexpr uint64_t kSession = 1;

UniqueFd MakeMemfd(absl::string_view content, int seals) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  REQUIRE(fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
  return fd;
}

// What the socket answered: a code, or nothing when it hung up.
struct Reply {
  std::optional<uint32_t> code;
  UniqueFd fd;
};

// A client that may do as it likes.
class RawClient {
 public:
  explicit RawClient(const sockaddr_un& address, socklen_t length)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }

  // False when the socket has hung up.
  bool Send(absl::string_view bytes, const std::vector<int>& fds = {}) {
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};
    std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)));
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    return sendmsg(socket_.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }

  Reply Receive() {
    unsigned char bytes[4];
    iovec data{bytes, sizeof(bytes)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    Reply reply;
    if (recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != 4) return reply;
    reply.code = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | static_cast<uint32_t>(bytes[3]) << 24;
    if (const cmsghdr* c = CMSG_FIRSTHDR(&message)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c), sizeof(fd));
      reply.fd = UniqueFd(fd);
    }
    return reply;
  }

  void ShutDownWriting() { shutdown(socket_.get(), SHUT_WR); }

 private:
  UniqueFd socket_;
};

class Fixture {
 public:
  explicit Fixture(MemorySocket::Options options = {}) {
    UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address_.sun_family = AF_UNIX;
    // A name that the kernel chooses, outside the file system.
    REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof(sa_family_t)) == 0);
    REQUIRE(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address_), &length_) == 0);
    REQUIRE(listen(listener.get(), 64) == 0);
    server_ = MemorySocket::Start(std::move(listener), tickets, options).value();
  }

  RawClient Connect() { return RawClient(address_, length_); }

  // A whole request.
  static std::string Frame(absl::string_view ticket) { return absl::StrCat("MDM1", ticket); }

  std::string IssueSend(uint64_t size_bytes) {
    return tickets
        .IssueSend(kSession, size_bytes,
                   [this](UniqueFd fd) {
                     absl::MutexLock lock(&mu_);
                     delivered_.push_back(std::move(fd));
                   })
        .value();
  }
  std::string IssueReceive(const std::shared_ptr<SharedMemory>& memory) {
    return tickets.IssueReceive(kSession, memory).value();
  }
  size_t delivered() {
    absl::MutexLock lock(&mu_);
    return delivered_.size();
  }
  UniqueFd TakeDelivered() {
    absl::MutexLock lock(&mu_);
    UniqueFd fd = std::move(delivered_.back());
    delivered_.pop_back();
    return fd;
  }

  // Whether an honest client is still served.
  bool StillServes() {
    RawClient client = Connect();
    const auto memory = SharedMemory::Create(8).value();
    return client.Send(Frame(IssueReceive(memory))) && client.Receive().code == 0u;
  }

  FakeClock clock;
  TicketOffice tickets{clock, 10'000};

 private:
  absl::Mutex mu_;
  std::vector<UniqueFd> delivered_ ABSL_GUARDED_BY(mu_);
  sockaddr_un address_{};
  socklen_t length_ = sizeof(address_);
  std::unique_ptr<MemorySocket> server_;
};

int CountOpenFds() {
  int count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

TEST_CASE("A receiving ticket yields the tensor's memory, which the client cannot shrink") {
  Fixture fixture;
  const auto memory = SharedMemory::Create(100).value();
  RawClient client = fixture.Connect();
  REQUIRE(client.Send(Fixture::Frame(fixture.IssueReceive(memory))));
  const Reply reply = client.Receive();
  CHECK(reply.code == 0u);
  REQUIRE(reply.fd.valid());
  CHECK(ftruncate(reply.fd.get(), 0) < 0);
  REQUIRE(pwrite(reply.fd.get(), "hello", 5, 95) == 5);
  CHECK(std::memcmp(memory->bytes().data() + 95, "hello", 5) == 0);
}

TEST_CASE("A sending ticket hands memory over, which the client then can neither write nor truncate") {
  Fixture fixture;
  const std::string content(100'000, 'c');
  const UniqueFd memfd = MakeMemfd(content, kSeals);
  RawClient client = fixture.Connect();
  REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(content.size())), {memfd.get()}));
  CHECK(client.Receive().code == 0u);
  REQUIRE(fixture.delivered() == 1);
  const Region region = MapSealedMemory(fixture.TakeDelivered(), content.size()).value();
  CHECK(ftruncate(memfd.get(), 0) < 0);
  CHECK(pwrite(memfd.get(), "x", 1, 0) < 0);
  // Had the file shrunk, this would be a SIGBUS.
  CHECK(region.view() == content);
}

TEST_CASE("One connection redeems several tickets, also when the requests are sent ahead") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  const auto memory = SharedMemory::Create(8).value();
  const UniqueFd memfd = MakeMemfd("abc", kSeals);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueReceive(memory))));
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), {memfd.get()}));
  }
  for (int i = 0; i < 10; ++i) {
    const Reply received = client.Receive();
    CHECK(received.code == 0u);
    CHECK(received.fd.valid());
    const Reply sent = client.Receive();
    CHECK(sent.code == 0u);
    CHECK_FALSE(sent.fd.valid());
  }
  CHECK(fixture.delivered() == 10);
}

TEST_CASE("A request that arrives byte by byte is served") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  const std::string frame = Fixture::Frame(fixture.IssueReceive(SharedMemory::Create(8).value()));
  for (const char& byte : frame) REQUIRE(client.Send(absl::string_view(&byte, 1)));
  CHECK(client.Receive().code == 0u);
}

TEST_CASE(
    "Unknown, used, expired and revoked tickets get one and the same answer, and the connection stays") {
  Fixture fixture;
  const auto memory = SharedMemory::Create(8).value();
  const std::string used = fixture.IssueReceive(memory);
  RawClient client = fixture.Connect();
  REQUIRE(client.Send(Fixture::Frame(used)));
  CHECK(client.Receive().code == 0u);
  const std::string expired = fixture.IssueReceive(memory);
  fixture.clock.Advance(absl::Minutes(2));
  const std::string revoked = fixture.IssueReceive(memory);
  fixture.tickets.Revoke(kSession);
  for (const std::string& ticket : {used, expired, revoked, std::string(32, '\0')}) {
    REQUIRE(client.Send(Fixture::Frame(ticket)));
    const Reply reply = client.Receive();
    CHECK(reply.code == 5u);
    CHECK_FALSE(reply.fd.valid());
  }
  REQUIRE(client.Send(Fixture::Frame(fixture.IssueReceive(memory))));
  CHECK(client.Receive().code == 0u);
}

TEST_CASE("The wrong number of descriptors is refused and ends the ticket") {
  Fixture fixture;
  const UniqueFd memfd = MakeMemfd("abc", kSeals);
  RawClient client = fixture.Connect();
  SECTION("none where one is needed") {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3))));
  }
  SECTION("two") {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), {memfd.get(), memfd.get()}));
  }
  SECTION("more than the server makes room for") {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), std::vector<int>(100, memfd.get())));
  }
  SECTION("two, each with a part of the request") {
    const std::string frame = Fixture::Frame(fixture.IssueSend(3));
    REQUIRE(client.Send(frame.substr(0, 10), {memfd.get()}));
    REQUIRE(client.Send(frame.substr(10), {memfd.get()}));
  }
  SECTION("one where none is needed") {
    REQUIRE(
        client.Send(Fixture::Frame(fixture.IssueReceive(SharedMemory::Create(8).value())), {memfd.get()}));
  }
  const Reply reply = client.Receive();
  CHECK(reply.code == 3u);
  CHECK_FALSE(reply.fd.valid());
  CHECK(fixture.delivered() == 0);
  CHECK(fixture.StillServes());
}

TEST_CASE("A ticket that was presented wrongly is ended") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  const std::string ticket = fixture.IssueSend(3);
  REQUIRE(client.Send(Fixture::Frame(ticket)));
  CHECK(client.Receive().code == 3u);
  const UniqueFd memfd = MakeMemfd("abc", kSeals);
  REQUIRE(client.Send(Fixture::Frame(ticket), {memfd.get()}));
  CHECK(client.Receive().code == 5u);
}

TEST_CASE("Memory that could change, or of another size, is refused") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  const UniqueFd unsealed = MakeMemfd("abc", 0);
  const UniqueFd resizable = MakeMemfd("abc", F_SEAL_WRITE);
  const UniqueFd no_memfd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  for (const int fd : {unsealed.get(), resizable.get(), no_memfd.get()}) {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), {fd}));
    CHECK(client.Receive().code == 9u);
  }
  const UniqueFd short_one = MakeMemfd("ab", kSeals);
  REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), {short_one.get()}));
  CHECK(client.Receive().code == 3u);
  CHECK(fixture.delivered() == 0);
}

TEST_CASE("Garbage and truncated requests end the connection only") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  SECTION("another magic") {
    REQUIRE(client.Send("GET / HTTP/1.1\r\n\r\n"));
  }
  SECTION("one wrong byte") {
    REQUIRE(client.Send("X"));
  }
  SECTION("a request that is cut") {
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)).substr(0, 35)));
    client.ShutDownWriting();
  }
  SECTION("nothing at all") {
    client.ShutDownWriting();
  }
  CHECK_FALSE(client.Receive().code.has_value());
  CHECK(fixture.StillServes());
}

TEST_CASE("A silent client is dropped") {
  Fixture fixture({.max_connections = 16, .max_silence = std::chrono::milliseconds(20)});
  RawClient silent = fixture.Connect();
  CHECK_FALSE(silent.Receive().code.has_value());
  // A busy machine may drop this one before it has said a word.
  while (true) {
    RawClient half = fixture.Connect();
    if (!half.Send("MDM1")) continue;
    CHECK_FALSE(half.Receive().code.has_value());
    break;
  }
}

TEST_CASE("Past the limit the longest silent connection makes room") {
  Fixture fixture({.max_connections = 3});
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(fixture.Connect());
  CHECK(fixture.StillServes());
  CHECK_FALSE(clients.front().Receive().code.has_value());
}

TEST_CASE("A client that never reads its answers is dropped, and others are served") {
  Fixture fixture;
  RawClient client = fixture.Connect();
  const std::string frame = Fixture::Frame(std::string(32, 'x'));
  while (client.Send(frame)) {
  }
  CHECK(fixture.StillServes());
}

TEST_CASE("A flood of descriptors leaves none behind") {
  Fixture fixture;
  REQUIRE(fixture.StillServes());
  const int before = CountOpenFds();
  {
    const UniqueFd memfd = MakeMemfd("abc", kSeals);
    RawClient client = fixture.Connect();
    for (int i = 0; i < 200; ++i) {
      REQUIRE(client.Send(Fixture::Frame(std::string(32, 'x')), std::vector<int>(1 + i % 50, memfd.get())));
      CHECK(client.Receive().code == 5u);
    }
    // The last ones stay with half a request, until the client goes.
    client.Send("MDM1", std::vector<int>(50, memfd.get()));
  }
  // Connections are served in the order of their descriptors: once these are, the flooding one has been seen
  // to hang up.
  RawClient last = fixture.Connect();
  for (int i = 0; i < 3; ++i) REQUIRE(fixture.StillServes());
  // The server's end of `last` and of the honest client that has just left may still be open.
  CHECK(CountOpenFds() <= before + 4);
}

TEST_CASE("A client that leaves right after its request does no harm") {
  Fixture fixture;
  const UniqueFd memfd = MakeMemfd("abc", kSeals);
  for (int i = 0; i < 50; ++i) {
    RawClient client = fixture.Connect();
    REQUIRE(client.Send(Fixture::Frame(fixture.IssueSend(3)), {memfd.get()}));
  }
  CHECK(fixture.StillServes());
}

}  // namespace
}  // namespace modeld
