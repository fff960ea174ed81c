#include "engine/lower/lower.h"

#include <catch2/catch.hpp>
#include <memory>

#include "engine/core/print.h"
#include "engine/graph/limits.h"
#include "engine/lower/fake_support.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

// Folding fails these tests where it is not expected.
struct NoEvaluator : core::Evaluator {
  absl::StatusOr<std::vector<Region>> Evaluate(const core::Graph&, const core::Node& node,
                                               std::span<const Region>) const override {
    return absl::InternalError("folded " + node.label);
  }
};

Graph Validated(TestGraph& g) {
  auto graph = Validate(g.graph(), GraphLimits{});
  INFO(std::string(graph.status().message()));
  REQUIRE(graph.ok());
  return *std::move(graph);
}

std::string Text(const absl::StatusOr<core::Graph>& graph) {
  return graph.ok() ? core::ToString(*graph) : graph.status().ToString();
}

// y = relu(conv2d(x, filter) + bias)
Graph ConvolutionGraph() {
  TestGraph g;
  const OperandId x = g.Float("x", {1, 3, 4, 4});
  const OperandId filter = g.Zeros(DataType::kFloat32, {2, 3, 1, 1});
  const OperandId bias = g.Zeros(DataType::kFloat32, {2});
  const OperandId stem = g.Op("conv2d", {x, filter}, {{"bias", bias}}, "stem");
  g.Output("y", g.Op("relu", {stem}, {}, "act"));
  return Validated(g);
}

bool FusesConvolution(const core::Graph&, const core::Node& node, const core::PostOp&) {
  return std::holds_alternative<core::Convolution>(node.op);
}

TEST_CASE("an operation that nobody claims is decomposed, and its bias and activation are fused") {
  FakeSupport support;
  support.fuses = FusesConvolution;
  const auto graph = Lower(ConvolutionGraph(), support, NoEvaluator(), {});
  CHECK(Text(graph) ==
        "%0 float32[1,3,4,4] = input\n"
        "%1 float32[2,3,1,1] = constant\n"
        "%2 float32[1,2,1,1] = constant\n"
        "%3 float32[] = constant\n"
        "%4 float32[1,2,4,4] = convolution(%0, %1) strides=[1,1] dilations=[1,1] padding=[0,0,0,0] groups=1; "
        "binary add(., %2); binary max(., %3)\n"
        "output %4\n");
  REQUIRE(graph.ok());
  CHECK(graph->nodes[0].label == "conv2d \"stem\"");
}

TEST_CASE("without fusion every node runs alone") {
  FakeSupport support;
  support.fuses = FusesConvolution;
  const auto graph = Lower(ConvolutionGraph(), support, NoEvaluator(), {.fuse = false});
  REQUIRE(graph.ok());
  CHECK(graph->nodes.size() > 1);
  for (const core::Node& node : graph->nodes) CHECK(node.post_ops.empty());
}

TEST_CASE("a claimed operation stays whole, with the operands of its attributes behind its own") {
  FakeSupport support;
  support.claims = {"conv2d", "relu"};
  const auto graph = Lower(ConvolutionGraph(), support, NoEvaluator(), {});
  CHECK(Text(graph) ==
        "%0 float32[1,3,4,4] = input\n"
        "%1 float32[2,3,1,1] = constant\n"
        "%2 float32[2] = constant\n"
        "%3 float32[1,2,4,4] = native conv2d(%0, %1, %2)\n"
        "%4 float32[1,2,4,4] = native relu(%3)\n"
        "output %4\n");
  REQUIRE(graph.ok());
  const auto& native = std::get<core::Native>(graph->nodes[0].op);
  CHECK(native.operation.attributes.count("strides") == 1);
  CHECK(graph->nodes[0].label == "conv2d \"stem\"");
}

TEST_CASE("with claiming off the backend is not asked") {
  FakeSupport support;
  support.claims = {"conv2d", "relu"};
  const auto graph = Lower(ConvolutionGraph(), support, NoEvaluator(), {.claim = false});
  CHECK(Text(graph).find("native") == std::string::npos);
  CHECK(Text(graph).find("convolution(") != std::string::npos);
}

TEST_CASE("an identity leaves nothing behind, an unused input stays") {
  TestGraph g;
  const OperandId x = g.Float("x", {2});
  g.Float("unused", {3});
  g.Output("same", g.Op("identity", {x}));
  const auto graph = Lower(Validated(g), FakeSupport(), NoEvaluator(), {});
  CHECK(Text(graph) ==
        "%0 float32[2] = input\n"
        "%1 float32[3] = input\n"
        "output %0\n");
}

TEST_CASE("an output that is a constant needs its bytes too") {
  TestGraph g;
  g.Float("x", {2});
  const OperandId constant = g.Zeros(DataType::kFloat32, {4});
  g.Output("y", g.Op("reshape", {constant}, {{"newShape", Ints({2, 2})}}, "turn"));
  Graph graph = Validated(g);
  CHECK(Text(Lower(graph, FakeSupport(), NoEvaluator(), {})) ==
        "%0 float32[2] = input\n%1 float32[2,2] = constant\noutput %1\n");
  graph.operands[constant.value].bytes = Region::Copy("123");
  const absl::Status status = Lower(graph, FakeSupport(), NoEvaluator(), {}).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) ==
        "reshape \"turn\": constant 1: 3 bytes are present, float32[4] takes 16");
}

TEST_CASE("an evaluator's failure and an operation outside the table are errors that name it") {
  TestGraph g;
  const OperandId constant = g.Zeros(DataType::kFloat32, {4});
  const OperandId x = g.Float("x", {4});
  g.Output("y", g.Op("add", {x, g.Op("exp", {constant}, {}, "bias")}));
  Graph graph = Validated(g);
  CHECK(std::string(Lower(graph, FakeSupport(), NoEvaluator(), {}).status().message()) ==
        "folded exp \"bias\"");
  graph.operations[0].type = "frobnicate";
  const absl::Status status = Lower(graph, FakeSupport(), NoEvaluator(), {}).status();
  CHECK(status.code() == absl::StatusCode::kUnimplemented);
  CHECK(std::string(status.message()).rfind("frobnicate \"bias\": ", 0) == 0);
}

// y = composite(x, x) with the body softmax(a + b).
Graph CompositeGraph() {
  TestGraph body;
  const OperandId a = body.Float("", {2, 2});
  const OperandId b = body.Float("", {2, 2});
  body.Output("", body.Op("softmax", {body.Op("add", {a, b})}, {{"axis", Int(1)}}, "probabilities"));
  TestGraph g;
  const OperandId x = g.Float("x", {2, 2});
  g.Output("y", g.Op("composite", {x, x},
                     {{"name", Str("acme.Sum")},
                      {"body", GraphValue{std::make_shared<const Graph>(body.graph())}}},
                     "fused"));
  return Validated(g);
}

TEST_CASE("a composite that nobody claims becomes its body's operations, which may be claimed") {
  FakeSupport support;
  support.claims = {"softmax"};
  const auto graph = Lower(CompositeGraph(), support, NoEvaluator(), {});
  CHECK(Text(graph) ==
        "%0 float32[2,2] = input\n"
        "%1 float32[2,2] = binary add(%0, %0)\n"
        "%2 float32[2,2] = native softmax(%1)\n"
        "output %2\n");
  REQUIRE(graph.ok());
  CHECK(graph->nodes[1].label == "composite \"fused\": softmax \"probabilities\"");
}

TEST_CASE("a composite that the backend claims stays whole") {
  FakeSupport support;
  support.claims = {"composite"};
  CHECK(Text(Lower(CompositeGraph(), support, NoEvaluator(), {})) ==
        "%0 float32[2,2] = input\n"
        "%1 float32[2,2] = native composite(%0, %0)\n"
        "output %1\n");
}

TEST_CASE("a graph that comes to too many core operations is refused by name") {
  const auto graph = Lower(CompositeGraph(), FakeSupport(), NoEvaluator(), {.max_core_nodes = 2});
  CHECK(graph.status().code() == absl::StatusCode::kResourceExhausted);
  CHECK(
      std::string(graph.status().message()) ==
      "composite \"fused\": softmax \"probabilities\": the graph comes to more than 2 core operations here");
}

}  // namespace
}  // namespace modeld
