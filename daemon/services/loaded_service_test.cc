// What the user sees of models in memory: with sessions, and kept without.
#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

// The weights of AddGraph(), and the zero that its relu becomes.
constexpr uint64_t kWeightBytes = 12, kProgramBytes = kWeightBytes + 4;

struct Fixture {
  explicit Fixture(absl::Duration keep_alive = absl::Minutes(5))
      : daemon(folder.path(), {}, {},
               [&](ServicesOptions& options) { options.residency.keep_alive = keep_alive; }) {}

  TestFolder folder;
  TestDaemon daemon;
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");

  // An app that has built and stored the model, and leaves; its id.
  std::string Leave(const std::string& app_id = "org.example.app") {
    const TestClient app = daemon.App(app_id);
    const std::string id = app.Store(app.BuildWhole(app.MakeContext("gated"), AddGraph()));
    daemon.HangUp(app);
    return id;
  }
  v1::ListSessionsResponse Sessions() {
    CallContext call;
    v1::ListSessionsResponse response;
    REQUIRE(admin.admin->ListSessions(&call, {}, &response).ok());
    return response;
  }
  // The only model that is loaded.
  v1::LoadedGraph Only() {
    const v1::ListSessionsResponse sessions = Sessions();
    REQUIRE(sessions.graphs_size() == 1);
    return sessions.graphs(0);
  }
  v1::GetStatusResponse Status() {
    CallContext call;
    v1::GetStatusResponse response;
    REQUIRE(admin.admin->GetStatus(&call, {}, &response).ok());
    return response;
  }
  v1::StopModelResponse Stop(const std::string& id = "") {
    CallContext call;
    v1::StopModelRequest request;
    v1::StopModelResponse response;
    request.set_model_id(id);
    REQUIRE(admin.admin->StopModel(&call, request, &response).ok());
    return response;
  }
  v1::ActivityResponse Activity() {
    CallContext call;
    v1::ActivityResponse activity;
    const auto reader = admin.admin->WatchActivity(&call, {});
    REQUIRE(reader->Read(&activity));
    call.TryCancel();
    reader->Finish();
    return activity;
  }
};

TEST_CASE("a model that is kept without a session is seen everywhere, with the time that it has left") {
  Fixture f;
  const std::string id = f.Leave();

  const v1::LoadedGraph kept = f.Only();
  CHECK(kept.model_id() == id);
  CHECK(kept.partition() == "app:org.example.app");
  CHECK(kept.device() == "gated");
  CHECK(kept.sessions() == 0);
  CHECK(kept.weight_bytes() == kProgramBytes);
  CHECK(kept.residency() == v1::RESIDENCY_IDLE);
  CHECK(kept.idle_seconds_left() > 200);
  CHECK(kept.idle_seconds_left() <= 300);

  const v1::ActivityResponse activity = f.Activity();
  REQUIRE(activity.models_size() == 1);
  CHECK(activity.models(0).model_id() == id);
  CHECK(activity.models(0).partition() == kept.partition());
  CHECK(activity.models(0).device() == kept.device());
  CHECK(activity.models(0).sessions() == 0);
  CHECK(activity.models(0).residency() == v1::RESIDENCY_IDLE);
  CHECK(activity.models(0).idle_seconds_left() <= kept.idle_seconds_left());
  CHECK(activity.models(0).idle_seconds_left() > 200);
  CHECK(activity.models(0).weight_bytes() == activity.resident_bytes());

  CallContext show, metrics;
  v1::GetModelRequest of;
  v1::GetModelResponse model;
  of.set_model_id(id);
  REQUIRE(f.admin.admin->GetModel(&show, of, &model).ok());
  REQUIRE(model.loaded_size() == 1);
  CHECK(model.loaded(0).residency() == v1::RESIDENCY_IDLE);
  CHECK(f.Status().loaded_graphs() == 0);
  CHECK(f.Status().loaded_programs() == 1);
  v1::GetMetricsResponse text;
  REQUIRE(f.admin.admin->GetMetrics(&metrics, {}, &text).ok());
  CHECK(absl::StrContains(text.text(), "modeld_loaded_models 1\n"));

  // The next session takes it over.
  const TestClient app = f.daemon.App();
  REQUIRE(app.Fetch(app.MakeContext("gated"), id).ok());
  CHECK(f.Only().sessions() == 1);
  CHECK(f.Only().model_id() == id);
  CHECK(f.Status().loaded_programs() == 1);
}

TEST_CASE("each partition's part in a program is listed, its memory is counted once") {
  Fixture f;
  f.Leave("org.example.one");
  f.Leave("org.example.two");
  const v1::ListSessionsResponse sessions = f.Sessions();
  REQUIRE(sessions.graphs_size() == 2);
  CHECK(sessions.graphs(0).partition() == "app:org.example.one");
  CHECK(sessions.graphs(1).partition() == "app:org.example.two");
  CHECK(f.Status().loaded_programs() == 1);
  CHECK(f.Status().resident_bytes() == kProgramBytes);
}

TEST_CASE("what was built and not stored has no id, with and without its session") {
  Fixture f;
  const TestClient app = f.daemon.App();
  app.BuildWhole(app.MakeContext("gated"), AddGraph());
  CHECK(f.Only().model_id().empty());
  f.daemon.HangUp(app);
  CHECK(f.Only().model_id().empty());
  CHECK(f.Only().weight_bytes() == kProgramBytes);
}

TEST_CASE("stopping tells what went and what became free") {
  Fixture f;
  const std::string id = f.Leave();
  SECTION("of what was only kept") {
    const v1::StopModelResponse stopped = f.Stop(id);
    CHECK(stopped.stopped_graphs() == 0);
    CHECK(stopped.dropped_programs() == 1);
    CHECK(stopped.freed_bytes() == kProgramBytes);
  }
  SECTION("of what a session holds, with the memory of its runs") {
    const TestClient app = f.daemon.App();
    const uint64_t context = app.MakeContext("gated");
    uint64_t graph = 0;
    REQUIRE(app.Fetch(context, id, &graph).ok());
    REQUIRE(app.Fetch(context, id).ok());
    REQUIRE(app.Run(graph, {1, 2, 3}).ok());
    const uint64_t resident = f.Status().resident_bytes();
    CHECK(resident > kProgramBytes);
    const v1::StopModelResponse stopped = f.Stop();
    CHECK(stopped.stopped_graphs() == 2);
    CHECK(stopped.dropped_programs() == 1);
    CHECK(stopped.freed_bytes() == resident);
  }
  SECTION("without the weights that another model shares") {
    const TestClient app = f.daemon.App();
    app.BuildWhole(app.MakeContext("gated"), AddGraph({1, 2, 3}, "twin"));
    CHECK(f.Stop(id).freed_bytes() == kProgramBytes - kWeightBytes);
    CHECK(f.Stop().freed_bytes() == kProgramBytes);
  }
  CHECK(f.Sessions().graphs_size() == 0);
  CHECK(f.Activity().models_size() == 0);
  CHECK(f.Status().loaded_programs() == 0);
  CHECK(f.Status().resident_bytes() == 0);
  CallContext again;
  v1::StopModelResponse response;
  CHECK(f.admin.admin->StopModel(&again, {}, &response).error_code() == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("what runs is told apart from what idles, and both from what stays for ever") {
  const auto [keep_alive, at_rest] = GENERATE(std::pair(absl::Minutes(5), v1::RESIDENCY_IDLE),
                                              std::pair(absl::InfiniteDuration(), v1::RESIDENCY_KEPT));
  Fixture f(keep_alive);
  const TestClient app = f.daemon.App();
  const uint64_t graph = app.BuildWhole(app.MakeContext("gated"), AddGraph());
  CHECK(f.Only().residency() == at_rest);
  CHECK((f.Only().idle_seconds_left() > 0) == (at_rest == v1::RESIDENCY_IDLE));
  f.daemon.gated.steps.Close();
  std::thread runner([&] { app.Run(graph, {1, 2, 3}); });
  f.daemon.gated.steps.AwaitArrivals(1);
  CHECK(f.Only().residency() == v1::RESIDENCY_RUNNING);
  CHECK(f.Only().idle_seconds_left() == 0);
  f.daemon.gated.steps.Open();
  runner.join();
  CHECK(f.Only().residency() == at_rest);
  CHECK(f.Only().runs() == 1);
}

TEST_CASE(
    "kept alive for no time, a graph's program is gone after its run, and nothing is left of a session") {
  Fixture f(absl::ZeroDuration());
  const TestClient app = f.daemon.App();
  const uint64_t graph = app.BuildWhole(app.MakeContext("gated"), AddGraph());
  REQUIRE(app.Run(graph, {1, 2, 3}).ok());
  CHECK(f.Only().residency() == v1::RESIDENCY_GONE);
  CHECK(f.Only().weight_bytes() == 0);
  CHECK(f.Status().loaded_programs() == 0);
  f.daemon.HangUp(app);
  CHECK(f.Sessions().graphs_size() == 0);
}

TEST_CASE("the program of an uncacheable graph stays with its session, and goes with it") {
  Fixture f;
  const TestClient app = f.daemon.App();
  const std::string weights = FloatBytes({1, 2, 3});
  CallContext upload, build;
  v1::UploadConstantResponse uploaded;
  auto writer = app.inference->UploadConstant(&upload, &uploaded);
  v1::UploadConstantRequest chunk;
  *chunk.mutable_blob() = EncodeBlobRef(Digest::Of(weights), weights.size());
  chunk.set_data(weights);
  chunk.set_uncacheable(true);
  writer->Write(chunk);
  writer->WritesDone();
  REQUIRE(writer->Finish().ok());
  v1::BuildRequest request;
  v1::BuildResponse response;
  request.set_context_id(app.MakeContext("gated"));
  *request.mutable_graph() = EncodeGraph(AddGraph());
  request.set_uncacheable(true);
  REQUIRE(app.inference->Build(&build, request, &response).ok());
  REQUIRE(response.has_graph());
  CHECK(f.Only().residency() == v1::RESIDENCY_KEPT);
  CHECK(f.Only().weight_bytes() == kProgramBytes);
  CHECK(f.Status().loaded_programs() == 1);
  SECTION("stopped") {
    const v1::StopModelResponse stopped = f.Stop();
    CHECK(stopped.stopped_graphs() == 1);
    CHECK(stopped.dropped_programs() == 1);
    CHECK(stopped.freed_bytes() == kProgramBytes);
  }
  SECTION("hung up") {
    f.daemon.HangUp(app);
  }
  CHECK(f.Sessions().graphs_size() == 0);
  CHECK(f.Status().loaded_programs() == 0);
  CHECK(f.Status().resident_bytes() == 0);
}

}  // namespace
}  // namespace modeld
