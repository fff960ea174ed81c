// The ten reductions.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

struct Row {
  const char* type;
  TypeSet types;
};
constexpr Row kRows[] = {
    {"reduceL1", kWide},  {"reduceL2", kFloats},      {"reduceLogSum", kFloats}, {"reduceLogSumExp", kFloats},
    {"reduceMax", kAny},  {"reduceMean", kFloats},    {"reduceMin", kAny},       {"reduceProduct", kWide},
    {"reduceSum", kWide}, {"reduceSumSquare", kWide},
};

std::vector<OpCase> RulesOf(const char* type) {
  const auto along = [&](Shape input, std::vector<int64_t> axes, bool keep, const char* expected) {
    return OpCase(type, {F32(std::move(input))}, {{"axes", Ints(std::move(axes))}, {"keepDimensions", keep}},
                  expected);
  };
  return {
      {type, {F32({2, 3, 4})}, "float32[]"},
      {type, {F32({2, 3, 4})}, {{"keepDimensions", true}}, "float32[1,1,1]"},
      {type, {F32({})}, "float32[]"},
      {type, {F32({})}, {{"keepDimensions", true}}, "float32[]"},
      along({}, {}, false, "float32[]"),
      along({2, 3}, {}, false, "float32[2,3]"),
      along({2, 3}, {}, true, "float32[2,3]"),
      along({2, 3, 4}, {0}, false, "float32[3,4]"),
      along({2, 3, 4}, {2}, false, "float32[2,3]"),
      along({2, 3, 4}, {1}, true, "float32[2,1,4]"),
      along({2, 3, 4}, {2, 0}, false, "float32[3]"),
      along({2, 3, 4}, {2, 0}, true, "float32[1,3,1]"),
      along({2, 3, 4}, {2, 1, 0}, false, "float32[]"),
      along(Ones(8), {7, 6, 5, 4, 3, 2, 1, 0}, true, "float32[1,1,1,1,1,1,1,1]"),
      along({1 << 15, 1 << 15}, {0}, false, "float32[32768]"),
      along({}, {0}, false, "! axes 0 must be below the input's rank 0"),
      along({2, 3}, {2}, false, "! axes 2 must be below the input's rank 2"),
      along({2, 3}, {0, 2}, true, "! axes 2 must be below the input's rank 2"),
      along({2, 3}, {4294967295}, false, "! axes 4294967295 must be below the input's rank 2"),
      along({2, 3}, {0, 0}, false, "! axes holds 0 more than once"),
      along({2, 3, 4}, {1, 2, 1}, true, "! axes holds 1 more than once"),
      along({2}, {0, 0, 0}, false, "! axes holds 0 more than once"),
  };
}

}  // namespace

Family ReductionFamily() {
  Family family = {.name = "reduction", .specified = {}, .rules = {}};
  for (const Row& row : kRows) {
    const std::vector<OpCase> rules = RulesOf(row.type);
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
    family.specified.push_back({.type = row.type,
                                .operands = {Operand1("input", row.types)},
                                .attributes = {OptionalUints("axes"), BoolAttribute("keepDimensions", false)},
                                .base = rules[0]});
  }
  return family;
}

}  // namespace modeld::rules
