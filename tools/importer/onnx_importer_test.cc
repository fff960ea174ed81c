#include "tools/importer/onnx_importer.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "onnx/onnx_pb.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Catch::Matchers::Contains;

// Writes small models and imports them.
class Model {
 public:
  Model() {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string name = std::string(base == nullptr ? "/tmp" : base) + "/importer_XXXXXX";
    folder_ = mkdtemp(name.data());
    Opset(13);
  }
  ~Model() { std::filesystem::remove_all(folder_); }

  void Opset(int64_t version) {
    proto.clear_opset_import();
    proto.add_opset_import()->set_version(version);
  }
  void Input(const std::string& name, std::initializer_list<int64_t> shape) {
    Describe(*proto.mutable_graph()->add_input(), name, shape);
  }
  void Output(const std::string& name) { Describe(*proto.mutable_graph()->add_output(), name, {}); }
  onnx::NodeProto& Node(const std::string& type, std::initializer_list<std::string> inputs,
                        std::initializer_list<std::string> outputs) {
    auto& node = *proto.mutable_graph()->add_node();
    node.set_op_type(type);
    node.set_name(type + "_" + *outputs.begin());
    for (const auto& input : inputs) node.add_input(input);
    for (const auto& output : outputs) node.add_output(output);
    return node;
  }
  onnx::TensorProto& Ints(const std::string& name, std::initializer_list<int64_t> values) {
    auto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::INT64);
    tensor.add_dims(static_cast<int64_t>(values.size()));
    for (int64_t value : values) tensor.add_int64_data(value);
    return tensor;
  }
  onnx::TensorProto& Floats(const std::string& name, std::initializer_list<int64_t> shape) {
    auto& tensor = *proto.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    int64_t count = 1;
    for (int64_t size : shape) {
      tensor.add_dims(size);
      count *= size;
    }
    for (int64_t i = 0; i < count; ++i) tensor.add_float_data(static_cast<float>(i));
    return tensor;
  }
  static void Set(onnx::NodeProto& node, const std::string& name, int64_t value) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INT);
    attribute.set_i(value);
  }
  static void Set(onnx::NodeProto& node, const std::string& name, std::initializer_list<int64_t> values) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::INTS);
    for (int64_t value : values) attribute.add_ints(value);
  }
  absl::StatusOr<ImportedModel> Import() {
    const std::string path = (folder_ / "model.onnx").string();
    std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
    return ImportOnnx(path);
  }
  const std::filesystem::path& folder() const { return folder_; }

  onnx::ModelProto proto;

 private:
  static void Describe(onnx::ValueInfoProto& info, const std::string& name,
                       std::initializer_list<int64_t> shape) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (int64_t size : shape) {
      if (size < 0) {
        type.mutable_shape()->add_dim()->set_dim_param("batch");
      } else {
        type.mutable_shape()->add_dim()->set_dim_value(size);
      }
    }
  }
  std::filesystem::path folder_;
};

Shape OutputShape(const ImportedModel& model, size_t index = 0) {
  return model.graph.descriptor(model.graph.outputs[index].operand).shape;
}

std::vector<std::string> Types(const ImportedModel& model) {
  std::vector<std::string> types;
  for (const Operation& operation : model.graph.operations) types.push_back(operation.type);
  return types;
}

TEST_CASE("a convolution keeps its name, names of inputs and outputs, and weights") {
  Model model;
  model.Input("image", {1, 3, 8, 8});
  model.Floats("w", {4, 3, 3, 3});
  model.Floats("b", {4});
  auto& node = model.Node("Conv", {"image", "w", "b"}, {"y"});
  Model::Set(node, "pads", {1, 1, 1, 1});
  Model::Set(node, "strides", {2, 2});
  model.Output("y");
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  CHECK(Types(*imported) == std::vector<std::string>{"conv2d"});
  CHECK(imported->graph.operations[0].label == "Conv_y");
  CHECK(imported->graph.operand(imported->graph.inputs[0]).name == "image");
  CHECK(imported->graph.outputs[0].name == "y");
  CHECK(OutputShape(*imported) == Shape{1, 4, 4, 4});
}

TEST_CASE("auto_pad resolves to the padding that keeps the size") {
  for (const std::string mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    Model model;
    model.Input("x", {1, 1, 5, 6});
    model.Floats("w", {1, 1, 2, 2});
    auto& node = model.Node("Conv", {"x", "w"}, {"y"});
    auto& attribute = *node.add_attribute();
    attribute.set_name("auto_pad");
    attribute.set_type(onnx::AttributeProto::STRING);
    attribute.set_s(mode);
    model.Output("y");
    const auto imported = model.Import();
    REQUIRE(imported.ok());
    CHECK(OutputShape(*imported) == (mode == "VALID" ? Shape{1, 1, 4, 5} : Shape{1, 1, 5, 6}));
    const auto padding =
        std::get<std::vector<int64_t>>(imported->graph.operations[0].attributes.at("padding"));
    if (mode == "SAME_UPPER") CHECK(padding == std::vector<int64_t>{0, 1, 0, 1});
    if (mode == "SAME_LOWER") CHECK(padding == std::vector<int64_t>{1, 0, 1, 0});
  }
}

TEST_CASE("shape arithmetic folds away") {
  // x.reshape(x.shape[0], -1), as exporters write it.
  Model model;
  model.Input("x", {2, 3, 4});
  model.Ints("zero", {0});
  model.Ints("minus_one", {-1});
  model.Node("Shape", {"x"}, {"shape"});
  auto& gather = model.Node("Gather", {"shape", "zero"}, {"batch"});
  Model::Set(gather, "axis", 0);
  auto& concat = model.Node("Concat", {"batch", "minus_one"}, {"target"});
  Model::Set(concat, "axis", 0);
  model.Node("Reshape", {"x", "target"}, {"y"});
  model.Output("y");
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  CHECK(imported->folded_nodes == 3);
  CHECK(Types(*imported) == std::vector<std::string>{"reshape"});
  CHECK(OutputShape(*imported) == Shape{2, 12});
}

TEST_CASE("softmax before opset 13 flattens, since then it does not") {
  for (const int64_t opset : {12, 13}) {
    Model model;
    model.Opset(opset);
    model.Input("x", {2, 3, 4});
    auto& node = model.Node("Softmax", {"x"}, {"y"});
    Model::Set(node, "axis", 1);
    model.Output("y");
    const auto imported = model.Import();
    REQUIRE(imported.ok());
    CHECK(OutputShape(*imported) == Shape{2, 3, 4});
    const std::vector<std::string> flattened = {"reshape", "softmax", "reshape"};
    CHECK(Types(*imported) == (opset < 13 ? flattened : std::vector<std::string>{"softmax"}));
  }
}

TEST_CASE("matmul with vectors has numpy's shapes") {
  struct Row {
    std::initializer_list<int64_t> a, b;
    Shape y;
  };
  for (const Row& row :
       {Row{{4}, {4, 3}, {3}}, Row{{2, 4}, {4}, {2}}, Row{{4}, {4}, {}}, Row{{5, 2, 4}, {4}, {5, 2}}}) {
    Model model;
    model.Input("a", row.a);
    model.Input("b", row.b);
    model.Node("MatMul", {"a", "b"}, {"y"});
    model.Output("y");
    const auto imported = model.Import();
    REQUIRE(imported.ok());
    CHECK(OutputShape(*imported) == row.y);
  }
}

TEST_CASE("dead branches and initializers are left out") {
  Model model;
  model.Input("x", {2});
  model.Floats("unused", {2});
  model.Node("Add", {"x", "unused"}, {"dead"});
  model.Node("Relu", {"x"}, {"y"});
  model.Output("y");
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  CHECK(Types(*imported) == std::vector<std::string>{"relu"});
  CHECK(imported->graph.operands.size() == 2);
}

TEST_CASE("an output that is an input or a constant passes through identity") {
  Model model;
  model.Input("x", {2});
  model.Floats("c", {3});
  model.Output("x");
  model.Output("c");
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  CHECK(Types(*imported) == std::vector<std::string>{"identity", "identity"});
}

TEST_CASE("all unknown operators are reported at once, by name and type") {
  Model model;
  model.Input("x", {2});
  model.Node("Frobnicate", {"x"}, {"a"});
  model.Node("Relu", {"a"}, {"b"});
  model.Node("Mystify", {"b"}, {"y"}).set_domain("com.example");
  model.Output("y");
  const auto status = model.Import().status();
  CHECK(status.code() == StatusCode::kUnimplemented);
  CHECK_THAT(std::string(status.message()), Contains("2 nodes") && Contains("Frobnicate \"Frobnicate_a\"") &&
                                                Contains("com.example.Mystify \"Mystify_y\""));
}

TEST_CASE("what is not static is refused by name") {
  Model model;
  model.Input("x", {-1, 3});
  model.Node("Relu", {"x"}, {"y"});
  model.Output("y");
  const auto status = model.Import().status();
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(status.message()), Contains("input \"x\" dimension 0 (\"batch\")"));
}

TEST_CASE("malformed models are refused, each with its reason") {
  Model model;
  model.Input("x", {2, 3});
  model.Output("y");
  std::string want;
  StatusCode code = StatusCode::kInvalidArgument;
  SECTION("an initializer with too few bytes") {
    model.Floats("w", {2, 3}).mutable_float_data()->RemoveLast();
    model.Node("Add", {"x", "w"}, {"y"});
    want = "initializer \"w\": has 5 elements";
  }
  SECTION("an initializer that claims 2^62 elements") {
    auto& tensor = model.Floats("w", {1});
    tensor.clear_float_data();
    tensor.set_raw_data("1234");
    tensor.clear_dims();
    for (int i = 0; i < 2; ++i) tensor.add_dims(int64_t{1} << 31);
    model.Node("Add", {"x", "w"}, {"y"});
    want = "initializer \"w\"";
  }
  SECTION("a negative dimension") {
    model.Floats("w", {1}).set_dims(0, -1);
    model.Node("Add", {"x", "w"}, {"y"});
    want = "dimension -1";
  }
  SECTION("a value that is not defined before its use") {
    model.Node("Relu", {"later"}, {"y"});
    model.Node("Relu", {"x"}, {"later"});
    want = "Relu \"Relu_y\": input \"later\" is not defined";
  }
  SECTION("a value that is defined twice") {
    model.Node("Relu", {"x"}, {"y"});
    model.Node("Relu", {"x"}, {"y"});
    want = "\"y\" is defined twice";
  }
  SECTION("an output that nothing computes") {
    model.Node("Relu", {"x"}, {"z"});
    want = "output \"y\" is never computed";
  }
  SECTION("shapes that do not fit") {
    model.Floats("w", {4});
    model.Node("Add", {"x", "w"}, {"y"});
    want = "add \"Add_y\"";
  }
  SECTION("an axis out of range") {
    auto& node = model.Node("Softmax", {"x"}, {"y"});
    Model::Set(node, "axis", 2);
    want = "axis 2 is outside a tensor of rank 2";
  }
  SECTION("a shape that depends on the input") {
    model.Node("Cast", {"x"}, {"shape"});
    Model::Set(*model.proto.mutable_graph()->mutable_node(0), "to", onnx::TensorProto::INT64);
    model.Node("Reshape", {"x", "shape"}, {"y"});
    want = "shape depends on the model's inputs";
    code = StatusCode::kUnimplemented;
  }
  SECTION("an opset from the future") {
    model.Opset(99);
    model.Node("Relu", {"x"}, {"y"});
    want = "opset 99";
    code = StatusCode::kUnimplemented;
  }
  const auto status = model.Import().status();
  INFO(status);
  CHECK(status.code() == code);
  CHECK_THAT(std::string(status.message()), Contains(want));
}

TEST_CASE("weights may lie beside the model") {
  Model model;
  model.Input("x", {2});
  auto& tensor = model.Floats("w", {2});
  tensor.clear_float_data();
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair{"location", "w.bin"}, {"offset", "4"}, {"length", "8"}}) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  model.Node("Add", {"x", "w"}, {"y"});
  model.Output("y");
  CHECK(model.Import().status().code() == StatusCode::kNotFound);
  std::ofstream(model.folder() / "w.bin", std::ios::binary) << "0000"
                                                            << "abcdefgh";
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  bool found = false;
  for (const Operand& operand : imported->graph.operands) {
    if (operand.kind == OperandKind::kConstant) found = operand.bytes.view() == "abcdefgh";
  }
  CHECK(found);
}

TEST_CASE("a file that is no model is refused") {
  Model model;
  const std::string path = (model.folder() / "x.onnx").string();
  CHECK(ImportOnnx(path).status().code() == StatusCode::kNotFound);
  std::ofstream(path) << "not a model at all";
  CHECK(ImportOnnx(path).status().code() == StatusCode::kInvalidArgument);
  CHECK_FALSE(ImportOnnx(model.folder().string()).ok());
}

// The zero point that is not given is made while the scale's shape is in use (found by fuzzing).
TEST_CASE("a zero point of zeros can be made at any size of the graph") {
  for (int others = 0; others < 20; ++others) {
    Model m;
    m.Input("x", {2, 3});
    m.Input("scale", {3});
    std::string last = "x";
    for (int i = 0; i < others; ++i) {
      const std::string next = "r" + std::to_string(i);
      m.Node("Relu", {last}, {next});
      last = next;
    }
    Model::Set(m.Node("QuantizeLinear", {last, "scale"}, {"q"}), "axis", 1);
    Model::Set(m.Node("DequantizeLinear", {"q", "scale"}, {"y"}), "axis", 1);
    m.Output("y");
    const auto model = m.Import();
    INFO(model.status());
    REQUIRE(model.ok());
  }
}

}  // namespace
}  // namespace modeld::importer
