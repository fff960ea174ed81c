#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <thread>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

const TensorDescriptor kVector{DataType::kFloat32, {3}};

v1::DispatchRequest DispatchOf(uint64_t graph, uint64_t x, uint64_t y) {
  v1::DispatchRequest request;
  request.set_graph_id(graph);
  (*request.mutable_inputs())["x"] = x;
  (*request.mutable_outputs())["y"] = y;
  return request;
}

void Write(const TestClient& client, uint64_t tensor, const std::vector<float>& values) {
  CallContext context;
  v1::WriteTensorRequest request;
  v1::WriteTensorResponse response;
  request.set_tensor_id(tensor);
  request.set_data(FloatBytes(values));
  REQUIRE(client.contexts->WriteTensor(&context, request, &response).ok());
}

std::vector<float> Read(const TestClient& client, uint64_t tensor) {
  CallContext context;
  v1::ReadTensorRequest request;
  v1::ReadTensorResponse response;
  request.set_tensor_id(tensor);
  REQUIRE(client.contexts->ReadTensor(&context, request, &response).ok());
  std::vector<float> values(response.data().size() / 4);
  std::memcpy(values.data(), response.data().data(), response.data().size());
  return values;
}

TEST_CASE("a graph is built after its missing constants were sent, and runs") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const Graph graph = AddGraph();

  v1::BuildResponse response;
  REQUIRE(client.Build(context, graph, response).ok());
  CHECK_FALSE(response.has_graph());
  REQUIRE(response.missing_size() == 1);
  CHECK(response.missing(0).size_bytes() == 12);
  REQUIRE(client.Upload(FloatBytes({1, 2, 3})).ok());
  REQUIRE(client.Build(context, graph, response).ok());
  REQUIRE(response.has_graph());
  CHECK(response.graph().inputs(0).name() == "x");
  CHECK(response.graph().outputs(0).tensor_descriptor().shape(0) == 3);

  std::vector<float> y;
  REQUIRE(client.Run(response.graph().graph_id(), {-5, 0, 0.5}, &y).ok());
  CHECK(y == std::vector<float>{0, 2, 3.5});
}

TEST_CASE("a constant that a graph has twice is asked for once") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  TestGraph graph;
  const OperandId x = graph.Float("x", {3});
  const OperandId a = graph.Constant(DataType::kFloat32, {3}, FloatBytes({1, 1, 1}));
  const OperandId b = graph.Constant(DataType::kFloat32, {3}, FloatBytes({1, 1, 1}));
  graph.Output("y", graph.Op("add", {graph.Op("add", {x, a}), b}));
  v1::BuildResponse response;
  REQUIRE(client.Build(client.MakeContext(), graph.graph(), response).ok());
  CHECK(response.missing_size() == 1);
}

TEST_CASE("a wrong graph is refused with the operation's name") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  TestGraph graph;
  const OperandId x = graph.Float("x", {3});
  graph.Output("y", graph.Op("add", {x, graph.Float("z", {4})}, {}, "stem"));
  v1::BuildResponse response;
  const grpc::Status status = client.Build(client.MakeContext(), graph.graph(), response);
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  const v1::ErrorDetail detail = DetailIn(status);
  CHECK(detail.reason() == v1::ErrorDetail::REASON_INVALID_GRAPH);
  CHECK(detail.label() == "stem");
  CHECK(detail.operation_index() == 0);

  graph.graph().operations[0].type = "frobnicate";
  const grpc::Status unknown = client.Build(client.MakeContext(), graph.graph(), response);
  CHECK(unknown.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(DetailIn(unknown).reason() == v1::ErrorDetail::REASON_UNSUPPORTED_OPERATION);
}

TEST_CASE("a dispatch reads and writes tensors of its context") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const uint64_t graph = client.BuildWhole(context, AddGraph());
  const uint64_t x = client.MakeTensor(context, kVector), y = client.MakeTensor(context, kVector);
  CHECK(Read(client, x) == std::vector<float>{0, 0, 0});
  Write(client, x, {10, 20, 30});
  CallContext call;
  v1::DispatchResponse response;
  REQUIRE(client.inference->Dispatch(&call, DispatchOf(graph, x, y), &response).ok());
  CHECK(Read(client, y) == std::vector<float>{11, 22, 33});
}

TEST_CASE("integer tensors, which run on private copies, get their results too") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  TestGraph graph;
  graph.Output("y", graph.Op("add", {graph.Input("x", DataType::kInt32, {2}),
                                     graph.Input("z", DataType::kInt32, {2})}));
  const uint64_t id = client.BuildWhole(context, graph.graph());
  const TensorDescriptor ints{DataType::kInt32, {2}};
  const uint64_t x = client.MakeTensor(context, ints), y = client.MakeTensor(context, ints);
  const int32_t values[2] = {7, -9};
  CallContext write, call, read;
  v1::WriteTensorRequest bytes;
  v1::WriteTensorResponse written;
  bytes.set_tensor_id(x);
  bytes.set_data(values, sizeof(values));
  REQUIRE(client.contexts->WriteTensor(&write, bytes, &written).ok());
  v1::DispatchRequest request = DispatchOf(id, x, y);
  (*request.mutable_inputs())["z"] = x;
  v1::DispatchResponse response;
  REQUIRE(client.inference->Dispatch(&call, request, &response).ok());
  v1::ReadTensorRequest ask;
  v1::ReadTensorResponse got;
  ask.set_tensor_id(y);
  REQUIRE(client.contexts->ReadTensor(&read, ask, &got).ok());
  const int32_t want[2] = {14, -18};
  CHECK(got.data() == std::string(reinterpret_cast<const char*>(want), sizeof(want)));
}

TEST_CASE("a dispatch that does not fit names the tensor, what was expected and what was found") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext(), other = client.MakeContext();
  const uint64_t graph = client.BuildWhole(context, AddGraph());
  const uint64_t good = client.MakeTensor(context, kVector);
  const uint64_t good2 = client.MakeTensor(context, kVector);
  const uint64_t wrong_shape = client.MakeTensor(context, {DataType::kFloat32, {1, 3}});
  const uint64_t wrong_type = client.MakeTensor(context, {DataType::kInt32, {3}});
  const uint64_t foreign = client.MakeTensor(other, kVector);
  struct Case {
    v1::DispatchRequest request;
    std::string field, expected, found;
  };
  v1::DispatchRequest no_input = DispatchOf(graph, good, good2);
  no_input.clear_inputs();
  v1::DispatchRequest extra = DispatchOf(graph, good, good2);
  (*extra.mutable_inputs())["w"] = good;
  const Case cases[] = {
      {DispatchOf(graph, wrong_shape, good), "x", "float32[3]", "float32[1,3]"},
      {DispatchOf(graph, wrong_type, good), "x", "float32[3]", "int32[3]"},
      {DispatchOf(graph, good, wrong_type), "y", "float32[3]", "int32[3]"},
      {DispatchOf(graph, good, good), "y", "a tensor of its own", "one that is an input too"},
      {DispatchOf(graph, foreign, good), "x", "a tensor of context " + std::to_string(context),
       "one of context " + std::to_string(other)},
      {no_input, "x", "float32[3]", "no tensor"},
      {extra, "w", "a name among the graph's inputs", "an unknown one"},
  };
  for (const Case& c : cases) {
    CallContext call;
    v1::DispatchResponse response;
    const grpc::Status status = client.inference->Dispatch(&call, c.request, &response);
    INFO(status.error_message());
    REQUIRE(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    const v1::ErrorDetail detail = DetailIn(status);
    CHECK(detail.reason() == v1::ErrorDetail::REASON_TENSOR_MISMATCH);
    CHECK(detail.field() == c.field);
    CHECK(detail.expected() == c.expected);
    CHECK(detail.found() == c.found);
  }
  CallContext call;
  v1::DispatchResponse response;
  CHECK(client.inference->Dispatch(&call, DispatchOf(graph, 999, good), &response).error_code() ==
        grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("a run with too few bytes, or answers too big for a message, is refused") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_message_bytes = 1 << 20;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const uint64_t graph = client.BuildWhole(context, AddGraph());
  const grpc::Status status = client.Run(graph, {1, 2});
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(DetailIn(status).expected() == "12 bytes of float32[3]");
  CHECK(DetailIn(status).found() == "8 bytes");

  TestGraph big;
  big.Output("y", big.Op("expand", {big.Float("x", {1})}, {{"newShape", Ints({1 << 18})}}));
  const uint64_t big_graph = client.BuildWhole(context, big.graph());
  CHECK(client.Run(big_graph, {1}).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// A run of x = {1, 2, 3} in a thread of its own.
class BackgroundRun {
 public:
  BackgroundRun(const TestClient& client, uint64_t graph) {
    request_.set_graph_id(graph);
    (*request_.mutable_inputs())["x"] = FloatBytes({1, 2, 3});
    runner_ = std::thread([this, &client] { status_ = client.inference->Run(&call_, request_, &response_); });
  }
  void Cancel() { call_.TryCancel(); }
  // How the call ended. To be called once.
  grpc::Status Join() {
    runner_.join();
    return status_;
  }

 private:
  CallContext call_;
  v1::RunRequest request_;
  v1::RunResponse response_;
  grpc::Status status_;
  std::thread runner_;
};

// Starts a run on the gated device, waits until its first step has begun, does `stop`, then opens the gate.
// Returns how the call ended; `steps` tells how many steps were begun.
grpc::Status StopDuringRun(TestDaemon& daemon, const TestClient& client, uint64_t graph,
                           const std::function<void()>& stop, int& steps) {
  daemon.gated.steps.Close();
  const int before = daemon.gated.steps.arrived();
  BackgroundRun run(client, graph);
  daemon.gated.steps.AwaitArrivals(before + 1);
  stop();
  daemon.gated.steps.Open();
  const grpc::Status status = run.Join();
  REQUIRE(daemon.services().Drain(absl::InfiniteFuture()));
  steps = daemon.gated.steps.arrived() - before;
  return status;
}

TEST_CASE("a run stops between two steps when its call is cancelled") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  TestGraph chain;
  OperandId end = chain.Float("x", {3});
  for (int i = 0; i < 14; ++i) end = chain.Op("sin", {end});
  chain.Output("y", end);
  const uint64_t graph = client.BuildWhole(client.MakeContext("gated"), chain.graph());
  Gate& gate = daemon.gated.steps;
  REQUIRE(client.Run(graph, {1, 2, 3}).ok());
  const int before = gate.arrived(), all = before;
  REQUIRE(all >= 14);

  gate.Close();
  BackgroundRun run(client, graph);
  gate.AwaitArrivals(before + 1);
  run.Cancel();
  // The daemon hears of it during one of the first steps: each takes twice as long as the one before it, all
  // together minutes.
  const Counter& cancelled = daemon.metrics.counter(CounterName::kInferenceRequests, {"cancelled"});
  absl::Duration hold = absl::Milliseconds(10);
  for (int step = 1; step <= all && cancelled.value() == 0; ++step, hold *= 2) {
    absl::SleepFor(hold);
    gate.LetOne();
    while (step < all && gate.arrived() == before + step && cancelled.value() == 0) {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }
  CHECK(run.Join().error_code() == grpc::StatusCode::CANCELLED);
  CHECK(cancelled.value() == 1);
  CHECK(gate.arrived() - before < all);
}

// Bytes of arenas of all that is loaded, in use or kept for the next run.
uint64_t ArenaBytes(const TestClient& admin) {
  CallContext call;
  v1::ListSessionsResponse listed;
  REQUIRE(admin.admin->ListSessions(&call, {}, &listed).ok());
  uint64_t bytes = 0;
  for (const v1::LoadedGraph& graph : listed.graphs()) bytes += graph.arena_bytes();
  return bytes;
}

TEST_CASE("a run keeps its memory for the next one when it ends well, and gives it back when it does not") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App(), admin = daemon.Connect(Role::kAdmin, "modelctl");
  const uint64_t graph = client.BuildWhole(client.MakeContext("gated"), AddGraph());
  CHECK(ArenaBytes(admin) == 0);
  REQUIRE(client.Run(graph, {1, 2, 3}).ok());
  const uint64_t kept = ArenaBytes(admin);
  REQUIRE(kept > 0);

  const int before = daemon.gated.steps.arrived();
  daemon.gated.steps.Close();
  BackgroundRun run(client, graph);
  daemon.gated.steps.AwaitArrivals(before + 1);
  CHECK(ArenaBytes(admin) == kept);
  daemon.services().CancelAll();
  daemon.gated.steps.Open();
  run.Join();
  CHECK(daemon.metrics.counter(CounterName::kInferenceRequests, {"cancelled"}).value() == 1);
  CHECK(ArenaBytes(admin) == 0);

  REQUIRE(client.Run(graph, {1, 2, 3}).ok());
  CHECK(ArenaBytes(admin) == kept);
  daemon.gated.steps_fail = true;
  CHECK(client.Run(graph, {1, 2, 3}).error_code() == grpc::StatusCode::INTERNAL);
  CHECK(ArenaBytes(admin) == 0);
  CHECK(daemon.metrics.counter(CounterName::kInferenceRequests, {"backend"}).value() == 1);

  daemon.gated.steps_fail = false;
  std::vector<float> y;
  REQUIRE(client.Run(graph, {1, 2, 3}, &y).ok());
  CHECK(y == std::vector<float>{2, 4, 6});
  CHECK(ArenaBytes(admin) == kept);
}

TEST_CASE("a run stops between two steps when its session ends") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t graph = client.BuildWhole(client.MakeContext("gated"), AddGraph());
  int steps = 0;
  const grpc::Status status = StopDuringRun(
      daemon, client, graph, [&] { daemon.HangUp(client); }, steps);
  CHECK(status.error_code() == grpc::StatusCode::CANCELLED);
  CHECK(steps == 1);
  daemon.services().Settle();
  CHECK_FALSE(daemon.services().busy());
}

TEST_CASE("a graph that is freed while it runs lives until the run ends") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t graph = client.BuildWhole(client.MakeContext("gated"), AddGraph());
  int steps = 0;
  const grpc::Status status = StopDuringRun(
      daemon, client, graph,
      [&] {
        CallContext call;
        v1::DestroyGraphRequest request;
        v1::DestroyGraphResponse response;
        request.set_graph_id(graph);
        REQUIRE(client.inference->DestroyGraph(&call, request, &response).ok());
      },
      steps);
  CHECK(status.ok());
  CHECK(steps > 1);
}

TEST_CASE("destroying a context cancels what runs in it") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext("gated");
  const uint64_t graph = client.BuildWhole(context, AddGraph());
  int steps = 0;
  const grpc::Status status = StopDuringRun(
      daemon, client, graph,
      [&] {
        CallContext call;
        v1::DestroyContextRequest request;
        v1::DestroyContextResponse response;
        request.set_context_id(context);
        REQUIRE(client.contexts->DestroyContext(&call, request, &response).ok());
      },
      steps);
  CHECK(status.error_code() == grpc::StatusCode::CANCELLED);
  CHECK(steps == 1);
}

TEST_CASE("after Drain no call is let in") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  client.MakeContext();
  CHECK(daemon.services().busy());
  CHECK(daemon.services().Drain(absl::InfiniteFuture()));
  CallContext call;
  v1::Capabilities response;
  CHECK(client.contexts->GetCapabilities(&call, {}, &response).error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("the limits are published as data") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_graphs = 17;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  CallContext call;
  v1::Capabilities caps;
  REQUIRE(client.contexts->GetCapabilities(&call, {}, &caps).ok());
  CHECK(caps.version() == "1.2.3");
  CHECK(caps.max_graphs() == 17);
  CHECK(caps.max_chunk_bytes() == 1 << 20);
  CHECK(caps.max_message_bytes() == 64 << 20);
  CHECK(caps.max_rank() == 8);
  CHECK(caps.memory_socket() == "memory");
}

TEST_CASE("an unknown device is UNIMPLEMENTED") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  CallContext call;
  v1::CreateContextRequest request;
  v1::CreateContextResponse response;
  request.set_device("abacus");
  CHECK(client.contexts->CreateContext(&call, request, &response).error_code() ==
        grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace modeld
