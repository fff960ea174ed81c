// Room on the disk as clients meet it: refusals before a byte moves, and what a full partition gives up.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>

#include "daemon/services/test_daemon.h"
#include "storage/space.h"

namespace modeld {
namespace {

constexpr char kApp[] = "app:org.example.app";

void SetQuota(TestDaemon& daemon, const std::string& partition, uint64_t bytes) {
  REQUIRE(daemon.store().space().SetLimits(partition, {.quota_bytes = bytes}).ok());
}

uint64_t UsedBytes(TestDaemon& daemon) {
  return daemon.store().space().Snapshot(kApp).used_bytes();
}

void Destroy(const TestClient& client, uint64_t graph_id) {
  CallContext call(client.partition);
  v1::DestroyGraphRequest request;
  v1::DestroyGraphResponse response;
  request.set_graph_id(graph_id);
  REQUIRE(client.inference->DestroyGraph(&call, request, &response).ok());
}

grpc::Status TryStore(const TestClient& client, uint64_t graph_id) {
  CallContext call(client.partition);
  v1::StoreRequest request;
  v1::StoreResponse response;
  request.set_graph_id(graph_id);
  return client.cache->Store(&call, request, &response);
}

// Whether a text has a number in it, but for a blob's digest.
bool TellsNumber(std::string text) {
  const size_t blob = text.find("blob ");
  if (blob != std::string::npos) text.erase(blob, 5 + 64);
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

void CheckSilent(const grpc::Status& status) {
  INFO(status.error_message());
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_FALSE(TellsNumber(status.error_message()));
  const v1::ErrorDetail detail = DetailIn(status);
  CHECK(detail.reason() == v1::ErrorDetail::REASON_NO_SPACE);
  CHECK_FALSE(detail.has_need_bytes());
  CHECK_FALSE(detail.has_have_bytes());
}

TEST_CASE("what has no room is refused before a byte moves; only an admin learns how much") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, WithoutPlans);
  const TestClient app = daemon.App();
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl", kApp);
  SetQuota(daemon, kApp, 8);  // the constant has 12 bytes
  v1::BuildResponse response;
  CheckSilent(app.Build(app.MakeContext(), AddGraph(), response));
  CheckSilent(app.Upload(FloatBytes({1, 2, 3})));
  CHECK(UsedBytes(daemon) == 0);

  const grpc::Status told = admin.Build(admin.MakeContext(), AddGraph(), response);
  CHECK(told.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(told.error_message().ends_with("there is no room: 12 bytes are wanted, 8 could be given"));
  CHECK(DetailIn(told).reason() == v1::ErrorDetail::REASON_NO_SPACE);
  CHECK(DetailIn(told).need_bytes() == 12);
  CHECK(DetailIn(told).have_bytes() == 8);
  CHECK(daemon.metrics.counter(CounterName::kStoreRefusals, {"quota"}).value() == 3);
}

TEST_CASE("a limit of the whole disk refuses with the very same words") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, WithoutPlans);
  const TestClient app = daemon.App();
  const uint64_t context = app.MakeContext();
  v1::BuildResponse response;
  SetQuota(daemon, kApp, 8);
  const grpc::Status by_quota = app.Build(context, AddGraph(), response);
  REQUIRE(daemon.store().space().SetLimits(kApp, {}).ok());
  storage::SpaceBounds bounds;
  bounds.limit_bytes = 8;
  bounds.quota_bytes = 1'000'000;
  daemon.store().space().SetBounds(bounds);
  const grpc::Status by_limit = app.Build(context, AddGraph(), response);
  CheckSilent(by_limit);
  CHECK(by_limit.error_message() == by_quota.error_message());
  CHECK(by_limit.error_details() == by_quota.error_details());
}

TEST_CASE("a full partition gives up the model that is worth least and not loaded, within one session, too") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, WithoutPlans);
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const uint64_t first = client.BuildWhole(context, AddGraph({1, 1, 1}));
  const std::string first_id = client.Store(first);
  SetQuota(daemon, kApp, UsedBytes(daemon) * 5 / 2);
  const uint64_t second = client.BuildWhole(context, AddGraph({2, 2, 2}));
  const std::string second_id = client.Store(second);
  Destroy(client, first);

  const uint64_t third = client.BuildWhole(context, AddGraph({3, 3, 3}));
  const std::string third_id = client.Store(third);
  CHECK(client.Fetch(context, first_id).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(daemon.store().space().DecisionsOf(*Digest::FromBytes(first_id))[0].what == "evicted");

  // Both that are left are loaded now.
  v1::BuildResponse response;
  const uint64_t context_too = client.MakeContext();
  const grpc::Status build = client.Build(context_too, AddGraph({4, 4, 4}), response);
  if (build.ok()) {
    REQUIRE(client.Upload(FloatBytes({4, 4, 4})).ok());
    REQUIRE(client.Build(context_too, AddGraph({4, 4, 4}), response).ok());
    CheckSilent(TryStore(client, response.graph().graph_id()));
  } else {
    CheckSilent(build);
  }
  std::vector<float> y;
  CHECK(client.Run(second, {1, 1, 1}, &y).ok());
  CHECK(client.Run(third, {1, 1, 1}, &y).ok());
  CHECK(client.Fetch(context, third_id).ok());

  Destroy(client, second);
  client.Store(client.BuildWhole(context, AddGraph({4, 4, 4})));
  CHECK(client.Fetch(context, second_id).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("a bound that the user sets has the upkeep look soon, one that is refused does not") {
  TestFolder folder;
  int woken = 0;
  TestDaemon daemon(folder.path(), {}, {},
                    [&](ServicesOptions& options) { options.space.wake = [&] { ++woken; }; });
  const TestClient app = daemon.App(), admin = daemon.Connect(Role::kAdmin, "modelctl");
  const uint64_t context = app.MakeContext();
  for (const float w : {1.f, 2.f, 3.f}) app.Store(app.BuildWhole(context, AddGraph({w, w, w})));
  daemon.HangUp(app);
  const auto set = [&](const std::string& partition, uint32_t keep_at_most) {
    CallContext call;
    v1::SetPartitionLimitsRequest request;
    v1::SetPartitionLimitsResponse response;
    request.set_partition(partition);
    request.mutable_limits()->set_keep_at_most(keep_at_most);
    return admin.cache_admin->SetPartitionLimits(&call, request, &response).ok();
  };
  CHECK_FALSE(set("web:nonsense", 1));
  CHECK(woken == 0);
  CHECK(set(kApp, 1));
  CHECK(woken == 1);
  daemon.services().Tend();
  CHECK(daemon.store().ListModels(kApp).size() == 1);
}

TEST_CASE("what was promised to one session cannot be promised to another, until the first goes") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, WithoutPlans);
  const TestClient one = daemon.App();
  const TestClient two = daemon.App();
  SetQuota(daemon, kApp, 20);
  v1::BuildResponse response;
  REQUIRE(one.Build(one.MakeContext(), AddGraph({1, 1, 1}), response).ok());
  REQUIRE(response.missing_size() == 1);
  CHECK(UsedBytes(daemon) == 12);
  const uint64_t context = two.MakeContext();
  CheckSilent(two.Build(context, AddGraph({2, 2, 2}), response));
  daemon.HangUp(one);
  CHECK(UsedBytes(daemon) == 0);
  CHECK(two.Build(context, AddGraph({2, 2, 2}), response).ok());
}

TEST_CASE("storing, fetching and loading count as uses; an admin's look does not") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {}, WithoutPlans);
  const TestClient client = daemon.App();
  const uint64_t context = client.MakeContext();
  const std::string id = client.Store(client.BuildWhole(context, AddGraph()));
  const auto figures = [&] { return daemon.store().space().Snapshot(kApp).models.at(0).figures; };
  const double stored = figures().frequency;
  CHECK(stored == 1);
  CHECK(figures().credit > 0);
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  CallContext call;
  v1::GetModelRequest request;
  v1::GetModelResponse response;
  request.set_model_id(id);
  REQUIRE(admin.admin->GetModel(&call, request, &response).ok());
  CHECK(figures().frequency == stored);
  REQUIRE(client.Fetch(context, id).ok());
  CHECK(figures().frequency > 1.99);
}

}  // namespace
}  // namespace modeld
