// gather, gatherElements, gatherND, scatterElements, scatterND.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

std::vector<OpCase> GatherRules() {
  const auto gather = [](Shape input, Shape indices, int64_t axis, const char* expected) {
    return OpCase("gather", {U8(std::move(input)), I32(std::move(indices))}, {{"axis", Int(axis)}}, expected);
  };
  return {
      {"gather", {F32({5, 6}), I32({2, 3})}, "float32[2,3,6]"},
      gather({5, 6, 7}, {2, 3}, 0, "uint8[2,3,6,7]"),
      gather({5, 6, 7}, {2, 3}, 1, "uint8[5,2,3,7]"),
      gather({5, 6, 7}, {2, 3}, 2, "uint8[5,6,2,3]"),
      gather({5, 6}, {}, 1, "uint8[5]"),
      gather({5}, {}, 0, "uint8[]"),
      gather({5}, {1}, 0, "uint8[1]"),
      gather({5}, Ones(8), 0, "uint8[1,1,1,1,1,1,1,1]"),
      gather(Ones(8), {2}, 7, "uint8[1,1,1,1,1,1,1,2]"),
      gather({5}, {1 << 30}, 0, "uint8[1073741824]"),
      gather({5}, {2}, 1, "! axis 1 must be below the input's rank 1"),
      gather({5, 6}, {2}, 4294967295, "! axis 4294967295 must be below the input's rank 2"),
      gather(Ones(8), {1, 1}, 0, "! output has rank 9, expected at most 8"),
      gather({5, 1}, Ones(8), 0, "! output has rank 9, expected at most 8"),
      gather({5, 1 << 16}, {1 << 15}, 0, "! output uint8[32768,65536] has more than 2147483647 elements"),
  };
}

// The rules that gatherElements and scatterElements share.
std::vector<OpCase> ElementRules(const std::string& type) {
  const auto at = [&](Shape input, Shape indices, int64_t axis, std::string expected) {
    OpCase call = {type, {F32(input), I32(indices)}, {{"axis", Int(axis)}}, expected.c_str()};
    if (type == "scatterElements") call.operands.push_back(F32(indices));
    return call;
  };
  // Of indices of this shape the output of one is like the indices, of the other like the input.
  const auto gives = [&](Shape input, Shape indices, int64_t axis) {
    return at(input, indices, axis, F32(type == "scatterElements" ? input : indices).ToString());
  };
  return {
      gives({5, 6}, {2, 6}, 0),
      gives({5, 6}, {5, 2}, 1),
      gives({5, 6}, {5, 9}, 1),
      gives({5}, {1}, 0),
      gives({1, 2, 1, 2, 1, 2, 1, 2}, {1, 2, 1, 2, 1, 2, 1, 5}, 7),
      at({5, 6}, {5, 6}, 2, "! axis 2 must be below the input's rank 2"),
      at({5}, {5}, 4294967295, "! axis 4294967295 must be below the input's rank 1"),
      at({5, 6}, {5, 7}, 0, "! indices has shape [5,7], which differs from [5,6] beyond axis 0"),
      at({5, 6}, {4, 6}, 1, "! indices has shape [4,6], which differs from [5,6] beyond axis 1"),
      at({5, 6}, {1, 1}, 1, "! indices has shape [1,1], which differs from [5,6] beyond axis 1"),
      at({5, 6}, {5}, 0, "! indices has shape [5], which differs from [5,6] beyond axis 0"),
      at({5, 6}, {5, 6, 1}, 0, "! indices has shape [5,6,1], which differs from [5,6] beyond axis 0"),
      at({5}, {5, 1}, 0, "! indices has shape [5,1], which differs from [5] beyond axis 0"),
  };
}

std::vector<OpCase> ScatterElementsRules() {
  const auto updates = [](Shape shape, const char* expected) {
    return OpCase("scatterElements", {F32({5, 6}), I32({2, 6}), F32(std::move(shape))}, expected);
  };
  return {
      updates({2, 6}, "float32[5,6]"),
      updates({2, 5}, "! updates has shape [2,5], expected [2,6]"),
      updates({5, 6}, "! updates has shape [5,6], expected [2,6]"),
      updates({6}, "! updates has shape [6], expected [2,6]"),
      updates({1, 2, 6}, "! updates has shape [1,2,6], expected [2,6]"),
      updates({1, 1}, "! updates has shape [1,1], expected [2,6]"),
  };
}

std::vector<OpCase> GatherNDRules() {
  const auto gather = [](Shape input, Shape indices, const char* expected) {
    return OpCase("gatherND", {U8(std::move(input)), I32(std::move(indices))}, expected);
  };
  return {
      gather({5, 6, 7}, {2, 3, 1}, "uint8[2,3,6,7]"),
      gather({5, 6, 7}, {2, 3, 2}, "uint8[2,3,7]"),
      gather({5, 6, 7}, {2, 3, 3}, "uint8[2,3]"),
      gather({5, 6}, {1}, "uint8[6]"),
      gather({5, 6}, {2}, "uint8[]"),
      gather(Ones(8), {8}, "uint8[]"),
      gather(Ones(8), {2, 1}, "uint8[2,1,1,1,1,1,1,1]"),
      gather({5}, {2, 1, 1, 1, 1, 1, 1, 1}, "uint8[2,1,1,1,1,1,1]"),
      gather({5, 6}, {2, 3}, "! indices holds coordinates of 3 dimensions, expected at most the input's 2"),
      gather({5}, {2147483647},
             "! indices holds coordinates of 2147483647 dimensions, expected at most the input's 1"),
      gather(Ones(8), {1, 1, 1}, "! output has rank 9, expected at most 8"),
      gather(Ones(3), {1, 1, 1, 1, 1, 1, 1, 1}, "! output has rank 9, expected at most 8"),
      gather({2, 1 << 16}, {1 << 15, 1}, "! output uint8[32768,65536] has more than 2147483647 elements"),
  };
}

std::vector<OpCase> ScatterNDRules() {
  const auto scatter = [](Shape input, Shape indices, Shape updates, const char* expected) {
    return OpCase("scatterND", {U8(std::move(input)), I32(std::move(indices)), U8(std::move(updates))},
                  expected);
  };
  return {
      scatter({5, 6, 7}, {2, 3, 1}, {2, 3, 6, 7}, "uint8[5,6,7]"),
      scatter({5, 6, 7}, {2, 2}, {2, 7}, "uint8[5,6,7]"),
      scatter({5, 6, 7}, {3}, {}, "uint8[5,6,7]"),
      scatter({5}, {9, 1}, {9}, "uint8[5]"),
      scatter(Ones(8), {2, 1}, {2, 1, 1, 1, 1, 1, 1, 1}, "uint8[1,1,1,1,1,1,1,1]"),
      scatter({5, 6}, {2, 3}, {2},
              "! indices holds coordinates of 3 dimensions, expected at most the input's 2"),
      scatter({5, 6}, {2, 1}, {2, 5}, "! updates has shape [2,5], expected [2,6]"),
      scatter({5, 6}, {2, 1}, {6}, "! updates has shape [6], expected [2,6]"),
      scatter({5, 6}, {2, 2}, {2, 1}, "! updates has shape [2,1], expected [2]"),
      scatter({5, 6}, {2}, {1}, "! updates has shape [1], expected []"),
      scatter({5, 6}, {2, 1}, {}, "! updates has shape [], expected [2,6]"),
      // No updates could have that many dimensions.
      scatter(Ones(8), {1, 1, 1}, Ones(8),
              "! updates has shape [1,1,1,1,1,1,1,1], expected [1,1,1,1,1,1,1,1,1]"),
  };
}

}  // namespace

Family GatherScatterFamily() {
  Family family = {.name = "gather, scatter", .specified = {}, .rules = {}};
  for (const auto& rules : {GatherRules(), ElementRules("gatherElements"), ElementRules("scatterElements"),
                            ScatterElementsRules(), GatherNDRules(), ScatterNDRules()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  const OperandSchema input = Operand1("input", kMoved, RankAtLeast(1));
  const OperandSchema indices = Operand1("indices", kIndices, RankAtLeast(1));
  const std::vector<AttributeSchema> axis = {UintAttribute("axis", 0)};
  family.specified = {
      {.type = "gather",
       .operands = {input, Operand1("indices", kIndices)},
       .attributes = axis,
       .base = GatherRules()[0]},
      {.type = "gatherElements",
       .operands = {input, indices},
       .attributes = axis,
       .base = ElementRules("gatherElements")[0]},
      {.type = "gatherND", .operands = {input, indices}, .attributes = {}, .base = GatherNDRules()[0]},
      {.type = "scatterElements",
       .operands = {input, indices, Operand1("updates", kMoved, RankAtLeast(1), 0)},
       .attributes = axis,
       .base = ScatterElementsRules()[0]},
      {.type = "scatterND",
       .operands = {input, indices, Operand1("updates", kMoved, kAnyRank, 0)},
       .attributes = {},
       .base = ScatterNDRules()[0]},
  };
  return family;
}

}  // namespace modeld::rules
