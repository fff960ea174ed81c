// Compiled plans and residency as clients meet them: not at all, but for the time that they save.
#include <catch2/catch.hpp>
#include <fstream>

#include "absl/cleanup/cleanup.h"
#include "base/program_build.h"
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

// Has what the services are built with changed.
using Adjust = std::function<void(ServicesOptions&)>;

// Builds and stores in a daemon of its own; ends when the plan is on the disk.
std::string Prepare(const TestFolder& folder, const std::string& app = "org.example.app",
                    const std::string& label = "sum", const Adjust& adjust = nullptr) {
  TestDaemon daemon(folder.path(), {}, {}, adjust);
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

// A device that takes its time to compile from nothing, so much that loading takes less on any machine.
class Slow : public ReferenceBackend {
 public:
  static constexpr absl::Duration kCompileTime = absl::Hours(1);
  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph, const CompileOptions& options,
                                                   const CompileReuse& reuse) const override {
    if (reuse.layout == nullptr) TestClock().Advance(kCompileTime);
    return ReferenceBackend::Compile(graph, options, reuse);
  }
};

TEST_CASE(
    "an app that builds what another app compiled compiles once, and shares plan and memory from then on") {
  TestFolder folder;
  Prepare(folder, "org.example.app");
  {
    TestDaemon daemon(folder.path());
    const TestClient first = daemon.App(), other = daemon.App("org.example.other");
    const uint64_t own = first.BuildWhole(first.MakeContext(), AddGraph());
    CHECK(Builds(daemon, "hit") == 1);
    const uint64_t graph = other.BuildWhole(other.MakeContext(), AddGraph());
    CHECK(Builds(daemon, "hit") == 1);
    CHECK(Builds(daemon, "miss") == 1);
    CHECK(RunOnce(other, graph) == RunOnce(first, own));
    other.Store(graph);  // else its part in the plan ends with the daemon
    CHECK(daemon.store().plans().List().size() == 1);
    daemon.services().Settle();
  }
  TestDaemon daemon(folder.path());
  for (const char* app : {"org.example.app", "org.example.other"}) {
    const TestClient client = daemon.App(app);
    client.BuildWhole(client.MakeContext(), AddGraph());
  }
  CHECK(Builds(daemon, "hit") == 2);
  CHECK(Builds(daemon, "miss") == 0);
  const std::vector<storage::PlanInfo> plans = daemon.store().plans().List();
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].causes.size() == 2);
  CHECK(PlanFilesIn(folder).size() == 1);
}

TEST_CASE(
    "an app that may wait for what another app compiled gets the same answer, from its plan, and waits in "
    "between") {
  TestFolder folder;
  const Slow slow;
  Prepare(folder, "org.example.app", "sum", [&](ServicesOptions& options) { options.backends = {&slow}; });
  std::vector<absl::Duration> pauses;
  TestDaemon daemon(folder.path(), {}, {}, [&](ServicesOptions& options) {
    options.backends = {&slow};
    options.plans.first_build = policy::FirstBuild::kWait;
    options.pause = [&](absl::Duration duration, const CancelToken&) { pauses.push_back(duration); };
  });
  const TestClient other = daemon.App("org.example.other");
  const uint64_t graph = other.BuildWhole(other.MakeContext(), AddGraph());
  CHECK(RunOnce(other, graph) == std::vector<float>{2, 3, 0});
  CHECK(Builds(daemon, "hit") == 1);
  // All but what loading took.
  REQUIRE(pauses.size() == 1);
  CHECK(pauses[0] > absl::ZeroDuration());
  CHECK(pauses[0] <= daemon.store().plans().List().at(0).compile_time);
  // The first one paid in its daemon: it loads, and does not wait, though its program is in memory by
  // another's doing.
  pauses.clear();
  const TestClient first = daemon.App();
  first.BuildWhole(first.MakeContext(), AddGraph());
  CHECK(pauses.empty());
  CHECK(Builds(daemon, "hit") == 2);
  daemon.services().Settle();
  CHECK(daemon.store().plans().List().at(0).causes.size() == 2);
}

// A device that a test describes; what is compiled from nothing, and not from a plan, passes a gate.
class Processor : public ReferenceBackend {
 public:
  explicit Processor(std::string fingerprint) : fingerprint_(std::move(fingerprint)) {}
  DeviceDescription Describe() const override { return {"processor", "for tests", fingerprint_}; }
  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph, const CompileOptions& options,
                                                   const CompileReuse& reuse) const override {
    if (reuse.layout == nullptr) compilations.Pass();
    return ReferenceBackend::Compile(graph, options, reuse);
  }
  Adjust AsOnlyDevice() const {
    return [this](ServicesOptions& options) { options.backends = {this}; };
  }

  mutable Gate compilations;

 private:
  const std::string fingerprint_;
};

constexpr char kHere[] = "library 1 isa 0x7 threads 4";

TEST_CASE("a plan that works but is not the best is used at once, and made anew behind the reply") {
  const std::string before = GENERATE("library 1 isa 0x3 threads 4", "library 1 isa 0x7 threads 2");
  INFO(before);
  TestFolder folder;
  const std::string id = Prepare(folder, "org.example.app", "sum", Processor(before).AsOnlyDevice());
  {
    const Processor here(kHere);
    TestDaemon daemon(folder.path(), {}, {}, here.AsOnlyDevice());
    const absl::Cleanup open = [&] { here.compilations.Open(); };
    here.compilations.Close();
    const TestClient client = daemon.App();
    uint64_t graph = 0;
    REQUIRE(client.Fetch(client.MakeContext(), id, &graph).ok());
    // The new compilation is held up all the while.
    CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
    here.compilations.AwaitArrivals(1);
    CHECK(Builds(daemon, "recompile") == 1);
    CHECK(Builds(daemon, "hit") == 0);
    CHECK(Builds(daemon, "miss") == 0);
    CHECK(daemon.store().plans().List().size() == 1);
    here.compilations.Open();
    daemon.services().Settle();
    CHECK(daemon.store().plans().List().size() == 2);
  }
  const Processor here(kHere);
  TestDaemon daemon(folder.path(), {}, {}, here.AsOnlyDevice());
  const TestClient client = daemon.App();
  uint64_t graph = 0;
  REQUIRE(client.Fetch(client.MakeContext(), id, &graph).ok());
  CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
  daemon.services().Settle();
  CHECK(Builds(daemon, "hit") == 1);
  CHECK(Builds(daemon, "recompile") == 0);
  CHECK(here.compilations.arrived() == 0);
}

TEST_CASE("a plan that is loaded several times before it is made anew is made anew once") {
  TestFolder folder;
  const Processor weaker("library 1 isa 0x1 threads 4"), here(kHere);
  const std::string id = Prepare(folder, "org.example.app", "sum", weaker.AsOnlyDevice());
  TestDaemon daemon(folder.path(), {}, {}, here.AsOnlyDevice());
  const absl::Cleanup open = [&] { here.compilations.Open(); };
  here.compilations.Close();
  const TestClient client = daemon.App(), admin = daemon.Connect(Role::kAdmin, "modelctl");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(client.Fetch(client.MakeContext(), id).ok());
    // So that the next one loads again.
    CallContext call;
    v1::StopModelResponse response;
    REQUIRE(admin.admin->StopModel(&call, {}, &response).ok());
  }
  CHECK(Builds(daemon, "recompile") == 3);
  here.compilations.Open();
  daemon.services().Settle();
  CHECK(here.compilations.arrived() == 1);
  REQUIRE(client.Fetch(client.MakeContext(), id).ok());
  CHECK(Builds(daemon, "hit") == 1);
}

TEST_CASE("a model whose only plans cannot be used here is compiled anew, and those stay for their own") {
  struct Case {
    const char* name;
    const char* fingerprint;
    Digest build;
  };
  const Case before = GENERATE(Case{"more instruction sets", "library 1 isa 0xf threads 4", ProgramBuild()},
                               Case{"another library", "library 2 isa 0x7 threads 4", ProgramBuild()},
                               Case{"another build of the engine", kHere, Digest::Of("another build")});
  INFO(before.name);
  TestFolder folder;
  const Processor other(before.fingerprint);
  const std::string id = Prepare(folder, "org.example.app", "sum", [&](ServicesOptions& options) {
    options.backends = {&other};
    options.plans.build = before.build;
  });
  const Processor here(kHere);
  TestDaemon daemon(folder.path(), {}, {}, here.AsOnlyDevice());
  const TestClient client = daemon.App();
  uint64_t graph = 0;
  REQUIRE(client.Fetch(client.MakeContext(), id, &graph).ok());
  CHECK(RunOnce(client, graph) == std::vector<float>{2, 3, 0});
  daemon.services().Settle();
  CHECK(here.compilations.arrived() == 1);
  CHECK(Builds(daemon, "miss") == 1);
  CHECK(Builds(daemon, "hit") + Builds(daemon, "recompile") == 0);
  CHECK(daemon.store().plans().List().size() == 2);
  for (const char* cause : {"damaged", "version", "engine", "absent"}) CHECK(Failures(daemon, cause) == 0);
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
