// Convolutions and pooling.
#include <catch2/catch.hpp>

#include "engine/ops/op_cases.h"
#include "engine/ops/run_op.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

TEST_CASE("conv2d computes sizes of every layout") {
  RunCases({
      {"conv2d", {F32({1, 3, 8, 9}), F32({4, 3, 3, 3})}, "float32[1,4,6,7]"},
      {"conv2d",
       {F32({1, 8, 9, 3}), F32({3, 3, 3, 4})},
       {{"inputLayout", Str("nhwc")}, {"filterLayout", Str("hwio")}},
       "float32[1,6,7,4]"},
      {"conv2d",
       {F16({1, 8, 9, 3}), F16({4, 2, 3, 3})},
       {{"inputLayout", Str("nhwc")}, {"filterLayout", Str("ohwi")}},
       "float16[1,7,7,4]"},
      {"conv2d",
       {F32({2, 6, 8, 9}), F32({3, 2, 3, 4})},
       {{"groups", Int(2)}, {"filterLayout", Str("ihwo")}},
       "float32[2,4,7,7]"},
      {"conv2d",
       {
           F32({1, 1, 5, 5}),
           F32({1, 1, 3, 3}),
       },
       {{"padding", Ints({1, 2, 3, 4})},
        {"strides", Ints({2, 3})},
        {"dilations", Ints({2, 1})},
        {"bias", OperandId{0}}},
       {F32({1})},
       "float32[1,1,2,4]"},
  });
}

TEST_CASE("conv2d refuses what the specification refuses") {
  const std::vector<TensorDescriptor> good = {F32({1, 4, 8, 8}), F32({6, 2, 3, 3})};
  RunCases({
      {"conv2d", {F32({1, 4, 8}), F32({6, 2, 3, 3})}, "! input has rank 3, expected 4"},
      {"conv2d", {F32({1, 4, 8, 8}), F32({6})}, "! filter has rank 1, expected 4"},
      {"conv2d",
       {I32({1, 4, 8, 8}), I32({6, 4, 3, 3})},
       "! input has data type int32, expected float32, float16"},
      {"conv2d",
       {F32({1, 4, 8, 8}), F16({6, 4, 3, 3})},
       "! filter has data type float16, expected float32 like input"},
      {"conv2d", good, "! filter has 2 input channels, expected 4"},
      {"conv2d", good, {{"groups", Int(3)}}, "! groups 3 does not divide 4 input channels"},
      {"conv2d", good, {{"groups", Int(0)}}, "! groups 0 is out of range, expected at least 1"},
      {"conv2d",
       {F32({1, 4, 8, 8}), F32({5, 2, 3, 3})},
       {{"groups", Int(2)}},
       "! groups 2 does not divide 5 output channels"},
      {"conv2d", good, {{"padding", Ints({1, 1})}}, "! padding has 2 elements, expected 4"},
      {"conv2d",
       good,
       {{"padding", Ints({0, -1, 0, 0})}},
       "! padding -1 is out of range, expected at least 0"},
      {"conv2d", good, {{"strides", Ints({1})}}, "! strides has 1 elements, expected 2"},
      {"conv2d", good, {{"strides", Ints({0, 1})}}, "! strides 0 is out of range, expected at least 1"},
      {"conv2d", good, {{"dilations", Ints({1, 0})}}, "! dilations 0 is out of range, expected at least 1"},
      {"conv2d",
       good,
       {{"dilations", Ints({1, int64_t{1} << 32})}},
       "! dilations 4294967296 is out of range, expected at most 4294967295"},
      {"conv2d",
       good,
       {{"inputLayout", Str("chwn")}},
       "! inputLayout is \"chwn\", expected one of nchw, nhwc"},
      {"conv2d",
       good,
       {{"filterLayout", Str("iohw")}},
       "! filterLayout is \"iohw\", expected one of oihw, hwio, ohwi, ihwo"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"bias", OperandId{0}}},
       {F32({5})},
       "! bias has shape [5], expected [6]"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"bias", OperandId{0}}},
       {F16({6})},
       "! bias has data type float16, expected float32 like input"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"bias", OperandId{0}}},
       {F32({1, 6})},
       "! bias has rank 2, expected 1"},
      {"conv2d", good, {{"groups", Int(2)}, {"bias", OperandId{77}}}, "! bias is operand 77 of 3"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"dilations", Ints({4, 1})}},
       "! output height would be 0, expected 1 to 2147483647"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"padding", Ints({0, 0, 0, 4294967295})}},
       "! output width would be 4294967301, expected 1 to 2147483647"},
      {"conv2d",
       good,
       {{"groups", Int(2)}, {"dilations", Ints({4294967295, 4294967295})}},
       "! output height would be 0, expected 1 to 2147483647"},
  });
}

TEST_CASE("convTranspose2d computes sizes and checks its options") {
  const std::vector<TensorDescriptor> good = {F32({1, 2, 3, 3}), F32({2, 4, 3, 3})};
  const Attributes stride2 = {{"strides", Ints({2, 2})}};
  const auto with = [&](Attributes more) {
    more.insert(stride2.begin(), stride2.end());
    return more;
  };
  RunCases({
      {"convTranspose2d", good, "float32[1,4,5,5]"},
      {"convTranspose2d", good, stride2, "float32[1,4,7,7]"},
      {"convTranspose2d", good, with({{"outputPadding", Ints({1, 0})}}), "float32[1,4,8,7]"},
      {"convTranspose2d", good, with({{"outputSizes", Ints({8, 7})}}), "float32[1,4,8,7]"},
      {"convTranspose2d", good, with({{"padding", Ints({1, 0, 2, 1})}, {"groups", Int(2)}}),
       "float32[1,8,6,4]"},
      {"convTranspose2d",
       {F32({1, 3, 3, 2}), F32({3, 3, 4, 2})},
       {{"inputLayout", Str("nhwc")}, {"filterLayout", Str("hwoi")}, {"bias", OperandId{0}}},
       {F32({4})},
       "float32[1,5,5,4]"},
      {"convTranspose2d",
       {F16({1, 2, 3, 3}), F16({4, 3, 3, 2})},
       {{"filterLayout", Str("ohwi")}},
       "float16[1,4,5,5]"},
      {"convTranspose2d",
       {F32({1, 3, 3, 3}), F32({2, 4, 3, 3})},
       "! filter has 2 input channels, expected 3"},
      {"convTranspose2d", good, {{"groups", Int(3)}}, "! groups 3 does not divide 2 input channels"},
      {"convTranspose2d", good, with({{"outputPadding", Ints({0, 2})}}),
       "! outputPadding 2 must be below the stride 2"},
      {"convTranspose2d", good, with({{"outputSizes", Ints({9, 7})}}),
       "! outputSizes 9 is out of range, expected from 7 to 8"},
      {"convTranspose2d", good, with({{"outputSizes", Ints({7})}}),
       "! outputSizes has 1 elements, expected 2"},
      {"convTranspose2d",
       good,
       {{"padding", Ints({3, 2, 0, 0})}},
       "! output height would be 0, expected 1 to 2147483647"},
      {"convTranspose2d",
       good,
       {{"strides", Ints({4294967295, 1})}},
       "! output height would be 8589934593, expected 1 to 2147483647"},
      {"convTranspose2d", good, {{"bias", OperandId{0}}}, {F32({2})}, "! bias has shape [2], expected [4]"},
  });
}

TEST_CASE("pooling computes sizes and checks its options") {
  const std::vector<TensorDescriptor> good = {F32({1, 3, 7, 8})};
  const Attributes window = {{"windowDimensions", Ints({2, 3})}, {"strides", Ints({2, 2})}};
  const auto with = [&](Attributes more) {
    more.insert(window.begin(), window.end());
    return more;
  };
  for (const char* type : {"averagePool2d", "l2Pool2d", "maxPool2d"}) {
    RunCases({
        {type, good, "float32[1,3,1,1]"},
        {type, good, window, "float32[1,3,3,3]"},
        {type, good, with({{"outputShapeRounding", Str("ceil")}}), "float32[1,3,4,4]"},
        {type, good, with({{"outputSizes", Ints({3, 3})}}), "float32[1,3,3,3]"},
        {type, good, with({{"outputSizes", Ints({4, 4})}}), "float32[1,3,4,4]"},
        {type, good, with({{"padding", Ints({1, 1, 0, 1})}}), "float32[1,3,4,4]"},
        {type, good, with({{"dilations", Ints({3, 3})}}), "float32[1,3,2,1]"},
        {type, {F16({1, 7, 8, 3})}, with({{"layout", Str("nhwc")}}), "float16[1,3,3,3]"},
        {type, {F32({1, 7, 8})}, "! input has rank 3, expected 4"},
        {type, good, with({{"outputSizes", Ints({4, 3})}}),
         "! outputSizes is [4,3], expected [3,3] or [4,4]"},
        {type, good, with({{"roundingType", Str("ceil")}}), "! attribute \"roundingType\" is unknown"},
        {type,
         good,
         {{"windowDimensions", Ints({0, 1})}},
         "! windowDimensions 0 is out of range, expected at least 1"},
        {type,
         good,
         {{"windowDimensions", Ints({8, 1})}},
         "! output height would be 0, expected 1 to 2147483647"},
        {type, good, {{"padding", Ints({1})}}, "! padding has 1 elements, expected 4"},
    });
  }
  RunCases({
      {"maxPool2d", {U8({1, 1, 2, 2})}, "uint8[1,1,1,1]"},
      {"averagePool2d", {U8({1, 1, 2, 2})}, "uint8[1,1,1,1]"},
      {"l2Pool2d", {{DataType::kUint64, {1, 1, 2, 2}}}, "uint64[1,1,1,1]"},
      {"l2Pool2d",
       {{DataType::kInt4, {1, 1, 2, 2}}},
       "! input has data type int4, expected float32, float16, int32, uint32, int64, uint64, int8, uint8"},
  });
}

TEST_CASE("pooling of integers truncates the exact mean and the root, which saturates") {
  const auto pooled = [](const char* type, DataType data_type, const std::vector<double>& values) {
    const auto width = static_cast<uint32_t>(values.size());
    return testing::ValuesOf(RunOp(type, {testing::TensorOf(data_type, {1, 1, 1, width}, values)})[0])[0];
  };
  CHECK(pooled("averagePool2d", DataType::kInt8, {-1, -2, -2}) == -1);
  CHECK(pooled("averagePool2d", DataType::kInt8, {127, 127, 126}) == 126);
  CHECK(pooled("averagePool2d", DataType::kUint8, {255, 255, 254}) == 254);
  CHECK(pooled("averagePool2d", DataType::kInt32, {2147483647, 2147483645, 1}) == 1431655764);
  CHECK(pooled("averagePool2d", DataType::kUint32, {4294967295, 4294967295}) == 4294967295);
  CHECK(pooled("averagePool2d", DataType::kUint64, {0x1p63, 0x1p63}) == 0x1p63);
  CHECK(pooled("averagePool2d", DataType::kInt64, {-0x1p63, -0x1p62}) == -0x1.8p62);
  CHECK(pooled("l2Pool2d", DataType::kUint8, {3, 4}) == 5);
  CHECK(pooled("l2Pool2d", DataType::kUint8, {3, 5}) == 5);
  CHECK(pooled("l2Pool2d", DataType::kInt8, {-128, 127}) == 127);
  CHECK(pooled("l2Pool2d", DataType::kUint8, {255, 255}) == 255);
  CHECK(pooled("l2Pool2d", DataType::kInt32, {-2147483648.0, 0}) == 2147483647);
  CHECK(pooled("maxPool2d", DataType::kInt64, {-5, -7}) == -5);
}

TEST_CASE("windows decompose into the core's layouts") {
  CHECK(
      DecompositionOf({"conv2d",
                       {F32({1, 8, 9, 3}), F32({3, 3, 3, 4})},
                       {{"inputLayout", Str("nhwc")}, {"filterLayout", Str("hwio")}, {"bias", OperandId{0}}},
                       {F32({4})}}) == R"(%0 float32[1,8,9,3] = input
%1 float32[3,3,3,4] = input
%2 float32[4] = input
%3 float32[4,3,3,3] = transpose(%1) permutation=[3,2,0,1]
%4 float32[1,3,8,9] = transpose(%0) permutation=[0,3,1,2]
%5 float32[1,4,6,7] = convolution(%4, %3) strides=[1,1] dilations=[1,1] padding=[0,0,0,0] groups=1
%6 float32[1,4,1,1] = reshape(%2)
%7 float32[1,4,6,7] = broadcast(%6)
%8 float32[1,4,6,7] = binary add(%5, %7)
%9 float32[1,6,7,4] = transpose(%8) permutation=[0,2,3,1]
output %9
)");
  CHECK(DecompositionOf(
            {"convTranspose2d", {F32({1, 2, 3, 3}), F32({4, 3, 3, 2})}, {{"filterLayout", Str("ohwi")}}}) ==
        R"(%0 float32[1,2,3,3] = input
%1 float32[4,3,3,2] = input
%2 float32[2,4,3,3] = transpose(%1) permutation=[3,0,1,2]
%3 float32[1,4,5,5] = convolution transposed(%0, %2) strides=[1,1] dilations=[1,1] padding=[0,0,0,0] groups=1
output %3
)");
  CHECK(DecompositionOf({"maxPool2d", {F32({1, 3, 7, 8})}, {{"windowDimensions", Ints({2, 2})}}}) ==
        R"(%0 float32[1,3,7,8] = input
%1 float32[1,3,6,7] = pool max(%0) window=[2,2] strides=[1,1] dilations=[1,1] padding=[0,0,0,0]
output %1
)");
}

}  // namespace
}  // namespace modeld
