// averagePool2d, l2Pool2d, maxPool2d.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr int64_t kMaxUint = 4294967295;
constexpr const char* kNoHeight = "! output height would be 0, expected 1 to 2147483647";
constexpr const char* kNoWidth = "! output width would be 0, expected 1 to 2147483647";

std::vector<OpCase> RulesOf(const char* type) {
  // Input 5 x 7.
  const auto pool = [&](Attributes attributes, const char* expected) {
    return OpCase(type, {F32({1, 2, 5, 7})}, std::move(attributes), expected);
  };
  // Windows of 2 x 2, by 2: 2.5 x 3.5 positions.
  const auto by_two = [&](Attributes attributes, const char* expected) {
    attributes["windowDimensions"] = Ints({2, 2});
    attributes["strides"] = Ints({2, 2});
    return pool(std::move(attributes), expected);
  };
  const AttributeValue window = Ints({3, 2});
  const AttributeValue ceil = Str("ceil");
  return {
      pool({}, "float32[1,2,1,1]"),
      pool({{"padding", Ints({1, 0, 0, 2})}}, "float32[1,2,2,3]"),
      pool({{"windowDimensions", Ints({1, 1})}}, "float32[1,2,5,7]"),
      pool({{"windowDimensions", Ints({5, 7})}}, "float32[1,2,1,1]"),
      pool({{"windowDimensions", Ints({6, 7})}}, kNoHeight),
      pool({{"windowDimensions", Ints({5, 8})}}, kNoWidth),
      pool({{"windowDimensions", Ints({6, 9})}, {"padding", Ints({0, 1, 1, 1})}}, "float32[1,2,1,1]"),
      pool({{"windowDimensions", Ints({kMaxUint, 1})}}, kNoHeight),
      pool({{"windowDimensions", window}, {"dilations", Ints({2, 6})}}, "float32[1,2,1,1]"),
      pool({{"windowDimensions", window}, {"dilations", Ints({3, 1})}}, kNoHeight),
      pool({{"windowDimensions", window}, {"dilations", Ints({1, 7})}}, kNoWidth),
      pool({{"windowDimensions", Ints({kMaxUint, kMaxUint})}, {"dilations", Ints({kMaxUint, kMaxUint})}},
           kNoHeight),
      pool({{"windowDimensions", window}, {"strides", Ints({3, 6})}}, "float32[1,2,1,1]"),
      pool({{"windowDimensions", window}, {"strides", Ints({kMaxUint, kMaxUint})}}, "float32[1,2,1,1]"),
      pool({{"windowDimensions", window}, {"padding", Ints({kMaxUint, kMaxUint, 0, 0})}},
           "! output height would be 8589934593, expected 1 to 2147483647"),
      pool({{"windowDimensions", window}, {"padding", Ints({0, 0, kMaxUint, kMaxUint})}},
           "! output width would be 8589934596, expected 1 to 2147483647"),
      // Rounding.
      by_two({}, "float32[1,2,2,3]"),
      by_two({{"outputShapeRounding", Str("floor")}}, "float32[1,2,2,3]"),
      by_two({{"outputShapeRounding", ceil}}, "float32[1,2,3,4]"),
      by_two({{"outputShapeRounding", ceil}, {"padding", Ints({1, 0, 1, 0})}}, "float32[1,2,3,4]"),
      pool({{"windowDimensions", window},
            {"strides", Ints({kMaxUint, kMaxUint})},
            {"outputShapeRounding", ceil}},
           "float32[1,2,2,2]"),
      // A window that does not fit at all has no output, rounded up or not.
      pool({{"windowDimensions", Ints({6, 7})}, {"strides", Ints({2, 2})}, {"outputShapeRounding", ceil}},
           kNoHeight),
      // outputSizes: both rounded down, or both rounded up, and then outputShapeRounding is not looked at.
      by_two({{"outputSizes", Ints({2, 3})}}, "float32[1,2,2,3]"),
      by_two({{"outputSizes", Ints({3, 4})}}, "float32[1,2,3,4]"),
      by_two({{"outputSizes", Ints({2, 3})}, {"outputShapeRounding", ceil}}, "float32[1,2,2,3]"),
      by_two({{"outputSizes", Ints({2, 4})}}, "! outputSizes is [2,4], expected [2,3] or [3,4]"),
      by_two({{"outputSizes", Ints({3, 3})}}, "! outputSizes is [3,3], expected [2,3] or [3,4]"),
      by_two({{"outputSizes", Ints({1, 3})}}, "! outputSizes is [1,3], expected [2,3] or [3,4]"),
      by_two({{"outputSizes", Ints({0, 0})}}, "! outputSizes is [0,0], expected [2,3] or [3,4]"),
      by_two({{"outputSizes", Ints({kMaxUint, kMaxUint})}},
             "! outputSizes is [4294967295,4294967295], expected [2,3] or [3,4]"),
      pool({{"windowDimensions", Ints({6, 7})}, {"outputSizes", Ints({0, 1})}}, kNoHeight),
      // Channels last.
      {type, {F32({1, 5, 7, 2})}, {{"layout", Str("nhwc")}}, "float32[1,1,1,2]"},
      {type,
       {F32({1, 5, 7, 2})},
       {{"layout", Str("nhwc")}, {"windowDimensions", window}},
       "float32[1,3,6,2]"},
      {type, {F32({1, 5, 7, 2})}, {{"windowDimensions", window}}, "float32[1,5,5,1]"},
      {type, {F32({1, 2, 5, 7})}, {{"layout", Str("nhwc")}, {"windowDimensions", window}}, kNoHeight},
  };
}

}  // namespace

Family PoolingFamily() {
  Family family = {.name = "pooling", .specified = {}, .rules = {}};
  for (const char* type : {"averagePool2d", "l2Pool2d", "maxPool2d"}) {
    const std::vector<OpCase> rules = RulesOf(type);
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
    family.specified.push_back(
        {.type = type,
         .operands = {Operand1("input", kAny, Rank(4))},
         .attributes = {OptionalUints("windowDimensions", 2, 1), UintsAttribute("padding", {0, 0, 0, 0}),
                        UintsAttribute("strides", {1, 1}, 1), UintsAttribute("dilations", {1, 1}, 1),
                        ChoiceAttribute("layout", {"nchw", "nhwc"}),
                        ChoiceAttribute("outputShapeRounding", {"floor", "ceil"}),
                        OptionalUints("outputSizes", 2)},
         .base = rules[0]});
  }
  return family;
}

}  // namespace modeld::rules
