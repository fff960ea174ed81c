// The metadata of a compiled plan, of a graph and for a backend that the first byte chooses. Its beginning
// (format and structure) is put before the bytes, as nobody would guess it. A plan is refused, or makes a
// program that runs.
#include <string>
#include <vector>

#include "engine/plan/test_plans.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/plan_backends.h"

namespace modeld::fuzz {
namespace {

// Magic, format and structure.
constexpr size_t kHeaderBytes = 8 + 1 + Digest::kSize;
// A program that wants more memory is not run.
constexpr uint64_t kWorthARun = uint64_t{1} << 20;
constexpr CompileOptions kOptions = {.num_threads = 1};

// A graph, a backend, and the plan that the bytes are put in place of.
struct Target {
  const Graph* graph;
  const Backend* backend;
  PlanImage plan;
};

std::vector<Target> MakeTargets() {
  std::vector<Target> targets;
  for (const testing::NamedGraph& named : testing::PlanGraphs()) {
    for (const Backend* backend : PlanBackends()) {
      auto compiled = CompileForPlan(named.graph, *backend, kOptions);
      Require(compiled.ok(), "the graph compiles", named.name);
      targets.push_back({&named.graph, backend, std::move(compiled->plan)});
    }
  }
  return targets;
}

}  // namespace
}  // namespace modeld::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace modeld;
  static const std::vector<fuzz::Target> targets = fuzz::MakeTargets();
  if (size == 0) return 0;
  const fuzz::Target& target = targets[data[0] % targets.size()];
  PlanImage plan = target.plan;
  plan.metadata.resize(fuzz::kHeaderBytes);
  plan.metadata.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto program = testing::Load(*target.graph, plan, *target.backend, fuzz::kOptions);
  if (!program.ok()) {
    fuzz::Require(!program.status().message().empty(), "a refusal says why");
    return 0;
  }
  fuzz::Require((*program)->outputs.size() == target.graph->outputs.size(), "outputs are the graph's");
  if ((*program)->arena_bytes <= fuzz::kWorthARun) {
    fuzz::Require(testing::RunOnce(**program).ok(), "what was loaded runs");
  }
  return 0;
}
