#include "engine/engine.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/backend/reference/reference_backend.h"
#include "engine/graph/limits.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "engine/runtime/executor.h"
#include "engine/testing/tensor.h"

namespace modeld {
namespace {

using testing::Tensor;
using testing::TensorOf;
using testing::ValuesOf;

constexpr DataType kF32 = DataType::kFloat32;

OperandId Constant(TestGraph& g, const Tensor& tensor) {
  return g.Constant(tensor.descriptor.data_type, tensor.descriptor.shape,
                    std::string(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()));
}

Graph Validated(TestGraph& g) {
  auto graph = Validate(g.graph(), GraphLimits{});
  INFO(std::string(graph.status().message()));
  REQUIRE(graph.ok());
  return *std::move(graph);
}

// relu(x * weights + bias), y = softmax of it.
Graph Classifier() {
  TestGraph g;
  const OperandId x = g.Float("x", {1, 2});
  const OperandId weights = Constant(g, TensorOf(kF32, {2, 3}, {1, 2, 3, 4, 5, 6}));
  const OperandId bias = Constant(g, TensorOf(kF32, {3}, {-10, 0, 10}));
  const OperandId product = g.Op("matmul", {x, weights}, {}, "product");
  const OperandId sum = g.Op("add", {product, bias}, {}, "sum");
  const OperandId relu = g.Op("relu", {sum});
  const OperandId softmax = g.Op("softmax", {relu}, {{"axis", Int(1)}});
  g.Output("relu", relu);
  g.Output("probabilities", softmax);
  return Validated(g);
}

std::vector<Tensor> Run(const Program& program, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> results;
  for (const TensorDescriptor& output : program.outputs) {
    results.push_back({.descriptor = output, .bytes = std::vector<std::byte>(*output.ByteSize())});
  }
  std::vector<std::span<const std::byte>> in(inputs.size());
  std::vector<std::span<std::byte>> out(results.size());
  for (size_t i = 0; i < inputs.size(); ++i) in[i] = inputs[i].bytes;
  for (size_t i = 0; i < results.size(); ++i) out[i] = results[i].bytes;
  auto arena = Arena::Create(program);
  REQUIRE(arena.ok());
  const absl::Status status = Execute(program, in, out, *arena, nullptr);
  INFO(std::string(status.message()));
  REQUIRE(status.ok());
  return results;
}

TEST_CASE("a graph is compiled and runs") {
  const auto program = CompileGraph(Classifier(), ReferenceBackend(), {});
  INFO(std::string(program.status().message()));
  REQUIRE(program.ok());
  const std::vector<Tensor> results = Run(**program, {TensorOf(kF32, {1, 2}, {1, -1})});
  // 1 - 4 - 10, 2 - 5, 3 - 6 + 10
  CHECK(ValuesOf(results[0]) == std::vector<double>{0, 0, 7});
  const std::vector<double> probabilities = ValuesOf(results[1]);
  CHECK(probabilities[2] == Approx(std::exp(7) / (std::exp(7) + 2)));
  CHECK(probabilities[0] + probabilities[1] + probabilities[2] == Approx(1));
}

TEST_CASE("a program shares its graph's constants") {
  const Graph graph = Classifier();
  const auto program = CompileGraph(graph, ReferenceBackend(), {});
  REQUIRE(program.ok());
  CHECK((*program)->packed_bytes == 0);
  const std::byte* const weights = graph.operands[1].bytes.bytes().data();
  bool shared = false;
  for (const Region& constant : (*program)->constants) shared |= constant.bytes().data() == weights;
  CHECK(shared);
}

TEST_CASE("a constant whose bytes are not there is named") {
  Graph graph = Classifier();
  graph.operands[1].bytes = Region();
  const absl::Status status = CompileGraph(graph, ReferenceBackend(), {}).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) ==
        "matmul \"product\": constant 1: 0 bytes are present, float32[2,3] takes 24");
}

}  // namespace
}  // namespace modeld
