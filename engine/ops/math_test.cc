// Matrix products, normalisation, reduction.
#include <catch2/catch.hpp>

#include "engine/ops/op_cases.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

TEST_CASE("matmul multiplies the last two dimensions and broadcasts the others") {
  RunCases({
      {"matmul", {F32({2, 3}), F32({3, 4})}, "float32[2,4]"},
      {"matmul", {F32({5, 1, 2, 3}), F32({6, 3, 4})}, "float32[5,6,2,4]"},
      {"matmul", {F16({7, 2, 3}), F16({3, 4})}, "float16[7,2,4]"},
      {"matmul", {F32({2, 3}), F32({2, 4})}, "! b has 2 rows, expected 3 like the columns of a"},
      {"matmul", {F32({3}), F32({3, 4})}, "! a has rank 1, expected 2 to 8"},
      {"matmul", {I32({2, 3}), I32({3, 4})}, "! a has data type int32, expected float32, float16"},
      {"matmul",
       {F32({2, 2, 3}), F32({3, 3, 4})},
       "! b has shape [3,3,4], whose batch dimensions do not broadcast with [2,2,3]"},
  });
}

TEST_CASE("gemm transposes, scales and adds") {
  RunCases({
      {"gemm", {F32({2, 3}), F32({3, 4})}, "float32[2,4]"},
      {"gemm",
       {F32({3, 2}), F32({4, 3})},
       {{"aTranspose", true}, {"bTranspose", true}, {"alpha", 2.0}, {"beta", 0.5}, {"c", OperandId{0}}},
       {F32({})},
       "float32[2,4]"},
      {"gemm", {F16({2, 3}), F16({3, 4})}, {{"c", OperandId{0}}}, {F16({2, 1})}, "float16[2,4]"},
      {"gemm", {F32({2, 3}), F32({4, 3})}, "! b has 4 rows, expected 3 like the columns of a"},
      {"gemm", {F32({1, 2, 3}), F32({4, 3})}, "! a has rank 3, expected 2"},
      {"gemm",
       {F32({2, 3}), F32({3, 4})},
       {{"c", OperandId{0}}},
       {F32({3})},
       "! c has shape [3], which does not broadcast to [2,4]"},
      {"gemm",
       {F32({2, 3}), F32({3, 4})},
       {{"c", OperandId{0}}},
       {F32({1, 2, 4})},
       "! c has rank 3, expected 0 to 2"},
      {"gemm", {F32({2, 3}), F32({3, 4})}, {{"c", Int(0)}}, "! c is an integer, expected an operand"},
  });
}

TEST_CASE("batchNormalization wants one value per feature") {
  const std::vector<TensorDescriptor> good = {F32({2, 3, 4}), F32({3}), F32({3})};
  RunCases({
      {"batchNormalization", good, "float32[2,3,4]"},
      {"batchNormalization",
       {F16({2, 3, 4}), F16({4}), F16({4})},
       {{"axis", Int(2)}, {"scale", OperandId{0}}, {"bias", OperandId{1}}},
       {F16({4}), F16({4})},
       "float16[2,3,4]"},
      {"batchNormalization", {F32({3}), F32({3}), F32({3})}, {{"axis", Int(0)}}, "float32[3]"},
      {"batchNormalization", {F32({3}), F32({3}), F32({3})}, "! axis 1 must be below the input's rank 1"},
      {"batchNormalization", {F32({2, 3}), F32({2}), F32({3})}, "! mean has shape [2], expected [3]"},
      {"batchNormalization", {F32({2, 3}), F32({3}), F32({4})}, "! variance has shape [4], expected [3]"},
      {"batchNormalization",
       good,
       {{"scale", OperandId{0}}},
       {F32({2})},
       "! scale has shape [2], expected [3]"},
      {"batchNormalization", good, {{"bias", OperandId{0}}}, {F32({1, 3})}, "! bias has rank 2, expected 1"},
      {"batchNormalization",
       {I32({2, 3}), I32({3}), I32({3})},
       "! input has data type int32, expected float32, float16"},
  });
}

TEST_CASE("instanceNormalization and layerNormalization check scale and bias") {
  RunCases({
      {"instanceNormalization", {F32({1, 2, 3, 4})}, "float32[1,2,3,4]"},
      {"instanceNormalization",
       {F32({1, 2, 3, 4})},
       {{"layout", Str("nhwc")}, {"scale", OperandId{0}}},
       {F32({4})},
       "float32[1,2,3,4]"},
      {"instanceNormalization",
       {F32({1, 2, 3, 4})},
       {{"bias", OperandId{0}}},
       {F32({4})},
       "! bias has shape [4], expected [2]"},
      {"instanceNormalization", {F32({2, 3})}, "! input has rank 2, expected 4"},
      {"layerNormalization", {F32({2, 3, 4})}, "float32[2,3,4]"},
      {"layerNormalization", {F32({})}, "float32[]"},
      {"layerNormalization",
       {F16({2, 3, 4})},
       {{"axes", Ints({2, 0})}, {"scale", OperandId{0}}, {"bias", OperandId{1}}},
       {F16({4, 2}), F16({4, 2})},
       "float16[2,3,4]"},
      {"layerNormalization",
       {F32({2, 3})},
       {{"axes", Ints({})}, {"scale", OperandId{0}}},
       {F32({})},
       "float32[2,3]"},
      {"layerNormalization", {F32({2, 3})}, {{"axes", Ints({1, 1})}}, "! axes holds 1 more than once"},
      {"layerNormalization",
       {F32({2, 3})},
       {{"axes", Ints({2})}},
       "! axes 2 must be below the input's rank 2"},
      {"layerNormalization",
       {F32({2, 3, 4})},
       {{"scale", OperandId{0}}},
       {F32({3})},
       "! scale has shape [3], expected [3,4]"},
  });
}

TEST_CASE("reductions drop or keep the dimensions that they combine") {
  for (const char* type : {"reduceL1", "reduceL2", "reduceLogSum", "reduceLogSumExp", "reduceMax",
                           "reduceMean", "reduceMin", "reduceProduct", "reduceSum", "reduceSumSquare"}) {
    RunCases({
        {type, {F32({2, 3, 4})}, "float32[]"},
        {type, {F32({})}, "float32[]"},
        {type, {F32({2, 3, 4})}, {{"keepDimensions", true}}, "float32[1,1,1]"},
        {type, {F16({2, 3, 4})}, {{"axes", Ints({2, 0})}}, "float16[3]"},
        {type, {F16({2, 3, 4})}, {{"axes", Ints({1})}, {"keepDimensions", true}}, "float16[2,1,4]"},
        {type, {F32({2, 3})}, {{"axes", Ints({})}}, "float32[2,3]"},
        {type, {F32({2, 3})}, {{"axes", Ints({2})}}, "! axes 2 must be below the input's rank 2"},
        {type, {F32({2, 3})}, {{"axes", Ints({0, 0})}}, "! axes holds 0 more than once"},
    });
  }
  const char* wide = "! input has data type uint8, expected float32, float16, int32, uint32, int64, uint64";
  for (const char* type : {"reduceL1", "reduceSum", "reduceSumSquare", "reduceProduct"}) {
    RunCases({
        {type, {{DataType::kUint64, {2}}}, "uint64[]"},
        {type, {U8({2})}, wide},
    });
  }
  for (const char* type : {"reduceL2", "reduceLogSum", "reduceLogSumExp", "reduceMean"}) {
    RunCases({{type, {I32({2})}, "! input has data type int32, expected float32, float16"}});
  }
  for (const char* type : {"reduceMax", "reduceMin"}) RunCases({{type, {U8({2})}, "uint8[]"}});
}

TEST_CASE("products, normalisations and reductions decompose as their formulas say") {
  CHECK(DecompositionOf({"gemm",
                         {F32({3, 2}), F32({3, 4})},
                         {{"aTranspose", true}, {"beta", 0.5}, {"c", OperandId{0}}},
                         {F32({4})}}) == R"(%0 float32[3,2] = input
%1 float32[3,4] = input
%2 float32[4] = input
%3 float32[2,3] = transpose(%0) permutation=[1,0]
%4 float32[2,4] = contraction(%3, %1)
%5 float32[] = constant
%6 float32[4] = broadcast(%5)
%7 float32[4] = binary mul(%2, %6)
%8 float32[2,4] = broadcast(%7)
%9 float32[2,4] = binary add(%4, %8)
output %9
)");
  CHECK(DecompositionOf({"batchNormalization",
                         {F32({2, 3, 4}), F32({3}), F32({3})},
                         {{"scale", OperandId{0}}},
                         {F32({3})}}) == R"(%0 float32[2,3,4] = input
%1 float32[3] = input
%2 float32[3] = input
%3 float32[3] = input
%4 float32[1,3,1] = reshape(%1)
%5 float32[1,3,1] = reshape(%2)
%6 float32[] = constant
%7 float32[1,3,1] = broadcast(%6)
%8 float32[1,3,1] = binary add(%5, %7)
%9 float32[1,3,1] = unary sqrt(%8)
%10 float32[2,3,4] = broadcast(%4)
%11 float32[2,3,4] = binary sub(%0, %10)
%12 float32[1,3,1] = reshape(%3)
%13 float32[1,3,1] = binary div(%12, %9)
%14 float32[2,3,4] = broadcast(%13)
%15 float32[2,3,4] = binary mul(%11, %14)
output %15
)");
  CHECK(DecompositionOf({"layerNormalization", {F16({2, 3})}}) == R"(%0 float16[2,3] = input
%1 float32[2,3] = cast(%0)
%2 float32[2,1] = reduce sum(%1) axes=[1]
%3 float32[] = constant
%4 float32[2,1] = broadcast(%3)
%5 float32[2,1] = binary div(%2, %4)
%6 float32[2,3] = broadcast(%5)
%7 float32[2,3] = binary sub(%1, %6)
%8 float32[2,3] = binary mul(%7, %7)
%9 float32[2,1] = reduce sum(%8) axes=[1]
%10 float32[2,1] = broadcast(%3)
%11 float32[2,1] = binary div(%9, %10)
%12 float32[] = constant
%13 float32[2,1] = broadcast(%12)
%14 float32[2,1] = binary add(%11, %13)
%15 float32[2,1] = unary sqrt(%14)
%16 float32[2,3] = broadcast(%15)
%17 float32[2,3] = binary div(%7, %16)
%18 float16[2,3] = cast(%17)
output %18
)");
  CHECK(DecompositionOf({"reduceL2", {F32({2, 3})}, {{"axes", Ints({1})}}}) == R"(%0 float32[2,3] = input
%1 float32[2,3] = binary mul(%0, %0)
%2 float32[2,1] = reduce sum(%1) axes=[1]
%3 float32[2] = reshape(%2)
%4 float32[2] = unary sqrt(%3)
output %4
)");
}

}  // namespace
}  // namespace modeld
