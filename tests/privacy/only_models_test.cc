// What a cache of models takes: models, not too often; and what it must never write down.
#include <catch2/catch.hpp>

#include "absl/strings/match.h"
#include "tests/privacy/observer.h"

namespace modeld {
namespace {

grpc::Status StoreOf(const TestClient& client, uint64_t graph_id) {
  CallContext call(client.partition);
  v1::StoreRequest request;
  v1::StoreResponse response;
  request.set_graph_id(graph_id);
  return client.cache->Store(&call, request, &response);
}

grpc::Status SaveOf(const TestClient& client, uint64_t graph_id) {
  CallContext call(client.partition);
  v1::SaveRequest request;
  v1::SaveResponse response;
  request.set_graph_id(graph_id);
  request.set_key("key");
  return client.cache->Save(&call, request, &response);
}

TEST_CASE("a graph with a constant that no output needs is no model: it is not even built") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  TestGraph graph;
  const OperandId x = graph.Float("x", {3});
  const OperandId unused = graph.Constant(DataType::kFloat32, {3}, FloatBytes({9, 9, 9}));
  std::string named = "constant";
  SECTION("used by an operation whose result goes nowhere") {
    graph.Op("relu", {unused}, {}, "stray");
    named = "stray";
  }
  SECTION("used by nothing") {}
  graph.Output("y", graph.Op("relu", {x}));
  v1::BuildResponse response;
  const grpc::Status status = client.Build(client.MakeContext(), graph.graph(), response);
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(absl::StrContains(status.error_message(), named));
  CHECK(response.missing_size() == 0);
}

TEST_CASE("a partition that stores too often is told so, others are not") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {.stores_per_hour = 1, .store_burst = 2});
  const TestClient client = daemon.App(), other = daemon.App("org.example.other");
  const TestClient admin = daemon.Connect(Role::kAdmin, "org.example.admin");
  const uint64_t context = client.MakeContext();
  const uint64_t first = client.BuildWhole(context, AddGraph({1, 1, 1}));
  REQUIRE(StoreOf(client, first).ok());
  REQUIRE(SaveOf(client, client.BuildWhole(context, AddGraph({2, 2, 2}))).ok());
  const grpc::Status status = StoreOf(client, client.BuildWhole(context, AddGraph({3, 3, 3})));
  CHECK(StoreOf(client, first).ok());  // what is there already adds nothing
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_RATE_LIMITED);
  CHECK(StoreOf(other, other.BuildWhole(other.MakeContext(), AddGraph())).ok());
  const uint64_t of_admin = admin.BuildWhole(admin.MakeContext(), AddGraph());
  for (int i = 0; i < 5; ++i) CHECK(StoreOf(admin, of_admin).ok());
}

// A client that builds what must not be kept.
struct Secretive {
  explicit Secretive(const TestClient& a_client) : client(a_client), context(client.MakeContext()) {}

  grpc::Status Build(const Graph& graph, v1::BuildResponse& response) const {
    CallContext call(client.partition);
    v1::BuildRequest request;
    request.set_context_id(context);
    request.set_uncacheable(true);
    *request.mutable_graph() = EncodeGraph(graph);
    response.Clear();
    return client.inference->Build(&call, request, &response);
  }
  grpc::Status Upload(const std::string& bytes, uint64_t offset, uint64_t end,
                      const std::string& name) const {
    CallContext call(client.partition);
    v1::UploadConstantResponse response;
    auto writer = client.inference->UploadConstant(&call, &response);
    v1::UploadConstantRequest request;
    request.set_uncacheable(true);
    *request.mutable_blob() = EncodeBlobRef(Digest::Of(name), name.size());
    while (offset < end) {
      request.set_offset_bytes(offset);
      request.set_data(bytes.substr(offset, std::min<uint64_t>(1'000, end - offset)));
      offset += request.data().size();
      if (!writer->Write(request)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  const TestClient& client;
  const uint64_t context;
};

size_t FilesBeneath(const std::string& folder) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (entry.is_regular_file() && name != "lock" && name != "CACHEDIR.TAG") ++files;
  }
  return files;
}

TEST_CASE("an uncacheable graph runs, and nothing of it ever stands in the cache folder") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const Secretive secretive(client);
  const std::vector<float> weights(3'000, 2);
  TestGraph test_graph;
  const OperandId x = test_graph.Float("x", {3'000});
  const OperandId w = test_graph.Constant(DataType::kFloat32, {3'000}, FloatBytes(weights));
  test_graph.Output("y", test_graph.Op("add", {x, w}));
  const Graph graph = test_graph.graph();
  const std::string bytes = FloatBytes(weights);

  v1::BuildResponse response;
  REQUIRE(secretive.Build(graph, response).ok());
  REQUIRE(response.missing_size() == 1);
  REQUIRE(secretive.Upload(bytes, 0, 5'000, bytes).ok());
  CHECK(FilesBeneath(folder.path() + "/cache") == 0);
  // Goes on where it stopped; at another place it does not.
  CHECK(secretive.Upload(bytes, 6'000, 7'000, bytes).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  REQUIRE(secretive.Upload(bytes, 5'000, bytes.size(), bytes).ok());
  REQUIRE(secretive.Build(graph, response).ok());
  REQUIRE(response.missing_size() == 0);
  const uint64_t built = response.graph().graph_id();
  std::vector<float> y;
  REQUIRE(client.Run(built, std::vector<float>(3'000, 1), &y).ok());
  CHECK(y == std::vector<float>(3'000, 3));
  for (const grpc::Status& status : {StoreOf(client, built), SaveOf(client, built)}) {
    CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
    CHECK(DetailIn(status).reason() == v1::ErrorDetail::REASON_UNCACHEABLE);
  }
  REQUIRE(daemon.store().Collect(absl::Now()).ok());
  CHECK(FilesBeneath(folder.path() + "/cache") == 0);
  CHECK(daemon.store().ListStaged().empty());
  // It is the session's, and of no use to a graph that is to be kept.
  REQUIRE(client.Build(secretive.context, graph, response).ok());
  CHECK(response.missing_size() == 1);
  const TestClient again = daemon.App();
  REQUIRE(Secretive(again).Build(graph, response).ok());
  CHECK(response.missing_size() == 1);
}

TEST_CASE("wrong and too many bytes of an uncacheable constant are refused, and it can be sent anew") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_session_uncacheable_bytes = 20;
  TestDaemon daemon(folder.path(), limits);
  const TestClient client = daemon.App();
  const Secretive secretive(client);
  const std::string bytes = FloatBytes({1, 2, 3});
  const std::string wrong = FloatBytes({1, 2, 4});
  CHECK(secretive.Upload(wrong, 0, 12, bytes).error_code() == grpc::StatusCode::DATA_LOSS);
  CHECK(secretive.Upload(wrong + "x", 0, 13, bytes).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  REQUIRE(secretive.Upload(bytes, 0, 4, bytes).ok());
  CHECK(secretive.Upload(wrong, 0, 12, wrong).error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  REQUIRE(secretive.Upload(bytes, 0, 12, bytes).ok());
  REQUIRE(secretive.Upload(bytes, 0, 12, bytes).ok());
  v1::BuildResponse response;
  REQUIRE(secretive.Build(AddGraph(), response).ok());
  CHECK(response.missing_size() == 0);
}

}  // namespace
}  // namespace modeld
