#include <catch2/catch.hpp>
#include <fstream>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::TensorOf;
using Vector = std::vector<double>;

constexpr int kInt8 = onnx::TensorProto::INT8;
constexpr int kUint8 = onnx::TensorProto::UINT8;
constexpr int kInt32 = onnx::TensorProto::INT32;

TEST_CASE("a scale for all elements quantises with half to even, and saturates") {
  TestModel model(10);
  model.Input("x", {2, 4});
  model.Constant("scale", {}, {0.5});
  model.Constant("zero", {}, {10}, kUint8);
  model.Node("QuantizeLinear", {"x", "scale", "zero"}, {"q"});
  model.Node("DequantizeLinear", {"q", "scale", "zero"}, {"y"});
  model.Output("q");
  model.Output("y");
  const auto x = Floats({2, 4}, {0, 0.25, 0.75, -0.25, 1, -5, -6, 1000});
  CHECK(Results(model, {x}) == Vector{10, 10, 12, 10, 12, 0, 0, 255});
  CHECK(Results(model, {x}, 1) == Vector{0, 0, 1, 0, 1, -5, -5, 122.5});
}

TEST_CASE("without a zero point it is 0, and the type is uint8 or what output_dtype says") {
  for (const int64_t type : {0, kInt8}) {
    TestModel model(21);
    model.Input("x", {3});
    model.Constant("scale", {}, {2});
    TestNode node = model.Node("QuantizeLinear", {"x", "scale"}, {"q"});
    if (type != 0) node.Int("output_dtype", type);
    model.Output("q");
    const auto results = model.Run({Floats({3}, {-7, 7, 500})});
    REQUIRE(results.ok());
    CHECK((*results)[0].descriptor.data_type == (type == 0 ? DataType::kUint8 : DataType::kInt8));
    CHECK(ValuesOf((*results)[0]) == (type == 0 ? Vector{0, 4, 250} : Vector{-4, 4, 127}));
  }
}

TEST_CASE("scales along an axis, counted from either end") {
  for (const int64_t axis : {1, -2}) {
    TestModel model(13);
    model.Input("x", {1, 2, 2});
    model.Constant("scale", {2}, {1, 2});
    model.Constant("zero", {2}, {0, -10}, kInt8);
    model.Node("QuantizeLinear", {"x", "scale", "zero"}, {"q"}).Int("axis", axis);
    model.Node("DequantizeLinear", {"q", "scale", "zero"}, {"y"}).Int("axis", axis);
    model.Output("q");
    model.Output("y");
    const auto x = Floats({1, 2, 2}, {3, 4, 6, -300});
    CHECK(Results(model, {x}) == Vector{3, 4, -7, -128});
    CHECK(Results(model, {x}, 1) == Vector{3, 4, 6, -236});
  }
}

TEST_CASE("scales by block, also where the last block is cut off") {
  struct Row {
    int64_t block;
    std::vector<int64_t> shape;
    Vector scales;
    Vector wanted;
  };
  for (const Row& row : {Row{2, {1, 2}, {1, 10}, {1, 2, 30, 40}}, Row{3, {1, 2}, {1, 10}, {1, 2, 3, 40}},
                         Row{4, {1, 1}, {10}, {10, 20, 30, 40}}, Row{7, {1, 1}, {10}, {10, 20, 30, 40}}}) {
    TestModel model(21);
    model.Input("x", {1, 4}, kInt8);
    model.Constant("scale", row.shape, row.scales);
    model.Node("DequantizeLinear", {"x", "scale"}, {"y"}).Int("axis", 1).Int("block_size", row.block);
    model.Output("y");
    CHECK(Results(model, {TensorOf(DataType::kInt8, {1, 4}, {1, 2, 3, 4})}) == row.wanted);
  }
}

TEST_CASE("int32 biases and float16 scales dequantise") {
  TestModel model(13);
  model.Constant("x", {3}, {100000, -7, 0}, kInt32);
  model.Constant("scale", {3}, {0.5, 2, 1});
  model.Input("unused", {1});
  model.Node("DequantizeLinear", {"x", "scale"}, {"y"}).Int("axis", 0);
  model.Output("y");
  CHECK(Results(model, {Floats({1}, {0})}) == Vector{50000, -14, 0});

  TestModel half(19);
  half.Input("x", {2}, kUint8);
  half.Constant("scale", {}, {0.5}, onnx::TensorProto::FLOAT16);
  half.Constant("zero", {}, {128}, kUint8);
  half.Node("DequantizeLinear", {"x", "scale", "zero"}, {"y"});
  half.Output("y");
  const auto results = half.Run({TensorOf(DataType::kUint8, {2}, {0, 131})});
  REQUIRE(results.ok());
  CHECK((*results)[0].descriptor.data_type == DataType::kFloat16);
  CHECK(ValuesOf((*results)[0]) == Vector{-64, 1.5});
}

// Five 4-bit numbers: 1, -8, 7, 0, -1 as int4; 1, 8, 7, 0, 15 as uint4.
TEST_CASE("4-bit initializers come as raw bytes or as bytes in integers") {
  for (const bool raw : {true, false}) {
    for (const int type : {kOnnxInt4, kOnnxUint4}) {
      TestModel model(21);
      onnx::TensorProto& x = model.Constant("x", {5}, {}, type);
      if (raw) {
        x.set_raw_data(std::string("\x81\x07\x0f", 3));
      } else {
        for (const int byte : {0x81, 0x07, 0x0f}) x.add_int32_data(byte);
      }
      model.Constant("scale", {}, {0.5});
      model.Node("DequantizeLinear", {"x", "scale"}, {"y"});
      model.Input("unused", {1});
      model.Output("y");
      const Vector y = Results(model, {Floats({1}, {0})});
      CHECK(y == (type == kOnnxInt4 ? Vector{0.5, -4, 3.5, 0, -0.5} : Vector{0.5, 4, 3.5, 0, 7.5}));
    }
  }
}

TEST_CASE("4-bit weights may lie beside the model") {
  TestModel model(21);
  onnx::TensorProto& x = model.Constant("x", {3}, {}, kOnnxInt4);
  x.set_data_location(onnx::TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair{"location", "w.bin"}, {"offset", "1"}, {"length", "2"}}) {
    auto& entry = *x.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
  std::ofstream(model.folder() / "w.bin", std::ios::binary) << "?\x72\x0f";
  model.Constant("scale", {}, {2});
  model.Node("DequantizeLinear", {"x", "scale"}, {"y"});
  model.Input("unused", {1});
  model.Output("y");
  CHECK(Results(model, {Floats({1}, {0})}) == Vector{4, 14, -2});
}

TEST_CASE("4-bit initializers of the wrong size are refused") {
  TestModel model(21);
  onnx::TensorProto& x = model.Constant("x", {5}, {}, kOnnxInt4);
  model.Constant("scale", {}, {0.5});
  model.Node("DequantizeLinear", {"x", "scale"}, {"y"});
  model.Output("y");
  SECTION("two raw bytes") {
    x.set_raw_data("12");
    CheckRefused(model, StatusCode::kInvalidArgument, "has 2 bytes, its shape wants 3");
  }
  SECTION("five integers") {
    for (int i = 0; i < 5; ++i) x.add_int32_data(1);
    CheckRefused(model, StatusCode::kInvalidArgument, "has 5 elements");
  }
}

TEST_CASE("floats quantise to 4 bits") {
  TestModel model(21);
  model.Input("x", {4});
  model.Constant("scale", {}, {1});
  model.Constant("zero", {}, {0}, kOnnxInt4);  // one byte, of which half counts
  model.Node("QuantizeLinear", {"x", "scale", "zero"}, {"q"});
  model.Node("DequantizeLinear", {"q", "scale", "zero"}, {"y"});
  model.Output("y");
  CHECK(Results(model, {Floats({4}, {-20, -3, 2.5, 20})}) == Vector{-8, -3, 2, 7});
}

TEST_CASE("a tensor quantises by its own range") {
  TestModel model(11);
  model.Input("x", {4});
  model.Node("DynamicQuantizeLinear", {"x"}, {"q", "scale", "zero"});
  for (const char* name : {"q", "scale", "zero"}) model.Output(name);
  // From -51 to 204: a scale of 1, and 0 is 51.
  const auto x = Floats({4}, {0, -51, 204, 3.4});
  CHECK(Results(model, {x}) == Vector{51, 0, 255, 54});
  CheckClose(Results(model, {x}, 1), {1});
  CHECK(Results(model, {x}, 2) == Vector{51});
  // The range always holds 0.
  CHECK(Results(model, {Floats({4}, {255, 255, 100, 255})}) == Vector{255, 255, 100, 255});
  CHECK(Results(model, {Floats({4}, {0, 0, 0, 0})}) == Vector{0, 0, 0, 0});
}

// One input with scale 0.5 and zero point 4, an output with scale 0.25 and zero point 2.
void Through(TestModel& model, const std::vector<int64_t>& shape) {
  model.Input("x", shape, kUint8);
  model.Constant("xs", {}, {0.5});
  model.Constant("xz", {}, {4}, kUint8);
  model.Constant("ys", {}, {0.25});
  model.Constant("yz", {}, {2}, kUint8);
}

TEST_CASE("ONNX Runtime's operators on quantised tensors") {
  TestModel model(13);
  SECTION("QLinearLeakyRelu") {
    Through(model, {3});
    model.Node("QLinearLeakyRelu", {"x", "xs", "xz", "ys", "yz"}, {"y"}).Microsoft().Float("alpha", 0.25f);
    model.Output("y");
    // -2, 1, 3 to -0.5, 1, 3.
    CHECK(Results(model, {TensorOf(DataType::kUint8, {3}, {0, 6, 10})}) == Vector{0, 6, 14});
  }
  SECTION("QLinearSigmoid") {
    Through(model, {1});
    model.Node("QLinearSigmoid", {"x", "xs", "xz", "ys", "yz"}, {"y"}).Microsoft();
    model.Output("y");
    CHECK(Results(model, {TensorOf(DataType::kUint8, {1}, {4})}) == Vector{4});
  }
  SECTION("QLinearSoftmax") {
    Through(model, {1, 2});
    model.Node("QLinearSoftmax", {"x", "xs", "xz", "ys", "yz"}, {"y"}).Microsoft();
    model.Output("y");
    CHECK(Results(model, {TensorOf(DataType::kUint8, {1, 2}, {9, 9})}) == Vector{4, 4});
  }
  SECTION("QLinearGlobalAveragePool") {
    Through(model, {1, 2, 2, 1});
    model.Node("QLinearGlobalAveragePool", {"x", "xs", "xz", "ys", "yz"}, {"y"}).Microsoft();
    model.Output("y");
    CHECK(Results(model, {TensorOf(DataType::kUint8, {1, 2, 2, 1}, {4, 8, 12, 16})}) == Vector{6, 22});
  }
  SECTION("QLinearAdd and QLinearMul") {
    Through(model, {2});
    model.Node("QLinearAdd", {"x", "xs", "xz", "x", "xs", "xz", "ys", "yz"}, {"sum"}).Microsoft();
    model.Node("QLinearMul", {"x", "xs", "xz", "x", "xs", "xz", "ys", "yz"}, {"product"}).Microsoft();
    model.Output("sum");
    model.Output("product");
    const auto x = TensorOf(DataType::kUint8, {2}, {6, 10});
    CHECK(Results(model, {x}) == Vector{10, 26});
    CHECK(Results(model, {x}, 1) == Vector{6, 38});
  }
  SECTION("QLinearConcat") {
    Through(model, {1});
    model.Node("QLinearConcat", {"ys", "yz", "x", "xs", "xz", "x", "ys", "yz"}, {"y"})
        .Microsoft()
        .Int("axis", 0);
    model.Output("y");
    CHECK(Results(model, {TensorOf(DataType::kUint8, {1}, {6})}) == Vector{6, 6});
  }
}

TEST_CASE("wrong scales and zero points are refused, with the reason") {
  struct Row {
    std::vector<int64_t> scale;
    int64_t axis;
    int64_t block;
    std::string part;
  };
  for (const Row& row :
       {Row{{3}, 1, 0, "shape [3]"}, Row{{4}, 5, 0, "axis 5"}, Row{{2, 2}, 1, 0, "shape [2,2]"},
        Row{{2, 2}, 1, 3, "shape [2,2], [4,2] is wanted"}, Row{{2, 2}, 1, -1, "block_size -1"},
        Row{{2, 2}, 1, int64_t{1} << 62, "block_size"}}) {
    TestModel model(21);
    model.Input("x", {4, 4});
    size_t count = 1;
    for (int64_t size : row.scale) count *= static_cast<size_t>(size);
    model.Constant("scale", row.scale, Vector(count, 1));
    model.Node("QuantizeLinear", {"x", "scale"}, {"y"}).Int("axis", row.axis).Int("block_size", row.block);
    model.Output("y");
    CheckRefused(model, StatusCode::kInvalidArgument, row.part);
  }
  TestModel model(21);
  model.Input("x", {4});
  model.Constant("scale", {}, {1});
  model.Node("QuantizeLinear", {"x", "scale"}, {"y"}).Int("output_dtype", onnx::TensorProto::INT16);
  model.Output("y");
  CheckRefused(model, StatusCode::kUnimplemented, "INT16");
}

}  // namespace
}  // namespace modeld::importer
