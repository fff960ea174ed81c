// Whatever the reason for which a partition may not have a model, the reply is the same, byte for byte.
#include <catch2/catch.hpp>
#include <map>

#include "storage/space.h"
#include "tests/privacy/observer.h"

namespace modeld {
namespace {

constexpr char kOwner[] = "web:https://owner.example|https://owner.example";
constexpr char kAsker[] = "web:https://asker.example|https://asker.example";

grpc::Status Clear(const TestClient& client, const std::string& site) {
  CallContext call(client.partition);
  v1::ClearPartitionRequest request;
  v1::ClearPartitionResponse response;
  request.set_site(site);
  return client.cache->ClearPartition(&call, request, &response);
}

TEST_CASE("absent, foreign, evicted, deleted, cleared, unshared, refused and over budget look the same") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {.probe_budget = 9});
  const TestClient admin = daemon.Connect(Role::kAdmin, "org.example.admin");
  const TestClient owner = daemon.Connect(Role::kBroker, "org.example.browser", kOwner);
  const TestClient asker = daemon.Connect(Role::kBroker, "org.example.browser", kAsker);
  const uint64_t owner_context = owner.MakeContext(), asker_context = asker.MakeContext();
  float next = 1;
  const auto stored_by = [&](const TestClient& client, uint64_t context) {
    next += 1;
    return client.Store(client.BuildWhole(context, AddGraph({next, 2, 3})));
  };

  std::map<std::string, std::string> models;
  models["absent"] = std::string(Digest::Of("nobody has this").bytes());
  models["foreign"] = stored_by(owner, owner_context);
  models["deleted"] = stored_by(asker, asker_context);
  DeleteModel(asker, models["deleted"]);
  models["shared with another"] = stored_by(owner, owner_context);
  REQUIRE(Share(admin, models["shared with another"], "https://third.example", 1.0).ok());
  models["refused by commonness"] = stored_by(owner, owner_context);
  REQUIRE(Share(admin, models["refused by commonness"], "", 1e-9).ok());
  models["unshared"] = stored_by(owner, owner_context);
  REQUIRE(Share(admin, models["unshared"], "", 1.0).ok());
  REQUIRE(Unshare(admin, models["unshared"]).ok());
  models["cleared"] = stored_by(asker, asker_context);
  REQUIRE(Clear(asker, "https://asker.example").ok());

  {
    // What a session uses is not evicted.
    const TestClient passing = daemon.Connect(Role::kBroker, "org.example.browser", kAsker);
    models["evicted"] = stored_by(passing, passing.MakeContext());
    daemon.HangUp(passing);
  }
  const auto evicted =
      daemon.store().space().Evict(kAsker, Digest::FromBytes(models["evicted"]).value(), "evicted", "");
  REQUIRE(evicted.ok());
  REQUIRE(*evicted);

  const std::string want = SeenOfFetch(asker, asker_context, models["absent"]);
  REQUIRE(want.substr(0, 2) == "5|");  // NOT_FOUND
  for (const auto& [why, id] : models) {
    INFO(why);
    CHECK(SeenOfFetch(asker, asker_context, id) == want);
  }
  // Eight are charged. A shared one that may be confirmed takes the ninth; from here on the budget is spent,
  // also for a model that everybody may have.
  const std::string last_one = stored_by(owner, owner_context), beyond = stored_by(owner, owner_context);
  REQUIRE(Share(admin, last_one, "", 1.0).ok());
  REQUIRE(Share(admin, beyond, "", 1.0).ok());
  CHECK(SeenOfFetch(asker, asker_context, last_one).substr(0, 2) == "0|");
  CHECK(SeenOfFetch(asker, asker_context, beyond) == want);
  // What is its own is found, and what was asked for before.
  CHECK(SeenOfFetch(asker, asker_context, stored_by(asker, asker_context)).substr(0, 2) == "0|");
  CHECK(SeenOfFetch(asker, asker_context, last_one).substr(0, 2) == "0|");
  // Another site has its own budget.
  CHECK(SeenOfFetch(owner, owner_context, beyond).substr(0, 2) == "0|");
}

TEST_CASE("a key that names nothing answers as a model that is not there, and shares are not loaded by key") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient admin = daemon.Connect(Role::kAdmin, "org.example.admin");
  const TestClient owner = daemon.Connect(Role::kBroker, "org.example.browser", kOwner);
  const TestClient asker = daemon.Connect(Role::kBroker, "org.example.browser", kAsker);
  const uint64_t context = asker.MakeContext();
  CallContext save(kOwner);
  v1::SaveRequest saving;
  v1::SaveResponse saved;
  saving.set_graph_id(owner.BuildWhole(owner.MakeContext(), AddGraph()));
  saving.set_key("name");
  REQUIRE(owner.cache->Save(&save, saving, &saved).ok());
  REQUIRE(Share(admin, saved.model_id(), "", 1.0).ok());
  std::vector<std::string> seen;
  for (const char* key : {"name", "no such name"}) {
    CallContext load(kAsker);
    v1::LoadRequest loading;
    v1::LoadResponse loaded;
    loading.set_context_id(context);
    loading.set_key(key);
    const grpc::Status status = asker.cache->Load(&load, loading, &loaded);
    seen.push_back(Seen(status, load));
  }
  CHECK(seen[0] == seen[1]);
  CHECK(seen[0] == SeenOfFetch(asker, context, std::string(32, 'x')));
}

TEST_CASE("a shared model stays when everybody deletes it, is nobody's own, and goes when it is unshared") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient admin = daemon.Connect(Role::kAdmin, "org.example.admin");
  const TestClient owner = daemon.Connect(Role::kBroker, "org.example.browser", kOwner);
  const TestClient asker = daemon.Connect(Role::kBroker, "org.example.browser", kAsker);
  const uint64_t context = owner.MakeContext(), asker_context = asker.MakeContext();
  const std::string id = owner.Store(owner.BuildWhole(context, AddGraph()));
  CHECK(Share(admin, std::string(32, 'x')).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(Share(admin, id, "", 0.0).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Share(admin, id, "no site").error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(Share(owner, id).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  REQUIRE(Share(admin, id, "HTTPS://Asker.example:443", 0.5).ok());
  DeleteModel(owner, id);
  REQUIRE(daemon.store().Collect(absl::Now() + absl::Hours(1000)).ok());
  CHECK(SeenOfFetch(owner, context, id).substr(0, 2) == "5|");
  uint64_t graph = 0;
  REQUIRE(asker.Fetch(asker_context, id, &graph).ok());
  std::vector<float> y;
  REQUIRE(asker.Run(graph, {1, 1, 1}, &y).ok());
  CHECK(y == std::vector<float>{2, 3, 4});
  CallContext list(kAsker);
  v1::ListResponse listed;
  REQUIRE(asker.cache->List(&list, {}, &listed).ok());
  CHECK(listed.models_size() == 0);
  CallContext shares_call;
  v1::ListSharesResponse shares;
  REQUIRE(admin.cache_admin->ListShares(&shares_call, {}, &shares).ok());
  REQUIRE(shares.shares_size() == 1);
  CHECK(shares.shares(0).with(0) == "https://asker.example");
  CHECK(shares.shares(0).commonness() == 0.5);
  CHECK(shares.shares(0).commonness_from() == "user");
  CHECK(Unshare(admin, id, "https://third.example").error_code() == grpc::StatusCode::NOT_FOUND);
  REQUIRE(Unshare(admin, id, "https://asker.example").ok());
  CHECK(Unshare(admin, id).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(SeenOfFetch(asker, asker_context, id).substr(0, 2) == "5|");
  // The graph goes on working.
  CHECK(asker.Run(graph, {1, 1, 1}, &y).ok());
}

TEST_CASE("an upload of bytes that another partition stored takes all of them and leaves one copy") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient owner = daemon.Connect(Role::kBroker, "org.example.browser", kOwner);
  const TestClient asker = daemon.Connect(Role::kBroker, "org.example.browser", kAsker);
  owner.Store(owner.BuildWhole(owner.MakeContext(), AddGraph()));
  const std::string bytes = FloatBytes({1, 2, 3});
  uint64_t committed = 0;
  REQUIRE(asker.Upload(bytes, 0, 5, &committed).ok());
  CHECK(committed == bytes.size());
  asker.Store(asker.BuildWhole(asker.MakeContext(), AddGraph()));
  const storage::StoreUsage usage = daemon.store().Usage();
  CHECK(usage.logical_bytes == 2 * usage.physical_bytes);
}

}  // namespace
}  // namespace modeld
