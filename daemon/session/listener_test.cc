#include "daemon/session/listener.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "base/clock.h"
#include "catch2/catch.hpp"
#include "daemon/session/session_table.h"
#include "modeld/v1/context.grpc.pb.h"

namespace modeld {
namespace {

// Answers with the number of the caller's session.
class WhoAmI : public v1::ContextService::Service {
 public:
  explicit WhoAmI(const SessionRegistry& sessions) : sessions_(sessions) {}

  grpc::Status GetCapabilities(grpc::ServerContext* context, const v1::GetCapabilitiesRequest*,
                               v1::Capabilities* response) override {
    const auto session = sessions_.Find(context->peer());
    if (!session.ok())
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, std::string(session.status().message()));
    response->set_max_message_bytes((*session)->id());
    return grpc::Status::OK;
  }

  // Waits until its session has ended, then looks for it.
  grpc::Status CreateContext(grpc::ServerContext* context, const v1::CreateContextRequest*,
                             v1::CreateContextResponse*) override {
    const std::shared_ptr<Session> session = sessions_.Find(context->peer()).value();
    absl::Notification ended;
    session->OnClose([&] { ended.Notify(); });
    started.Notify();
    ended.WaitForNotification();
    after_end = sessions_.Find(context->peer()).status().code();
    done.Notify();
    return grpc::Status::OK;
  }

  absl::Notification started;
  absl::Notification done;
  absl::StatusCode after_end = absl::StatusCode::kOk;

 private:
  const SessionRegistry& sessions_;
};

class Fixture {
 public:
  explicit Fixture(const SessionCaps& caps = {},
                   const Listener::NumberRange& numbers = {.first = 500, .end = 1'000})
      : sessions_(clock_, caps), service_(sessions_) {
    std::string pattern = "/tmp/listener-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/s";
    UniqueFd listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = Address();
    REQUIRE(bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listening.get(), 64) == 0);
    server_ = grpc::ServerBuilder().RegisterService(&service_).BuildAndStart();
    Listener::Hooks hooks;
    hooks.identify = [this](int) -> absl::StatusOr<PeerIdentity> {
      if (!refuse_.ok()) return refuse_;
      return PeerIdentity{.app_id = "test"};
    };
    hooks.serve = [this](int fd) {
      {
        absl::MutexLock lock(&mu_);
        numbers_.push_back(fd);
      }
      grpc::AddInsecureChannelFromFd(server_.get(), fd);
    };
    hooks.refused = [this](const absl::Status& status) {
      absl::MutexLock lock(&mu_);
      refusals_.push_back(status);
    };
    listener_ = Listener::Start(std::move(listening), sessions_, hooks, numbers).value();
  }
  ~Fixture() {
    listener_->StopAccepting();
    server_->Shutdown(std::chrono::system_clock::now());
    listener_.reset();
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  sockaddr_un Address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
  }

  // A connection of its own, as every channel with other arguments has.
  std::unique_ptr<v1::ContextService::Stub> NewClient() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt("test.number", ++clients_);
    return v1::ContextService::NewStub(
        grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments));
  }
  UniqueFd NewRawClient() const {
    UniqueFd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = Address();
    REQUIRE(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    return client;
  }

  // Returns when there are `count` sessions; the test's own limit of time is the end of waiting.
  void AwaitSessions(size_t count) const {
    while (sessions_.List().size() != count) absl::SleepFor(absl::Milliseconds(1));
  }
  // Returns the first refusal.
  absl::Status AwaitRefusal() {
    const auto some = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !refusals_.empty(); };
    absl::MutexLock lock(&mu_, absl::Condition(&some));
    return refusals_.front();
  }
  std::vector<int> numbers() {
    absl::MutexLock lock(&mu_);
    return numbers_;
  }

  void RefuseAll(absl::Status why) { refuse_ = std::move(why); }
  SessionTable& sessions() { return sessions_; }
  Listener& listener() { return *listener_; }
  WhoAmI& service() { return service_; }

 private:
  RealClock clock_;
  SessionTable sessions_;
  WhoAmI service_;
  std::string folder_;
  std::string path_;
  absl::Status refuse_;
  int clients_ = 0;
  absl::Mutex mu_;
  std::vector<int> numbers_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Status> refusals_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
};

// The number of the session that answers `client`, 0 when none does.
uint64_t Ask(v1::ContextService::Stub& client) {
  grpc::ClientContext context;
  v1::Capabilities response;
  return client.GetCapabilities(&context, {}, &response).ok() ? response.max_message_bytes() : 0;
}

TEST_CASE("All calls of a connection are of one session, and another connection's of another") {
  Fixture fixture;
  const auto one = fixture.NewClient();
  const auto two = fixture.NewClient();
  const uint64_t first = Ask(*one);
  const uint64_t second = Ask(*two);
  CHECK(first != 0);
  CHECK(second != 0);
  CHECK(first != second);
  CHECK(Ask(*one) == first);
  CHECK(Ask(*two) == second);
  CHECK(fixture.sessions().List().size() == 2);
}

TEST_CASE("A session ends with its connection") {
  Fixture fixture;
  auto client = fixture.NewClient();
  REQUIRE(Ask(*client) != 0);
  const auto session = fixture.sessions().List().front();
  absl::Notification ended;
  session->OnClose([&] { ended.Notify(); });
  client.reset();
  ended.WaitForNotification();
  CHECK(session->closed());
  fixture.AwaitSessions(0);
}

TEST_CASE("A session ends when its client is killed") {
  Fixture fixture;
  const sockaddr_un address = fixture.Address();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // Only calls that are safe after a fork of a process with threads.
    const int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(s, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) _exit(1);
    while (true) pause();
  }
  fixture.AwaitSessions(1);
  const auto session = fixture.sessions().List().front();
  REQUIRE(kill(child, SIGKILL) == 0);
  fixture.AwaitSessions(0);
  CHECK(session->closed());
  waitpid(child, nullptr, 0);
}

TEST_CASE("A call that outlives its connection finds no session") {
  Fixture fixture;
  {
    const auto client = fixture.NewClient();
    grpc::ClientContext context;
    v1::CreateContextResponse response;
    absl::Notification finished;
    grpc::Status status;
    const v1::CreateContextRequest request;
    client->async()->CreateContext(&context, &request, &response, [&](grpc::Status s) {
      status = s;
      finished.Notify();
    });
    fixture.service().started.WaitForNotification();
    CHECK_FALSE(fixture.sessions().List().front()->closed());
    context.TryCancel();
    finished.WaitForNotification();
    CHECK(status.error_code() == grpc::StatusCode::CANCELLED);
    // The connection is open still, as the handler is: it ends with the client and the context, here.
  }
  fixture.service().done.WaitForNotification();
  CHECK(fixture.service().after_end == absl::StatusCode::kUnavailable);
}

TEST_CASE("Bytes that are no HTTP/2 end the connection and its session") {
  Fixture fixture;
  const UniqueFd client = fixture.NewRawClient();
  REQUIRE(write(client.get(), "GET / HTTP/1.1\r\n\r\n", 18) == 18);
  char byte = 0;
  while (read(client.get(), &byte, 1) > 0) {
  }
  fixture.AwaitSessions(0);
  auto honest = fixture.NewClient();
  CHECK(Ask(*honest) != 0);
}

TEST_CASE("A connection's number comes from the range and is not used again soon") {
  Fixture fixture;
  std::set<int> seen;
  for (int i = 0; i < 50; ++i) {
    auto client = fixture.NewClient();
    REQUIRE(Ask(*client) != 0);
    client.reset();
    fixture.AwaitSessions(0);
  }
  for (const int number : fixture.numbers()) {
    CHECK(number >= 500);
    CHECK(number < 1'000);
    CHECK(seen.insert(number).second);
  }
  CHECK(seen.size() == 50);
}

TEST_CASE("The range of numbers is gone through again from its start, past those in use") {
  Fixture fixture({}, {.first = 500, .end = 508});
  auto lasting = fixture.NewClient();
  const uint64_t session = Ask(*lasting);
  REQUIRE(session != 0);
  for (int i = 0; i < 30; ++i) {
    auto client = fixture.NewClient();
    const uint64_t other = Ask(*client);
    CHECK(other != 0);
    CHECK(other != session);
    CHECK(Ask(*lasting) == session);
    client.reset();
    fixture.AwaitSessions(1);
  }
}

TEST_CASE("When all numbers are in use a connection is closed at once") {
  Fixture fixture({}, {.first = 500, .end = 501});
  auto client = fixture.NewClient();
  const uint64_t session = Ask(*client);
  REQUIRE(session != 0);
  const UniqueFd one_too_many = fixture.NewRawClient();
  char byte = 0;
  CHECK(read(one_too_many.get(), &byte, 1) == 0);
  CHECK(fixture.AwaitRefusal().code() == absl::StatusCode::kResourceExhausted);
  CHECK(Ask(*client) == session);
}

TEST_CASE("A peer that is not identified is not served") {
  Fixture fixture;
  fixture.RefuseAll(absl::PermissionDeniedError("peer: another user"));
  const UniqueFd client = fixture.NewRawClient();
  char byte = 0;
  CHECK(read(client.get(), &byte, 1) == 0);
  CHECK(fixture.AwaitRefusal().code() == absl::StatusCode::kPermissionDenied);
  CHECK(fixture.sessions().List().empty());
}

TEST_CASE("Past the cap connections are closed at once, and served again when others have gone") {
  Fixture fixture({.max_sessions = 2, .max_sessions_per_app = 2, .admin_reserve = 0});
  UniqueFd first = fixture.NewRawClient();
  const UniqueFd second = fixture.NewRawClient();
  fixture.AwaitSessions(2);
  const UniqueFd third = fixture.NewRawClient();
  char byte = 0;
  CHECK(read(third.get(), &byte, 1) == 0);
  CHECK(fixture.AwaitRefusal().code() == absl::StatusCode::kResourceExhausted);
  first = UniqueFd();
  fixture.AwaitSessions(1);
  auto client = fixture.NewClient();
  CHECK(Ask(*client) != 0);
}

TEST_CASE("After the end of accepting, sessions go on and newcomers wait") {
  Fixture fixture;
  auto client = fixture.NewClient();
  const uint64_t session = Ask(*client);
  fixture.listener().StopAccepting();
  fixture.listener().StopAccepting();
  const UniqueFd newcomer = fixture.NewRawClient();
  CHECK(Ask(*client) == session);
  CHECK(fixture.sessions().List().size() == 1);
}

}  // namespace
}  // namespace modeld
