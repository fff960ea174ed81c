#include "daemon/services/admin_activity.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "daemon/services/test_daemon.h"

namespace modeld {
namespace {

// A daemon, the user, and an app with one stored and loaded model on the device that can be held up.
struct Fixture {
  TestFolder folder;
  TestDaemon daemon{folder.path()};
  TestClient app = daemon.App();
  TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  uint64_t context = app.MakeContext("gated");
  uint64_t graph = app.BuildWhole(context, AddGraph());
  std::string id = app.Store(graph);

  std::string Metrics() {
    CallContext call;
    v1::GetMetricsResponse response;
    const grpc::Status status = admin.admin->GetMetrics(&call, {}, &response);
    INFO(status.error_message());
    REQUIRE(status.ok());
    return response.text();
  }
  uint64_t Counted(const std::string& result) {
    return daemon.metrics.counter(CounterName::kInferenceRequests, {result}).value();
  }
};

// A live view that is open while this lives.
struct Watch {
  Watch(const TestClient& admin, uint32_t interval_ms) {
    v1::WatchActivityRequest request;
    request.set_interval_ms(interval_ms);
    reader = admin.admin->WatchActivity(&context, request);
  }
  v1::ActivityResponse Next() {
    v1::ActivityResponse message;
    REQUIRE(reader->Read(&message));
    return message;
  }
  CallContext context;
  std::unique_ptr<grpc::ClientReader<v1::ActivityResponse>> reader;
};

TEST_CASE("the resident bytes are the second number of statm, in pages") {
  CHECK(ResidentBytesIn("1000 250 30 5 0 400 0\n", 4096) == 250 * 4096);
  CHECK(ResidentBytesIn("", 4096) == 0);
  CHECK(ResidentBytesIn("1000", 4096) == 0);
  CHECK(ResidentBytesIn("1000 many 30", 4096) == 0);
}

TEST_CASE("only an admin session sees metrics and activity") {
  Fixture f;
  CallContext call;
  v1::GetMetricsResponse response;
  CHECK(f.app.admin->GetMetrics(&call, {}, &response).error_code() == grpc::StatusCode::PERMISSION_DENIED);
  Watch watch(f.app, 100);
  v1::ActivityResponse message;
  CHECK_FALSE(watch.reader->Read(&message));
  CHECK(watch.reader->Finish().error_code() == grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("every run is counted once by how it ended") {
  Fixture f;
  REQUIRE(f.app.Run(f.graph, {1, 2, 3}).ok());
  REQUIRE(f.app.Run(f.graph, {4, 5, 6}).ok());
  // Too few numbers; a graph that is not there.
  CHECK(f.app.Run(f.graph, {1}).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(f.app.Run(999, {1, 2, 3}).error_code() == grpc::StatusCode::NOT_FOUND);

  const int before = f.daemon.gated.steps.arrived();
  f.daemon.gated.steps.Close();
  std::thread runner([&] { f.app.Run(f.graph, {1, 2, 3}); });
  f.daemon.gated.steps.AwaitArrivals(before + 1);
  f.daemon.services().CancelAll();
  f.daemon.gated.steps.Open();
  runner.join();

  CHECK(f.Counted("ok") == 2);
  CHECK(f.Counted("rejected") == 2);
  CHECK(f.Counted("cancelled") == 1);
  CHECK(f.Counted("backend") == 0);
  CHECK(f.daemon.metrics.histogram(HistogramName::kInferenceDuration).cumulative().back() == 3);
  CHECK(f.daemon.metrics.histogram(HistogramName::kQueueDuration).cumulative().back() == 3);
}

TEST_CASE("the metrics show what is there now, and name nobody") {
  Fixture f;
  REQUIRE(f.app.Run(f.graph, {1, 2, 3}).ok());
  const std::string text = f.Metrics();
  CHECK(absl::StrContains(text, "modeld_inference_requests_total{result=\"ok\"} 1\n"));
  CHECK(absl::StrContains(text, "modeld_loaded_models 1\n"));
  CHECK(absl::StrContains(text, "modeld_pending_requests 0\n"));
  CHECK(absl::StrContains(text, "modeld_placements_total{device=\"other\",reason=\"requested\"} 1\n"));
  CHECK_FALSE(absl::StrContains(text, "modeld_cache_bytes{kind=\"blob\"} 0\n"));
  CHECK_FALSE(absl::StrContains(text, "example"));
  CHECK_FALSE(absl::StrContains(text, Digest::FromBytes(f.id)->ToHex()));

  CHECK(absl::StrContains(text, "modeld_integrity_errors_total 0\n"));

  const std::string hex = Digest::Of(FloatBytes({1, 2, 3})).ToHex();
  REQUIRE(std::filesystem::remove(f.folder.path() + "/cache/blobs/" + hex.substr(0, 2) + "/" + hex));
  for (int i = 0; i < 2; ++i)
    CHECK_FALSE(f.daemon.store().VerifyBlob(Digest::Of(FloatBytes({1, 2, 3}))).ok());
  CHECK(absl::StrContains(f.Metrics(), "modeld_integrity_errors_total 1\n"));
}

TEST_CASE("resident bytes count programs with and without sessions, shared weights once, until they go") {
  Fixture f;
  const auto resident = [&](const std::string& device) {
    const std::string text = f.Metrics(), name = "modeld_resident_bytes{device=\"" + device + "\"} ";
    const size_t at = text.find(name);
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + name.size()));
  };
  // Each program has a zero of its own, for its relu.
  const uint64_t weights = FloatBytes({1, 2, 3}).size(), zero = FloatBytes({0}).size();
  CHECK(resident("other") == weights + zero);
  CHECK(resident("cpu") == 0);
  // A twin shares the weights in memory, also with another device; other weights are others.
  f.app.BuildWhole(f.context, AddGraph({1, 2, 3}, "twin"));
  const uint64_t context = f.app.MakeContext("reference");
  f.app.BuildWhole(context, AddGraph());
  CHECK(resident("other") + resident("reference") == weights + 3 * zero);
  f.app.BuildWhole(context, AddGraph({4, 5, 6}));
  CHECK(resident("other") == weights + 2 * zero);
  CHECK(resident("reference") == weights + 2 * zero);
  CHECK(absl::StrContains(f.Metrics(), "modeld_loaded_models 4\n"));

  // Nobody holds them any more; they are kept for the next one.
  f.daemon.HangUp(f.app);
  CHECK(absl::StrContains(f.Metrics(), "modeld_loaded_models 4\n"));
  CHECK(resident("other") == weights + 2 * zero);
  CHECK(resident("reference") == weights + 2 * zero);
  Watch watch(f.admin, 60'000);
  CHECK(watch.Next().resident_bytes() == 2 * weights + 4 * zero);

  CallContext call;
  v1::StopModelResponse response;
  REQUIRE(f.admin.admin->StopModel(&call, {}, &response).ok());
  CHECK(resident("other") == 0);
  CHECK(resident("reference") == 0);
  CHECK(absl::StrContains(f.Metrics(), "modeld_loaded_models 0\n"));
}

TEST_CASE("activity comes at once and again, with rates of the time between") {
  Fixture f;
  Watch watch(f.admin, 100);
  v1::ActivityResponse message = watch.Next();
  REQUIRE(message.models_size() == 1);
  CHECK(message.models(0).model_id() == f.id);
  CHECK(message.models(0).partition() == "app:org.example.app");
  CHECK(message.models(0).device() == "gated");
  CHECK(message.models(0).sessions() == 1);
  CHECK(message.runs_per_second() == 0);
  CHECK(message.sessions() == 2);
  CHECK(message.rss_bytes() > 1'000'000);
  CHECK(message.disk_bytes() > 12);
  CHECK(message.free_bytes() > 0);

  for (int i = 0; i < 3; ++i) REQUIRE(f.app.Run(f.graph, {1, 2, 3}).ok());
  // They may fall into one or two messages.
  double runs = 0, model_runs = 0;
  while (runs == 0) {
    message = watch.Next();
    runs += message.runs_per_second();
    model_runs += message.models(0).runs_per_second();
  }
  CHECK(runs > 0);
  CHECK(model_runs > 0);
  watch.context.TryCancel();
  while (watch.reader->Read(&message)) {
  }
  CHECK(watch.reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("what runs and what waits is told apart") {
  TestFolder folder;
  ServiceLimits limits;
  limits.max_concurrent_runs = 1;
  TestDaemon daemon(folder.path(), limits);
  const TestClient app = daemon.App();
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  const uint64_t graph = app.BuildWhole(app.MakeContext("gated"), AddGraph());
  daemon.gated.steps.Close();
  std::vector<std::thread> runners;
  for (int i = 0; i < 2; ++i) runners.emplace_back([&] { app.Run(graph, {1, 2, 3}); });
  Watch watch(admin, 100);
  v1::ActivityResponse message;
  do {
    message = watch.Next();
    CHECK(message.running() <= 1);
  } while (message.running() != 1 || message.queued() != 1);
  daemon.gated.steps.Open();
  for (std::thread& runner : runners) runner.join();
}

TEST_CASE("an interval that is too short is refused") {
  Fixture f;
  Watch watch(f.admin, 99);
  v1::ActivityResponse message;
  CHECK_FALSE(watch.reader->Read(&message));
  CHECK(watch.reader->Finish().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a daemon that ends does not wait for those who watch") {
  Fixture f;
  Watch watch(f.admin, 60'000);
  watch.Next();
  CHECK(f.daemon.services().Drain(absl::InfiniteFuture()));
  v1::ActivityResponse message;
  CHECK_FALSE(watch.reader->Read(&message));
  CHECK(watch.reader->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace modeld
