// No byte of a plan is trusted: damaged ones are refused, or make programs that stay within their buffers
// (which the address sanitizer watches).
#include <catch2/catch.hpp>
#include <memory>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/plan/contents.h"
#include "engine/plan/plan.h"
#include "engine/plan/test_plans.h"

namespace modeld {
namespace {

using testing::PlanGraphs;

// An arena that a damaged plan may ask for without being worth a run.
constexpr uint64_t kWorthARun = uint64_t{1} << 24;

// What came of damaged plans.
struct Outcomes {
  int refused = 0;
  int ran = 0;
};

void Try(const Graph& graph, const PlanImage& plan, const Backend& backend, Outcomes& outcomes) {
  const auto program = testing::Load(graph, plan, backend, {.num_threads = 1});
  if (!program.ok()) {
    ++outcomes.refused;
    CHECK(!program.status().message().empty());
    return;
  }
  ++outcomes.ran;
  CHECK((*program)->inputs.size() == graph.inputs.size());
  CHECK((*program)->outputs.size() == graph.outputs.size());
  if ((*program)->arena_bytes > kWorthARun) return;
  CHECK(testing::RunOnce(**program).ok());
}

void TryAll(const Backend& backend) {
  for (const auto& [name, graph] : PlanGraphs()) {
    INFO(name);
    const auto compiled = CompileForPlan(graph, backend, {.num_threads = 1});
    REQUIRE(compiled.ok());
    Outcomes flipped;
    Outcomes cut;
    PlanImage plan = compiled->plan;
    for (size_t i = 0; i < plan.metadata.size(); ++i) {
      for (const uint8_t mask : {0x01, 0x04, 0x80, 0xff}) {
        plan.metadata[i] = static_cast<char>(plan.metadata[i] ^ mask);
        Try(graph, plan, backend, flipped);
        plan.metadata[i] = static_cast<char>(plan.metadata[i] ^ mask);
      }
      PlanImage shorter = compiled->plan;
      shorter.metadata.resize(i);
      Try(graph, shorter, backend, cut);
    }
    plan.metadata.push_back('\0');
    Try(graph, plan, backend, cut);
    CHECK(cut.ran == 0);
    CHECK(flipped.refused > 0);
  }
}

TEST_CASE("each damaged or missing byte of a plan for the reference backend is refused or harmless") {
  TryAll(ReferenceBackend());
}

TEST_CASE("each damaged or missing byte of a plan for the cpu is refused or harmless") {
  TryAll(*MakeCpuBackend());
}

// The first graph's contents, changed by `change`, for the cpu.
template <typename Change>
absl::Status StatusOf(size_t which, Change change) {
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  const Graph& graph = PlanGraphs()[which].graph;
  auto compiled = CompileForPlan(graph, *cpu, {});
  REQUIRE(compiled.ok());
  auto contents = plan::DecodeContents(compiled->plan.metadata);
  REQUIRE(contents.ok());
  change(*contents);
  compiled->plan.metadata = plan::EncodeContents(*contents);
  return testing::Load(graph, compiled->plan, *cpu).status();
}

TEST_CASE("a plan that says something impossible is refused") {
  const auto refused = [](size_t which, auto change) {
    return StatusOf(which, change).code() == absl::StatusCode::kInvalidArgument;
  };
  using plan::PlanContents;
  CHECK(StatusOf(0, [](PlanContents&) {}).ok());
  // Layouts: another buffer's bytes, outside, claiming memory, of the wrong length.
  CHECK(refused(0, [](PlanContents& c) { std::fill(c.layout.begin(), c.layout.end(), 0); }));
  CHECK(refused(0, [](PlanContents& c) { c.layout[0] += 1; }));
  CHECK(refused(0, [](PlanContents& c) { c.layout[0] = uint64_t{1} << 40; }));
  CHECK(refused(0, [](PlanContents& c) { c.layout[0] = ~uint64_t{63}; }));
  CHECK(refused(0, [](PlanContents& c) { c.layout.pop_back(); }));
  // Packed forms: of another size, outside, of what is no constant.
  CHECK(refused(0, [](PlanContents& c) { c.packed.begin()->second.size -= 64; }));
  CHECK(refused(0, [](PlanContents& c) { c.packed.begin()->second.offset = ~uint64_t{63}; }));
  CHECK(refused(0, [](PlanContents& c) { c.packed.begin()->second.segment = 0xffffffff; }));
  CHECK(refused(0, [](PlanContents& c) {
    c.packed[{c.graph.inputs[0], "order"}] = c.packed.begin()->second;
  }));
  CHECK(refused(0, [](PlanContents& c) { c.packed[{0xfffffff0, "order"}] = c.packed.begin()->second; }));
  // Constants that the graph does not have.
  CHECK(refused(3, [](PlanContents& c) {
    for (auto& [id, place] : c.constants) place = Digest::Of("another's secret");
  }));
  // Operations.
  CHECK(refused(0, [](PlanContents& c) { c.graph.nodes[0].operation = 1'000; }));
  CHECK(refused(0, [](PlanContents& c) { std::get<core::Native>(c.graph.nodes[0].op).index = 1'000; }));
  CHECK(refused(0, [](PlanContents& c) { std::get<core::Native>(c.graph.nodes[0].op).index = 1; }));
  CHECK(StatusOf(0, [](PlanContents& c) { c.graph.nodes[0].inputs[0] = 1'000; }).code() ==
        absl::StatusCode::kInternal);
  // Bindings.
  CHECK(refused(0, [](PlanContents& c) { std::swap(c.graph.outputs[0], c.graph.outputs[1]); }));
  CHECK(refused(0, [](PlanContents& c) { c.graph.outputs.pop_back(); }));
  CHECK(refused(0, [](PlanContents& c) { c.graph.values[0].descriptor.shape.assign(65, 1); }));
  CHECK(refused(0, [](PlanContents& c) { c.structure = Digest(); }));
}

TEST_CASE("a form that this backend packs otherwise is packed anew") {
  CHECK(StatusOf(1, [](plan::PlanContents& c) {
          const auto first = c.packed.begin();
          c.packed[{first->first.constant, "a format of another place"}] = first->second;
          c.packed.erase(first);
        }).ok());
}

}  // namespace
}  // namespace modeld
