// reshape, expand, transpose.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr const char* kNoDimension = "expected 1 to 2147483647";

std::vector<OpCase> ReshapeRules() {
  const auto reshape = [](Shape input, std::vector<int64_t> shape, std::string expected) {
    return OpCase("reshape", {U8(std::move(input))}, {{"newShape", Ints(std::move(shape))}},
                  expected.c_str());
  };
  return {
      reshape({2, 3}, {3, 1, 2}, "uint8[3,1,2]"),
      reshape({1}, {}, "uint8[]"),
      reshape({}, {}, "uint8[]"),
      reshape({}, {1, 1, 1, 1, 1, 1, 1, 1}, "uint8[1,1,1,1,1,1,1,1]"),
      reshape({2, 1, 3, 1, 2, 1, 1, 1}, {12}, "uint8[12]"),
      reshape({2147483647}, {1, 2147483647}, "uint8[1,2147483647]"),
      reshape({1 << 15, 1 << 15}, {1 << 30}, "uint8[1073741824]"),
      reshape({2, 3}, {4}, "! newShape [4] holds 4 elements, expected 6"),
      reshape({2, 3}, {}, "! newShape [] holds 1 elements, expected 6"),
      reshape({2, 3}, {2, 3, 2}, "! newShape [2,3,2] holds 12 elements, expected 6"),
      reshape({}, {2}, "! newShape [2] holds 2 elements, expected 1"),
      reshape({2, 3}, {0}, "! newShape has a dimension of size 0, " + std::string(kNoDimension)),
      reshape({2, 3}, {6, 0}, "! newShape has a dimension of size 0, " + std::string(kNoDimension)),
      reshape({2, 3}, {2147483648},
              "! newShape has a dimension of size 2147483648, " + std::string(kNoDimension)),
      reshape({2, 3}, {4294967295},
              "! newShape has a dimension of size 4294967295, " + std::string(kNoDimension)),
      // 2^33 and 2^64 elements: neither is 2 to the eye of 32 or 64 bits.
      reshape({2}, {1 << 17, 1 << 16}, "! newShape [131072,65536] holds 8589934592 elements, expected 2"),
      reshape({1}, {1 << 30, 1 << 30, 16},
              "! newShape [1073741824,1073741824,16] holds too many elements, expected 1"),
      reshape({1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "! newShape has rank 9, expected at most 8"),
  };
}

std::vector<OpCase> ExpandRules() {
  const auto expand = [](Shape input, std::vector<int64_t> shape, std::string expected) {
    return OpCase("expand", {F32(std::move(input))}, {{"newShape", Ints(std::move(shape))}},
                  expected.c_str());
  };
  return {
      expand({}, {}, "float32[]"),
      expand({}, {2}, "float32[2]"),
      expand({1}, {3}, "float32[3]"),
      expand({3}, {3}, "float32[3]"),
      expand({3, 1}, {2, 3, 4}, "float32[2,3,4]"),
      expand({2, 3}, {2, 3}, "float32[2,3]"),
      expand({}, {1, 1, 1, 1, 1, 1, 1, 2}, "float32[1,1,1,1,1,1,1,2]"),
      expand({1}, {1 << 15, 1 << 15}, "float32[32768,32768]"),
      expand({3}, {4}, "! newShape [4] is no shape that [3] broadcasts to"),
      expand({3}, {1}, "! newShape [1] is no shape that [3] broadcasts to"),
      expand({3}, {3, 1}, "! newShape [3,1] is no shape that [3] broadcasts to"),
      expand({1, 3}, {3}, "! newShape [3] is no shape that [1,3] broadcasts to"),
      expand({1}, {}, "! newShape [] is no shape that [1] broadcasts to"),
      expand({2, 3}, {2, 6}, "! newShape [2,6] is no shape that [2,3] broadcasts to"),
      expand({1}, {0}, "! newShape has a dimension of size 0, " + std::string(kNoDimension)),
      expand({1}, {2147483648},
             "! newShape has a dimension of size 2147483648, " + std::string(kNoDimension)),
      expand({1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}, "! newShape has rank 9, expected at most 8"),
      expand({1}, {1 << 16, 1 << 15}, "! output float32[65536,32768] has more than 2147483647 elements"),
      expand({1}, {1 << 30, 1 << 30, 1 << 30},
             "! output float32[1073741824,1073741824,1073741824] has more than 2147483647 elements"),
      expand({1}, {(1 << 30) + 1},
             "! output float32[1073741825] takes 4294967300 bytes, expected at most 4294967296"),
  };
}

std::vector<OpCase> TransposeRules() {
  const auto transpose = [](Shape input, std::vector<int64_t> permutation, const char* expected) {
    return OpCase("transpose", {F32(std::move(input))}, {{"permutation", Ints(std::move(permutation))}},
                  expected);
  };
  return {
      {"transpose", {F32({2, 3, 4})}, "float32[4,3,2]"},
      {"transpose", {F32({2})}, "float32[2]"},
      {"transpose", {F32({})}, "float32[]"},
      transpose({}, {}, "float32[]"),
      transpose({2, 3, 4}, {0, 1, 2}, "float32[2,3,4]"),
      transpose({2, 3, 4}, {1, 2, 0}, "float32[3,4,2]"),
      transpose({1, 2, 3, 1, 2, 3, 1, 2}, {7, 6, 5, 4, 3, 2, 1, 0}, "float32[2,1,3,2,1,3,2,1]"),
      transpose({2, 3}, {}, "! permutation has 0 elements, expected 2"),
      transpose({2, 3}, {0}, "! permutation has 1 elements, expected 2"),
      transpose({2, 3}, {0, 1, 2}, "! permutation has 3 elements, expected 2"),
      transpose({}, {0}, "! permutation has 1 elements, expected 0"),
      transpose({2, 3}, {0, 0}, "! permutation holds 0 more than once"),
      transpose({2, 3, 4}, {2, 1, 2}, "! permutation holds 2 more than once"),
      transpose({2, 3}, {0, 2}, "! permutation 2 must be below the input's rank 2"),
      transpose({2, 3}, {4294967295, 0}, "! permutation 4294967295 must be below the input's rank 2"),
  };
}

}  // namespace

Family ShapeFamily() {
  Family family = {.name = "shape", .specified = {}, .rules = {}};
  for (const auto& rules : {ReshapeRules(), ExpandRules(), TransposeRules()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  const std::vector<OperandSchema> operands = {Operand1("input", kMoved)};
  family.specified = {
      {.type = "reshape",
       .operands = operands,
       .attributes = {RequiredUints("newShape")},
       .base = ReshapeRules()[0]},
      {.type = "expand",
       .operands = operands,
       .attributes = {RequiredUints("newShape")},
       .base = ExpandRules()[4]},
      {.type = "transpose",
       .operands = operands,
       .attributes = {OptionalUints("permutation")},
       .base = TransposeRules()[0]},
  };
  return family;
}

}  // namespace modeld::rules
