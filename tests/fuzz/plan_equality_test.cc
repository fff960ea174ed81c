// Random graphs of every operation: a program out of a plan gives bit for bit what the compiled one gives.
#include <catch2/catch.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"
#include "engine/plan/test_plans.h"
#include "engine/runtime/executor.h"
#include "tests/fuzz/graph_maker.h"
#include "tests/fuzz/seed.h"

namespace modeld::fuzz {
namespace {

using Bytes = std::vector<std::byte>;

// One way of compiling.
struct Way {
  std::string name;
  const Backend* backend;
  CompileOptions options;
};

absl::StatusOr<std::vector<Bytes>> Run(const Program& program, const Graph& graph, const Sample& sample) {
  std::vector<Bytes> results;
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (OperandId id : graph.inputs) in.emplace_back(sample.inputs.at(graph.operand(id).name).bytes);
  for (const TensorDescriptor& output : program.outputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, output.ByteSize());
    results.emplace_back(bytes, std::byte{0xA5});
  }
  for (Bytes& result : results) out.emplace_back(result);
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(program));
  MODELD_RETURN_IF_ERROR(Execute(program, in, out, arena, nullptr));
  return results;
}

// What differs, or nothing.
absl::Status Compare(const Sample& sample, const Way& way) {
  MODELD_ASSIGN_OR_RETURN(const Graph graph, Validate(sample.graph, SampleLimits()));
  MODELD_ASSIGN_OR_RETURN(const CompiledGraph compiled, CompileForPlan(graph, *way.backend, way.options));
  testing::Constants constants(graph);
  MODELD_ASSIGN_OR_RETURN(const auto loaded,
                          LoadPlan(testing::Relabelled(graph), compiled.plan.metadata, compiled.plan.segments,
                                   *way.backend, way.options, constants.Source()));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Bytes> expected, Run(*compiled.program, graph, sample));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Bytes> found, Run(*loaded, graph, sample));
  if (found != expected) return absl::InternalError("results differ");
  if (loaded->packed_bytes != compiled.program->packed_bytes)
    return absl::InternalError("packed bytes differ");
  return absl::OkStatus();
}

TEST_CASE("a plan of random graphs of each operation gives the compiled program's bits") {
  const ReferenceBackend reference;
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  const Way ways[] = {{"reference", &reference, {.num_threads = 1}},
                      {"cpu", cpu.get(), {.num_threads = 1}},
                      {"cpu, not fused", cpu.get(), {.num_threads = 1, .fuse = false}},
                      {"cpu, nothing claimed", cpu.get(), {.num_threads = 2, .claim = false}}};
  const uint64_t first_seed = SeedOfTest();
  const auto check = [&](uint64_t seed, const MakerOptions& options) {
    const Sample sample = RandomSample(seed, options);
    for (const Way& way : ways) {
      const absl::Status status = Compare(sample, way);
      if (!status.ok())
        FAIL_CHECK("seed " << seed << ", " << options.only << ", " << way.name << ": " << status);
    }
  };
  for (const OpSchema& row : AllOps()) {
    for (uint64_t i = 0; i < 4; ++i)
      check(first_seed + i, {.max_operations = 4, .only = std::string(row.type)});
  }
  for (uint64_t i = 0; i < 150; ++i) check(first_seed + i, {});
  SUCCEED("all agree");
}

}  // namespace
}  // namespace modeld::fuzz
