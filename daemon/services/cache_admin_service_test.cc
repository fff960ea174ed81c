#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "daemon/services/test_daemon.h"
#include "storage/integrity.h"
#include "storage/plan_store.h"

namespace modeld {
namespace {

using Entry = v1::ListCacheResponse::Entry;
constexpr char kApp[] = "app:org.example.app";
constexpr char kOther[] = "app:org.example.other";

// A folder, a daemon and the user.
struct Fixture {
  TestFolder folder;
  TestDaemon daemon{folder.path(), {}, {}, WithoutPlans};
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");

  // Stores a model as an app that leaves afterwards, so that nothing of it is in use. Returns its id.
  std::string Store(const std::vector<float>& weights, const std::string& app_id = "org.example.app",
                    const std::string& label = "sum") {
    const TestClient app = daemon.App(app_id);
    const std::string id = app.Store(app.BuildWhole(app.MakeContext(), AddGraph(weights, label)));
    daemon.HangUp(app);
    return id;
  }
  // Sends part of a constant, as an app that then loses its connection.
  void SendPart(const std::string& whole, uint64_t sent, const std::string& app_id = "org.example.app") {
    const TestClient app = daemon.App(app_id);
    CallContext context;
    v1::UploadConstantResponse response;
    auto writer = app.inference->UploadConstant(&context, &response);
    v1::UploadConstantRequest request;
    *request.mutable_blob() = EncodeBlobRef(Digest::Of(whole), whole.size());
    request.set_data(whole.substr(0, sent));
    REQUIRE(writer->Write(request));
    writer->WritesDone();
    writer->Finish();
    daemon.HangUp(app);
  }
  void WritePlan(const std::string& name, const std::string& partition, const std::string& model_id) {
    storage::NewPlan plan;
    plan.key = Digest::Of("key " + name);
    plan.structure = Digest::Of("structure " + name);
    plan.device = "reference";
    plan.fingerprint = "f";
    plan.metadata = "metadata of " + name;
    plan.segments = {Region::Copy(std::string(5000, 'p'))};
    plan.partition = partition;
    plan.model_id = *Digest::FromBytes(model_id);
    REQUIRE(daemon.store().plans().Write(plan).ok());
  }
  // Changes a byte of a blob's file and has the store notice.
  void Damage(const Digest& digest) {
    const std::string hex = digest.ToHex();
    const std::string path = folder.path() + "/cache/blobs/" + hex.substr(0, 2) + "/" + hex;
    REQUIRE(chmod(path.c_str(), 0600) == 0);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    REQUIRE(file.good());
    file.put('!');
    file.close();
    REQUIRE(absl::IsDataLoss(daemon.store().VerifyBlob(digest)));
  }

  std::vector<Entry> List(const std::string& partition = "") {
    CallContext context;
    v1::ListCacheRequest request;
    v1::ListCacheResponse response;
    request.set_partition(partition);
    const grpc::Status status = admin.cache_admin->ListCache(&context, request, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return {response.entries().begin(), response.entries().end()};
  }
  v1::GetUsageResponse Usage() {
    CallContext context;
    v1::GetUsageResponse response;
    REQUIRE(admin.cache_admin->GetUsage(&context, {}, &response).ok());
    return response;
  }
  v1::PruneResponse Prune(const v1::PruneRequest& request) {
    CallContext context;
    v1::PruneResponse response;
    const grpc::Status status = admin.cache_admin->Prune(&context, request, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return response;
  }
  grpc::Status SetWish(const std::string& id, std::optional<bool> pinned, std::optional<int> priority = {}) {
    CallContext context;
    v1::SetModelWishRequest request;
    v1::SetModelWishResponse response;
    request.set_model_id(id);
    if (pinned) request.set_pinned(*pinned);
    if (priority) request.set_priority(static_cast<v1::Priority>(*priority));
    return admin.cache_admin->SetModelWish(&context, request, &response);
  }
  grpc::Status SetLimits(const std::string& partition, const v1::PartitionLimits& limits) {
    CallContext context;
    v1::SetPartitionLimitsRequest request;
    v1::SetPartitionLimitsResponse response;
    request.set_partition(partition);
    *request.mutable_limits() = limits;
    return admin.cache_admin->SetPartitionLimits(&context, request, &response);
  }
  grpc::Status Why(const std::string& id, v1::WhyResponse* response) {
    CallContext context;
    v1::WhyRequest request;
    request.set_model_id(id);
    return admin.cache_admin->Why(&context, request, response);
  }
};

std::vector<Entry> OfKind(const std::vector<Entry>& entries, Entry::Kind kind) {
  std::vector<Entry> found;
  std::copy_if(entries.begin(), entries.end(), std::back_inserter(found),
               [&](const Entry& entry) { return entry.kind() == kind; });
  return found;
}

// Sizes of all files beneath a folder and the blocks that they take, but for what marks the folder.
struct Walked {
  uint64_t bytes = 0;
  uint64_t disk_bytes = 0;
};
Walked Walk(const std::string& folder) {
  Walked sum;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file() || file.path().filename() == "CACHEDIR.TAG") continue;
    struct stat found;
    REQUIRE(lstat(file.path().c_str(), &found) == 0);
    sum.bytes += static_cast<uint64_t>(found.st_size);
    sum.disk_bytes += static_cast<uint64_t>(found.st_blocks) * 512;
  }
  return sum;
}

TEST_CASE("only an admin session may use CacheAdminService") {
  Fixture f;
  const TestClient app = f.daemon.App();
  const TestClient broker =
      f.daemon.Connect(Role::kBroker, "browser", "web:https://a.example|https://a.example");
  for (const TestClient* client : {&app, &broker}) {
    auto& stub = *client->cache_admin;
    const auto refused = [&](const auto& call) {
      CallContext context(client->partition);
      CHECK(call(&context).error_code() == grpc::StatusCode::PERMISSION_DENIED);
    };
    v1::ListCacheResponse list;
    v1::GetUsageResponse usage;
    v1::PruneResponse prune;
    v1::SetModelWishResponse wish;
    v1::SetPartitionLimitsResponse limits;
    v1::WhyResponse why;
    refused([&](auto* context) { return stub.ListCache(context, {}, &list); });
    refused([&](auto* context) { return stub.GetUsage(context, {}, &usage); });
    refused([&](auto* context) { return stub.Prune(context, {}, &prune); });
    refused([&](auto* context) { return stub.SetModelWish(context, {}, &wish); });
    refused([&](auto* context) { return stub.SetPartitionLimits(context, {}, &limits); });
    refused([&](auto* context) { return stub.Why(context, {}, &why); });
  }
}

TEST_CASE("the usage adds up to what lies in the cache folder") {
  Fixture f;
  const std::string shared = f.Store({1, 2, 3});
  REQUIRE(f.Store({1, 2, 3}, "org.example.other") == shared);
  f.Store({1, 2, 3}, "org.example.app", "a twin with another label");
  f.Store({4, 5, 6}, "org.example.other");
  f.SendPart(std::string(3000, 'u'), 1000);
  f.WritePlan("one", kApp, shared);
  f.Damage(Digest::Of(FloatBytes({4, 5, 6})));

  // A disk may count blocks anew when it writes them back.
  v1::GetUsageResponse usage;
  Walked files, after;
  do {
    files = Walk(f.folder.path() + "/cache");
    usage = f.Usage();
    after = Walk(f.folder.path() + "/cache");
  } while (files.disk_bytes != after.disk_bytes);
  CHECK(usage.physical_bytes() == files.bytes);
  CHECK(usage.disk_bytes() == files.disk_bytes);
  CHECK(usage.physical_bytes() == usage.blob_bytes() + usage.unreferenced_bytes() + usage.plan_bytes() +
                                      usage.staging_bytes() + usage.quarantine_bytes());
  CHECK(usage.plan_bytes() > 5000);
  CHECK(usage.staging_bytes() == 1000);
  CHECK(usage.quarantine_bytes() == 12);
  CHECK(usage.free_bytes() > 0);

  REQUIRE(usage.partitions_size() == 2);
  const auto& app = usage.partitions(0);
  const auto& other = usage.partitions(1);
  CHECK(app.name() == kApp);
  CHECK(app.models() == 2);
  CHECK(other.models() == 2);
  CHECK(app.physical_bytes() + other.physical_bytes() == usage.blob_bytes());
  CHECK(app.logical_bytes() + other.logical_bytes() == usage.logical_bytes());
  // What both have counts for neither alone.
  CHECK(app.exclusive_bytes() < app.logical_bytes());
  CHECK(app.staged_bytes() == 3000);
  CHECK(other.staged_bytes() == 0);
}

TEST_CASE("an empty cache uses nothing and lists nothing") {
  Fixture f;
  CHECK(f.Usage().physical_bytes() == 0);
  CHECK(f.Usage().physical_bytes() == Walk(f.folder.path() + "/cache").bytes);
  CHECK(f.List().empty());
  CHECK(f.Prune({}).removed_size() == 0);
}

TEST_CASE("everything that takes space is listed with its kind") {
  Fixture f;
  const std::string id = f.Store({1, 2, 3});
  const std::string damaged = f.Store({4, 5, 6}, "org.example.other");
  const std::string part(3000, 'u');
  f.SendPart(part, 1000, "org.example.other");
  f.WritePlan("one", kApp, id);
  f.Damage(Digest::Of(FloatBytes({4, 5, 6})));

  const std::vector<Entry> entries = f.List();
  const auto models = OfKind(entries, Entry::MODEL);
  REQUIRE(models.size() == 2);
  CHECK(models[0].id() == id);
  CHECK(models[0].partition() == kApp);
  CHECK(models[0].health() == "whole");
  CHECK_FALSE(models[0].in_use());
  CHECK(models[0].size_bytes() > 12);
  CHECK(models[1].id() == damaged);
  CHECK(models[1].health() == "damaged");

  const auto plans = OfKind(entries, Entry::PLAN);
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].partition().empty());
  CHECK(plans[0].device() == "reference");
  REQUIRE(plans[0].models_size() == 1);
  CHECK(plans[0].models(0) == id);

  const auto partials = OfKind(entries, Entry::PARTIAL);
  REQUIRE(partials.size() == 1);
  CHECK(partials[0].id() == Digest::Of(part).bytes());
  CHECK(partials[0].partition() == kOther);
  CHECK(partials[0].size_bytes() == 3000);
  CHECK(partials[0].committed_bytes() == 1000);

  const auto quarantined = OfKind(entries, Entry::QUARANTINED);
  REQUIRE(quarantined.size() == 1);
  CHECK(quarantined[0].id() == Digest::Of(FloatBytes({4, 5, 6})).bytes());
  CHECK(quarantined[0].size_bytes() == 12);
  REQUIRE(quarantined[0].models_size() == 1);
  CHECK(quarantined[0].models(0) == damaged);

  // One partition's.
  const std::vector<Entry> own = f.List(kOther);
  CHECK(own.size() == 2);
  for (const Entry& entry : own) CHECK(entry.partition() == kOther);
  CallContext context;
  v1::ListCacheRequest request;
  v1::ListCacheResponse response;
  request.set_partition("nonsense");
  CHECK(f.admin.cache_admin->ListCache(&context, request, &response).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a dry run tells what a prune would remove, and removes nothing") {
  Fixture f;
  const std::string id = f.Store({1, 2, 3});
  f.Store({1, 2, 3}, "org.example.other");
  f.Store({4, 5, 6});
  f.WritePlan("one", kApp, id);
  f.SendPart(std::string(3000, 'u'), 1000);
  REQUIRE(f.daemon.store().Collect(absl::Now()).ok());  // what the other one sent of the same
  const uint64_t before = f.Usage().physical_bytes();

  v1::PruneRequest request;
  request.set_dry_run(true);
  const v1::PruneResponse told = f.Prune(request);
  CHECK(told.removed_size() == 5);
  CHECK(told.freed_bytes() == before);
  CHECK(f.Usage().physical_bytes() == before);
  CHECK(f.List().size() == 5);

  request.set_dry_run(false);
  const v1::PruneResponse done = f.Prune(request);
  CHECK(done.removed_size() == 5);
  CHECK(done.freed_bytes() == told.freed_bytes());
  CHECK(f.List().empty());
  CHECK(f.Usage().physical_bytes() == 0);
  CHECK(Walk(f.folder.path() + "/cache").bytes == 0);
}

TEST_CASE("a prune spares what is pinned, in use or used lately") {
  Fixture f;
  const std::string pinned = f.Store({1, 2, 3});
  const std::string idle = f.Store({4, 5, 6});
  REQUIRE(f.SetWish(pinned, true).ok());
  const TestClient user = f.daemon.App("org.example.other");
  const std::string used = user.Store(user.BuildWhole(user.MakeContext(), AddGraph({7, 8, 9})));

  v1::PruneRequest request;
  request.set_older_than_seconds(3600);
  CHECK(f.Prune(request).removed_size() == 0);

  request.set_older_than_seconds(0);
  const v1::PruneResponse done = f.Prune(request);
  REQUIRE(done.removed_size() == 1);
  CHECK(done.removed(0).id() == idle);
  std::vector<std::string> left;
  for (const Entry& entry : f.List()) left.push_back(entry.id());
  CHECK(left == std::vector<std::string>{pinned, used});
  // What went answers as if it had never been.
  const TestClient app = f.daemon.App();
  CHECK(app.Fetch(app.MakeContext(), idle).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(app.Fetch(app.MakeContext(), pinned).ok());

  request.set_older_than_seconds(-1);
  CallContext context;
  v1::PruneResponse refused;
  CHECK(f.admin.cache_admin->Prune(&context, request, &refused).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a prune can be kept to uploads, or to one partition") {
  Fixture f;
  f.Store({1, 2, 3});
  f.Store({1, 2, 3}, "org.example.other");
  f.SendPart(std::string(3000, 'u'), 1000);
  f.SendPart(std::string(2000, 'v'), 500, "org.example.other");

  v1::PruneRequest request;
  request.set_partial(true);
  request.set_partition(kApp);
  v1::PruneResponse done = f.Prune(request);
  REQUIRE(done.removed_size() == 1);
  CHECK(done.removed(0).kind() == Entry::PARTIAL);
  CHECK(done.removed(0).partition() == kApp);
  CHECK(done.freed_bytes() == 1000);

  // The other one's model keeps the bytes that both have.
  request.set_partial(false);
  done = f.Prune(request);
  REQUIRE(done.removed_size() == 1);
  CHECK(done.removed(0).partition() == kApp);
  CHECK(done.freed_bytes() == 0);
  CHECK(f.List(kApp).empty());
  CHECK(f.List(kOther).size() == 2);
}

TEST_CASE("a wish is shown, changed in part, and outlives the model") {
  Fixture f;
  const std::string id = f.Store({1, 2, 3});
  REQUIRE(f.SetWish(id, true).ok());
  REQUIRE(f.SetWish(id, std::nullopt, v1::PRIORITY_HIGH).ok());
  Entry entry = f.List().at(0);
  CHECK(entry.pinned());
  CHECK(entry.priority() == v1::PRIORITY_HIGH);

  CallContext gone;
  v1::DeleteModelRequest request;
  v1::DeleteModelResponse response;
  request.set_model_id(id);
  REQUIRE(f.admin.admin->DeleteModel(&gone, request, &response).ok());
  REQUIRE(f.List().empty());
  REQUIRE(f.Store({1, 2, 3}) == id);
  entry = f.List().at(0);
  CHECK(entry.pinned());
  CHECK(entry.priority() == v1::PRIORITY_HIGH);
  REQUIRE(f.SetWish(id, false, v1::PRIORITY_LOW).ok());
  entry = f.List().at(0);
  CHECK_FALSE(entry.pinned());
  CHECK(entry.priority() == v1::PRIORITY_LOW);

  CHECK(f.SetWish(std::string(32, 'x'), true).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(f.SetWish("short", true).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(f.SetWish(id, std::nullopt, 99).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a partition's own limits are shown beside those in force") {
  Fixture f;
  f.Store({1, 2, 3});
  const auto shown = [&] {
    CallContext context;
    v1::ListPartitionsResponse response;
    REQUIRE(f.admin.admin->ListPartitions(&context, {}, &response).ok());
    REQUIRE(response.partitions_size() == 1);
    return response.partitions(0);
  };
  CHECK(shown().keys() == 0);
  CHECK(shown().last_used_at() > 0);
  CHECK_FALSE(shown().limits().has_quota_bytes());
  const uint64_t by_default = shown().quota_bytes();

  v1::PartitionLimits limits;
  limits.set_quota_bytes(1'000'000);
  limits.set_keep_at_most(3);
  limits.set_max_age_seconds(86'400);
  REQUIRE(f.SetLimits(kApp, limits).ok());
  CHECK(shown().quota_bytes() == 1'000'000);
  CHECK(shown().limits().quota_bytes() == 1'000'000);
  CHECK(shown().limits().keep_at_most() == 3);
  CHECK(shown().limits().max_age_seconds() == 86'400);
  CHECK(f.Usage().partitions(0).quota_bytes() == 1'000'000);

  REQUIRE(f.SetLimits(kApp, {}).ok());
  CHECK(shown().quota_bytes() == by_default);
  CHECK_FALSE(shown().limits().has_keep_at_most());

  limits.set_max_age_seconds(0);
  CHECK(f.SetLimits(kApp, limits).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(f.SetLimits("", {}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(f.SetLimits("web:nonsense", {}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("why tells what was decided, newest first, and what would become of it now") {
  Fixture f;
  const std::string id = f.Store({1, 2, 3});
  v1::WhyResponse why;
  REQUIRE(f.Why(id, &why).ok());
  REQUIRE(why.now_size() == 1);
  CHECK(why.now(0).find(kApp) == 0);

  REQUIRE(f.Prune({}).removed_size() == 1);
  REQUIRE(f.Why(id, &why).ok());
  CHECK(why.now_size() == 0);
  REQUIRE(why.decisions_size() >= 1);
  CHECK(why.decisions(0).what() == "pruned");
  CHECK(why.decisions(0).partition() == kApp);
  CHECK(why.decisions(0).at() > 0);
  CHECK(why.decisions(0).text().find("Pruned by the user: ") == 0);
  CHECK(why.decisions(0).text().find(" B, last used ") != std::string::npos);

  CHECK(f.Why(std::string(32, 'x'), &why).error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(f.Why("short", &why).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("looking is no use") {
  Fixture f;
  const std::string id = f.Store({1, 2, 3});
  const auto summary = [&] {
    CallContext context;
    v1::ListModelsResponse response;
    REQUIRE(f.admin.admin->ListModels(&context, {}, &response).ok());
    REQUIRE(response.models_size() == 1);
    return response.models(0);
  };
  const v1::ModelSummary before = summary();
  CallContext show, exported;
  v1::GetModelRequest request;
  v1::GetModelResponse model;
  request.set_model_id(id);
  REQUIRE(f.admin.admin->GetModel(&show, request, &model).ok());
  v1::ExportModelRequest wanted;
  wanted.set_model_id(id);
  auto reader = f.admin.admin->ExportModel(&exported, wanted);
  v1::ExportModelResponse piece;
  while (reader->Read(&piece)) {
  }
  REQUIRE(reader->Finish().ok());
  f.List();
  v1::WhyResponse why;
  REQUIRE(f.Why(id, &why).ok());
  const auto held = [&] { return f.daemon.store().ListModels().at(0).last_used; };
  const absl::Time used = held();
  REQUIRE(f.admin.admin->GetModel(std::make_unique<CallContext>().get(), request, &model).ok());
  CHECK(held() == used);
  CHECK(summary().frequency() == before.frequency());
  CHECK(summary().last_used_at() == before.last_used_at());
}

}  // namespace
}  // namespace modeld
