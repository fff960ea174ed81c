// reverse, tile, triangular, resample2d.
#include <limits>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr int64_t kMaxUint = 4294967295;

std::vector<OpCase> ReverseRules() {
  const auto reverse = [](Shape input, std::vector<int64_t> axes, const char* expected) {
    return OpCase("reverse", {F32(std::move(input))}, {{"axes", Ints(std::move(axes))}}, expected);
  };
  return {
      {"reverse", {F32({2, 3})}, "float32[2,3]"},
      {"reverse", {F32({})}, "float32[]"},
      reverse({}, {}, "float32[]"),
      reverse({2, 3}, {}, "float32[2,3]"),
      reverse({2, 3}, {1, 0}, "float32[2,3]"),
      reverse(Ones(8), {0, 1, 2, 3, 4, 5, 6, 7}, "float32[1,1,1,1,1,1,1,1]"),
      reverse({}, {0}, "! axes 0 must be below the input's rank 0"),
      reverse({2, 3}, {0, 2}, "! axes 2 must be below the input's rank 2"),
      reverse({2, 3}, {kMaxUint}, "! axes 4294967295 must be below the input's rank 2"),
      reverse({2, 3}, {1, 1}, "! axes holds 1 more than once"),
      reverse({2, 3}, {0, 1, 0}, "! axes holds 0 more than once"),
  };
}

std::vector<OpCase> TileRules() {
  const auto tile = [](Shape input, std::vector<int64_t> repetitions, const char* expected) {
    return OpCase("tile", {U8(std::move(input))}, {{"repetitions", Ints(std::move(repetitions))}}, expected);
  };
  return {
      tile({2, 3}, {2, 4}, "uint8[4,12]"),
      tile({2, 3}, {1, 1}, "uint8[2,3]"),
      tile({}, {}, "uint8[]"),
      tile({1, 2, 1, 2, 1, 2, 1, 2}, {2, 1, 2, 1, 2, 1, 2, 1}, "uint8[2,2,2,2,2,2,2,2]"),
      tile({1}, {2147483647}, "uint8[2147483647]"),
      tile({2, 3}, {}, "! repetitions has 0 elements, expected 2"),
      tile({2, 3}, {2}, "! repetitions has 1 elements, expected 2"),
      tile({2, 3}, {2, 2, 2}, "! repetitions has 3 elements, expected 2"),
      tile({}, {1}, "! repetitions has 1 elements, expected 0"),
      tile({2}, {1 << 30}, "! output dimension 0 would be 2147483648, expected 1 to 2147483647"),
      tile({1, 2}, {1, 1 << 30}, "! output dimension 1 would be 2147483648, expected 1 to 2147483647"),
      // 0 in 32 bits.
      tile({1 << 16}, {1 << 16}, "! output dimension 0 would be 4294967296, expected 1 to 2147483647"),
      tile({2147483647}, {kMaxUint},
           "! output dimension 0 would be 9223372030412324865, expected 1 to 2147483647"),
      tile({1, 1}, {1 << 16, 1 << 15}, "! output uint8[65536,32768] has more than 2147483647 elements"),
  };
}

std::vector<OpCase> TriangularRules() {
  const auto triangular = [](Shape input, Attributes attributes, const char* expected) {
    return OpCase("triangular", {F32(std::move(input))}, std::move(attributes), expected);
  };
  const auto diagonal = [&](int64_t value, const char* expected) {
    return triangular({3, 4}, {{"diagonal", Int(value)}}, expected);
  };
  return {
      triangular({3, 4}, {}, "float32[3,4]"),
      triangular({1, 1}, {{"upper", false}}, "float32[1,1]"),
      triangular(Ones(8), {{"upper", true}}, "float32[1,1,1,1,1,1,1,1]"),
      diagonal(-3, "float32[3,4]"),
      diagonal(4, "float32[3,4]"),
      // A diagonal outside of the matrix is no error, but outside of 32 bits.
      diagonal(2147483647, "float32[3,4]"),
      diagonal(-2147483648LL, "float32[3,4]"),
      diagonal(2147483648, "! diagonal 2147483648 is out of range, expected -2147483648 to 2147483647"),
      diagonal(-2147483649LL, "! diagonal -2147483649 is out of range, expected -2147483648 to 2147483647"),
  };
}

std::vector<OpCase> ResampleRules() {
  const auto resample = [](Attributes attributes, const char* expected) {
    return OpCase("resample2d", {F32({1, 2, 5, 7})}, std::move(attributes), expected);
  };
  const auto scales = [&](double first, double second, const char* expected) {
    return resample({{"scales", std::vector<double>{first, second}}}, expected);
  };
  const auto sizes = [&](int64_t first, int64_t second, const char* expected) {
    return resample({{"sizes", Ints({first, second})}}, expected);
  };
  const auto axes = [&](std::vector<int64_t> values, const char* expected) {
    return resample({{"axes", Ints(std::move(values))}, {"sizes", Ints({8, 9})}}, expected);
  };
  using Limits = std::numeric_limits<double>;
  const char* no_height = "! output dimension 2 would be 0, expected 1 to 2147483647";
  return {
      resample({}, "float32[1,2,5,7]"),
      resample({{"mode", Str("linear")}}, "float32[1,2,5,7]"),
      scales(1, 1, "float32[1,2,5,7]"),
      scales(2, 3, "float32[1,2,10,21]"),
      // Rounded down.
      scales(1.99, 0.5, "float32[1,2,9,3]"),
      scales(0.2001, 0.1429, "float32[1,2,1,1]"),
      scales(0.19, 1, no_height),
      scales(1, 0.14, "! output dimension 3 would be 0, expected 1 to 2147483647"),
      scales(1e-30, 1, no_height),
      scales(1e9, 1, "! output dimension 2 would be 2147483648, expected 1 to 2147483647"),
      scales(1, 1e30, "! output dimension 3 would be 2147483648, expected 1 to 2147483647"),
      scales(0, 1, "! scales 0 is out of range, expected a finite number above 0"),
      scales(1, -0.0, "! scales -0 is out of range, expected a finite number above 0"),
      scales(1, -1, "! scales -1 is out of range, expected a finite number above 0"),
      scales(Limits::infinity(), 1, "! scales inf is out of range, expected a finite number above 0"),
      scales(1, Limits::quiet_NaN(), "! scales nan is out of range, expected a finite number above 0"),
      // What float32 does not hold.
      scales(1e300, 1, "! scales inf is out of range, expected a finite number above 0"),
      scales(1e-300, 1, "! scales 0 is out of range, expected a finite number above 0"),
      sizes(1, 1, "float32[1,2,1,1]"),
      sizes(8, 9, "float32[1,2,8,9]"),
      sizes(1, 2147483648, "! output dimension 3 would be 2147483648, expected 1 to 2147483647"),
      sizes(kMaxUint, 1, "! output dimension 2 would be 4294967295, expected 1 to 2147483647"),
      sizes(1 << 16, 1 << 15, "! output float32[1,2,65536,32768] has more than 2147483647 elements"),
      // Sizes win over scales, which are still checked.
      resample({{"sizes", Ints({8, 9})}, {"scales", std::vector<double>{2, 2}}}, "float32[1,2,8,9]"),
      resample({{"sizes", Ints({8, 9})}, {"scales", std::vector<double>{0, 2}}},
               "! scales 0 is out of range, expected a finite number above 0"),
      axes({2, 3}, "float32[1,2,8,9]"),
      axes({3, 2}, "float32[1,2,9,8]"),
      axes({0, 1}, "float32[8,9,5,7]"),
      axes({1, 2}, "float32[1,8,9,7]"),
      axes({0, 3}, "float32[8,2,5,9]"),
      axes({2, 2}, "! axes holds 2 more than once"),
      axes({2, 4}, "! axes 4 must be below the input's rank 4"),
      axes({kMaxUint, 3}, "! axes 4294967295 must be below the input's rank 4"),
  };
}

}  // namespace

Family ArrangementFamily() {
  Family family = {.name = "reverse, tile, triangular, resample2d", .specified = {}, .rules = {}};
  for (const auto& rules : {ReverseRules(), TileRules(), TriangularRules(), ResampleRules()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  family.specified.push_back({.type = "reverse",
                              .operands = {Operand1("input", kMoved)},
                              .attributes = {OptionalUints("axes")},
                              .base = ReverseRules()[0]});
  family.specified.push_back(
      {.type = "tile",
       .operands = {Operand1("input", kMoved)},
       .attributes = {{.name = "repetitions", .kind = AttributeKind::kUints, .required = true, .min = 1}},
       .base = TileRules()[0]});
  family.specified.push_back(
      {.type = "triangular",
       .operands = {Operand1("input", kMoved, RankAtLeast(2))},
       .attributes = {BoolAttribute("upper", true),
                      {.name = "diagonal", .kind = AttributeKind::kInt, .default_value = int64_t{0}}},
       .base = TriangularRules()[0]});
  family.specified.push_back(
      {.type = "resample2d",
       .operands = {Operand1(
           "input", {DataType::kFloat32, DataType::kFloat16, DataType::kUint8, DataType::kInt8}, Rank(4))},
       .attributes = {ChoiceAttribute("mode", {"nearest-neighbor", "linear"}),
                      {.name = "scales", .kind = AttributeKind::kFloats, .size = 2},
                      OptionalUints("sizes", 2, 1),
                      UintsAttribute("axes", {2, 3})},
       .base = ResampleRules()[0]});
  return family;
}

}  // namespace modeld::rules
