// Connections, sessions, deadlines, cancellation and errors.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/connector.h"
#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"

namespace modeld::client {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

constexpr auto kF32 = DataType::kFloat32;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

Client ConnectTo(const FakeDaemon& daemon, ConnectOptions options = {}) {
  options.host = daemon.host();
  auto client = Client::Connect(std::move(options));
  REQUIRE(client.status() == absl::OkStatus());
  return *client;
}

Graph BuildIdentity(const Context& context) {
  GraphBuilder b(context);
  auto graph = b.Build({{"y", b.Identity(b.Input("x", {kF32, {2}}))}});
  REQUIRE(graph.status() == absl::OkStatus());
  return *graph;
}

// A folder that outlives a daemon.
struct Folder {
  Folder() {
    char name[] = "/tmp/modeld-client-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

const float kInput[] = {1, 2};
const NamedBytes kInputs = {{"x", std::as_bytes(std::span(kInput))}};

TEST_CASE("The socket is found by host, environment and runtime folder, in this order", "[session]") {
  ::setenv("MODELD_HOST", "unix:///run/a.sock", 1);
  ::setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  CHECK(*internal::SocketPath("unix:///x/y.sock") == "/x/y.sock");
  CHECK(*internal::SocketPath("/x/y.sock") == "/x/y.sock");
  CHECK(*internal::SocketPath("") == "/run/a.sock");
  ::unsetenv("MODELD_HOST");
  CHECK(*internal::SocketPath("") == "/run/user/7/modeld/modeld.sock");
  ::setenv("MODELD_RUNTIME_DIR", "/scratch", 1);
  CHECK(*internal::SocketPath("") == "/scratch/modeld.sock");
  ::unsetenv("MODELD_RUNTIME_DIR");
  ::unsetenv("XDG_RUNTIME_DIR");
  CHECK_THAT(*internal::SocketPath(""), Contains(std::to_string(::geteuid())) && EndsWith("/modeld.sock"));
  for (const char* wrong : {"unix://relative", "localhost:80", "http://x", "unix://"}) {
    CAPTURE(wrong);
    CHECK(internal::SocketPath(wrong).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("Connecting to nobody is UNAVAILABLE, to nonsense INVALID_ARGUMENT", "[session]") {
  CHECK(Client::Connect({.host = "/nonexistent/modeld.sock"}).status().code() ==
        absl::StatusCode::kUnavailable);
  CHECK(Client::Connect({.host = "/" + std::string(200, 'x')}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  const FakeDaemon daemon;
  CHECK(Client::Connect({.host = daemon.host(), .partition = "web:\n"}).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("Capabilities come with the connection, once", "[session]") {
  const FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  CHECK(client.GetCapabilities()->version() == "fake");
  CHECK(client.GetCapabilities()->max_chunk_bytes() == 1 << 20);
  CHECK(daemon.seen().calls["GetCapabilities"] == 1);
}

TEST_CASE("A broker connects in the name of a partition", "[session]") {
  FakeDaemon::Options options;
  options.broker = true;
  const FakeDaemon daemon(options);
  const auto client = Client::Connect({.host = daemon.host(), .partition = "web:s|https://o"});
  REQUIRE(client.status() == absl::OkStatus());
  CHECK(client->GetCapabilities()->version() == "fake");
  CHECK(client->ForPartition("web:s|https://other").CreateContext().ok());
  CHECK(Client::Connect({.host = daemon.host()}).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("A context carries its options, and calls their partition", "[session]") {
  const FakeDaemon daemon;
  const Client client = ConnectTo(daemon, {.partition = "app:a"});
  REQUIRE(
      client
          .CreateContext({.power_preference = PowerPreference::kLowPower, .num_threads = 3, .device = "cpu"})
          .ok());
  REQUIRE(client.ForPartition("web:s|https://o").CreateContext().ok());
  REQUIRE(client.ForPartition("").CreateContext().ok());
  const auto seen = daemon.seen();
  CHECK(seen.partitions == std::vector<std::string>{"app:a", "web:s|https://o", ""});
  CHECK(seen.calls.at("GetCapabilities") == 1);

  REQUIRE(
      client
          .CreateContext({.power_preference = PowerPreference::kLowPower, .num_threads = 3, .device = "cpu"})
          .ok());
  const v1::CreateContextRequest last = daemon.seen().last_context;
  CHECK(last.power_preference() == v1::POWER_PREFERENCE_LOW_POWER);
  CHECK(last.num_threads() == 3);
  CHECK(last.device() == "cpu");
}

TEST_CASE("After a restart old handles are FAILED_PRECONDITION and the client goes on", "[session]") {
  const Folder folder;
  auto daemon = std::make_unique<FakeDaemon>(FakeDaemon::Options{.folder = folder.path});
  const Client client = ConnectTo(*daemon);
  const auto context = client.CreateContext();
  const Graph graph = BuildIdentity(*context);
  const auto tensor = context->CreateTensor({kF32, {2}});
  REQUIRE(tensor.ok());
  daemon = nullptr;
  while (client.Connected()) absl::SleepFor(absl::Milliseconds(1));
  CHECK(client.CreateContext().status().code() == absl::StatusCode::kUnavailable);
  daemon = std::make_unique<FakeDaemon>(FakeDaemon::Options{.folder = folder.path});

  // The new daemon gives out the same numbers: none of the old handles may reach it.
  const auto fresh = client.CreateContext();
  REQUIRE(fresh.status() == absl::OkStatus());
  const Graph again = BuildIdentity(*fresh);
  CHECK(again.id() == graph.id());
  const absl::Status statuses[] = {
      graph.Run(kInputs).status(),
      graph.Store().status(),
      graph.Dispatch({}, {}).status(),
      context->CreateTensor({kF32, {2}}).status(),
      tensor->Map().status(),
      tensor->Read().status(),
      tensor->Write(std::as_bytes(std::span(kInput))),
      client.Cache().Fetch(*context, {}).status(),
  };
  for (const absl::Status& status : statuses) {
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(IsSessionEnded(status));
    CHECK_THAT(Message(status), Contains("session"));
  }
  absl::Notification called;
  graph.RunAsync(kInputs, [&](absl::StatusOr<RunResult> result) {
    CHECK(result.status().code() == absl::StatusCode::kFailedPrecondition);
    called.Notify();
  });
  CHECK(called.HasBeenNotified());
  CHECK(again.Run(kInputs).ok());
  CHECK(client.Cache().List().ok());
}

TEST_CASE("Without reconnect a lost connection stays lost", "[session]") {
  const Folder folder;
  auto daemon = std::make_unique<FakeDaemon>(FakeDaemon::Options{.folder = folder.path});
  const Client client = ConnectTo(*daemon, {.reconnect = false});
  daemon = nullptr;
  daemon = std::make_unique<FakeDaemon>(FakeDaemon::Options{.folder = folder.path});
  CHECK(client.CreateContext().status().code() == absl::StatusCode::kUnavailable);
  CHECK(daemon->seen().calls.empty());
}

TEST_CASE("A call under way when the daemon dies is UNAVAILABLE", "[session]") {
  auto daemon = std::make_unique<FakeDaemon>();
  const Client client = ConnectTo(*daemon);
  const Graph graph = BuildIdentity(*client.CreateContext());
  daemon->Hang();
  absl::Notification done;
  absl::Status status;
  graph.RunAsync(kInputs, [&](absl::StatusOr<RunResult> result) {
    status = result.status();
    done.Notify();
  });
  while (daemon->seen().calls["Run"] == 0) absl::SleepFor(absl::Milliseconds(1));
  daemon = nullptr;
  done.WaitForNotification();
  // A daemon that shuts down may yet answer that it cancelled the call.
  CHECK((absl::IsUnavailable(status) || absl::IsCancelled(status)));
}

TEST_CASE("Deadlines bound calls", "[session]") {
  FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  const Graph graph = BuildIdentity(*client.CreateContext());
  daemon.Hang();
  CHECK(graph.Run(kInputs, {}, {.deadline = absl::Milliseconds(20)}).status().code() ==
        absl::StatusCode::kDeadlineExceeded);
  const Client hasty = ConnectTo(daemon, {.default_deadline = absl::Milliseconds(20)});
  const auto context = hasty.CreateContext({}, {.deadline = absl::InfiniteDuration()});
  REQUIRE(context.ok());
  GraphBuilder b(*context);
  const auto slow = b.Build({{"y", b.Identity(b.Input("x", {kF32, {2}}))}},
                            {.call = {.deadline = absl::InfiniteDuration()}});
  REQUIRE(slow.status() == absl::OkStatus());
  CHECK(slow->Run(kInputs).status().code() == absl::StatusCode::kDeadlineExceeded);
}

TEST_CASE("A cancellation stops blocking and asynchronous calls", "[session]") {
  FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  const Graph graph = BuildIdentity(*client.CreateContext());
  daemon.Hang();
  const Cancellation cancellation;
  absl::Notification done;
  absl::Status async;
  graph.RunAsync(kInputs,
                 [&](absl::StatusOr<RunResult> result) {
                   async = result.status();
                   done.Notify();
                 },
                 {}, {.cancellation = cancellation});
  std::thread canceller([&] {
    while (daemon.seen().calls["Run"] < 2) absl::SleepFor(absl::Milliseconds(1));
    cancellation.Cancel();
  });
  CHECK(graph.Run(kInputs, {}, {.cancellation = cancellation}).status().code() ==
        absl::StatusCode::kCancelled);
  canceller.join();
  done.WaitForNotification();
  CHECK(async.code() == absl::StatusCode::kCancelled);
  CHECK(graph.Store({.cancellation = cancellation}).status().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("Errors keep code, message and detail", "[session]") {
  FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  v1::ErrorDetail detail;
  detail.set_reason(v1::ErrorDetail::REASON_TENSOR_MISMATCH);
  detail.set_operation_index(7);
  detail.set_label("stem");
  detail.set_field("x");
  detail.set_expected("float32[2]");
  detail.set_found("float32[3]");
  daemon.Fail("CreateContext", static_cast<int>(absl::StatusCode::kInvalidArgument), "x: wrong", 1, &detail);
  const absl::Status status = client.CreateContext().status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(Message(status) == "x: wrong");
  const auto found = ErrorDetailOf(status);
  REQUIRE(found);
  CHECK(found->reason == "REASON_TENSOR_MISMATCH");
  CHECK(found->operation_index == 7u);
  CHECK(found->label == "stem");
  CHECK(found->field == "x");
  CHECK(found->expected == "float32[2]");
  CHECK(found->found == "float32[3]");

  daemon.Fail("CreateContext", static_cast<int>(absl::StatusCode::kUnavailable), "starting");
  const absl::Status starting = client.CreateContext().status();
  CHECK(starting.code() == absl::StatusCode::kUnavailable);
  CHECK(Message(starting) == "starting");
  CHECK_FALSE(ErrorDetailOf(starting));
}

TEST_CASE("Handles free what they hold, last copy only", "[session]") {
  const FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  {
    auto context = client.CreateContext();
    auto graph = std::make_unique<Graph>(BuildIdentity(*context));
    auto copy = std::make_unique<Graph>(*graph);
    auto tensor = context->CreateTensor({kF32, {2}});
    context = absl::UnknownError("dropped");
    graph = nullptr;
    CHECK(copy->Run(kInputs).ok());
    CHECK(daemon.seen().calls.count("DestroyGraph") == 0);
  }
  // Sent without waiting, in this connection's order or not: a later call does not tell that they arrived.
  for (const char* method : {"DestroyGraph", "DestroyTensor", "DestroyContext"}) {
    while (daemon.seen().calls[method] == 0) absl::SleepFor(absl::Milliseconds(1));
    CHECK(daemon.seen().calls[method] == 1);
  }
}

TEST_CASE("Contexts are made asynchronously, too", "[session]") {
  const FakeDaemon daemon;
  const Client client = ConnectTo(daemon);
  absl::Notification done;
  absl::StatusOr<Context> context = absl::UnknownError("");
  client.CreateContextAsync({.device = "cpu"}, [&](absl::StatusOr<Context> result) {
    context = std::move(result);
    done.Notify();
  });
  done.WaitForNotification();
  REQUIRE(context.ok());
  CHECK(BuildIdentity(*context).Run(kInputs).ok());
}

}  // namespace
}  // namespace modeld::client
