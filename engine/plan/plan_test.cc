// Plans as their users see them: made, keyed, loaded, run.
#include "engine/plan/plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <set>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/engine.h"
#include "engine/plan/test_plans.h"

namespace modeld {
namespace {

using testing::Constants;
using testing::PlanGraphs;

const Backend& Cpu() {
  static const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  return *cpu;
}

template <typename T>
T Ok(absl::StatusOr<T> result) {
  INFO(result.status());
  REQUIRE(result.ok());
  return *std::move(result);
}

TEST_CASE("a loaded plan gives bit for bit what the compiled program gives") {
  const ReferenceBackend reference;
  for (const Backend* backend : std::initializer_list<const Backend*>{&reference, &Cpu()}) {
    for (const CompileOptions& options : {CompileOptions{}, CompileOptions{.num_threads = 2},
                                          CompileOptions{.fuse = false}, CompileOptions{.claim = false}}) {
      for (const auto& [name, graph] : PlanGraphs()) {
        INFO(backend->Describe().name << ", " << name);
        const CompiledGraph compiled = Ok(CompileForPlan(graph, *backend, options));
        const auto loaded = Ok(testing::Load(graph, compiled.plan, *backend, options));
        CHECK(loaded->packed_bytes == compiled.program->packed_bytes);
        CHECK(loaded->arena_bytes == compiled.program->arena_bytes);
        CHECK(MemoryLayoutOf(*loaded) == MemoryLayoutOf(*compiled.program));
        const auto expected = Ok(testing::RunOnce(*Ok(CompileGraph(graph, *backend, options))));
        CHECK(Ok(testing::RunOnce(*compiled.program)) == expected);
        CHECK(Ok(testing::RunOnce(*loaded)) == expected);
      }
    }
  }
}

TEST_CASE("twins that differ in labels and in the order of inputs and outputs share a plan") {
  for (const auto& [name, graph] : PlanGraphs()) {
    INFO(name);
    Graph twin = testing::Relabelled(graph);
    std::reverse(twin.inputs.begin(), twin.inputs.end());
    std::reverse(twin.outputs.begin(), twin.outputs.end());
    CHECK(StructureDigest(twin) == StructureDigest(graph));
    const CompiledGraph compiled = Ok(CompileForPlan(graph, Cpu(), {}));

    Constants constants(graph);
    const auto loaded =
        Ok(LoadPlan(twin, compiled.plan.metadata, compiled.plan.segments, Cpu(), {}, constants.Source()));
    CHECK(std::any_of(loaded->steps.begin(), loaded->steps.end(), [](const ProgramStep& step) {
      return step.label.find("\"twin ") != std::string::npos;
    }));
    Graph with_bytes = graph;
    std::reverse(with_bytes.inputs.begin(), with_bytes.inputs.end());
    std::reverse(with_bytes.outputs.begin(), with_bytes.outputs.end());
    CHECK(Ok(testing::RunOnce(*loaded)) == Ok(testing::RunOnce(*Ok(CompileGraph(with_bytes, Cpu(), {})))));
  }
}

TEST_CASE("labels are not in a plan") {
  const Graph& graph = PlanGraphs()[0].graph;
  const CompiledGraph compiled = Ok(CompileForPlan(graph, Cpu(), {}));
  for (const Operation& operation : graph.operations) {
    CHECK(compiled.plan.metadata.find(operation.label) == std::string::npos);
  }
}

TEST_CASE("a constant of which the packed form is there is not asked for, the others once each") {
  const Graph& graph = PlanGraphs()[0].graph;
  const CompiledGraph compiled = Ok(CompileForPlan(graph, Cpu(), {}));
  REQUIRE(compiled.program->packed_bytes > 0);
  Constants constants(graph);
  const auto loaded =
      Ok(LoadPlan(graph, compiled.plan.metadata, compiled.plan.segments, Cpu(), {}, constants.Source()));
  std::set<const void*> in_program;
  for (const Region& region : loaded->constants) in_program.insert(region.bytes().data());
  size_t absent = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    const auto asked = constants.asked().find(operand.digest);
    if (asked == constants.asked().end()) ++absent;
    if (asked != constants.asked().end()) CHECK(asked->second == 1);
    // A bias stays what it is, and is not copied.
    if (operand.descriptor.shape == Shape{32}) CHECK(in_program.contains(operand.bytes.bytes().data()));
  }
  CHECK(absent >= 3);
}

TEST_CASE("a loaded program holds the segments, which are not copied") {
  const Graph& graph = PlanGraphs()[1].graph;
  const CompiledGraph compiled = Ok(CompileForPlan(graph, Cpu(), {}));
  const auto loaded = Ok(testing::Load(graph, compiled.plan, Cpu()));
  for (const Region& constant : loaded->constants) {
    const bool in_graph = std::any_of(graph.operands.begin(), graph.operands.end(), [&](const Operand& o) {
      return !o.bytes.empty() && o.bytes.bytes().data() == constant.bytes().data();
    });
    const bool in_segment =
        std::any_of(compiled.plan.segments.begin(), compiled.plan.segments.end(), [&](const Region& s) {
          return constant.bytes().data() >= s.bytes().data() &&
                 constant.bytes().data() + constant.size() <= s.bytes().data() + s.size();
        });
    CHECK(in_graph != in_segment);
  }
}

TEST_CASE("a plan is refused by another graph, another backend, and without its segments or constants") {
  const Graph& graph = PlanGraphs()[0].graph;
  const PlanImage plan = Ok(CompileForPlan(graph, Cpu(), {})).plan;
  CHECK(testing::Load(PlanGraphs()[1].graph, plan, Cpu()).status().code() ==
        absl::StatusCode::kInvalidArgument);
  // It claims nothing.
  CHECK(testing::Load(graph, plan, ReferenceBackend()).status().code() == absl::StatusCode::kUnimplemented);
  PlanImage without = plan;
  without.segments.pop_back();
  CHECK(testing::Load(graph, without, Cpu()).status().code() == absl::StatusCode::kInvalidArgument);
  PlanImage shorter = plan;
  shorter.segments[0] =
      Region(plan.segments[0].bytes().first(plan.segments[0].size() - 1), plan.segments[0].owner());
  CHECK(testing::Load(graph, shorter, Cpu()).status().code() == absl::StatusCode::kInvalidArgument);
  PlanImage unaligned = plan;
  std::vector<std::byte> moved(plan.segments[0].size() + 64);
  std::copy(plan.segments[0].bytes().begin(), plan.segments[0].bytes().end(), moved.begin() + 8);
  const Region owner = Region::FromVector(std::move(moved));
  const uint64_t shift = reinterpret_cast<uintptr_t>(owner.bytes().data()) % 64 == 56 ? 16 : 8;
  unaligned.segments[0] = Region(owner.bytes().subspan(shift, plan.segments[0].size()), owner.owner());
  CHECK(testing::Load(graph, unaligned, Cpu()).status().code() == absl::StatusCode::kInvalidArgument);

  const auto fails = [](const Digest&, uint64_t) -> absl::StatusOr<Region> {
    return absl::DataLossError("gone");
  };
  CHECK(LoadPlan(graph, plan.metadata, plan.segments, Cpu(), {}, fails).status().code() ==
        absl::StatusCode::kDataLoss);
  const auto empty = [](const Digest&, uint64_t) -> absl::StatusOr<Region> { return Region(); };
  CHECK(LoadPlan(graph, plan.metadata, plan.segments, Cpu(), {}, empty).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a key depends on structure, build, device and every option") {
  const Digest structure = StructureDigest(PlanGraphs()[0].graph);
  const Digest build = Digest::Of("build");
  const DeviceDescription device = Cpu().Describe();
  std::set<Digest> keys = {PlanKey(structure, build, device, {})};
  keys.insert(PlanKey(StructureDigest(PlanGraphs()[1].graph), build, device, {}));
  keys.insert(PlanKey(structure, Digest::Of("another build"), device, {}));
  keys.insert(PlanKey(structure, build, device, {.num_threads = 1}));
  keys.insert(PlanKey(structure, build, device, {.fuse = false}));
  keys.insert(PlanKey(structure, build, device, {.claim = false}));
  DeviceDescription other = device;
  other.fingerprint += " ";
  keys.insert(PlanKey(structure, build, other, {}));
  other = device;
  other.name = "gpu";
  keys.insert(PlanKey(structure, build, other, {}));
  CHECK(keys.size() == 8);
  other = device;
  other.description = "the same, described otherwise";
  CHECK(PlanKey(structure, build, other, {}) == PlanKey(structure, build, device, {}));
}

TEST_CASE("the cpu's fingerprint names instruction set, threads and oneDNN's version") {
  const std::string fingerprint = Cpu().Describe().fingerprint;
  for (const char* part : {"oneDNN ", " isa 0x", " threads "}) {
    CHECK(fingerprint.find(part) != std::string::npos);
  }
}

}  // namespace
}  // namespace modeld
