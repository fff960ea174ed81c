// Trained models out of their plans: the same numbers, bit for bit, and no weight read that was packed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/plan/test_plans.h"
#include "tools/importer/onnx_importer.h"

namespace modeld {
namespace {

// The models that are there: our own, and those of the shared folder.
std::vector<std::string> Models() {
  std::vector<std::string> models = {"tools/digits/model.onnx"};
  const char* shared = std::getenv("MODELD_SHARED");
  const std::filesystem::path folder = std::string(shared == nullptr ? "" : shared) + "/models";
  if (shared == nullptr || !std::filesystem::is_directory(folder)) {
    std::cout << "skipped the shared models: they are not there (MODELD_SHARED)\n";
    return models;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(entry.path() / "model.onnx")) models.push_back(entry.path() / "model.onnx");
  }
  return models;
}

void CheckPlan(const Graph& graph, const Backend& backend, const CompileOptions& options) {
  const auto compiled = CompileForPlan(graph, backend, options);
  INFO(compiled.status());
  REQUIRE(compiled.ok());
  testing::Constants constants(graph);
  const auto loaded = LoadPlan(testing::Relabelled(graph), compiled->plan.metadata, compiled->plan.segments,
                               backend, options, constants.Source());
  INFO(loaded.status());
  REQUIRE(loaded.ok());
  CHECK((*loaded)->packed_bytes == compiled->program->packed_bytes);
  CHECK((*loaded)->arena_bytes == compiled->program->arena_bytes);
  uint64_t graph_bytes = 0;
  uint64_t asked_bytes = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    graph_bytes += operand.bytes.size();
    if (constants.asked().contains(operand.digest)) asked_bytes += operand.bytes.size();
  }
  // What was packed and what is still read are, together, hardly more than the weights.
  if (compiled->program->packed_bytes > graph_bytes / 2) CHECK(asked_bytes < graph_bytes / 2);
  const auto expected = testing::RunOnce(*compiled->program);
  const auto found = testing::RunOnce(**loaded);
  REQUIRE(expected.ok());
  REQUIRE(found.ok());
  CHECK(*found == *expected);
}

TEST_CASE("every model gives the same bits out of its plan") {
  const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  const ReferenceBackend reference;
  for (const std::string& path : Models()) {
    INFO(path);
    const auto model = importer::ImportOnnx(path);
    INFO(model.status());
    REQUIRE(model.ok());
    CheckPlan(model->graph, *cpu, {});
    CheckPlan(model->graph, *cpu, {.fuse = false});
    CheckPlan(model->graph, reference, {});
  }
}

}  // namespace
}  // namespace modeld
