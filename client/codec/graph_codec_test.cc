#include "client/codec/graph_codec.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <string>

namespace modeld {
namespace {

// Every kind of operand and of attribute once.
Graph SampleGraph() {
  Graph graph;
  Operand input, constant, known, unknown;
  input.kind = OperandKind::kInput;
  input.descriptor = {DataType::kFloat32, {1, 3, 8, 8}};
  input.name = "image";
  constant.kind = OperandKind::kConstant;
  constant.descriptor = {DataType::kFloat16, {4, 3, 3, 3}};
  constant.digest = Digest::Of("filter");
  known.descriptor = {DataType::kInt32, {}};
  graph.operands = {input, constant, known, unknown};
  graph.inputs = {{0}};
  graph.operations.push_back(
      {.type = "conv2d",
       .label = "stem",
       .inputs = {{0}, {1}},
       .attributes = {{"bool", true},
                      {"int", int64_t{std::numeric_limits<int64_t>::min()}},
                      {"float", 0.1},
                      {"string", std::string("nhwc")},
                      {"type", DataType::kInt8},
                      {"operand", OperandId{1}},
                      {"ints", std::vector<int64_t>{-1, 0, std::numeric_limits<int64_t>::max()}},
                      {"floats", std::vector<double>{-0.0, std::numeric_limits<double>::infinity()}},
                      {"strings", std::vector<std::string>{"relu", ""}},
                      {"operands", std::vector<OperandId>{{0}, {3}}},
                      {"empty", std::vector<int64_t>{}}},
       .outputs = {{2}, {3}}});
  graph.outputs = {{"probabilities", {3}}};
  return graph;
}

void CheckEqual(const Graph& a, const Graph& b) {
  REQUIRE(a.operands.size() == b.operands.size());
  for (size_t i = 0; i < a.operands.size(); ++i) {
    INFO("operand " << i);
    CHECK(a.operands[i].kind == b.operands[i].kind);
    CHECK((a.operands[i].descriptor == b.operands[i].descriptor));
    CHECK(a.operands[i].name == b.operands[i].name);
    CHECK((a.operands[i].digest == b.operands[i].digest));
  }
  CHECK((a.inputs == b.inputs));
  REQUIRE(a.operations.size() == b.operations.size());
  for (size_t i = 0; i < a.operations.size(); ++i) {
    CHECK(a.operations[i].type == b.operations[i].type);
    CHECK(a.operations[i].label == b.operations[i].label);
    CHECK((a.operations[i].inputs == b.operations[i].inputs));
    CHECK((a.operations[i].outputs == b.operations[i].outputs));
    CHECK((a.operations[i].attributes == b.operations[i].attributes));
  }
  REQUIRE(a.outputs.size() == b.outputs.size());
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    CHECK(a.outputs[i].name == b.outputs[i].name);
    CHECK((a.outputs[i].operand == b.outputs[i].operand));
  }
}

TEST_CASE("a graph comes back equal through the wire") {
  const Graph graph = SampleGraph();
  v1::Graph parsed;
  REQUIRE(parsed.ParseFromString(EncodeGraph(graph).SerializeAsString()));
  const auto decoded = DecodeGraph(parsed, GraphLimits());
  REQUIRE(decoded.ok());
  CheckEqual(graph, *decoded);
}

TEST_CASE("every data type comes back, and no other number is one") {
  for (int number = -1; number <= 20; ++number) {
    const auto type = DecodeDataType(static_cast<v1::DataType>(number), "t");
    INFO(number);
    REQUIRE(type.ok() == (number >= 1 && number <= 10));
    if (type.ok()) CHECK(EncodeDataType(*type) == number);
  }
  CHECK(DecodeDataType(v1::DATA_TYPE_UNSPECIFIED, "t").status().message() == "t: data type is not set");
}

TEST_CASE("an intermediate operand without descriptor is left to inference") {
  const v1::Graph message = EncodeGraph(SampleGraph());
  CHECK(message.operands(2).has_tensor_descriptor());
  CHECK_FALSE(message.operands(3).has_tensor_descriptor());
}

TEST_CASE("a hostile graph is refused with the name of the field") {
  struct Case {
    std::string name;
    std::function<void(v1::Graph&)> harm;
    std::string message_begins;
  };
  const auto attribute = [](v1::Graph& g, const char* name) -> v1::AttributeValue& {
    return (*g.mutable_operations(0)->mutable_attributes())[name];
  };
  const Case cases[] = {
      {"input index", [](v1::Graph& g) { g.set_inputs(0, 4); }, "graph.inputs[0]: operand 4 does not exist"},
      {"op input", [](v1::Graph& g) { g.mutable_operations(0)->set_inputs(1, 0xffffffff); },
       "graph.operations[0].inputs[1]: operand 4294967295 does not exist"},
      {"op output", [](v1::Graph& g) { g.mutable_operations(0)->set_outputs(0, 9); },
       "graph.operations[0].outputs[0]: "},
      {"output", [](v1::Graph& g) { g.mutable_outputs(0)->set_operand(77); }, "graph.outputs[0].operand: "},
      {"unset kind",
       [](v1::Graph& g) { g.add_operands()->mutable_tensor_descriptor()->set_data_type(v1::DATA_TYPE_INT8); },
       "graph.operands[4].kind: is not set"},
      {"no descriptor", [](v1::Graph& g) { g.mutable_operands(0)->clear_tensor_descriptor(); },
       "graph.operands[0].tensor_descriptor.data_type: data type is not set"},
      {"strange type",
       [](v1::Graph& g) {
         g.mutable_operands(0)->mutable_tensor_descriptor()->set_data_type(static_cast<v1::DataType>(99));
       },
       "graph.operands[0].tensor_descriptor.data_type: data type 99 is unknown"},
      {"rank",
       [](v1::Graph& g) {
         for (int i = 0; i < 9; ++i) g.mutable_operands(0)->mutable_tensor_descriptor()->add_shape(1);
       },
       "graph.operands[0].tensor_descriptor.shape: has 13 elements"},
      {"zero dimension",
       [](v1::Graph& g) { g.mutable_operands(0)->mutable_tensor_descriptor()->set_shape(1, 0); },
       "graph.operands[0].tensor_descriptor: shape [1,0,8,8] has a dimension of size 0"},
      {"empty name", [](v1::Graph& g) { g.mutable_operands(0)->mutable_input()->clear_name(); },
       "graph.operands[0].input.name: is empty"},
      {"long name",
       [](v1::Graph& g) { *g.mutable_operands(0)->mutable_input()->mutable_name() = std::string(1025, 'x'); },
       "graph.operands[0].input.name: has 1025 bytes"},
      {"digest",
       [](v1::Graph& g) { g.mutable_operands(1)->mutable_constant()->mutable_blob()->set_sha256("x"); },
       "graph.operands[1].constant.blob.sha256: has 1 bytes, must have 32"},
      {"constant size",
       [](v1::Graph& g) { g.mutable_operands(1)->mutable_constant()->mutable_blob()->set_size_bytes(215); },
       "graph.operands[1].constant.blob.size_bytes: is 215, float16[4,3,3,3] has 216"},
      {"constant without blob", [](v1::Graph& g) { g.mutable_operands(1)->mutable_constant()->clear_blob(); },
       "graph.operands[1].constant.blob.sha256: "},
      {"attribute without value", [&](v1::Graph& g) { attribute(g, "bool").clear_kind(); },
       "graph.operations[0].attributes[\"bool\"]: has no value"},
      {"attribute's operand", [&](v1::Graph& g) { attribute(g, "operand").set_operand(4); },
       "graph.operations[0].attributes[\"operand\"]: operand 4 does not exist"},
      {"attribute's operands",
       [&](v1::Graph& g) { attribute(g, "operands").mutable_operands()->add_values(5); },
       "graph.operations[0].attributes[\"operands\"][2]: operand 5 does not exist"},
      {"attribute's type",
       [&](v1::Graph& g) { attribute(g, "type").set_data_type(v1::DATA_TYPE_UNSPECIFIED); },
       "graph.operations[0].attributes[\"type\"]: data type is not set"},
      {"long list",
       [&](v1::Graph& g) { attribute(g, "ints").mutable_ints()->mutable_values()->Resize(4097, 0); },
       "graph.operations[0].attributes[\"ints\"]: has 4097 elements"},
      {"long string",
       [&](v1::Graph& g) { attribute(g, "strings").mutable_strings()->add_values(std::string(1025, 'x')); },
       "graph.operations[0].attributes[\"strings\"][2]: has 1025 bytes"},
      {"long attribute name",
       [&](v1::Graph& g) { attribute(g, std::string(1025, 'x').c_str()).set_int_value(1); },
       "graph.operations[0].attributes: a name: has 1025 bytes"},
      {"many attributes",
       [&](v1::Graph& g) {
         for (int i = 0; i < 64; ++i) attribute(g, std::to_string(i).c_str()).set_int_value(1);
       },
       "graph.operations[0].attributes: has 75 elements"},
      {"label", [](v1::Graph& g) { g.mutable_operations(0)->set_label(std::string(1025, 'x')); },
       "graph.operations[0].label: has 1025 bytes"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    v1::Graph message = EncodeGraph(SampleGraph());
    c.harm(message);
    const auto decoded = DecodeGraph(message, GraphLimits());
    REQUIRE(decoded.status().code() == absl::StatusCode::kInvalidArgument);
    const std::string text(decoded.status().message());
    INFO(text);
    CHECK(text.substr(0, c.message_begins.size()) == c.message_begins);
  }
}

TEST_CASE("counts are checked against the limits") {
  const v1::Graph message = EncodeGraph(SampleGraph());
  const auto refused = [&](GraphLimits limits, const std::string& begins) {
    const std::string text(DecodeGraph(message, limits).status().message());
    INFO(text);
    CHECK(text.substr(0, begins.size()) == begins);
  };
  refused({.max_operands = 3}, "graph.operands: has 4 elements, at most 3");
  refused({.max_operations = 0}, "graph.operations: has 1 elements, at most 0");
  refused({.max_bindings = 0}, "graph.outputs: has 1 elements, at most 0");
  refused({.max_tensor_bytes = 767}, "graph.operands[0].tensor_descriptor: float32[1,3,8,8] has 768 bytes");
}

TEST_CASE("a 100-byte message that claims 2^62 elements costs nothing") {
  v1::Graph message;
  v1::Operand& operand = *message.add_operands();
  operand.mutable_input()->set_name("huge");
  operand.mutable_tensor_descriptor()->set_data_type(v1::DATA_TYPE_UINT8);
  operand.mutable_tensor_descriptor()->add_shape(uint32_t{1} << 31);
  operand.mutable_tensor_descriptor()->add_shape(uint32_t{1} << 31);
  REQUIRE(message.ByteSizeLong() < 100);
  CHECK(DecodeGraph(message, GraphLimits()).status().code() == absl::StatusCode::kInvalidArgument);

  // 2^93 elements do not fit any integer.
  operand.mutable_tensor_descriptor()->add_shape(uint32_t{1} << 31);
  CHECK(DecodeGraph(message, GraphLimits()).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a blob reference must have a digest and a size within the limits") {
  const GraphLimits limits{.max_tensor_bytes = 100};
  CHECK(DecodeBlobRef(EncodeBlobRef(Digest::Of("a"), 100), limits, "blob").ok());
  CHECK_FALSE(DecodeBlobRef(EncodeBlobRef(Digest::Of("a"), 101), limits, "blob").ok());
  CHECK_FALSE(DecodeBlobRef(EncodeBlobRef(Digest::Of("a"), 0), limits, "blob").ok());
  CHECK_FALSE(DecodeBlobRef(v1::BlobRef(), limits, "blob").ok());
}

// `depth` graphs within each other, each the body of the one around it.
Graph Nested(uint32_t depth) {
  Graph graph;
  Operand input, output;
  input.kind = OperandKind::kInput;
  input.descriptor = {DataType::kInt4, {3}};
  graph.operands = {input, output};
  graph.inputs = {{0}};
  Operation operation = {
      .type = "identity", .label = "", .inputs = {{0}}, .attributes = {}, .outputs = {{1}}};
  if (depth > 0) {
    operation.type = "composite";
    operation.attributes["body"] = GraphValue{std::make_shared<const Graph>(Nested(depth - 1))};
  }
  graph.operations = {operation};
  graph.outputs = {{"", {1}}};
  return graph;
}

Graph WithNames(Graph graph) {
  graph.operands[0].name = "x";
  graph.outputs[0].name = "y";
  return graph;
}

TEST_CASE("bodies survive, to the depth that is allowed") {
  const GraphLimits limits;
  const Graph graph = WithNames(Nested(limits.max_composite_depth));
  const auto decoded = DecodeGraph(EncodeGraph(graph), limits);
  INFO(decoded.status());
  REQUIRE(decoded.ok());
  const Graph* at = &*decoded;
  for (uint32_t i = 0; i < limits.max_composite_depth; ++i) {
    at = BodyOf(at->operations[0]);
    REQUIRE(at != nullptr);
  }
  CHECK(at->operations[0].type == "identity");
  CHECK(at->operands[0].descriptor.ToString() == "int4[3]");

  const absl::Status status =
      DecodeGraph(EncodeGraph(WithNames(Nested(limits.max_composite_depth + 1))), limits).status();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) == "graph: bodies are nested deeper than 8");
}

TEST_CASE("a body has neither names nor constants") {
  v1::Graph message = EncodeGraph(WithNames(Nested(1)));
  v1::Graph& body = *(*message.mutable_operations(0)->mutable_attributes())["body"].mutable_graph();
  body.mutable_operands(0)->mutable_input()->set_name("a");
  const std::string place = "graph.operations[0].attributes[\"body\"]";
  CHECK(std::string(DecodeGraph(message, {}).status().message()) ==
        place + ".operands[0].input.name: is set in a body");
  body.mutable_operands(0)->mutable_constant();
  CHECK(std::string(DecodeGraph(message, {}).status().message()) ==
        place + ".operands[0].constant: stands in a body");
}

}  // namespace
}  // namespace modeld
