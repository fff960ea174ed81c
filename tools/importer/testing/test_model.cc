#include "tools/importer/testing/test_model.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/status.h"
#include "engine/testing/run_model.h"

namespace modeld::importer {
namespace {

using onnx::AttributeProto;
using testing::Tensor;

void AddElement(onnx::TensorProto& tensor, double value) {
  switch (tensor.data_type()) {
    case onnx::TensorProto::FLOAT:
      tensor.add_float_data(static_cast<float>(value));
      return;
    case onnx::TensorProto::INT64:
      tensor.add_int64_data(static_cast<int64_t>(value));
      return;
    case onnx::TensorProto::FLOAT16: {
      const auto half = static_cast<_Float16>(value);
      uint16_t bits;
      std::memcpy(&bits, &half, 2);
      tensor.add_int32_data(bits);
      return;
    }
    default:
      tensor.add_int32_data(static_cast<int32_t>(value));
  }
}

}  // namespace

AttributeProto& TestNode::Add(const std::string& name, AttributeProto::AttributeType type) {
  AttributeProto& attribute = *node_.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

TestNode& TestNode::Int(const std::string& name, int64_t value) {
  Add(name, AttributeProto::INT).set_i(value);
  return *this;
}

TestNode& TestNode::Float(const std::string& name, float value) {
  Add(name, AttributeProto::FLOAT).set_f(value);
  return *this;
}

TestNode& TestNode::String(const std::string& name, const std::string& value) {
  Add(name, AttributeProto::STRING).set_s(value);
  return *this;
}

TestNode& TestNode::Ints(const std::string& name, const std::vector<int64_t>& values) {
  AttributeProto& attribute = Add(name, AttributeProto::INTS);
  for (int64_t value : values) attribute.add_ints(value);
  return *this;
}

TestNode& TestNode::Floats(const std::string& name, const std::vector<float>& values) {
  AttributeProto& attribute = Add(name, AttributeProto::FLOATS);
  for (float value : values) attribute.add_floats(value);
  return *this;
}

TestNode& TestNode::Strings(const std::string& name, const std::vector<std::string>& values) {
  AttributeProto& attribute = Add(name, AttributeProto::STRINGS);
  for (const std::string& value : values) attribute.add_strings(value);
  return *this;
}

TestNode& TestNode::Tensor(const std::string& name, const std::vector<int64_t>& values) {
  onnx::TensorProto& tensor = *Add(name, AttributeProto::TENSOR).mutable_t();
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(static_cast<int64_t>(values.size()));
  for (int64_t value : values) tensor.add_int64_data(value);
  return *this;
}

TestNode& TestNode::Microsoft() {
  node_.set_domain("com.microsoft");
  return *this;
}

TestModel::TestModel(int64_t opset) {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string name = std::string(base == nullptr ? "/tmp" : base) + "/importer_XXXXXX";
  folder_ = mkdtemp(name.data());
  Opset(opset);
}

TestModel::~TestModel() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void TestModel::Opset(int64_t version) {
  proto.clear_opset_import();
  proto.add_opset_import()->set_version(version);
}

void TestModel::Input(const std::string& name, const std::vector<int64_t>& shape, int type) {
  onnx::ValueInfoProto& info = *proto.mutable_graph()->add_input();
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape();
  for (int64_t size : shape) {
    if (size < 0) {
      tensor.mutable_shape()->add_dim()->set_dim_param("batch");
    } else {
      tensor.mutable_shape()->add_dim()->set_dim_value(size);
    }
  }
}

onnx::TensorProto& TestModel::Constant(const std::string& name, const std::vector<int64_t>& shape,
                                       const std::vector<double>& values, int type) {
  onnx::TensorProto& tensor = *proto.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  for (int64_t size : shape) tensor.add_dims(size);
  for (double value : values) AddElement(tensor, value);
  return tensor;
}

TestNode TestModel::Node(const std::string& type, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& outputs) {
  onnx::NodeProto& node = *proto.mutable_graph()->add_node();
  node.set_op_type(type);
  node.set_name(type + "_" + outputs[0]);
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  return TestNode(node);
}

void TestModel::Output(const std::string& name) {
  proto.mutable_graph()->add_output()->set_name(name);
}

absl::StatusOr<ImportedModel> TestModel::Import(const ImportOptions& options) {
  const std::string path = (folder_ / "model.onnx").string();
  std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
  return ImportOnnx(path, options);
}

absl::StatusOr<std::vector<Tensor>> TestModel::Run(const std::vector<Tensor>& inputs,
                                                   const ImportOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const ImportedModel model, Import(options));
  return testing::RunOnReference(model.graph, inputs);
}

std::vector<std::string> OperationTypes(const ImportedModel& model) {
  std::vector<std::string> types;
  for (const Operation& operation : model.graph.operations) types.push_back(operation.type);
  return types;
}

Tensor Floats(Shape shape, const std::vector<double>& values) {
  return testing::TensorOf(DataType::kFloat32, std::move(shape), values);
}

std::vector<double> Results(TestModel& model, const std::vector<Tensor>& inputs, size_t index) {
  const auto results = model.Run(inputs);
  INFO(std::string(results.status().message()));
  REQUIRE(results.ok());
  REQUIRE(index < results->size());
  return testing::ValuesOf((*results)[index]);
}

void CheckClose(const std::vector<double>& found, const std::vector<double>& wanted, double tolerance) {
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i << ": found " << found[i] << ", wanted " << wanted[i]);
    CHECK(std::abs(found[i] - wanted[i]) <= tolerance);
  }
}

void CheckRefused(TestModel& model, absl::StatusCode code, const std::string& part) {
  const absl::Status status = model.Import().status();
  INFO(std::string(status.message()));
  CHECK(status.code() == code);
  CHECK(std::string(status.message()).find(part) != std::string::npos);
}

}  // namespace modeld::importer
