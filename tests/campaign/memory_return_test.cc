// A model that is stopped gives its memory back, by the time the call returns and a hundred times over.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cpp/admin.h"
#include "client/cpp/modeld.h"
#include "tests/support/daemon_process.h"
#include "tests/support/process_memory.h"

namespace modeld {
namespace {

namespace ml = modeld::client;
using testing::MemoryOf;
using testing::ProcessMemory;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint32_t kRows = 16, kWide = 1024, kNarrow = 64;
// Each holds a block that the C library takes from the system, two that it takes from its heap, and a bias.
constexpr int kLayers = 6;
constexpr uint64_t kPackedBytes = kLayers * 4 * (uint64_t{kWide} * kWide + 2 * kWide * kNarrow);
// By then first use has filled what is kept for good: arenas and stacks of threads, caches of the libraries.
constexpr int kWarmUp = 20;
constexpr int kCycles = 100;
// What a cycle may leave behind, in all cycles together. The rest of the daemon goes on beside: RocksDB's
// table in memory takes a record for each load, gRPC starts a thread more with its stack and arena. One
// weight of 256 KiB that stayed with each cycle would come to 25 MiB.
constexpr double kGrowth = 1.05;
constexpr uint64_t kHeapSlack = 4 * kMiB;
// Code that runs for the first time (upkeep each minute) is read into memory; a plan that stayed mapped with
// each cycle would come to gigabytes.
constexpr uint64_t kFileSlack = 8 * kMiB;
// So much may be left when the call returns, of 27 MiB of packed weights: what else goes on takes up to the
// slack above.
constexpr uint64_t kRest = kPackedBytes / 4;

// Equal numbers but for the first two rows, by `number`: columns add up to one, and no two are the same
// model's bytes.
std::vector<float> Mean(uint32_t rows, uint32_t columns, int number) {
  std::vector<float> weights(size_t{rows} * columns, 1.0f / static_cast<float>(rows));
  for (uint32_t column = 0; column < columns; ++column) {
    const float shift = static_cast<float>(number) / 1024 / static_cast<float>(rows);
    weights[column] += shift;
    weights[columns + column] -= shift;
  }
  return weights;
}

// y = x + 1 + 2 + ... + kLayers for rows of equal numbers.
ml::Graph Build(const ml::Context& context) {
  ml::GraphBuilder builder(context);
  auto value = builder.Input("x", {DataType::kFloat32, {kRows, kWide}});
  for (int layer = 1; layer <= kLayers; ++layer) {
    auto wide = builder.Constant<float>({kWide, kWide}, Mean(kWide, kWide, layer));
    auto down = builder.Constant<float>({kWide, kNarrow}, Mean(kWide, kNarrow, layer));
    auto up = builder.Constant<float>({kNarrow, kWide}, Mean(kNarrow, kWide, layer));
    auto bias =
        builder.Constant<float>({kRows, kWide}, std::vector<float>(kRows * kWide, static_cast<float>(layer)));
    value = builder.Add(builder.Matmul(builder.Matmul(builder.Matmul(value, wide), down), up), bias);
  }
  auto built = builder.Build({{"y", value}});
  INFO(built.status());
  REQUIRE(built.ok());
  return *std::move(built);
}

void CheckRun(const ml::Graph& graph) {
  const std::vector<float> input(kRows * kWide, 2);
  const auto run = graph.Run({{"x", std::as_bytes(std::span(input))}});
  INFO(run.status());
  REQUIRE(run.ok());
  const auto output = ml::ElementsOf<float>(run->outputs.at("y"));
  const float want = 2 + kLayers * (kLayers + 1) / 2;
  REQUIRE(output.size() == input.size());
  REQUIRE(std::all_of(output.begin(), output.end(), [&](float y) { return y == Approx(want); }));
}

// A daemon, and its administrator who is also the app.
struct World {
  explicit World(const std::vector<std::string>& flags) : daemon(WithAdmin(flags)) {
    auto connected = ml::Client::Connect(
        {.host = daemon.host(), .partition = "app:org.example.app", .connect_timeout = absl::Minutes(2)});
    INFO(connected.status());
    REQUIRE(connected.ok());
    client.emplace(*std::move(connected));
    auto made = client->CreateContext();
    REQUIRE(made.ok());
    context.emplace(*std::move(made));
  }

  static std::vector<std::string> WithAdmin(std::vector<std::string> flags) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    flags.insert(flags.end(), {"--admins", self, "--log", "off"});
    return flags;
  }
  ProcessMemory Memory() const { return MemoryOf(daemon.pid()); }
  void Stop(const Digest& id) const {
    const auto stopped = ml::Admin(*client).StopModel(id);
    INFO(stopped.status());
    REQUIRE(stopped.ok());
  }
  // Fetches the model, runs it, stops it; `loaded` is what the daemon had before the stop.
  void Cycle(const Digest& id, ProcessMemory& loaded) const {
    auto fetched = client->Cache().Fetch(*context, {&id, 1});
    INFO(fetched.status());
    REQUIRE(fetched.ok());
    CheckRun(fetched->graph);
    loaded = Memory();
    Stop(id);
  }
  // Programs that were made of a plan so far.
  uint64_t PlanHits() const {
    const auto metrics = ml::Admin(*client).GetMetrics();
    REQUIRE(metrics.ok());
    const std::string name = "modeld_build_duration_seconds_count{plan=\"hit\"} ";
    const size_t at = metrics->text().find(name);
    REQUIRE(at != std::string::npos);
    return std::stoull(metrics->text().substr(at + name.size()));
  }

  testing::DaemonProcess daemon;
  std::optional<ml::Client> client;
  std::optional<ml::Context> context;
};

std::string Describe(const char* when, const ProcessMemory& memory) {
  return absl::StrCat(when, ": anonymous ", memory.anonymous >> 10, " KiB, files ", memory.files >> 10,
                      " KiB, shared ", memory.shared >> 10, " KiB");
}

bool GrewPast(uint64_t before, uint64_t after, uint64_t slack) {
  return static_cast<double>(after) > static_cast<double>(before) * kGrowth + static_cast<double>(slack);
}

TEST_CASE("a stopped model's memory is back when the call returns, and after a hundred times as at first") {
  const bool plans = GENERATE(true, false);
  const World world(plans ? std::vector<std::string>{} : std::vector<std::string>{"--max-plan-bytes", "0"});
  Digest id;
  ProcessMemory first;
  {
    const ml::Graph graph = Build(*world.context);
    CheckRun(graph);
    auto stored = graph.Store();
    INFO(stored.status());
    REQUIRE(stored.ok());
    id = *stored;
    // Its plan is being written, which shares the packed weights.
    world.Stop(id);
    first = world.Memory();
  }
  ProcessMemory loaded;
  for (int cycle = 0; cycle < kWarmUp; ++cycle) world.Cycle(id, loaded);
  const ProcessMemory before = world.Memory();
  INFO(Describe("before", before) << "\n" << Describe("stopped at first", first));
  CHECK(first.sum() < before.sum() + kRest);
  const uint64_t hits = world.PlanHits();
  uint64_t most_loaded = 0;
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    world.Cycle(id, loaded);
    const ProcessMemory stopped = world.Memory();
    most_loaded = std::max(most_loaded, loaded.sum());
    INFO("cycle " << cycle << "\n" << Describe("loaded", loaded) << "\n" << Describe("stopped", stopped));
    REQUIRE(stopped.sum() < before.sum() + kRest);
  }
  // What is measured was there. Of the most: a machine short of memory may have taken some back by itself.
  CHECK(most_loaded > before.sum() + kPackedBytes - kRest);
  CHECK(world.PlanHits() - hits >= (plans ? kCycles : 0));

  const ProcessMemory after = world.Memory();
  const std::string figures = absl::StrCat(
      plans ? "with plans: " : "without plans: ", Describe("before", before), "; ", Describe("after", after));
  std::printf("%s\n", figures.c_str());
  INFO(figures);
  CHECK_FALSE(GrewPast(before.anonymous, after.anonymous, kHeapSlack));
  CHECK_FALSE(GrewPast(before.files, after.files, kFileSlack));
  CHECK_FALSE(GrewPast(before.shared, after.shared, kMiB));
}

}  // namespace
}  // namespace modeld
