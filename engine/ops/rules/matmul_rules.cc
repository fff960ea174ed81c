// matmul and gemm.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

std::vector<OpCase> MatmulRules() {
  const auto fails = [](Shape a, Shape b) {
    const std::string text = "! b has shape " + ShapeToString(b) +
                             ", whose batch dimensions do not broadcast with " + ShapeToString(a);
    return OpCase("matmul", {F32(std::move(a)), F32(std::move(b))}, text.c_str());
  };
  return {
      {"matmul", {F32({1, 1}), F32({1, 1})}, "float32[1,1]"},
      {"matmul", {F32({2, 3}), F32({3, 4})}, "float32[2,4]"},
      {"matmul", {F16({7, 2, 3}), F16({3, 4})}, "float16[7,2,4]"},
      {"matmul", {F32({2, 3}), F32({7, 3, 4})}, "float32[7,2,4]"},
      {"matmul", {F32({5, 1, 2, 3}), F32({6, 3, 4})}, "float32[5,6,2,4]"},
      {"matmul", {F32({2, 1, 2, 1, 2, 1, 4, 3}), F32({1, 2, 1, 2, 1, 2, 3, 5})}, "float32[2,2,2,2,2,2,4,5]"},
      {"matmul", {F32({1 << 15, 1}), F32({1, 1 << 15})}, "float32[32768,32768]"},
      {"matmul", {F32({2, 3}), F32({2, 4})}, "! b has 2 rows, expected 3 like the columns of a"},
      {"matmul", {F32({3, 2}), F32({3, 4})}, "! b has 3 rows, expected 2 like the columns of a"},
      {"matmul", {F32({2, 2, 3}), F32({2, 4, 3})}, "! b has 4 rows, expected 3 like the columns of a"},
      fails({2, 2, 3}, {3, 3, 4}),
      fails({2, 1, 2, 3}, {3, 1, 3, 4}),
      fails({5, 2, 3}, {2, 3, 3, 5}),
      {"matmul",
       {F32({1 << 16, 1}), F32({1, 1 << 15})},
       "! output float32[65536,32768] has more than 2147483647 elements"},
      {"matmul",
       {F32({1 << 11, 1, 1 << 10, 1}), F32({1, 1 << 5, 1, 1 << 5})},
       "! output float32[2048,32,1024,32] has more than 2147483647 elements"},
      {"matmul",
       {F32({1 << 15, 1}), F32({1, (1 << 15) + 1})},
       "! output float32[32768,32769] takes 4295098368 bytes, expected at most 4294967296"},
  };
}

OpCase Gemm(Shape a, Shape b, Attributes attributes, const char* expected) {
  return {"gemm", {F32(std::move(a)), F32(std::move(b))}, std::move(attributes), expected};
}

std::vector<OpCase> GemmRules() {
  const auto adding = [](Shape c, const char* expected) {
    return OpCase("gemm", {F32({2, 3}), F32({3, 4})}, {{"c", OperandId{0}}}, {F32(std::move(c))}, expected);
  };
  const Attributes a_turned = {{"aTranspose", true}};
  const Attributes b_turned = {{"bTranspose", true}};
  const Attributes both_turned = {{"aTranspose", true}, {"bTranspose", true}};
  return {
      Gemm({1, 1}, {1, 1}, {}, "float32[1,1]"),
      Gemm({2, 3}, {3, 4}, {}, "float32[2,4]"),
      Gemm({3, 2}, {3, 4}, a_turned, "float32[2,4]"),
      Gemm({2, 3}, {4, 3}, b_turned, "float32[2,4]"),
      Gemm({3, 2}, {4, 3}, both_turned, "float32[2,4]"),
      Gemm({2, 3}, {4, 3}, {}, "! b has 4 rows, expected 3 like the columns of a"),
      Gemm({2, 3}, {3, 4}, a_turned, "! b has 3 rows, expected 2 like the columns of a"),
      Gemm({2, 3}, {3, 4}, b_turned, "! b has 4 rows, expected 3 like the columns of a"),
      Gemm({2, 3}, {3, 4}, both_turned, "! b has 4 rows, expected 2 like the columns of a"),
      Gemm({1 << 16, 1}, {1, 1 << 15}, {}, "! output float32[65536,32768] has more than 2147483647 elements"),
      Gemm({2, 3}, {3, 4}, {{"alpha", 0.0}, {"beta", -1.0}}, "float32[2,4]"),
      adding({}, "float32[2,4]"),
      adding({1}, "float32[2,4]"),
      adding({4}, "float32[2,4]"),
      adding({1, 1}, "float32[2,4]"),
      adding({2, 1}, "float32[2,4]"),
      adding({1, 4}, "float32[2,4]"),
      adding({2, 4}, "float32[2,4]"),
      adding({2}, "! c has shape [2], which does not broadcast to [2,4]"),
      adding({4, 1}, "! c has shape [4,1], which does not broadcast to [2,4]"),
      adding({4, 2}, "! c has shape [4,2], which does not broadcast to [2,4]"),
      adding({3, 4}, "! c has shape [3,4], which does not broadcast to [2,4]"),
      adding({8}, "! c has shape [8], which does not broadcast to [2,4]"),
      // Broadcast in one direction only.
      {"gemm",
       {F32({1, 3}), F32({3, 4})},
       {{"c", OperandId{0}}},
       {F32({2, 4})},
       "! c has shape [2,4], which does not broadcast to [1,4]"},
  };
}

}  // namespace

Family MatmulFamily() {
  Family family = {.name = "matmul", .specified = {}, .rules = MatmulRules()};
  for (OpCase& rule : GemmRules()) family.rules.push_back(std::move(rule));
  family.specified.push_back(
      {.type = "matmul",
       .operands = {Operand1("a", kFloats, RankAtLeast(2)), Operand1("b", kFloats, RankAtLeast(2), 0)},
       .attributes = {},
       .base = MatmulRules()[1]});
  family.specified.push_back(
      {.type = "gemm",
       .operands = {Operand1("a", kFloats, Rank(2)), Operand1("b", kFloats, Rank(2), 0)},
       .attributes = {OperandAttribute("c", kFloats, {0, 2}), FloatAttribute("alpha", 1),
                      FloatAttribute("beta", 1), BoolAttribute("aTranspose", false),
                      BoolAttribute("bTranspose", false)},
       .base = {"gemm", {F32({2, 3}), F32({3, 4})}, {{"c", OperandId{0}}}, {F32({4})}, "float32[2,4]"}});
  return family;
}

}  // namespace modeld::rules
