// The elementwise families: binary, logical, unary, activations.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/ops/op_cases.h"
#include "engine/ops/run_op.h"
#include "engine/ops/table.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST_CASE("elementwise binary operations broadcast both ways and want equal types") {
  for (const char* type : {"add", "sub", "mul", "div", "max", "min", "pow"}) {
    RunCases({
        {type, {F32({2, 3}), F32({2, 3})}, "float32[2,3]"},
        {type, {F32({}), F32({2, 3})}, "float32[2,3]"},
        {type, {F32({}), F32({})}, "float32[]"},
        {type, {I32({4, 1, 3}), I32({5, 1})}, "int32[4,5,3]"},
        {type, {U8({1}), U8({1, 1, 1, 1, 1, 1, 1, 2})}, "uint8[1,1,1,1,1,1,1,2]"},
        {type,
         {F32({2, 3}), F32({2, 4})},
         "! operands of shapes [2,3] and [2,4] cannot be broadcast together"},
        {type, {F32({2}), F16({2})}, "! b has data type float16, expected float32 like a"},
        {type, {F32({2})}, "! operands are 1, expected 2"},
        {type, {F32({2}), F32({2})}, {{"axis", Int(1)}}, "! attribute \"axis\" is unknown"},
    });
  }
}

TEST_CASE("a broadcast output that is too large is refused before anything is allocated") {
  RunCases({{"add",
             {F32({1u << 20, 1}), F32({1, 1u << 20})},
             "! output float32[1048576,1048576] has more than 2147483647 elements"}});
  GraphLimits limits;
  limits.max_tensor_bytes = 1000;
  RunCases({{"add",
             {F32({20, 1}), F32({1, 20})},
             "! output float32[20,20] takes 1600 bytes, expected at most 1000"}},
           limits);
}

TEST_CASE("comparisons give uint8 and take every type") {
  for (const char* type : {"equal", "notEqual", "greater", "greaterOrEqual", "lesser", "lesserOrEqual"}) {
    RunCases({
        {type, {F16({2, 1}), F16({3})}, "uint8[2,3]"},
        {type, {{DataType::kUint64, {2}}, {DataType::kUint64, {}}}, "uint8[2]"},
        {type, {F32({2}), I32({2})}, "! b has data type int32, expected float32 like a"},
    });
  }
}

TEST_CASE("logical operations take uint8 only") {
  for (const char* type : {"logicalAnd", "logicalOr", "logicalXor"}) {
    RunCases({
        {type, {U8({2, 1}), U8({3})}, "uint8[2,3]"},
        {type, {U8({2}), F32({2})}, "! b has data type float32, expected uint8"},
        {type, {I32({2}), U8({2})}, "! a has data type int32, expected uint8"},
    });
  }
  RunCases({
      {"logicalNot", {U8({})}, "uint8[]"},
      {"logicalNot", {F32({2})}, "! a has data type float32, expected uint8"},
      {"isNaN", {F16({2})}, "uint8[2]"},
      {"isInfinite", {I32({2})}, "! a has data type int32, expected float32, float16"},
  });
}

TEST_CASE("where broadcasts its three operands") {
  RunCases({
      {"where", {U8({2, 1}), F32({3}), F32({})}, "float32[2,3]"},
      {"where", {U8({1}), I32({2, 2}), I32({2, 2})}, "int32[2,2]"},
      {"where", {F32({2}), F32({2}), F32({2})}, "! condition has data type float32, expected uint8"},
      {"where",
       {U8({2}), F32({2}), I32({2})},
       "! falseValue has data type int32, expected float32 like trueValue"},
      {"where",
       {U8({2}), F32({3}), F32({3})},
       "! operands of shapes [2], [3] and [3] cannot be broadcast together"},
      {"where",
       {U8({1}), F32({3}), F32({2})},
       "! operands of shapes [1], [3] and [2] cannot be broadcast together"},
  });
}

TEST_CASE("unary functions keep type and shape and take what the specification lists") {
  for (const char* type :
       {"ceil",      "cos",       "erf",    "exp",     "floor",    "log",      "reciprocal",
        "roundEven", "sin",       "sqrt",   "tan",     "elu",      "gelu",     "hardSigmoid",
        "hardSwish", "leakyRelu", "linear", "sigmoid", "softplus", "softsign", "tanh"}) {
    RunCases({
        {type, {F32({2, 3})}, "float32[2,3]"},
        {type, {F16({})}, "float16[]"},
        {type, {I32({2})}, "! input has data type int32, expected float32, float16"},
    });
  }
  for (const char* type : {"abs", "neg", "relu"}) {
    RunCases({
        {type, {{DataType::kInt64, {2}}}, "int64[2]"},
        {type, {{DataType::kInt8, {2}}}, "int8[2]"},
        {type, {U8({2})}, "! input has data type uint8, expected float32, float16, int32, int64, int8"},
    });
  }
  RunCases({{"identity", {{DataType::kUint64, {1, 2}}}, "uint64[1,2]"}});
}

TEST_CASE("cast takes and gives every type") {
  for (uint32_t from = 1; from <= 8; ++from) {
    for (uint32_t to = 1; to <= 8; ++to) {
      const auto target = static_cast<DataType>(to);
      RunCases({{"cast",
                 {{static_cast<DataType>(from), {3}}},
                 {{"dataType", target}},
                 TensorDescriptor{target, {3}}.ToString().c_str()}});
    }
  }
  RunCases({
      {"cast", {F32({2})}, "! dataType is missing"},
      {"cast",
       {F32({2})},
       {{"dataType", static_cast<DataType>(11)}},
       "! dataType is data type 11 \"\", expected one of float32, float16, int32, uint32, int64, "
       "uint64, int8, uint8, int4, uint4"},
      {"cast", {F32({2})}, {{"dataType", Str("int8")}}, "! dataType is a string, expected a data type"},
  });
}

TEST_CASE("clamp wants its ends in order, after rounding them to the operand's type") {
  RunCases({
      {"clamp", {F32({2})}, "float32[2]"},
      {"clamp", {F32({2})}, {{"minValue", -1.0}, {"maxValue", Int(6)}}, "float32[2]"},
      {"clamp", {F32({2})}, {{"minValue", 1.0}, {"maxValue", 1.0}}, "float32[2]"},
      {"clamp",
       {F32({2})},
       {{"minValue", 2.0}, {"maxValue", 1.0}},
       "! minValue 2 is greater than maxValue 1"},
      {"clamp", {{DataType::kInt8, {2}}}, {{"minValue", Int(300)}, {"maxValue", Int(200)}}, "int8[2]"},
      {"clamp",
       {{DataType::kUint64, {2}}},
       {{"minValue", Str("18446744073709551615")}, {"maxValue", Int(200)}},
       "! minValue 18446744073709551615 is greater than maxValue 200"},
      {"clamp",
       {{DataType::kUint64, {2}}},
       {{"minValue", Str("-1")}},
       "! minValue is a string that is no decimal unsigned 64-bit number"},
      {"clamp", {F32({2})}, {{"minValue", true}}, "! minValue is a boolean, expected a number"},
  });
}

TEST_CASE("sign takes every type, of unsigned ones it is 0 or 1") {
  const auto sign = [](DataType type, const std::vector<double>& values) {
    const auto count = static_cast<uint32_t>(values.size());
    return testing::ValuesOf(RunOp("sign", {testing::TensorOf(type, {count}, values)})[0]);
  };
  using Numbers = std::vector<double>;
  for (DataType type : {DataType::kUint8, DataType::kUint32, DataType::kUint64}) {
    CHECK(sign(type, {0, 1, 200}) == Numbers{0, 1, 1});
  }
  for (DataType type :
       {DataType::kFloat32, DataType::kFloat16, DataType::kInt8, DataType::kInt32, DataType::kInt64}) {
    CHECK(sign(type, {-100, 0, 7}) == Numbers{-1, 0, 1});
  }
  CHECK(std::isnan(sign(DataType::kFloat32, {std::nan("")})[0]));
}

TEST_CASE("clamp of integers compares as integers, beyond what a double holds") {
  const auto clamp = [](DataType type, const std::vector<double>& values, AttributeValue least,
                        AttributeValue greatest) {
    const auto count = static_cast<uint32_t>(values.size());
    return testing::ValuesOf(RunOp("clamp", {testing::TensorOf(type, {count}, values)},
                                   {{"minValue", least}, {"maxValue", greatest}})[0]);
  };
  using Numbers = std::vector<double>;
  for (DataType type : {DataType::kInt8, DataType::kInt32, DataType::kInt64}) {
    CHECK(clamp(type, {-9, 1, 9}, Int(-2), Int(3)) == Numbers{-2, 1, 3});
    // Halves go to even, what is out of range to its end.
    CHECK(clamp(type, {-9, 1, 9}, -1e300, 2.5) == Numbers{-9, 1, 2});
  }
  for (DataType type : {DataType::kUint8, DataType::kUint32, DataType::kUint64}) {
    CHECK(clamp(type, {0, 5, 9}, Int(-2), Int(7)) == Numbers{0, 5, 7});
  }
  CHECK(clamp(DataType::kUint64, {0, 0x1p63}, Str("9223372036854775808"), Str("18446744073709551615")) ==
        Numbers{0x1p63, 0x1p63});
}

TEST_CASE("activations check the kinds of their attributes") {
  RunCases({
      {"elu", {F32({2})}, {{"alpha", 0.1}}, "float32[2]"},
      {"elu", {F32({2})}, {{"alpha", Int(1)}}, "! alpha is an integer, expected a float"},
      {"linear", {F32({2})}, {{"beta", kInfinity}}, "float32[2]"},
      {"prelu", {F32({2, 3}), F32({3})}, "float32[2,3]"},
      {"prelu", {I32({3}), I32({2, 3})}, "int32[2,3]"},
      {"prelu", {F32({2}), F32({3})}, "! operands of shapes [2] and [3] cannot be broadcast together"},
      {"prelu",
       {U8({2}), U8({2})},
       "! input has data type uint8, expected float32, float16, int32, int64, int8"},
      {"softmax", {F16({2, 3})}, {{"axis", Int(1)}}, "float16[2,3]"},
      {"softmax", {F32({2, 3})}, "! axis is missing"},
      {"softmax", {F32({2, 3})}, {{"axis", Int(2)}}, "! axis 2 must be below the input's rank 2"},
      {"softmax", {F32({2, 3})}, {{"axis", Int(-1)}}, "! axis -1 is out of range, expected at least 0"},
      {"softmax", {F32({})}, {{"axis", Int(0)}}, "! input has rank 0, expected 1 to 8"},
  });
}

TEST_CASE("elementwise operations decompose as their formulas say") {
  CHECK(DecompositionOf({"add", {F32({2, 3}), F32({3})}}) == R"(%0 float32[2,3] = input
%1 float32[3] = input
%2 float32[2,3] = broadcast(%1)
%3 float32[2,3] = binary add(%0, %2)
output %3
)");
  CHECK(DecompositionOf({"leakyRelu", {F16({2})}, {{"alpha", 0.25}}}) == R"(%0 float16[2] = input
%1 float32[2] = cast(%0)
%2 float32[] = constant
%3 float32[2] = broadcast(%2)
%4 float32[2] = binary min(%1, %3)
%5 float32[] = constant
%6 float32[2] = broadcast(%5)
%7 float32[2] = binary mul(%4, %6)
%8 float32[2] = broadcast(%2)
%9 float32[2] = binary max(%1, %8)
%10 float32[2] = binary add(%9, %7)
%11 float16[2] = cast(%10)
output %11
)");
  CHECK(DecompositionOf({"softmax", {F32({2, 3})}, {{"axis", Int(1)}}}) == R"(%0 float32[2,3] = input
%1 float32[2,1] = reduce max(%0) axes=[1]
%2 float32[2,3] = broadcast(%1)
%3 float32[2,3] = binary sub(%0, %2)
%4 float32[2,3] = unary exp(%3)
%5 float32[2,1] = reduce sum(%4) axes=[1]
%6 float32[2,3] = broadcast(%5)
%7 float32[2,3] = binary div(%4, %6)
output %7
)");
  CHECK(DecompositionOf({"clamp", {F32({2})}, {{"maxValue", 6.0}}}) == R"(%0 float32[2] = input
%1 float32[] = constant
%2 float32[2] = broadcast(%1)
%3 float32[2] = binary min(%0, %2)
output %3
)");
  CHECK(DecompositionOf({"where", {U8({2, 1}), F32({3}), F32({})}}) == R"(%0 uint8[2,1] = input
%1 float32[3] = input
%2 float32[] = input
%3 uint8[2,3] = broadcast(%0)
%4 float32[2,3] = broadcast(%1)
%5 float32[2,3] = broadcast(%2)
%6 float32[2,3] = select(%3, %4, %5)
output %6
)");
  CHECK(DecompositionOf({"identity", {F32({2})}}) == R"(%0 float32[2] = input
output %0
)");
}

TEST_CASE("every operation of the table has a unique name, operands and a formula") {
  // WebNN's.
  CHECK(AllOps().size() >= 95);
  for (const OpSchema& row : AllOps()) {
    CAPTURE(std::string(row.type));
    CHECK(FindOp(row.type) == &row);
    CHECK(!row.operands.empty());
    CHECK(!row.formula.empty());
  }
  CHECK(FindOp("convolve") == nullptr);
}

}  // namespace
}  // namespace modeld
