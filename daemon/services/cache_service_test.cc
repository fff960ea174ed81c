#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

constexpr char kSiteA[] = "web:https://a.example|https://a.example";
constexpr char kSiteB[] = "web:https://b.example|https://b.example";

grpc::Status Save(const TestClient& client, uint64_t graph, const std::string& key) {
  CallContext call(client.partition);
  v1::SaveRequest request;
  v1::SaveResponse response;
  request.set_graph_id(graph);
  request.set_key(key);
  return client.cache->Save(&call, request, &response);
}

grpc::Status Load(const TestClient& client, uint64_t context, const std::string& key,
                  uint64_t* graph = nullptr) {
  CallContext call(client.partition);
  v1::LoadRequest request;
  v1::LoadResponse response;
  request.set_context_id(context);
  request.set_key(key);
  const grpc::Status status = client.cache->Load(&call, request, &response);
  if (graph != nullptr) *graph = response.graph().graph_id();
  return status;
}

v1::ListResponse List(const TestClient& client) {
  CallContext call(client.partition);
  v1::ListResponse response;
  REQUIRE(client.cache->List(&call, {}, &response).ok());
  return response;
}

void DeleteModel(const TestClient& client, const std::string& id) {
  CallContext call(client.partition);
  v1::DeleteRequest request;
  v1::DeleteResponse response;
  request.set_model_id(id);
  REQUIRE(client.cache->Delete(&call, request, &response).ok());
}

TEST_CASE("a stored model is fetched and run after the daemon started again") {
  TestFolder folder;
  std::string id;
  {
    TestDaemon daemon(folder.path());
    const TestClient client = daemon.App();
    id = client.Store(client.BuildWhole(client.MakeContext(), AddGraph()));
  }
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  uint64_t graph = 0;
  const grpc::Status status = client.Fetch(client.MakeContext(), id, &graph);
  INFO(status.error_message());
  REQUIRE(status.ok());
  std::vector<float> y;
  REQUIRE(client.Run(graph, {1, 1, 1}, &y).ok());
  CHECK(y == std::vector<float>{2, 3, 4});
}

TEST_CASE("every model that cannot be had is the same NOT_FOUND, byte for byte") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient owner = daemon.App("org.example.owner");
  const TestClient other = daemon.App("org.example.other");
  const uint64_t owner_context = owner.MakeContext(), other_context = other.MakeContext();
  const std::string foreign = owner.Store(owner.BuildWhole(owner_context, AddGraph({1, 1, 1})));
  const std::string deleted = other.Store(other.BuildWhole(other_context, AddGraph({2, 2, 2})));
  DeleteModel(other, deleted);
  const std::string absent(Digest::Of("nobody has this").bytes());

  const grpc::Status want = other.Fetch(other_context, absent);
  REQUIRE(want.error_code() == grpc::StatusCode::NOT_FOUND);
  for (const grpc::Status& status : {other.Fetch(other_context, foreign), other.Fetch(other_context, deleted),
                                     Load(other, other_context, "key")}) {
    CHECK(status.error_code() == want.error_code());
    CHECK(status.error_message() == want.error_message());
    CHECK(status.error_details() == want.error_details());
  }
  // The graphs that were built from a deleted model go on working; so does another's model for its owner.
  CHECK(owner.Fetch(owner_context, foreign).ok());
}

TEST_CASE("what one partition uploaded or stored never shortens another's list of missing constants") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient owner = daemon.App("org.example.owner");
  const TestClient other = daemon.App("org.example.other");
  owner.Store(owner.BuildWhole(owner.MakeContext(), AddGraph()));
  v1::BuildResponse response;
  REQUIRE(other.Build(other.MakeContext(), AddGraph(), response).ok());
  CHECK(response.missing_size() == 1);
}

TEST_CASE("fetch takes the first candidate that is there") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const std::string first = client.Store(client.BuildWhole(context, AddGraph({1, 1, 1})));
  const std::string second = client.Store(client.BuildWhole(context, AddGraph({2, 2, 2})));
  CallContext call;
  v1::FetchRequest request;
  v1::FetchResponse response;
  request.set_context_id(context);
  request.add_model_ids(std::string(32, 'x'));
  request.add_model_ids(second);
  request.add_model_ids(first);
  REQUIRE(client.cache->Fetch(&call, request, &response).ok());
  CHECK(response.model_id() == second);

  request.add_model_ids("short");
  CallContext again;
  const grpc::Status status = client.cache->Fetch(&again, request, &response);
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(DetailIn(status).field() == "model_ids[3]");
  CallContext empty;
  CHECK(client.cache->Fetch(&empty, {}, &response).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("two sessions that fetch one model share its program and weights") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient a = daemon.App(), b = daemon.App();
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  const uint64_t context_a = a.MakeContext("gated"), context_b = b.MakeContext("gated");
  const uint64_t built = a.BuildWhole(context_a, AddGraph());
  const std::string id = a.Store(built);
  CHECK(daemon.gated.compiles.arrived() == 1);
  uint64_t graph_a = 0, graph_b = 0;
  REQUIRE(a.Fetch(context_a, id, &graph_a).ok());
  REQUIRE(b.Fetch(context_b, id, &graph_b).ok());
  CHECK(daemon.gated.compiles.arrived() == 1);

  CallContext call;
  v1::ListSessionsResponse sessions;
  REQUIRE(admin.admin->ListSessions(&call, {}, &sessions).ok());
  REQUIRE(sessions.graphs_size() == 1);
  CHECK(sessions.graphs(0).sessions() == 2);
  CHECK(sessions.graphs(0).model_id() == id);

  // The program outlives the session that made it.
  daemon.HangUp(a);
  std::vector<float> y;
  REQUIRE(b.Run(graph_b, {1, 1, 1}, &y).ok());
  CHECK(y == std::vector<float>{2, 3, 4});
}

TEST_CASE("sessions on devices of different options still share the mapped bytes of the weights") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const std::string partition = "app:org.example.app";
  client.Store(client.BuildWhole(client.MakeContext(), AddGraph()));
  const auto lease_a = daemon.store().NewLease(), lease_b = daemon.store().NewLease();
  const auto a = daemon.store().MapBlob(partition, Digest::Of(FloatBytes({1, 2, 3})), *lease_a);
  const auto b = daemon.store().MapBlob(partition, Digest::Of(FloatBytes({1, 2, 3})), *lease_b);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->owner() == b->owner());
}

TEST_CASE("keys name models, replace, list and go") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const uint64_t one = client.BuildWhole(context, AddGraph({1, 1, 1}));
  const uint64_t two = client.BuildWhole(context, AddGraph({2, 2, 2}));
  REQUIRE(Save(client, one, "../../etc/passwd").ok());
  REQUIRE(Save(client, two, "../../etc/passwd").ok());
  REQUIRE(Save(client, two, "schlüssel").ok());
  CHECK(Save(client, two, "").error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Save(client, two, std::string(1025, 'k')).error_code() == grpc::StatusCode::INVALID_ARGUMENT);

  // Nothing kept the first but its key.
  const v1::ListResponse list = List(client);
  REQUIRE(list.models_size() == 1);
  CHECK(list.models(0).keys_size() == 2);
  CHECK(list.models(0).keys(0) == "../../etc/passwd");
  CHECK(list.models(0).size_bytes() > 12);

  uint64_t graph = 0;
  REQUIRE(Load(client, context, "../../etc/passwd", &graph).ok());
  std::vector<float> y;
  REQUIRE(client.Run(graph, {0, 0, 0}, &y).ok());
  CHECK(y == std::vector<float>{2, 2, 2});

  for (const char* key : {"../../etc/passwd", "schlüssel", "never there"}) {
    CallContext call;
    v1::DeleteRequest request;
    v1::DeleteResponse response;
    request.set_key(key);
    CHECK(client.cache->Delete(&call, request, &response).ok());
  }
  CHECK(List(client).models_size() == 0);
  REQUIRE(client.Run(graph, {0, 0, 0}, &y).ok());
}

TEST_CASE("a broker's partitions know nothing of each other, handles included") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  TestClient broker = daemon.Connect(Role::kBroker, "browser", kSiteA);
  const uint64_t context = broker.MakeContext();
  const uint64_t graph = broker.BuildWhole(context, AddGraph());
  const std::string id = broker.Store(graph);
  CHECK(List(broker).models_size() == 1);

  broker.partition = kSiteB;
  CHECK(List(broker).models_size() == 0);
  CHECK(broker.Run(graph, {0, 0, 0}).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(broker.Fetch(context, id).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(broker.Fetch(broker.MakeContext(), id).error_code() == grpc::StatusCode::NOT_FOUND);

  broker.partition = kSiteA;
  CHECK(broker.Run(graph, {0, 0, 0}).ok());
}

TEST_CASE("damaged weights are DATA_LOSS, and storing the model again repairs them") {
  TestFolder folder;
  std::string id;
  {
    TestDaemon daemon(folder.path());
    const TestClient client = daemon.App();
    id = client.Store(client.BuildWhole(client.MakeContext(), AddGraph()));
  }
  // Compiling hashes the weights; on a plan's path the scrub is what finds damage.
  std::filesystem::remove_all(folder.path() + "/cache/plans");
  const std::string weights = FloatBytes({1, 2, 3});
  int flipped = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder.path() + "/cache")) {
    if (!file.is_regular_file() || file.file_size() != weights.size()) continue;
    std::filesystem::permissions(file.path(), std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.put('!');
    ++flipped;
  }
  REQUIRE(flipped == 1);
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  CHECK(client.Fetch(context, id).error_code() == grpc::StatusCode::DATA_LOSS);
  client.Store(client.BuildWhole(context, AddGraph()));
  CHECK(client.Fetch(context, id).ok());
}

}  // namespace
}  // namespace modeld
