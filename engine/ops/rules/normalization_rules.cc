// batchNormalization, instanceNormalization, layerNormalization.
#include "engine/ops/rules/specified.h"

namespace modeld::rules {
namespace {

constexpr const char* kBatch = "batchNormalization";
constexpr const char* kInstance = "instanceNormalization";
constexpr const char* kLayer = "layerNormalization";

// A call whose scale or bias has the given shape.
OpCase Scaled(const char* type, std::vector<TensorDescriptor> operands, Attributes attributes,
              const char* option, Shape shape, std::string expected) {
  attributes[option] = OperandId{0};
  return {type, std::move(operands), std::move(attributes), {F32(std::move(shape))}, expected.c_str()};
}

std::vector<OpCase> BatchRules() {
  const auto batch = [](Shape input, Shape mean, Shape variance, Attributes attributes,
                        const char* expected) {
    return OpCase(kBatch, {F32(std::move(input)), F32(std::move(mean)), F32(std::move(variance))},
                  std::move(attributes), expected);
  };
  const auto axis = [](int64_t value) { return Attributes{{"axis", Int(value)}}; };
  std::vector<OpCase> rules = {
      batch({2, 3, 4}, {3}, {3}, {}, "float32[2,3,4]"),
      batch({2, 3, 4}, {2}, {2}, axis(0), "float32[2,3,4]"),
      batch({2, 3, 4}, {4}, {4}, axis(2), "float32[2,3,4]"),
      batch({3}, {3}, {3}, axis(0), "float32[3]"),
      batch({1, 1, 1, 1, 1, 1, 1, 5}, {5}, {5}, axis(7), "float32[1,1,1,1,1,1,1,5]"),
      batch({3}, {3}, {3}, {}, "! axis 1 must be below the input's rank 1"),
      batch({2, 3, 4}, {3}, {3}, axis(3), "! axis 3 must be below the input's rank 3"),
      batch({2, 3, 4}, {3}, {3}, axis(4294967295), "! axis 4294967295 must be below the input's rank 3"),
      batch({2, 3, 4}, {2}, {3}, {}, "! mean has shape [2], expected [3]"),
      batch({2, 3, 4}, {1}, {3}, {}, "! mean has shape [1], expected [3]"),
      batch({2, 3, 4}, {3}, {4}, {}, "! variance has shape [4], expected [3]"),
      batch({2, 3, 4}, {3}, {3}, axis(2), "! mean has shape [3], expected [4]"),
      batch({2, 3, 4}, {3}, {3}, {{"epsilon", -1.0}}, "float32[2,3,4]"),
      batch({2, 3, 4}, {3}, {3}, {{"epsilon", 0.0}}, "float32[2,3,4]"),
  };
  for (const char* option : {"scale", "bias"}) {
    const std::vector<TensorDescriptor> good = {F32({2, 3, 4}), F32({3}), F32({3})};
    const std::string name = option;
    rules.push_back(Scaled(kBatch, good, {}, option, {3}, "float32[2,3,4]"));
    rules.push_back(Scaled(kBatch, good, {}, option, {2}, "! " + name + " has shape [2], expected [3]"));
    rules.push_back(Scaled(kBatch, good, {}, option, {1}, "! " + name + " has shape [1], expected [3]"));
  }
  return rules;
}

std::vector<OpCase> InstanceRules() {
  std::vector<OpCase> rules = {
      {kInstance, {F32({1, 2, 3, 4})}, "float32[1,2,3,4]"},
      {kInstance, {F16({1, 1, 1, 1})}, {{"layout", Str("nhwc")}}, "float16[1,1,1,1]"},
  };
  for (const char* option : {"scale", "bias"}) {
    const std::vector<TensorDescriptor> good = {F32({1, 2, 3, 4})};
    const Attributes last = {{"layout", Str("nhwc")}};
    const std::string name = option;
    rules.push_back(Scaled(kInstance, good, {}, option, {2}, "float32[1,2,3,4]"));
    rules.push_back(Scaled(kInstance, good, last, option, {4}, "float32[1,2,3,4]"));
    rules.push_back(Scaled(kInstance, good, {}, option, {4}, "! " + name + " has shape [4], expected [2]"));
    rules.push_back(Scaled(kInstance, good, last, option, {2}, "! " + name + " has shape [2], expected [4]"));
    rules.push_back(Scaled(kInstance, good, {}, option, {1}, "! " + name + " has shape [1], expected [2]"));
  }
  return rules;
}

std::vector<OpCase> LayerRules() {
  const auto layer = [](Shape input, std::vector<int64_t> axes, std::string expected) {
    return OpCase(kLayer, {F32(std::move(input))}, {{"axes", Ints(std::move(axes))}}, expected.c_str());
  };
  std::vector<OpCase> rules = {
      {kLayer, {F32({})}, "float32[]"},
      {kLayer, {F32({3})}, "float32[3]"},
      {kLayer, {F32(Ones(8))}, "float32[1,1,1,1,1,1,1,1]"},
      layer({}, {}, "float32[]"),
      layer({2, 3}, {}, "float32[2,3]"),
      layer({2, 3}, {1, 0}, "float32[2,3]"),
      layer(Ones(8), {7, 6, 5, 4, 3, 2, 1, 0}, "float32[1,1,1,1,1,1,1,1]"),
      layer({}, {0}, "! axes 0 must be below the input's rank 0"),
      layer({2, 3}, {2}, "! axes 2 must be below the input's rank 2"),
      layer({2, 3}, {0, 4294967295}, "! axes 4294967295 must be below the input's rank 2"),
      layer({2, 3}, {0, 0}, "! axes holds 0 more than once"),
      layer({2, 3, 4}, {0, 1, 0}, "! axes holds 0 more than once"),
      layer({2, 3}, {0, 1, 0}, "! axes holds 0 more than once"),
  };
  for (const char* option : {"scale", "bias"}) {
    const std::vector<TensorDescriptor> good = {F32({2, 3, 4})};
    const std::string name = option;
    const auto scaled = [&](Attributes axes, Shape shape, std::string expected) {
      const std::string text = expected.empty() ? "float32[2,3,4]" : "! " + name + " has " + expected;
      rules.push_back(Scaled(kLayer, good, std::move(axes), option, std::move(shape), text));
    };
    const auto axes = [](std::vector<int64_t> values) {
      return Attributes{{"axes", Ints(std::move(values))}};
    };
    scaled({}, {3, 4}, "");
    scaled({}, {4}, "shape [4], expected [3,4]");
    scaled({}, {4, 3}, "shape [4,3], expected [3,4]");
    scaled({}, {2, 3, 4}, "shape [2,3,4], expected [3,4]");
    scaled({}, {1, 4}, "shape [1,4], expected [3,4]");
    scaled({}, {}, "shape [], expected [3,4]");
    scaled(axes({2, 1}), {4, 3}, "");
    scaled(axes({2, 1}), {3, 4}, "shape [3,4], expected [4,3]");
    scaled(axes({2}), {4}, "");
    scaled(axes({2}), {1, 4}, "shape [1,4], expected [4]");
    scaled(axes({}), {}, "");
    scaled(axes({}), {1}, "shape [1], expected []");
  }
  return rules;
}

}  // namespace

Family NormalizationFamily() {
  Family family = {.name = "normalization", .specified = {}, .rules = {}};
  for (const auto& rules : {BatchRules(), InstanceRules(), LayerRules()}) {
    family.rules.insert(family.rules.end(), rules.begin(), rules.end());
  }
  const Attributes both = {{"scale", OperandId{0}}, {"bias", OperandId{1}}};
  family.specified.push_back(
      {.type = kBatch,
       .operands = {Operand1("input", kFloats, RankAtLeast(1)), Operand1("mean", kFloats, Rank(1), 0),
                    Operand1("variance", kFloats, Rank(1), 0)},
       .attributes = {OperandAttribute("scale", kFloats, Rank(1)), OperandAttribute("bias", kFloats, Rank(1)),
                      UintAttribute("axis", 1), FloatAttribute("epsilon", 1e-5)},
       .base = {kBatch, {F32({2, 3, 4}), F32({3}), F32({3})}, both, {F32({3}), F32({3})}, "float32[2,3,4]"}});
  family.specified.push_back(
      {.type = kInstance,
       .operands = {Operand1("input", kFloats, Rank(4))},
       .attributes = {OperandAttribute("scale", kFloats, Rank(1)), OperandAttribute("bias", kFloats, Rank(1)),
                      FloatAttribute("epsilon", 1e-5), ChoiceAttribute("layout", {"nchw", "nhwc"})},
       .base = {kInstance, {F32({1, 2, 3, 4})}, both, {F32({2}), F32({2})}, "float32[1,2,3,4]"}});
  family.specified.push_back(
      {.type = kLayer,
       .operands = {Operand1("input", kFloats)},
       .attributes = {OperandAttribute("scale", kFloats, kAnyRank),
                      OperandAttribute("bias", kFloats, kAnyRank), OptionalUints("axes"),
                      FloatAttribute("epsilon", 1e-5)},
       .base = {kLayer, {F32({2, 3, 4})}, both, {F32({3, 4}), F32({3, 4})}, "float32[2,3,4]"}});
  return family;
}

}  // namespace modeld::rules
