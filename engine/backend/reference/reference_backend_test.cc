#include "engine/backend/reference/reference_backend.h"

#include "engine/backend/reference/expect.h"

namespace modeld {
namespace {

using testing::Tensor;
using testing::TensorOf;

constexpr DataType kF32 = DataType::kFloat32;

TEST_CASE("a graph of several nodes with constants, a reshape in the middle and outputs of every kind") {
  core::Graph graph;
  const auto input = testing::AddValue(graph, {kF32, {2, 2}});
  const auto constant = testing::AddConstant(graph, TensorOf(kF32, {2, 2}, {10, 20, 30, 40}));
  const auto sum = testing::AddValue(graph, {kF32, {2, 2}});
  const auto flat = testing::AddValue(graph, {kF32, {4}});
  const auto negative = testing::AddValue(graph, {kF32, {4}});
  graph.inputs = {input};
  graph.nodes = {
      {.op = core::Binary{core::BinaryFunction::kAdd}, .inputs = {input, constant}, .outputs = {sum}},
      {.op = core::Reshape{}, .inputs = {sum}, .outputs = {flat}},
      {.op = core::Unary{core::UnaryFunction::kNeg}, .inputs = {flat}, .outputs = {negative}}};
  graph.outputs = {negative, flat, input, constant};
  const std::vector<Tensor> inputs = {TensorOf(kF32, {2, 2}, {1, 2, 3, 4})};
  const auto results = testing::RunGraph(ReferenceBackend(), graph, inputs);
  REQUIRE(results.ok());
  CHECK(testing::ValuesOf(results->at(0)) == std::vector<double>{-11, -22, -33, -44});
  CHECK(testing::ValuesOf(results->at(1)) == std::vector<double>{11, 22, 33, 44});
  CHECK(testing::ValuesOf(results->at(2)) == std::vector<double>{1, 2, 3, 4});
  CHECK(testing::ValuesOf(results->at(3)) == std::vector<double>{10, 20, 30, 40});
}

TEST_CASE("native and fused nodes are refused by name") {
  const std::vector<Tensor> inputs = {TensorOf(kF32, {1}, {1})};
  Operation softmax;
  softmax.type = "softmax";
  core::Graph native = testing::GraphOf(core::Native{softmax}, inputs, {kF32, {1}});
  const absl::Status status = ReferenceBackend().Compile(native, {}).status();
  CHECK(status.code() == absl::StatusCode::kUnimplemented);
  CHECK(std::string(status.message()) == "it: the reference backend runs no native softmax");
  core::Graph fused = testing::GraphOf(core::Unary{core::UnaryFunction::kExp}, inputs, {kF32, {1}});
  fused.nodes[0].post_ops = {{.op = core::Unary{core::UnaryFunction::kNeg}}};
  CHECK(ReferenceBackend().Compile(fused, {}).status().code() == absl::StatusCode::kUnimplemented);
}

TEST_CASE("single nodes are computed from bytes, aligned or not") {
  const std::vector<Tensor> inputs = {TensorOf(kF32, {2}, {1, -2})};
  const core::Graph graph = testing::GraphOf(core::Unary{core::UnaryFunction::kAbs}, inputs, {kF32, {2}});
  std::vector<std::byte> shifted(1);
  shifted.insert(shifted.end(), inputs[0].bytes.begin(), inputs[0].bytes.end());
  const Region whole = Region::FromVector(shifted);
  const std::vector<Region> bytes = {Region(whole.bytes().subspan(1), whole.owner())};
  const auto results = ReferenceBackend().Evaluate(graph, graph.nodes[0], bytes);
  REQUIRE(results.ok());
  REQUIRE(results->size() == 1);
  const auto found = results->at(0).bytes();
  CHECK(std::vector<std::byte>(found.begin(), found.end()) == TensorOf(kF32, {2}, {1, 2}).bytes);
}

TEST_CASE("it claims and fuses nothing, so all is decomposed and run alone") {
  const ReferenceBackend backend;
  CHECK_FALSE(backend.Claims({}, {}));
  CHECK_FALSE(backend.Fuses({}, {.op = core::Contraction{}}, {.op = core::Unary{core::UnaryFunction::kExp}}));
  CHECK(backend.Describe().name == "reference");
}

}  // namespace
}  // namespace modeld
