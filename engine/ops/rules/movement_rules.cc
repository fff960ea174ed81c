// concat, pad, slice, split.
#include <algorithm>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr int64_t kMaxUint = 4294967295;

std::vector<OpCase> ConcatRules() {
  const auto concat = [](std::vector<Shape> shapes, int64_t axis, const char* expected) {
    std::vector<TensorDescriptor> operands;
    for (Shape& shape : shapes) operands.push_back(U8(std::move(shape)));
    return OpCase("concat", std::move(operands), {{"axis", Int(axis)}}, expected);
  };
  return {
      concat({{3}}, 0, "uint8[3]"),
      concat({{3}, {4}}, 0, "uint8[7]"),
      concat({{2, 3}, {2, 1}, {2, 4}}, 1, "uint8[2,8]"),
      concat({{2, 3}, {4, 3}}, 0, "uint8[6,3]"),
      concat({Ones(8), Ones(8)}, 7, "uint8[1,1,1,1,1,1,1,2]"),
      concat({{2147483646}, {1}}, 0, "uint8[2147483647]"),
      concat(std::vector<Shape>(1024, Shape{1}), 0, "uint8[1024]"),
      concat(std::vector<Shape>(4097, Shape{1}), 0, "! operands are more than 4096"),
      concat({{2, 3}, {2, 3}}, 2, "! axis 2 must be below the input's rank 2"),
      concat({{2}}, kMaxUint, "! axis 4294967295 must be below the input's rank 1"),
      concat({{2, 3}, {3, 3}}, 1, "! inputs[1] has shape [3,3], which differs from [2,3] beyond axis 1"),
      concat({{2, 3}, {2, 3}, {2, 4}}, 0,
             "! inputs[2] has shape [2,4], which differs from [2,3] beyond axis 0"),
      concat({{2, 3}, {2, 3, 1}}, 1, "! inputs[1] has shape [2,3,1], which differs from [2,3] beyond axis 1"),
      concat({{2, 3}, {3}}, 1, "! inputs[1] has shape [3], which differs from [2,3] beyond axis 1"),
      concat({{2147483647}, {1}}, 0,
             "! output size along axis would be 2147483648, expected 1 to 2147483647"),
      concat({{1 << 15, 1 << 15}, {1 << 15, 1 << 15}}, 0,
             "! output uint8[65536,32768] has more than 2147483647 elements"),
      {"concat",
       {F32({2, 3}), F32({2, 3}), F16({2, 3})},
       {{"axis", Int(1)}},
       "! inputs[2] has data type float16, expected float32 like inputs"},
      {"concat", {F32({2, 3}), F32({})}, {{"axis", Int(1)}}, "! inputs[1] has rank 0, expected 1 to 8"},
  };
}

std::vector<OpCase> PadRules() {
  const auto pad = [](Shape input, std::vector<int64_t> before, std::vector<int64_t> after, const char* mode,
                      const char* expected) {
    return OpCase("pad", {U8(std::move(input))},
                  {{"beginningPadding", Ints(before)}, {"endingPadding", Ints(after)}, {"mode", Str(mode)}},
                  expected);
  };
  const auto constant = [&](Shape input, std::vector<int64_t> before, std::vector<int64_t> after,
                            const char* expected) {
    return pad(std::move(input), std::move(before), std::move(after), "constant", expected);
  };
  std::vector<OpCase> rules = {
      constant({2, 3}, {1, 0}, {0, 2}, "uint8[3,5]"),
      constant({2, 3}, {0, 0}, {0, 0}, "uint8[2,3]"),
      constant({}, {}, {}, "uint8[]"),
      constant(Ones(8), {1, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 1}, "uint8[2,1,1,1,1,1,1,2]"),
      constant({1}, {2147483646}, {0}, "uint8[2147483647]"),
      constant({1}, {0}, {2147483646}, "uint8[2147483647]"),
      constant({1}, {2147483647}, {0}, "! output dimension 0 would be 2147483648, expected 1 to 2147483647"),
      constant({1}, {1073741823}, {1073741824},
               "! output dimension 0 would be 2147483648, expected 1 to 2147483647"),
      constant({2, 2}, {0, kMaxUint}, {0, kMaxUint},
               "! output dimension 1 would be 8589934592, expected 1 to 2147483647"),
      constant({1, 1}, {65535, 32767}, {0, 0},
               "! output uint8[65536,32768] has more than 2147483647 elements"),
      constant({2, 3}, {0}, {0, 0}, "! beginningPadding has 1 elements, expected 2"),
      constant({2, 3}, {0, 0, 0}, {0, 0}, "! beginningPadding has 3 elements, expected 2"),
      constant({2, 3}, {0, 0}, {}, "! endingPadding has 0 elements, expected 2"),
      constant({2, 3}, {0, 0}, {0, 0, 0}, "! endingPadding has 3 elements, expected 2"),
      constant({}, {0}, {}, "! beginningPadding has 1 elements, expected 0"),
      pad({2, 3}, {9, 9}, {9, 9}, "edge", "uint8[20,21]"),
      pad({1}, {2147483647}, {0}, "edge",
          "! output dimension 0 would be 2147483648, expected 1 to 2147483647"),
      // Reflection leaves the edge out, so one less than the size is the most.
      pad({2, 3}, {1, 2}, {1, 2}, "reflection", "uint8[4,7]"),
      pad({1, 3}, {0, 0}, {0, 0}, "reflection", "uint8[1,3]"),
      pad({2, 3}, {2, 0}, {0, 0}, "reflection",
          "! beginningPadding 2 must be below the size 2 of dimension 0 to be reflected"),
      pad({2, 3}, {0, 0}, {0, 3}, "reflection",
          "! endingPadding 3 must be below the size 3 of dimension 1 to be reflected"),
      pad({2, 3}, {2, 0}, {5, 0}, "reflection",
          "! beginningPadding 2 must be below the size 2 of dimension 0 to be reflected"),
      pad({2, 3}, {0, 1}, {0, 5}, "reflection",
          "! endingPadding 5 must be below the size 3 of dimension 1 to be reflected"),
      pad({2, 3}, {5, 0}, {2, 0}, "reflection",
          "! beginningPadding 5 must be below the size 2 of dimension 0 to be reflected"),
      pad({1}, {1}, {0}, "reflection",
          "! beginningPadding 1 must be below the size 1 of dimension 0 to be reflected"),
      pad({2}, {0}, {kMaxUint}, "reflection",
          "! endingPadding 4294967295 must be below the size 2 of dimension 0 to be reflected"),
      // Symmetric padding repeats the edge, so the size is the most.
      pad({2, 3}, {2, 3}, {2, 3}, "symmetric", "uint8[6,9]"),
      pad({2, 3}, {3, 0}, {0, 0}, "symmetric",
          "! beginningPadding 3 must be at most the size 2 of dimension 0 to be mirrored"),
      pad({2, 3}, {0, 0}, {0, 4}, "symmetric",
          "! endingPadding 4 must be at most the size 3 of dimension 1 to be mirrored"),
  };
  // The value is cast to the operand's type: nothing is out of range.
  for (const AttributeValue& value : {Int(-1), Int(256), AttributeValue(0.5), AttributeValue(1e300),
                                      AttributeValue(std::string("18446744073709551615"))}) {
    OpCase filled = constant({2}, {1}, {0}, "uint8[3]");
    filled.attributes["value"] = value;
    rules.push_back(std::move(filled));
  }
  return rules;
}

std::vector<OpCase> SliceRules() {
  const auto slice = [](Shape input, std::vector<int64_t> starts, std::vector<int64_t> sizes,
                        const char* expected) {
    return OpCase("slice", {F32(std::move(input))}, {{"starts", Ints(starts)}, {"sizes", Ints(sizes)}},
                  expected);
  };
  const auto strided = [&](Shape input, std::vector<int64_t> starts, std::vector<int64_t> sizes,
                           std::vector<int64_t> strides, const char* expected) {
    OpCase result = slice(std::move(input), std::move(starts), std::move(sizes), expected);
    result.attributes["strides"] = Ints(std::move(strides));
    return result;
  };
  return {
      slice({6, 4}, {1, 2}, {5, 1}, "float32[5,1]"),
      slice({6, 4}, {0, 0}, {6, 4}, "float32[6,4]"),
      slice({6, 4}, {5, 3}, {1, 1}, "float32[1,1]"),
      slice({}, {}, {}, "float32[]"),
      slice({2, 1, 2, 1, 2, 1, 2, 1}, {1, 0, 1, 0, 1, 0, 1, 0}, {1, 1, 1, 1, 1, 1, 1, 1},
            "float32[1,1,1,1,1,1,1,1]"),
      slice({6, 4}, {1, 0}, {6, 4}, "! sizes of dimension 0 end at 1 + 6, beyond the input's 6"),
      slice({6, 4}, {0, 0}, {6, 5}, "! sizes of dimension 1 end at 0 + 5, beyond the input's 4"),
      slice({6, 4}, {0, 4}, {6, 1}, "! sizes of dimension 1 end at 4 + 1, beyond the input's 4"),
      slice({6}, {7}, {1}, "! sizes of dimension 0 end at 7 + 1, beyond the input's 6"),
      // Whose sum is 0 in 32 bits.
      slice({6}, {kMaxUint}, {1}, "! sizes of dimension 0 end at 4294967295 + 1, beyond the input's 6"),
      slice({6}, {1}, {kMaxUint}, "! sizes of dimension 0 end at 1 + 4294967295, beyond the input's 6"),
      slice({6, 4}, {0}, {1, 1}, "! starts has 1 elements, expected 2"),
      slice({6, 4}, {0, 0, 0}, {1, 1}, "! starts has 3 elements, expected 2"),
      slice({6, 4}, {0, 0}, {1}, "! sizes has 1 elements, expected 2"),
      slice({6, 4}, {0, 0}, {}, "! sizes has 0 elements, expected 2"),
      slice({}, {0}, {1}, "! starts has 1 elements, expected 0"),
      strided({6, 4}, {1, 0}, {5, 4}, {2, 4}, "float32[3,1]"),
      strided({6}, {0}, {6}, {1}, "float32[6]"),
      strided({6}, {0}, {6}, {5}, "float32[2]"),
      strided({6}, {0}, {6}, {6}, "float32[1]"),
      strided({6}, {0}, {6}, {kMaxUint}, "float32[1]"),
      strided({6}, {5}, {1}, {2}, "float32[1]"),
      // The stride does not let a slice end beyond the input.
      strided({6}, {1}, {6}, {6}, "! sizes of dimension 0 end at 1 + 6, beyond the input's 6"),
      strided({6, 4}, {0, 0}, {6, 4}, {1}, "! strides has 1 elements, expected 2"),
      strided({6, 4}, {0, 0}, {6, 4}, {}, "! strides has 0 elements, expected 2"),
      strided({}, {}, {}, {1}, "! strides has 1 elements, expected 0"),
  };
}

std::vector<OpCase> SplitRules() {
  const auto split = [](Shape input, AttributeValue splits, int64_t axis, const char* expected) {
    return OpCase("split", {F32(std::move(input))}, {{"splits", std::move(splits)}, {"axis", Int(axis)}},
                  expected);
  };
  return {
      {"split", {F32({6, 2})}, {{"splits", Int(3)}}, "float32[2,2] float32[2,2] float32[2,2]"},
      split({2, 6}, Int(2), 1, "float32[2,3] float32[2,3]"),
      split({2, 6}, Int(1), 1, "float32[2,6]"),
      split({2}, Int(2), 0, "float32[1] float32[1]"),
      split({2, 6}, Ints({1, 5}), 1, "float32[2,1] float32[2,5]"),
      split({6}, Ints({6}), 0, "float32[6]"),
      split({1, 1, 1, 1, 1, 1, 1, 2}, Ints({1, 1}), 7, "float32[1,1,1,1,1,1,1,1] float32[1,1,1,1,1,1,1,1]"),
      split({6}, Int(4), 0, "! splits 4 does not divide the size 6"),
      split({6}, Int(12), 0, "! splits 12 does not divide the size 6"),
      split({4097}, Int(4097), 0, "! splits is 4097, expected at most 4096"),
      split({6}, Int(kMaxUint), 0, "! splits is 4294967295, expected at most 4096"),
      split({6}, Ints({}), 0, "! splits is empty, expected at least one size"),
      split({6}, Ints({1, 4}), 0, "! splits add up to 5, expected 6"),
      split({6}, Ints({1, 6}), 0, "! splits add up to 7, expected 6"),
      split({6}, Ints({5}), 0, "! splits add up to 5, expected 6"),
      // 6 in 32 bits.
      split({6}, Ints({kMaxUint, 7}), 0, "! splits add up to 4294967302, expected 6"),
      split({4097}, Ints(std::vector<int64_t>(4097, 1)), 0,
            "! splits has 4097 elements, expected at most 4096"),
      split({6}, Int(2), 1, "! axis 1 must be below the input's rank 1"),
      split({6, 2}, Ints({6}), kMaxUint, "! axis 4294967295 must be below the input's rank 2"),
  };
}

}  // namespace

Family MovementFamily() {
  Family family = {.name = "movement", .specified = {}, .rules = {}};
  for (const auto& rules : {ConcatRules(), PadRules(), SliceRules(), SplitRules()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  const std::vector<OperandSchema> input = {Operand1("input", kMoved)};
  family.specified.push_back({.type = "concat",
                              .operands = {Operand1("inputs", kMoved, RankAtLeast(1), 0)},
                              .attributes = {RequiredUint("axis")},
                              .base = ConcatRules()[2],
                              .variadic = true});
  family.specified.push_back(
      {.type = "pad",
       .operands = input,
       .attributes = {RequiredUints("beginningPadding"),
                      RequiredUints("endingPadding"),
                      ChoiceAttribute("mode", {"constant", "edge", "reflection", "symmetric"}),
                      {.name = "value", .kind = AttributeKind::kNumber, .default_value = 0.0}},
       .base = PadRules()[0]});
  family.specified.push_back(
      {.type = "slice",
       .operands = input,
       .attributes = {RequiredUints("starts"),
                      {.name = "sizes", .kind = AttributeKind::kUints, .required = true, .min = 1},
                      OptionalUints("strides", 0, 1)},
       .base = SliceRules()[0]});
  family.specified.push_back(
      {.type = "split",
       .operands = {Operand1("input", kMoved, RankAtLeast(1))},
       .attributes = {{.name = "splits", .kind = AttributeKind::kUintOrUints, .required = true, .min = 1},
                      UintAttribute("axis", 0)},
       .base = SplitRules()[0]});
  return family;
}

}  // namespace modeld::rules
