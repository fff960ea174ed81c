// Writing small ONNX models, importing them and computing their results on the reference backend, for tests.
#ifndef MODELD_TOOLS_IMPORTER_TESTING_TEST_MODEL_H_
#define MODELD_TOOLS_IMPORTER_TESTING_TEST_MODEL_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/testing/tensor.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/onnx_importer.h"

namespace modeld::importer {

// ONNX's numbers of the types that onnx.proto of 2022 does not have.
inline constexpr int kOnnxUint4 = 21;
inline constexpr int kOnnxInt4 = 22;

// A node under construction: attributes one after the other.
class TestNode {
 public:
  explicit TestNode(onnx::NodeProto& node) : node_(node) {}
  TestNode& Int(const std::string& name, int64_t value);
  TestNode& Float(const std::string& name, float value);
  TestNode& String(const std::string& name, const std::string& value);
  TestNode& Ints(const std::string& name, const std::vector<int64_t>& values);
  TestNode& Floats(const std::string& name, const std::vector<float>& values);
  TestNode& Strings(const std::string& name, const std::vector<std::string>& values);
  // An int64 tensor of rank 1.
  TestNode& Tensor(const std::string& name, const std::vector<int64_t>& values);
  TestNode& Microsoft();

 private:
  onnx::AttributeProto& Add(const std::string& name, onnx::AttributeProto::AttributeType type);
  onnx::NodeProto& node_;
};

// Builds a model, by default of opset 13, writes it to a folder of its own and imports it. Not thread-safe.
class TestModel {
 public:
  explicit TestModel(int64_t opset = 13);
  ~TestModel();
  TestModel(const TestModel&) = delete;

  void Opset(int64_t version);
  // A dimension below 0 has no size: it is named "batch".
  void Input(const std::string& name, const std::vector<int64_t>& shape, int type = onnx::TensorProto::FLOAT);
  // An initializer.
  onnx::TensorProto& Constant(const std::string& name, const std::vector<int64_t>& shape,
                              const std::vector<double>& values, int type = onnx::TensorProto::FLOAT);
  // Inputs named "" are absent.
  TestNode Node(const std::string& type, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs);
  void Output(const std::string& name);

  absl::StatusOr<ImportedModel> Import(const ImportOptions& options = {});
  // Imports, and computes all outputs. Numbers of any type as doubles.
  absl::StatusOr<std::vector<testing::Tensor>> Run(const std::vector<testing::Tensor>& inputs,
                                                   const ImportOptions& options = {});

  const std::filesystem::path& folder() const { return folder_; }
  onnx::ModelProto proto;

 private:
  std::filesystem::path folder_;
};

// The types of the graph's operations, in order.
std::vector<std::string> OperationTypes(const ImportedModel& model);

// float32.
testing::Tensor Floats(Shape shape, const std::vector<double>& values);

// Runs the model, and fails the test unless it works; the values of output `index`.
std::vector<double> Results(TestModel& model, const std::vector<testing::Tensor>& inputs, size_t index = 0);

// Fails the test unless as many numbers are there and each is within `tolerance` of the wanted one.
void CheckClose(const std::vector<double>& found, const std::vector<double>& wanted, double tolerance = 1e-5);

// Imports, which must fail with this code and a message that holds `part`.
void CheckRefused(TestModel& model, absl::StatusCode code, const std::string& part);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_TESTING_TEST_MODEL_H_
