// Compiled plans and residency as clients meet them: not at all, but for the time that they save.
#include <catch2/catch.hpp>
#include <fstream>

#include "absl/strings/match.h"
#include "daemon/services/test_daemon.h"
#include "storage/plan_store.h"

namespace modeld {
namespace {

namespace fs = std::filesystem;

uint64_t Builds(TestDaemon& daemon, absl::string_view how) {
  return daemon.metrics.histogram(HistogramName::kBuildDuration, {how}).cumulative().back();
}
uint64_t Failures(TestDaemon& daemon, absl::string_view cause) {
  return daemon.metrics.counter(CounterName::kPlanFailures, {cause}).value();
}

// Builds and stores in a daemon of its own; ends when the plan is on the disk.
std::string Prepare(const TestFolder& folder, const std::string& app = "org.example.app",
                    const std::string& label = "sum") {
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App(app);
  const std::string id = client.Store(client.BuildWhole(client.MakeContext(), AddGraph({1, 2, 3}, label)));
  daemon.services().Settle();
  REQUIRE(daemon.store().plans().List().size() == 1);
  return id;
}

std::vector<fs::path> PlanFilesIn(const TestFolder& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path() + "/cache/plans")) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

std::vector<float> RunOnce(const TestClient& client, uint64_t graph) {
  std::vector<float> y;
  REQUIRE(client.Run(graph, {1, 1, -9}, &y).ok());
  return y;
}

TEST_CASE("after a restart a model is had from its plan, with the same results") {
  TestFolder folder;
  const std::string id = Prepare(folder);
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  uint64_t graph = 0;
  REQUIRE(client.Fetch(client.MakeContext(), id, &graph).ok());
  CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
  CHECK(Builds(daemon, "hit") == 1);
  CHECK(Builds(daemon, "miss") == 0);
}

TEST_CASE("twins with other labels share one plan file") {
  TestFolder folder;
  const std::string a = Prepare(folder), b = Prepare(folder, "org.example.app", "another label");
  CHECK(a != b);
  CHECK(PlanFilesIn(folder).size() == 1);
  TestDaemon daemon(folder.path());
  const std::vector<storage::PlanInfo> plans = daemon.store().plans().List();
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].models.size() == 2);
}

TEST_CASE("a plan that is damaged, cut or gone falls through to compiling, counted, and comes again") {
  TestFolder folder;
  const std::string id = Prepare(folder);
  const fs::path file = PlanFilesIn(folder).at(0);
  TestDaemon daemon(folder.path());
  std::string cause;
  SECTION("damaged") {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100);
    stream.put('\x5a');
    cause = "damaged";
  }
  SECTION("cut") {
    fs::resize_file(file, 4096);
    cause = "damaged";
  }
  SECTION("gone") {
    fs::remove(file);
    cause = "absent";
  }
  const TestClient client = daemon.App();
  uint64_t graph = 0;
  REQUIRE(client.Fetch(client.MakeContext(), id, &graph).ok());
  CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
  CHECK(Failures(daemon, cause) == 1);
  CHECK(Builds(daemon, "miss") == 1);
  daemon.services().Settle();
  CHECK(PlanFilesIn(folder).size() == 1);
}

TEST_CASE(
    "an app that builds what another app compiled gets the same answer, from its plan, and waits in "
    "between") {
  TestFolder folder;
  Prepare(folder);
  std::vector<absl::Duration> pauses;
  TestDaemon daemon(folder.path(), {}, {}, [&](ServicesOptions& options) {
    options.pause = [&](absl::Duration duration, const CancelToken&) { pauses.push_back(duration); };
  });
  const TestClient other = daemon.App("org.example.other");
  const uint64_t graph = other.BuildWhole(other.MakeContext(), AddGraph());
  CHECK(RunOnce(other, graph) == std::vector<float>{2, 3, 0});
  CHECK(Builds(daemon, "hit") == 1);
  // The first one paid in its daemon: it loads, and does not wait, though its program is in memory by
  // another's doing.
  pauses.clear();
  const TestClient first = daemon.App();
  first.BuildWhole(first.MakeContext(), AddGraph());
  CHECK(pauses.empty());
  CHECK(Builds(daemon, "hit") == 2);
  CHECK(daemon.store().plans().List().at(0).causes.size() == 2);
}

TEST_CASE("a graph that must not be cached leaves no plan") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient client = daemon.App();
  CallContext upload_context;
  v1::UploadConstantResponse uploaded;
  const std::string weights = FloatBytes({1, 2, 3});
  auto writer = client.inference->UploadConstant(&upload_context, &uploaded);
  v1::UploadConstantRequest chunk;
  *chunk.mutable_blob() = EncodeBlobRef(Digest::Of(weights), weights.size());
  chunk.set_data(weights);
  chunk.set_uncacheable(true);
  writer->Write(chunk);
  writer->WritesDone();
  REQUIRE(writer->Finish().ok());
  CallContext build_context;
  v1::BuildRequest request;
  v1::BuildResponse response;
  request.set_context_id(client.MakeContext());
  *request.mutable_graph() = EncodeGraph(AddGraph());
  request.set_uncacheable(true);
  REQUIRE(client.inference->Build(&build_context, request, &response).ok());
  REQUIRE(response.missing_size() == 0);
  CHECK(RunOnce(client, response.graph().graph_id()) == std::vector<float>{2, 3, 0});
  daemon.services().Settle();
  CHECK(daemon.store().plans().List().empty());
}

TEST_CASE("a handle whose program idled out runs on as if nothing had been") {
  TestFolder folder;
  TestDaemon daemon(folder.path(), {}, {},
                    [](ServicesOptions& options) { options.residency.keep_alive = absl::ZeroDuration(); });
  const TestClient client = daemon.App();
  const uint64_t graph = client.BuildWhole(client.MakeContext("gated"), AddGraph());
  for (int i = 0; i < 3; ++i) CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
  CHECK(daemon.gated.compiles.arrived() > 2);
}

TEST_CASE("a model is kept in memory after its session, and a stop takes it out") {
  TestFolder folder;
  TestDaemon daemon(folder.path());
  const TestClient admin = daemon.Connect(Role::kAdmin, "modelctl");
  const auto build = [&] {
    const TestClient client = daemon.App();
    client.BuildWhole(client.MakeContext("gated"), AddGraph());
    daemon.HangUp(client);
  };
  build();
  build();
  CHECK(daemon.gated.compiles.arrived() == 1);
  CallContext call, again;
  v1::StopModelResponse response;
  CHECK(admin.admin->StopModel(&call, {}, &response).ok());
  CHECK(admin.admin->StopModel(&again, {}, &response).error_code() == grpc::StatusCode::NOT_FOUND);
  build();
  CHECK(daemon.gated.compiles.arrived() == 2);
}

}  // namespace
}  // namespace modeld
