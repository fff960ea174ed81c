// argMin, argMax, cumulativeSum.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

std::vector<OpCase> ArgRules(const char* type) {
  const auto arg = [&](Shape input, int64_t axis, bool keep, DataType output, const char* expected) {
    return OpCase(type, {F32(std::move(input))},
                  {{"axis", Int(axis)}, {"keepDimensions", keep}, {"outputDataType", output}}, expected);
  };
  const auto at = [&](Shape input, int64_t axis, const char* expected) {
    return OpCase(type, {U8(std::move(input))}, {{"axis", Int(axis)}}, expected);
  };
  return {
      at({2, 3, 4}, 0, "int32[3,4]"),
      at({2, 3, 4}, 2, "int32[2,3]"),
      at({5}, 0, "int32[]"),
      at(Ones(8), 7, "int32[1,1,1,1,1,1,1]"),
      // The greatest dimension fits the least type.
      at({2147483647}, 0, "int32[]"),
      arg({2, 3, 4}, 1, true, DataType::kInt32, "int32[2,1,4]"),
      arg({2, 3, 4}, 1, false, DataType::kInt64, "int64[2,4]"),
      arg({5}, 0, true, DataType::kInt64, "int64[1]"),
      at({5}, 1, "! axis 1 must be below the input's rank 1"),
      at({2, 3, 4}, 3, "! axis 3 must be below the input's rank 3"),
      at({2, 3, 4}, 4294967295, "! axis 4294967295 must be below the input's rank 3"),
      {type,
       {U8({1 << 30, 2})},
       {{"axis", Int(1)}, {"outputDataType", DataType::kInt64}},
       "! output int64[1073741824] takes 8589934592 bytes, expected at most 4294967296"},
  };
}

std::vector<OpCase> CumulativeRules() {
  const auto sum = [](Shape input, int64_t axis, const char* expected) {
    return OpCase("cumulativeSum", {F32(std::move(input))}, {{"axis", Int(axis)}}, expected);
  };
  return {
      sum({2, 3}, 1, "float32[2,3]"),
      sum({2, 3}, 0, "float32[2,3]"),
      sum({1}, 0, "float32[1]"),
      sum(Ones(8), 7, "float32[1,1,1,1,1,1,1,1]"),
      sum({1}, 1, "! axis 1 must be below the input's rank 1"),
      sum({2, 3}, 2, "! axis 2 must be below the input's rank 2"),
      sum({2, 3}, 4294967295, "! axis 4294967295 must be below the input's rank 2"),
      {"cumulativeSum",
       {I64({2, 3})},
       {{"axis", Int(0)}, {"exclusive", true}, {"reversed", true}},
       "int64[2,3]"},
  };
}

}  // namespace

Family AxisFamily() {
  Family family = {.name = "argMin, argMax, cumulativeSum", .specified = {}, .rules = CumulativeRules()};
  for (const char* type : {"argMin", "argMax"}) {
    const std::vector<OpCase> rules = ArgRules(type);
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
    family.specified.push_back({.type = type,
                                .operands = {Operand1("input", kAny, RankAtLeast(1))},
                                .attributes = {RequiredUint("axis"),
                                               BoolAttribute("keepDimensions", false),
                                               {.name = "outputDataType",
                                                .kind = AttributeKind::kDataType,
                                                .default_value = DataType::kInt32,
                                                .types = {DataType::kInt32, DataType::kInt64}}},
                                .base = rules[0],
                                .output_like = -1});
  }
  family.specified.push_back({.type = "cumulativeSum",
                              .operands = {Operand1("input", kWide, RankAtLeast(1))},
                              .attributes = {RequiredUint("axis"), BoolAttribute("exclusive", false),
                                             BoolAttribute("reversed", false)},
                              .base = CumulativeRules()[0]});
  return family;
}

}  // namespace modeld::rules
