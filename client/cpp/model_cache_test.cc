// The model cache and the administration.
#include "client/cpp/model_cache.h"

#include <catch2/catch.hpp>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/admin.h"
#include "client/cpp/cache_admin.h"
#include "client/cpp/fake_daemon.h"
#include "client/cpp/modeld.h"

namespace modeld::client {
namespace {

constexpr auto kF32 = DataType::kFloat32;

struct Setup {
  Setup() {
    auto connected = Client::Connect({.host = daemon.host()});
    REQUIRE(connected.status() == absl::OkStatus());
    client.emplace(*connected);
    context.emplace(*client->CreateContext());
  }
  Graph Build(uint32_t elements) {
    GraphBuilder b(*context);
    return *b.Build({{"y", b.Identity(b.Input("x", {kF32, {elements}}))}});
  }
  FakeDaemon daemon;
  std::optional<Client> client;
  std::optional<Context> context;
};

// Waits for a callback's result.
template <typename T>
class Result {
 public:
  std::function<void(T)> Callback() {
    return [this](T value) {
      value_ = std::move(value);
      done_.Notify();
    };
  }
  const T& Wait() {
    done_.WaitForNotification();
    return value_;
  }

 private:
  absl::Notification done_;
  T value_;
};

TEST_CASE("What was stored can be fetched, listed and deleted", "[cache]") {
  Setup setup;
  const ModelCache cache = setup.client->Cache();
  const Digest absent = Digest::Of(absl::string_view("absent"));
  CHECK(cache.Fetch(*setup.context, {&absent, 1}).status().code() == absl::StatusCode::kNotFound);
  const auto id = setup.Build(2).Store();
  REQUIRE(id.ok());
  const Digest wanted[] = {absent, *id};
  const auto fetched = cache.Fetch(*setup.context, wanted);
  REQUIRE(fetched.status() == absl::OkStatus());
  CHECK(fetched->model_id == *id);
  CHECK(fetched->graph.inputs() == std::vector<Binding>{{"x", {kF32, {2}}}});
  CHECK(cache.List()->size() == 1);
  CHECK(cache.Delete(*id) == absl::OkStatus());
  CHECK(cache.Delete(*id) == absl::OkStatus());
  CHECK(cache.List()->empty());
}

TEST_CASE("Keys name models", "[cache]") {
  Setup setup;
  const ModelCache cache = setup.client->Cache();
  const auto id = cache.Save(setup.Build(2), "mine");
  REQUIRE(id.ok());
  CHECK(cache.Load(*setup.context, "mine")->model_id == *id);
  CHECK(cache.List()->front().keys == std::vector<std::string>{"mine"});
  CHECK(cache.DeleteKey("mine") == absl::OkStatus());
  CHECK(cache.Load(*setup.context, "mine").status().code() == absl::StatusCode::kNotFound);
}

TEST_CASE("The cache has callback forms", "[cache]") {
  Setup setup;
  const ModelCache cache = setup.client->Cache();
  const Graph graph = setup.Build(2);
  Result<absl::StatusOr<Digest>> stored, saved;
  graph.StoreAsync(stored.Callback());
  const Digest id = *stored.Wait();
  cache.SaveAsync(graph, "mine", saved.Callback());
  CHECK(*saved.Wait() == id);
  Result<absl::StatusOr<CachedGraph>> fetched, loaded;
  cache.FetchAsync(*setup.context, {&id, 1}, fetched.Callback());
  CHECK(fetched.Wait()->model_id == id);
  cache.LoadAsync(*setup.context, "mine", loaded.Callback());
  CHECK(loaded.Wait()->graph.outputs().size() == 1);
  Result<absl::StatusOr<std::vector<StoredModel>>> listed;
  cache.ListAsync(listed.Callback());
  CHECK(listed.Wait()->size() == 1);
  Result<absl::Status> key_deleted, deleted;
  cache.DeleteKeyAsync("mine", key_deleted.Callback());
  CHECK(key_deleted.Wait() == absl::OkStatus());
  cache.DeleteAsync(id, deleted.Callback());
  CHECK(deleted.Wait() == absl::OkStatus());
  CHECK(cache.List()->empty());
}

TEST_CASE("Admin passes on answers and errors", "[admin]") {
  Setup setup;
  setup.daemon.admin.status.set_version("1.2.3");
  const Admin admin(*setup.client);
  CHECK(admin.GetStatus()->version() == "1.2.3");
  CHECK(admin.StopAll()->stopped_graphs() == 3);
  CHECK(admin.StopModel(Digest::Of(absl::string_view("x")))->stopped_graphs() == 1);
  CHECK(admin.GetModel(Digest()).status().code() == absl::StatusCode::kNotFound);
  setup.daemon.Fail("GetConfig", static_cast<int>(absl::StatusCode::kPermissionDenied), "admin only");
  CHECK(admin.GetConfig().status().code() == absl::StatusCode::kPermissionDenied);
}

TEST_CASE("Admin's streams are read to the end, or until the reader has enough", "[admin]") {
  Setup setup;
  for (int i = 1; i <= 4; ++i) setup.daemon.admin.verify.emplace_back().set_progress(i / 4.0);
  const Admin admin(*setup.client);
  int count = 0;
  v1::VerifyRequest request;
  request.set_rehash(true);
  request.set_repair(true);
  CHECK(admin.Verify(request, [&](const v1::VerifyResponse&) {
    ++count;
    return absl::OkStatus();
  }) == absl::OkStatus());
  CHECK(count == 4);
  CHECK(setup.daemon.seen().requests.back() == "Verify: rehash: true repair: true");
  const absl::Status enough = absl::OutOfRangeError("enough");
  CHECK(admin.Verify({}, [&](const v1::VerifyResponse&) { return enough; }) == enough);
  setup.daemon.Fail("ExportModel", static_cast<int>(absl::StatusCode::kDataLoss), "damaged");
  CHECK(admin.ExportModel(Digest(), [](const v1::ExportModelResponse&) { return absl::OkStatus(); }).code() ==
        absl::StatusCode::kDataLoss);
}

TEST_CASE("CacheAdmin sends what is set and nothing else", "[admin]") {
  Setup setup;
  setup.daemon.cache_admin.usage.set_physical_bytes(7);
  setup.daemon.cache_admin.move.emplace_back().set_fraction(0.5);
  setup.daemon.cache_admin.move.emplace_back().set_done(true);
  const CacheAdmin admin(*setup.client);
  CHECK(admin.GetUsage()->physical_bytes() == 7);
  const Digest id = *Digest::FromBytes(std::string(32, 'm'));
  const std::string name = "model_id: \"" + std::string(32, 'm') + "\"";
  CHECK(admin.SetModelWish(id, {.pinned = false}) == absl::OkStatus());
  CHECK(admin.SetModelWish(id, {.priority = v1::PRIORITY_HIGH}) == absl::OkStatus());
  CHECK(admin.Share(id, "https://o", std::nullopt) == absl::OkStatus());
  CHECK(admin.Unshare(id, "") == absl::OkStatus());
  v1::PartitionLimits limits;
  limits.set_keep_at_most(3);
  CHECK(admin.SetPartitionLimits("app:a", limits) == absl::OkStatus());
  CHECK(admin.ClearPartition("app:a") == absl::OkStatus());
  int count = 0;
  CHECK(admin.MoveCache("/new", [&](const v1::MoveCacheResponse&) {
    ++count;
    return absl::OkStatus();
  }) == absl::OkStatus());
  CHECK(count == 2);
  CHECK(setup.daemon.seen().requests ==
        std::vector<std::string>{"GetUsage: ", "SetModelWish: " + name + " pinned: false",
                                 "SetModelWish: " + name + " priority: PRIORITY_HIGH",
                                 "Share: " + name + " with: \"https://o\"", "Unshare: " + name,
                                 "SetPartitionLimits: partition: \"app:a\" limits { keep_at_most: 3 }",
                                 "ClearPartition: app:a", "MoveCache: directory: \"/new\""});
  setup.daemon.Fail("Why", static_cast<int>(absl::StatusCode::kNotFound), "unknown");
  CHECK(admin.Why(id).status().code() == absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace modeld::client
