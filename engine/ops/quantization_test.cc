// quantizeLinear and dequantizeLinear: rules and values.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "engine/ops/op_cases.h"
#include "engine/ops/run_op.h"

namespace modeld {
namespace {

using testing::Tensor;
using testing::TensorOf;
using testing::ValuesOf;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TensorDescriptor Of(DataType type, Shape shape) {
  return {type, std::move(shape)};
}

TEST_CASE("dequantizeLinear gives the scale's type and the input's shape") {
  for (DataType type : {DataType::kInt4, DataType::kUint4, DataType::kInt8, DataType::kUint8,
                        DataType::kInt32, DataType::kUint32}) {
    RunCases({
        {"dequantizeLinear", {Of(type, {}), F32({}), Of(type, {})}, "float32[]"},
        {"dequantizeLinear", {Of(type, {3, 5}), F16({1, 1}), Of(type, {1, 1})}, "float16[3,5]"},
        {"dequantizeLinear", {Of(type, {6, 4}), F32({2, 4}), Of(type, {2, 4})}, "float32[6,4]"},
    });
  }
  RunCases({
      {"dequantizeLinear",
       {F32({2}), F32({1}), F32({1})},
       "! input has data type float32, expected int32, uint32, int8, uint8, int4, uint4"},
      {"dequantizeLinear",
       {Of(DataType::kInt64, {2}), F32({1}), Of(DataType::kInt64, {1})},
       "! input has data type int64, expected int32, uint32, int8, uint8, int4, uint4"},
      {"dequantizeLinear",
       {U8({2}), I32({1}), U8({1})},
       "! scale has data type int32, expected float32, float16"},
      {"dequantizeLinear",
       {U8({2}), F32({1}), F32({1})},
       "! zeroPoint has data type float32, expected int32, uint32, int8, uint8, int4, uint4"},
      {"dequantizeLinear",
       {U8({2}), F32({1}), I32({1})},
       "! zeroPoint has data type int32, expected uint8 like input"},
      {"dequantizeLinear", {U8({2}), F32({1})}, "! operands are 2, expected 3"},
  });
}

TEST_CASE("quantizeLinear gives the zero point's type and the input's shape") {
  for (const auto& [type, name] :
       {std::pair(DataType::kInt4, "int4[6]"), std::pair(DataType::kUint4, "uint4[6]"),
        std::pair(DataType::kInt8, "int8[6]"), std::pair(DataType::kUint8, "uint8[6]"),
        std::pair(DataType::kInt32, "int32[6]"), std::pair(DataType::kUint32, "uint32[6]")}) {
    RunCases({
        {"quantizeLinear", {F32({6}), F32({2}), Of(type, {2})}, name},
        {"quantizeLinear", {F16({6}), F16({1}), Of(type, {1})}, name},
    });
  }
  RunCases({
      {"quantizeLinear",
       {I32({2}), I32({2}), U8({2})},
       "! input has data type int32, expected float32, float16"},
      {"quantizeLinear",
       {F32({2}), F16({2}), U8({2})},
       "! scale has data type float16, expected float32 like input"},
      {"quantizeLinear",
       {F32({2}), F32({2}), Of(DataType::kInt64, {2})},
       "! zeroPoint has data type int64, expected int32, uint32, int8, uint8, int4, uint4"},
      {"quantizeLinear", {F32({2}), F32({2}), U8({2}), U8({2})}, "! operands are 4, expected 3"},
  });
}

TEST_CASE("scale and zeroPoint share a shape whose dimensions divide the input's") {
  const auto run = [](Shape input, Shape scale, Shape zero_point, const std::string& expected) {
    const std::string quantized = expected.empty() ? "uint8" + ShapeToString(input) : expected;
    const std::string dequantized = expected.empty() ? "float32" + ShapeToString(input) : expected;
    RunCases({{"quantizeLinear", {F32(input), F32(scale), U8(zero_point)}, quantized.c_str()},
              {"dequantizeLinear", {U8(input), F32(scale), U8(zero_point)}, dequantized.c_str()}});
  };
  run({6, 4}, {6, 4}, {6, 4}, "");
  run({6, 4}, {3, 1}, {3, 1}, "");
  run({2, 4, 6, 2, 4}, {1, 2, 3, 1, 2}, {1, 2, 3, 1, 2}, "");
  run({4, 4, 4, 4, 4, 4, 4, 4}, {2, 2, 2, 2, 2, 2, 2, 2}, {2, 2, 2, 2, 2, 2, 2, 2}, "");
  run({6, 4}, {4}, {4}, "! scale has rank 1, expected 2 like input");
  run({6, 4}, {}, {}, "! scale has rank 0, expected 2 like input");
  run({6, 4}, {1, 6, 4}, {1, 6, 4}, "! scale has rank 3, expected 2 like input");
  run({6, 4}, {6, 4}, {4}, "! zeroPoint has rank 1, expected 2 like input");
  run({6, 4}, {6, 4}, {6, 1}, "! zeroPoint has shape [6,1], expected [6,4] like scale");
  run({6, 4}, {4, 4}, {4, 4},
      "! scale has shape [4,4], whose dimension 0 does not divide that of input [6,4]");
  run({6, 4}, {6, 8}, {6, 8},
      "! scale has shape [6,8], whose dimension 1 does not divide that of input [6,4]");
}

// Of one element each, as scalars.
double Quantized(DataType float_type, double x, double scale, DataType type, double zero_point) {
  return ValuesOf(RunOp("quantizeLinear", {TensorOf(float_type, {}, {x}), TensorOf(float_type, {}, {scale}),
                                           TensorOf(type, {}, {zero_point})})[0])[0];
}
double Dequantized(DataType type, double x, DataType float_type, double scale, double zero_point) {
  return ValuesOf(RunOp("dequantizeLinear", {TensorOf(type, {}, {x}), TensorOf(float_type, {}, {scale}),
                                             TensorOf(type, {}, {zero_point})})[0])[0];
}

TEST_CASE("quantizeLinear rounds halves to even and saturates") {
  const std::vector<double> x = {-kInfinity, -300, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 300, kInfinity, kNaN};
  const struct {
    DataType type;
    double zero_point;
    std::vector<double> expected;
  } cases[] = {
      {DataType::kInt8, 0, {-128, -128, -2, -2, 0, 0, 2, 2, 127, 127, 0}},
      {DataType::kUint8, 128, {0, 0, 126, 126, 128, 128, 130, 130, 255, 255, 0}},
      {DataType::kInt4, -1, {-8, -8, -3, -3, -1, -1, 1, 1, 7, 7, 0}},
      {DataType::kUint4, 3, {0, 0, 1, 1, 3, 3, 5, 5, 15, 15, 0}},
      {DataType::kInt32, 5, {-2147483648.0, -295, 3, 3, 5, 5, 7, 7, 305, 2147483647, 5}},
      {DataType::kUint32, 2, {0, 0, 0, 0, 2, 2, 4, 4, 302, 4294967295, 2}},
  };
  for (const auto& c : cases) {
    CAPTURE(DataTypeName(c.type));
    const std::vector<Tensor> y = RunOp(
        "quantizeLinear", {TensorOf(DataType::kFloat32, {11}, x), TensorOf(DataType::kFloat32, {1}, {1}),
                           TensorOf(c.type, {1}, {c.zero_point})});
    CHECK(ValuesOf(y[0]) == c.expected);
  }
}

TEST_CASE("32-bit zero points are exact") {
  constexpr DataType kF32 = DataType::kFloat32;
  CHECK(Quantized(kF32, 0x1p24, 1, DataType::kInt32, 1) == 16777217);
  CHECK(Quantized(kF32, 0x1p31, 1, DataType::kInt32, -1) == 2147483647);
  CHECK(Quantized(kF32, 4294967040.0, 1, DataType::kInt32, -2147483648.0) == 2147483392);
  CHECK(Quantized(kF32, 1e30, 1, DataType::kInt32, -2147483648.0) == 2147483647);
  CHECK(Quantized(kF32, -1e30, 1, DataType::kInt32, 2147483647) == -2147483648.0);
  CHECK(Quantized(kF32, -1, 1, DataType::kUint32, 4294967295) == 4294967294);
  CHECK(Dequantized(DataType::kInt32, 16777219, kF32, 0.5, 16777218) == 0.5);
  CHECK(Dequantized(DataType::kInt32, 2147483647, kF32, 1, -2147483648.0) == 4294967296.0);
  CHECK(Dequantized(DataType::kUint32, 0, kF32, 1, 4294967295) == -4294967296.0);
}

TEST_CASE("float16 is rounded once") {
  constexpr DataType kF16 = DataType::kFloat16;
  // 180.25 / 0.30004883 = 600.7; rounded to float16 it would be 600.5, and then 600.
  CHECK(Quantized(kF16, 180.25, 0.3, DataType::kInt32, 0) == 601);
  // Neither operand of the difference is a float16.
  CHECK(Dequantized(DataType::kInt32, 100002, kF16, 0.5, 99999) == 1.5);
  CHECK(Dequantized(DataType::kInt8, -128, kF16, 2, 127) == -510);
}

// The offset in a tensor of shape `inner` of the element that spreads to `index` of `outer`.
size_t BlockOf(size_t index, const Shape& outer, const Shape& inner) {
  size_t offset = 0;
  size_t stride = 1;
  for (size_t i = outer.size(); i-- > 0;) {
    offset += index % outer[i] / (outer[i] / inner[i]) * stride;
    index /= outer[i];
    stride *= inner[i];
  }
  return offset;
}

TEST_CASE("each block has its own scale and zero point") {
  std::mt19937 random(20260622);
  const auto below = [&](uint32_t n) { return static_cast<double>(random() % n); };
  const std::pair<Shape, Shape> cases[] = {
      {{6}, {2}},
      {{6, 4}, {2, 2}},
      {{6, 4}, {6, 2}},
      {{2, 6, 4}, {1, 3, 4}},
      {{2, 3, 4}, {2, 1, 4}},
      {{1, 4, 1, 6}, {1, 4, 1, 3}},
      {{4, 4, 4, 4, 4}, {2, 2, 2, 2, 2}},
      {{2, 4, 1, 4, 4, 2, 4, 4}, {2, 2, 1, 2, 2, 1, 2, 2}},
  };
  for (const auto& [shape, scales] : cases) {
    const TensorDescriptor input = {DataType::kUint8, shape};
    const TensorDescriptor scale = {DataType::kFloat32, scales};
    CAPTURE(ShapeToString(shape), ShapeToString(scales));
    std::vector<double> x(input.ElementCount());
    for (double& value : x) value = below(256);
    std::vector<double> factor(scale.ElementCount());
    for (double& value : factor) value = std::ldexp(1 + below(8), -2);
    std::vector<double> zero_point(scale.ElementCount());
    for (double& value : zero_point) value = below(256);
    std::vector<double> expected(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t block = BlockOf(i, shape, scales);
      expected[i] = (x[i] - zero_point[block]) * factor[block];
    }
    const Tensor scale_tensor = TensorOf(DataType::kFloat32, scales, factor);
    const Tensor zero_point_tensor = TensorOf(DataType::kUint8, scales, zero_point);
    const std::vector<Tensor> y =
        RunOp("dequantizeLinear", {TensorOf(DataType::kUint8, shape, x), scale_tensor, zero_point_tensor});
    CHECK(ValuesOf(y[0]) == expected);
    CHECK(ValuesOf(RunOp("quantizeLinear", {y[0], scale_tensor, zero_point_tensor})[0]) == x);
  }
}

}  // namespace
}  // namespace modeld
