// Activation functions.
#include <limits>

#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Functions of one element, with their options.
struct Row {
  const char* type;
  TypeSet types;
  std::vector<AttributeSchema> attributes;
};

std::vector<Row> PlainRows() {
  return {
      {"elu", kFloats, {FloatAttribute("alpha", 1)}},
      {"gelu", kFloats, {}},
      {"hardSigmoid", kFloats, {FloatAttribute("alpha", 0.2), FloatAttribute("beta", 0.5)}},
      {"hardSwish", kFloats, {}},
      {"leakyRelu", kFloats, {FloatAttribute("alpha", 0.01)}},
      {"linear", kFloats, {FloatAttribute("alpha", 1), FloatAttribute("beta", 0)}},
      {"relu", kSigned, {}},
      {"sigmoid", kFloats, {}},
      {"softplus", kFloats, {}},
      {"softsign", kFloats, {}},
      {"tanh", kFloats, {}},
  };
}

std::vector<OpCase> PreluRules() {
  return {
      {"prelu", {F32({}), F32({})}, "float32[]"},
      {"prelu", {F32({2, 3}), F32({3})}, "float32[2,3]"},
      {"prelu", {I32({3}), I32({2, 3})}, "int32[2,3]"},
      {"prelu", {F16({2, 1}), F16({1, 3})}, "float16[2,3]"},
      {"prelu", {I8(Ones(8)), I8({2})}, "int8[1,1,1,1,1,1,1,2]"},
      {"prelu", {F32({2}), F32({3})}, "! operands of shapes [2] and [3] cannot be broadcast together"},
      {"prelu", {F32({2, 3}), F32({2})}, "! operands of shapes [2,3] and [2] cannot be broadcast together"},
      {"prelu",
       {I8({1 << 16, 1}), I8({1, 1 << 15})},
       "! output int8[65536,32768] has more than 2147483647 elements"},
  };
}

std::vector<OpCase> SoftmaxRules() {
  const auto softmax = [](Shape shape, int64_t axis, const char* expected) {
    return OpCase("softmax", {F32(std::move(shape))}, {{"axis", Int(axis)}}, expected);
  };
  return {
      softmax({1}, 0, "float32[1]"),
      softmax({2, 3}, 0, "float32[2,3]"),
      softmax({2, 3}, 1, "float32[2,3]"),
      softmax(Ones(8), 7, "float32[1,1,1,1,1,1,1,1]"),
      softmax({1}, 1, "! axis 1 must be below the input's rank 1"),
      softmax({2, 3}, 2, "! axis 2 must be below the input's rank 2"),
      softmax(Ones(8), 8, "! axis 8 must be below the input's rank 8"),
      softmax({2, 3}, 4294967295, "! axis 4294967295 must be below the input's rank 2"),
  };
}

}  // namespace

Family ActivationFamily() {
  Family family = {.name = "activation", .specified = {}, .rules = PreluRules()};
  for (Row& row : PlainRows()) {
    const std::string type = row.type;
    for (const Shape& shape : {Shape{}, Shape{1}, Ones(8), Shape{1 << 15, 1 << 15}}) {
      family.rules.push_back({type, {F32(shape)}, F32(shape).ToString().c_str()});
    }
    for (const AttributeSchema& attribute : row.attributes) {
      // No range is stated. What a float16 cannot hold becomes infinite, as every cast does.
      for (double value : {-1.0, 0.0, -0.0, 1e-300, 70000.0, 1e300, kInfinity, -kInfinity}) {
        family.rules.push_back({type, {F16({2})}, {{std::string(attribute.name), value}}, "float16[2]"});
        family.rules.push_back({type, {F32({2})}, {{std::string(attribute.name), value}}, "float32[2]"});
      }
    }
    family.specified.push_back({.type = row.type,
                                .operands = {Operand1("input", row.types)},
                                .attributes = std::move(row.attributes),
                                .base = {type, {F32({2, 3})}, "float32[2,3]"}});
  }
  family.specified.push_back(
      {.type = "prelu",
       .operands = {Operand1("input", kSigned), Operand1("slope", kSigned, kAnyRank, 0)},
       .attributes = {},
       .base = PreluRules()[1]});
  family.specified.push_back({.type = "softmax",
                              .operands = {Operand1("input", kFloats, RankAtLeast(1))},
                              .attributes = {RequiredUint("axis")},
                              .base = SoftmaxRules()[2]});
  for (OpCase& rule : SoftmaxRules()) family.rules.push_back(std::move(rule));
  return family;
}

}  // namespace modeld::rules
