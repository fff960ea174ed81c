// quantizeLinear and dequantizeLinear.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

// Beyond the specification: the 4-bit types.
constexpr TypeSet kQuantized = {DataType::kUint8, DataType::kInt8, DataType::kUint32,
                                DataType::kInt32, DataType::kInt4, DataType::kUint4};

std::vector<OpCase> RulesOf(const std::string& type) {
  const bool back = type == "dequantizeLinear";
  const auto scaled = [&](Shape input, Shape scale, Shape zero_point, std::string expected) {
    const auto quantized = back ? DataType::kUint8 : DataType::kFloat32;
    return OpCase(type, {Of(quantized, std::move(input)), F32(std::move(scale)), U8(std::move(zero_point))},
                  expected.c_str());
  };
  const auto by = [&](Shape input, Shape scale, std::string error = "") {
    const std::string gives = Of(back ? DataType::kFloat32 : DataType::kUint8, input).ToString();
    return scaled(input, scale, scale, error.empty() ? gives : error);
  };
  const auto broken = [&](Shape input, Shape scale, size_t dimension) {
    return by(input, scale,
              "! scale has shape " + ShapeToString(scale) + ", whose dimension " + std::to_string(dimension) +
                  " does not divide that of input " + ShapeToString(input));
  };
  return {
      by({4, 6}, {4, 6}),
      by({}, {}),
      by({4, 6}, {1, 1}),
      by({4, 6}, {4, 1}),
      by({4, 6}, {1, 6}),
      // Blocks.
      by({4, 6}, {2, 3}),
      by({4, 6}, {4, 2}),
      by({4, 4, 4, 4, 4, 4, 4, 4}, {2, 2, 2, 2, 2, 2, 2, 2}),
      by({2, 2, 2, 2, 2, 2, 2, 2}, {1, 2, 1, 2, 1, 2, 1, 2}),
      broken({4, 6}, {3, 6}, 0),
      broken({4, 6}, {4, 4}, 1),
      broken({4, 6}, {8, 6}, 0),
      broken({4, 6}, {4, 12}, 1),
      broken({1, 6}, {2, 6}, 0),
      by({4, 6}, {6}, "! scale has rank 1, expected 2 like input"),
      by({4, 6}, {}, "! scale has rank 0, expected 2 like input"),
      by({4, 6}, {1, 4, 6}, "! scale has rank 3, expected 2 like input"),
      by({}, {1}, "! scale has rank 1, expected 0 like input"),
      scaled({4, 6}, {4, 6}, {6}, "! zeroPoint has rank 1, expected 2 like input"),
      scaled({4, 6}, {4, 6}, {}, "! zeroPoint has rank 0, expected 2 like input"),
      scaled({4, 6}, {4, 6}, {1, 1}, "! zeroPoint has shape [1,1], expected [4,6] like scale"),
      scaled({4, 6}, {1, 1}, {4, 6}, "! zeroPoint has shape [4,6], expected [1,1] like scale"),
      scaled({4, 6}, {2, 3}, {2, 6}, "! zeroPoint has shape [2,6], expected [2,3] like scale"),
  };
}

}  // namespace

Family QuantizationFamily() {
  Family family = {.name = "quantization", .specified = {}, .rules = {}};
  for (const char* type : {"quantizeLinear", "dequantizeLinear"}) {
    const std::vector<OpCase> rules = RulesOf(type);
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  family.rules.push_back(
      {"dequantizeLinear",
       {I8({(1 << 30) + 1}), F32({1}), I8({1})},
       "! output float32[1073741825] takes 4294967300 bytes, expected at most 4294967296"});
  family.specified.push_back(
      {.type = "quantizeLinear",
       .operands = {Operand1("input", kFloats), Operand1("scale", kFloats, kAnyRank, 0),
                    Operand1("zeroPoint", kQuantized)},
       .attributes = {},
       .base = RulesOf("quantizeLinear")[0],
       .output_like = 2});
  family.specified.push_back({.type = "dequantizeLinear",
                              .operands = {Operand1("input", kQuantized), Operand1("scale", kFloats),
                                           Operand1("zeroPoint", kQuantized, kAnyRank, 0)},
                              .attributes = {},
                              .base = RulesOf("dequantizeLinear")[0],
                              .output_like = 1});
  return family;
}

}  // namespace modeld::rules
