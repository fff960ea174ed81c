// Small messages that speak of enormous tensors: whatever the answer, no memory is taken for them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>

#include "client/codec/graph_codec.h"
#include "engine/graph/canonical.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/onnx_importer.h"

namespace {

// The largest piece of memory asked for since the last reset.
thread_local size_t largest = 0;

void* Allocate(size_t size) {
  if (size > largest) largest = size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t size) {
  return Allocate(size);
}
void* operator new[](size_t size) {
  return Allocate(size);
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

namespace modeld {
namespace {

// Far above what messages of this size need, far below what they claim.
constexpr size_t kModest = 256 << 10;

TEST_CASE("a 100-byte message that claims 2^62 elements costs nothing") {
  for (const std::vector<uint32_t>& shape : {std::vector<uint32_t>{1u << 31, 1u << 31},
                                             {4294967295u, 4294967295u},
                                             {2147483647, 2147483647, 2147483647},
                                             std::vector<uint32_t>(8, 1u << 31),
                                             {1u << 20, 1u << 11}}) {
    for (const bool constant : {false, true}) {
      v1::Graph message;
      v1::Operand& operand = *message.add_operands();
      if (constant) {
        operand.mutable_constant()->mutable_blob()->set_sha256(std::string(32, 'x'));
        operand.mutable_constant()->mutable_blob()->set_size_bytes(uint64_t{1} << 62);
      } else {
        operand.mutable_input()->set_name("huge");
      }
      operand.mutable_tensor_descriptor()->set_data_type(v1::DATA_TYPE_UINT8);
      for (uint32_t size : shape) operand.mutable_tensor_descriptor()->add_shape(size);
      const std::string bytes = message.SerializeAsString();
      REQUIRE(bytes.size() < 110);
      largest = 0;
      v1::Graph parsed;
      REQUIRE(parsed.ParseFromString(bytes));
      const auto graph = DecodeGraph(parsed, GraphLimits());
      if (graph.ok()) CHECK_FALSE(Validate(*graph, GraphLimits()).ok());
      CHECK(largest < kModest);
    }
  }
}

TEST_CASE("canonical bytes that claim 2^62 of anything cost nothing") {
  const std::string magic("modeld\0\1", 8);
  const std::string claim("\x80\x80\x80\x80\x80\x80\x80\x80\x40", 9);
  const std::string beginnings[] = {"",
                                    std::string(1, '\0'),
                                    "\1",
                                    std::string("\1\1x\1", 4),
                                    std::string("\0\1", 2),
                                    std::string("\0\1\1a\0", 5),
                                    std::string("\0\1\1a\0\0\1\1v\6", 10)};
  for (const std::string& beginning : beginnings) {
    largest = 0;
    CHECK_FALSE(DecodeCanonical(magic + beginning + claim, GraphLimits()).ok());
    CHECK(largest < kModest);
  }
}

TEST_CASE("an operation whose result would have 2^62 elements is refused at once") {
  struct Case {
    const char* type;
    Attributes attributes;
    Shape shape = {2, 2};
  };
  const int64_t huge = 2147483647;
  const Case cases[] = {
      {"expand", {{"newShape", Ints({huge, huge})}}, {1}},
      {"expand", {{"newShape", Ints({4294967295, 4294967295})}}, {1}},
      {"reshape", {{"newShape", Ints({huge, huge, huge})}}},
      {"tile", {{"repetitions", Ints({huge, huge})}}},
      {"pad", {{"beginningPadding", Ints({huge, huge})}, {"endingPadding", Ints({huge, huge})}}},
      {"resample2d", {{"sizes", Ints({huge, huge})}}, {1, 1, 1, 1}},
      {"resample2d", {{"scales", std::vector<double>{1e30, 1e30}}}, {1, 1, 1, 1}},
      {"split", {{"splits", Int(huge)}}},
      {"split", {{"splits", Ints(std::vector<int64_t>(4'096, huge))}}},
      {"averagePool2d",
       {{"padding", Ints({huge, huge, huge, huge})}, {"windowDimensions", Ints({1, 1})}},
       {1, 1, 2, 2}},
  };
  for (const Case& c : cases) {
    INFO(c.type);
    TestGraph g;
    const OperandId x = g.Float("x", c.shape);
    g.Output("y", g.Op(c.type, {x}, c.attributes));
    const Graph graph = g.graph();
    largest = 0;
    const auto valid = Validate(graph, GraphLimits());
    CHECK(valid.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(largest < kModest);
  }
}

// Imports a model of these nodes over the initializers given.
absl::Status Import(const onnx::ModelProto& model) {
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/model.onnx";
  std::ofstream(path, std::ios::binary) << model.SerializeAsString();
  largest = 0;
  return importer::ImportOnnx(path).status();
}

onnx::ModelProto ModelOf(const char* op_type, const std::vector<int64_t>& numbers) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::TensorProto& shape = *model.mutable_graph()->add_initializer();
  shape.set_name("shape");
  shape.set_data_type(onnx::TensorProto::INT64);
  shape.add_dims(static_cast<int64_t>(numbers.size()));
  for (int64_t number : numbers) shape.add_int64_data(number);
  onnx::TensorProto& one = *model.mutable_graph()->add_initializer();
  one.set_name("one");
  one.set_data_type(onnx::TensorProto::INT64);
  one.add_dims(1);
  one.add_int64_data(1);
  onnx::NodeProto& node = *model.mutable_graph()->add_node();
  node.set_op_type(op_type);
  if (node.op_type() != "ConstantOfShape") node.add_input("one");
  node.add_input("shape");
  if (node.op_type() == "Range") node.add_input("one");
  node.add_output("y");
  model.mutable_graph()->add_output()->set_name("y");
  return model;
}

TEST_CASE("a small ONNX model that claims 2^62 elements costs nothing") {
  const int64_t huge = int64_t{1} << 31;
  for (const char* type : {"ConstantOfShape", "Expand", "Reshape", "Tile", "Range"}) {
    for (const std::vector<int64_t>& numbers :
         {std::vector<int64_t>{huge, huge}, {huge, huge, huge, huge}, {int64_t{1} << 62}, {-huge, -huge}}) {
      INFO(type);
      CHECK_FALSE(Import(ModelOf(type, numbers)).ok());
      CHECK(largest < kModest);
    }
  }
  onnx::ModelProto model = ModelOf("Identity", {1});
  onnx::TensorProto& tensor = *model.mutable_graph()->mutable_initializer(0);
  tensor.clear_dims();
  for (int i = 0; i < 2; ++i) tensor.add_dims(huge);
  CHECK_FALSE(Import(model).ok());
  CHECK(largest < kModest);
}

}  // namespace
}  // namespace modeld
