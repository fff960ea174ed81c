// What joins a composite operation and its body, and how both are carried.
#include <catch2/catch.hpp>
#include <memory>

#include "engine/graph/canonical.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

// y = relu(a + b), over inputs of this shape.
Graph AddRelu(Shape shape = {2, 3}) {
  TestGraph g;
  const OperandId a = g.Float("", shape);
  const OperandId b = g.Float("", shape);
  g.Output("", g.Op("relu", {g.Op("add", {a, b}, {}, "sum")}));
  return g.graph();
}

AttributeValue Body(Graph graph) {
  return GraphValue{std::make_shared<const Graph>(std::move(graph))};
}

// A composite of this body over two float32[2,3].
TestGraph Around(Graph body, Attributes more = {}, size_t outputs = 1) {
  TestGraph g;
  const OperandId x = g.Float("x", {2, 3});
  const OperandId y = g.Zeros(DataType::kFloat32, {2, 3});
  Attributes attributes = {{"name", Str("acme.AddRelu")}, {"body", Body(std::move(body))}};
  attributes.insert(more.begin(), more.end());
  const std::vector<OperandId> results = g.OpN(outputs, "composite", {x, y}, attributes, "fused");
  for (size_t i = 0; i < results.size(); ++i) g.Output("out" + std::to_string(i), results[i]);
  return g;
}

std::string ErrorOf(const Graph& graph, const GraphLimits& limits = {}) {
  const auto result = Validate(graph, limits);
  CHECK(result.status().code() == absl::StatusCode::kInvalidArgument);
  return std::string(result.status().message());
}

// `depth` composites within each other.
Graph Nested(int depth) {
  Graph graph = AddRelu();
  for (int i = 1; i < depth; ++i) {
    TestGraph g;
    const OperandId a = g.Float("", {2, 3});
    const OperandId b = g.Float("", {2, 3});
    g.Output("", g.Op("composite", {a, b}, {{"name", Str("deep")}, {"body", Body(std::move(graph))}}));
    graph = g.graph();
  }
  return graph;
}

TEST_CASE("a composite has its body's outputs, and the body is completed") {
  const auto graph = Validate(Around(AddRelu(), {{"epsilon", 1e-5}, {"heads", Int(4)}}).graph(), {});
  REQUIRE(graph.ok());
  CHECK(graph->descriptor(graph->outputs[0].operand).ToString() == "float32[2,3]");
  const Graph* body = BodyOf(graph->operations[0]);
  REQUIRE(body != nullptr);
  CHECK(body->descriptor(body->outputs[0].operand).ToString() == "float32[2,3]");
}

TEST_CASE("a body that does not fit its composite is refused") {
  TestGraph three;
  const OperandId a = three.Float("", {2, 3});
  three.Float("", {2, 3});
  three.Float("", {2, 3});
  three.Output("", three.Op("relu", {a}));
  CHECK(ErrorOf(Around(three.graph()).graph()).rfind("composite \"fused\": body's inputs ", 0) == 0);

  CHECK(ErrorOf(Around(AddRelu({3, 3})).graph()) ==
        "composite \"fused\": inputs[0] is float32[2,3], expected float32[3,3] like the body's input");
  CHECK(
      ErrorOf(Around(AddRelu(), {}, 2).graph()).rfind("composite \"fused\": outputs are 2, expected 1", 0) ==
      0);
}

TEST_CASE("an error within a body names both operations") {
  Graph body = AddRelu();
  body.operands[body.inputs[1].value].descriptor.shape = {2, 2};
  const std::string error = ErrorOf(Around(body).graph());
  INFO(error);
  CHECK(error.rfind("composite \"fused\": body is wrong: add \"sum\": ", 0) == 0);
}

TEST_CASE("a body has neither names nor constants") {
  Graph named = AddRelu();
  named.operands[named.inputs[0].value].name = "a";
  CHECK(ErrorOf(Around(named).graph()) ==
        "composite \"fused\": body is wrong: input \"a\" has a name within a body");
  Graph constant = AddRelu();
  constant.operands[constant.inputs[1].value].kind = OperandKind::kConstant;
  constant.inputs.pop_back();
  CHECK(
      ErrorOf(Around(constant).graph()) ==
      "composite \"fused\": body is wrong: constant 1 stands in a body, which takes what it needs as inputs");
}

TEST_CASE("name and body must be there, further attributes must be plain data") {
  Graph graph = Around(AddRelu()).graph();
  Graph changed = graph;
  changed.operations[0].attributes["name"] = Str("");
  CHECK(ErrorOf(changed) == "composite \"fused\": name is empty");
  changed.operations[0].attributes.erase("name");
  CHECK(ErrorOf(changed) == "composite \"fused\": name is missing");
  changed = graph;
  changed.operations[0].attributes.erase("body");
  CHECK(ErrorOf(changed) == "composite \"fused\": body is missing");
  changed.operations[0].attributes["body"] = GraphValue{};
  CHECK(ErrorOf(changed) == "composite \"fused\": body is empty");
  changed = graph;
  changed.operations[0].attributes["scale"] = OperandId{0};
  CHECK(ErrorOf(changed) == "composite \"fused\": attribute \"scale\" is an operand, expected plain data");
}

TEST_CASE("bodies are limited in depth and, together, in size") {
  GraphLimits limits;
  limits.max_composite_depth = 3;
  CHECK(Validate(Around(Nested(3)).graph(), limits).ok());
  const std::string error = ErrorOf(Around(Nested(4)).graph(), limits);
  CHECK(error.find("is nested too deeply") != std::string::npos);
  // One around three of which the innermost has two.
  limits.max_operations = 4;
  CHECK(ErrorOf(Around(Nested(3)).graph(), limits) == "graph has 5 operations, expected at most 4");
}

TEST_CASE("canonical bytes carry bodies, and everything in them changes the model id") {
  const Graph graph = *Validate(Around(Nested(2), {{"axis", Int(1)}}).graph(), {});
  const auto decoded = DecodeCanonical(EncodeCanonical(graph), {});
  INFO(decoded.status());
  REQUIRE(decoded.ok());
  CHECK(EncodeCanonical(*decoded) == EncodeCanonical(graph));
  CHECK(Validate(*decoded, {}).ok());
  const Digest id = ModelIdOf(graph);
  CHECK(ModelIdOf(*Validate(Around(Nested(2), {{"axis", Int(2)}}).graph(), {})) != id);
  CHECK(ModelIdOf(*Validate(Around(Nested(3), {{"axis", Int(1)}}).graph(), {})) != id);
  Graph tanh = Nested(1);
  tanh.operations[1].type = "tanh";
  CHECK(ModelIdOf(*Validate(Around(tanh).graph(), {})) !=
        ModelIdOf(*Validate(Around(Nested(1)).graph(), {})));
}

TEST_CASE("canonical bytes with bodies too deep or with constants in them are refused") {
  const Graph graph = *Validate(Around(Nested(4)).graph(), {});
  GraphLimits limits;
  limits.max_composite_depth = 3;
  const absl::Status status = DecodeCanonical(EncodeCanonical(graph), limits).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()).find("bodies are nested deeper than 3") != std::string::npos);

  Graph constant = AddRelu();
  constant.operands[constant.inputs[1].value].kind = OperandKind::kConstant;
  constant.inputs.pop_back();
  const auto decoded = DecodeCanonical(EncodeCanonical(Around(constant).graph()), {});
  CHECK(std::string(decoded.status().message()).find("a body has a constant") != std::string::npos);
}

}  // namespace
}  // namespace modeld
