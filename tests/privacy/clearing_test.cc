// ClearPartition: who may clear what, and that nothing but the budgets is left.
#include <catch2/catch.hpp>

#include "absl/time/clock.h"
#include "storage/ledger.h"
#include "storage/space.h"
#include "tests/privacy/observer.h"

namespace modeld {
namespace {

constexpr char kAA[] = "web:https://a.example|https://a.example";
constexpr char kAC[] = "web:https://a.example|https://c.example";
constexpr char kBC[] = "web:https://b.example|https://c.example";

struct World {
  explicit World(absl::Duration plan_write_delay = absl::ZeroDuration())
      : daemon(folder.path(), {}, {},
               [&](ServicesOptions& options) { options.plans.write_delay = plan_write_delay; }) {}

  TestClient Web(const std::string& partition) {
    return daemon.Connect(Role::kBroker, "org.example.browser", partition);
  }
  // A model with a key, and an upload that was begun; then the session ends.
  void Fill(const TestClient& client) {
    const uint64_t graph = client.BuildWhole(client.MakeContext(), AddGraph());
    client.Store(graph);
    CallContext call(client.partition);
    v1::SaveRequest request;
    v1::SaveResponse response;
    request.set_graph_id(graph);
    request.set_key("key");
    REQUIRE(client.cache->Save(&call, request, &response).ok());
    const std::string bytes = FloatBytes(std::vector<float>(64, 7));
    CallContext upload(client.partition);
    v1::UploadConstantResponse uploaded;
    auto writer = client.inference->UploadConstant(&upload, &uploaded);
    v1::UploadConstantRequest piece;
    *piece.mutable_blob() = EncodeBlobRef(Digest::Of(bytes), bytes.size());
    piece.set_data(bytes.substr(0, 10));
    writer->Write(piece);
    writer->WritesDone();
    REQUIRE(writer->Finish().ok());
  }
  bool Has(const std::string& partition) const {
    for (const auto& info : daemon_store().ListPartitions()) {
      if (info.partition == partition && (info.models + info.keys + info.staged_bytes) != 0) return true;
    }
    return false;
  }
  storage::ModelStore& daemon_store() const { return const_cast<World*>(this)->daemon.store(); }
  static grpc::Status Clear(const TestClient& client, const v1::ClearPartitionRequest& request) {
    CallContext call(client.partition);
    v1::ClearPartitionResponse response;
    return client.cache->ClearPartition(&call, request, &response);
  }

  TestFolder folder;
  TestDaemon daemon;
};

v1::ClearPartitionRequest Site(const std::string& site) {
  v1::ClearPartitionRequest request;
  request.set_site(site);
  return request;
}

v1::ClearPartitionRequest Origin(const std::string& origin) {
  v1::ClearPartitionRequest request;
  request.set_origin(origin);
  return request;
}

TEST_CASE("a browser clears a site with all of its partitions, or an origin under every site") {
  World world;
  for (const char* partition : {kAA, kAC, kBC}) world.Fill(world.Web(partition));
  const TestClient broker = world.Web(kAA);
  REQUIRE(World::Clear(broker, Origin("HTTPS://c.example:443")).ok());
  CHECK(world.Has(kAA));
  CHECK_FALSE(world.Has(kAC));
  CHECK_FALSE(world.Has(kBC));
  for (const char* partition : {kAC, kBC}) world.Fill(world.Web(partition));
  REQUIRE(World::Clear(broker, Site("https://a.example")).ok());
  CHECK_FALSE(world.Has(kAA));
  CHECK_FALSE(world.Has(kAC));
  CHECK(world.Has(kBC));
  // Neither is named: the call's own.
  REQUIRE(World::Clear(world.Web(kBC), {}).ok());
  CHECK_FALSE(world.Has(kBC));
  // Again, and of nobody: fine.
  CHECK(World::Clear(broker, Site("https://a.example")).ok());
  CHECK(World::Clear(broker, Origin("https://nobody.example")).ok());
}

TEST_CASE("an app clears its own partition and no site; what is malformed is refused") {
  World world;
  const TestClient app = world.daemon.App(), other = world.daemon.App("org.example.other");
  world.Fill(app);
  world.Fill(other);
  world.Fill(world.Web(kAA));
  CHECK(World::Clear(app, Site("https://a.example")).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(World::Clear(app, Origin("https://a.example")).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  CHECK(World::Clear(app, Site("app:org.example.other")).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  REQUIRE(World::Clear(app, {}).ok());
  CHECK_FALSE(world.Has("app:org.example.app"));
  CHECK(world.Has("app:org.example.other"));
  CHECK(world.Has(kAA));
  const TestClient admin = world.daemon.Connect(Role::kAdmin, "org.example.admin");
  for (const auto& request : {Site("a.example"), Site(""), Site("https://a.example:8443"), Origin("null"),
                              Origin("user:shared"), Site("app:org.example.other")}) {
    INFO(request.ShortDebugString());
    CHECK(World::Clear(admin, request).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  v1::ClearPartitionRequest backwards;
  backwards.set_from(20);
  backwards.set_to(10);
  CHECK(World::Clear(app, backwards).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  REQUIRE(World::Clear(admin, Site("https://a.example")).ok());
  CHECK_FALSE(world.Has(kAA));
}

TEST_CASE("a range of time clears what was stored in it") {
  World world;
  const TestClient app = world.daemon.App();
  world.Fill(app);
  v1::ClearPartitionRequest request;
  request.set_to(absl::ToUnixSeconds(absl::Now()) - 3'600);
  REQUIRE(World::Clear(app, request).ok());
  CHECK(world.Has("app:org.example.app"));
  request.set_from(absl::ToUnixSeconds(absl::Now()) - 3'600);
  request.clear_to();
  REQUIRE(World::Clear(app, request).ok());
  CHECK_FALSE(world.Has("app:org.example.app"));
}

TEST_CASE("what the user shares stays when who stored it is cleared") {
  World world;
  const TestClient app = world.daemon.App();
  const std::string id = app.Store(app.BuildWhole(app.MakeContext(), AddGraph()));
  storage::Ledger& ledger = world.daemon.store().ledger();
  REQUIRE(ledger.Share(Digest::FromBytes(id).value(), "", 1.0).ok());
  REQUIRE(World::Clear(app, {}).ok());
  CHECK(ledger.Shares().size() == 1);
  const TestClient other = world.daemon.App("org.example.other");
  CHECK(other.Fetch(other.MakeContext(), id).ok());
}

TEST_CASE("a plan that waits to be written is cleared, too") {
  World world(absl::Hours(1));
  const TestClient app = world.daemon.App();
  app.Store(app.BuildWhole(app.MakeContext(), AddGraph()));
  REQUIRE(World::Clear(app, {}).ok());
  world.daemon.services().Settle();
  CHECK(world.daemon.store().plans().List().empty());
}

TEST_CASE("clearing leaves no file, no decision and no trace, keeps budgets, and graphs go on working") {
  World world;
  std::string id;
  {
    const TestClient app = world.daemon.App();
    const uint64_t context = app.MakeContext();
    const uint64_t graph = app.BuildWhole(context, AddGraph());
    id = app.Store(graph);
    world.daemon.services().Settle();
    REQUIRE(world.daemon.store().plans().List().size() == 1);
    CHECK(SeenOfFetch(app, context, std::string(32, 'x')).substr(0, 2) == "5|");
    world.Fill(app);
    REQUIRE(World::Clear(app, {}).ok());
    CHECK(SeenOfFetch(app, context, id).substr(0, 2) == "5|");
    std::vector<float> y;
    CHECK(app.Run(graph, {1, 1, 1}, &y).ok());
    world.daemon.HangUp(app);
  }
  // What ran after the clearing is cleared when it has ended.
  REQUIRE(World::Clear(world.daemon.App(), {}).ok());
  storage::ModelStore& store = world.daemon.store();
  CHECK(store.space().DecisionsOf(Digest::FromBytes(id).value()).empty());
  const auto files = [&] {
    REQUIRE(store.Collect(absl::Now()).ok());
    size_t count = 0;
    for (const char* folder : {"blobs", "staging", "quarantine", "plans"}) {
      const std::string path = world.folder.path() + "/cache/" + folder;
      if (!std::filesystem::exists(path)) continue;
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) ++count;
      }
    }
    return count;
  };
  // A session's end and a plan's writing take their time.
  for (const absl::Time until = absl::Now() + absl::Minutes(2); files() != 0 && absl::Now() < until;) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  CHECK(files() == 0);
  CHECK(store.ledger().Budget("app:org.example.app").probes.size() == 2);
  CHECK(store.ListStaged().empty());
  CHECK(store.Audit().value().empty());
}

}  // namespace
}  // namespace modeld
