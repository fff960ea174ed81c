// What differential fuzzing (tests/fuzz) found in this backend, each as its smallest graph.
#include <catch2/catch.hpp>
#include <limits>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/test_programs.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/testing/compare.h"

namespace modeld::cpu {
namespace {

using testing::FirstDifference;
using testing::Tensor;

// The backend, fused, with everything claimed and with nothing, against the decompositions on the reference
// backend.
void CheckAgainstReference(const TestGraph& g, const std::vector<Tensor>& inputs) {
  const auto backend = MakeCpuBackend();
  const auto expected = Run(*Compiled(g, ReferenceBackend(), {.fuse = false, .claim = false}), inputs);
  REQUIRE(expected.ok());
  for (const bool claim : {true, false}) {
    const auto found = Run(*Compiled(g, *backend, {.num_threads = 1, .claim = claim}), inputs);
    REQUIRE(found.ok());
    for (size_t i = 0; i < expected->size(); ++i) {
      const auto difference =
          FirstDifference(found->at(i), expected->at(i), {.absolute = 1e-5, .relative = 1e-5});
      INFO((claim ? "claimed: " : "decomposed: ") << difference.value_or(""));
      CHECK(!difference.has_value());
    }
  }
}

TEST_CASE("functions of one kind behind a product keep each its own parameters") {
  const std::vector<std::pair<const char*, Attributes>> pairs[] = {
      {{"linear", {{"beta", 1.0}}}, {"neg", {}}},
      {{"linear", {{"alpha", 2.0}, {"beta", -1.0}}}, {"linear", {{"alpha", -1.0}, {"beta", -1.0}}}},
      {{"leakyRelu", {{"alpha", 0.5}}}, {"leakyRelu", {{"alpha", -3.0}}}},
      {{"relu", {}}, {"leakyRelu", {{"alpha", 0.5}}}},
      {{"clamp", {{"minValue", -0.5}, {"maxValue", 2.0}}},
       {"clamp", {{"minValue", 0.25}, {"maxValue", 0.5}}}},
      {{"elu", {{"alpha", 0.5}}}, {"elu", {{"alpha", 2.0}}}},
      {{"hardSigmoid", {}}, {"linear", {{"alpha", 3.0}}}},
      {{"hardSigmoid", {}}, {"hardSigmoid", {{"alpha", 0.5}, {"beta", -0.25}}}},
  };
  for (const auto& pair : pairs) {
    for (const bool convolution : {false, true}) {
      INFO(pair[0].first << " " << pair[1].first << (convolution ? " behind conv2d" : " behind matmul"));
      const Shape input = convolution ? Shape{1, 3, 5, 5} : Shape{4, 6};
      const Shape weights = convolution ? Shape{4, 3, 2, 2} : Shape{6, 5};
      TestGraph g;
      OperandId y = g.Op(convolution ? "conv2d" : "matmul", {g.Float("x", input), g.Float("w", weights)});
      for (const auto& [type, attributes] : pair) y = g.Op(type, {y}, attributes);
      g.Output("y", y);
      CheckAgainstReference(g, {RandomTensor(input, 1), RandomTensor(weights, 2)});
    }
  }
}

TEST_CASE("a clamp whose bound is NaN gives NaN") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const Attributes& attributes : {Attributes{{"minValue", kNan}}, Attributes{{"maxValue", kNan}},
                                       Attributes{{"minValue", kNan}, {"maxValue", 1.0}}}) {
    TestGraph g;
    const OperandId x = g.Float("x", {9});
    const OperandId product = g.Op("matmul", {g.Float("a", {3, 3}), g.Float("b", {3, 3})});
    g.Output("y", g.Op("clamp", {x}, attributes));
    g.Output("z", g.Op("clamp", {product}, attributes));
    CheckAgainstReference(g, {RandomTensor({9}, 1), RandomTensor({3, 3}, 2), RandomTensor({3, 3}, 3)});
  }
}

TEST_CASE("a huge scale of instanceNormalization does not overflow before its time") {
  for (const char* layout : {"nchw", "nhwc"}) {
    INFO(layout);
    TestGraph g;
    const OperandId x = g.Float("x", {1, 3, 3, 3});
    g.Output("y", g.Op("instanceNormalization", {g.Op("linear", {x}, {{"alpha", 0.25}})},
                       {{"scale", g.Float("scale", {3})}, {"layout", Str(layout)}}));
    const Tensor scale = testing::TensorOf(DataType::kFloat32, {3}, {1e38, -1e38, 1});
    CheckAgainstReference(g, {RandomTensor({1, 3, 3, 3}, 1), scale});
  }
}

// oneDNN 2.6's brdgmm adds to the channels beyond a multiple of its block the operands of others.
TEST_CASE("a depthwise convolution takes an operand per channel, whatever the number of channels") {
  for (const uint32_t channels : {1u, 7u, 16u, 17u, 31u, 33u, 65u}) {
    for (const uint32_t pixels : {1u, 2u}) {
      for (const char* type : {"add", "mul", "max", "sub"}) {
        for (const Shape& operand : {Shape{channels}, Shape{1, pixels, pixels, channels}, Shape{}}) {
          for (const size_t first : {0, 1}) {
            INFO(channels << " channels, " << pixels << " pixels, " << type << " " << ShapeToString(operand)
                          << ", operand " << first);
            const Shape input = {1, pixels, pixels + 2, channels};
            const Shape filter = {channels, 1, 3, 1};
            TestGraph g;
            const OperandId y = g.Op(
                "conv2d", {g.Float("x", input), g.Float("w", filter)},
                {{"groups", Int(channels)}, {"inputLayout", Str("nhwc")}, {"filterLayout", Str("ohwi")}});
            const OperandId o = g.Float("o", operand);
            g.Output("y", first == 0 ? g.Op(type, {y, o}) : g.Op(type, {o, y}));
            CheckAgainstReference(
                g, {RandomTensor(input, 1), RandomTensor(filter, 2), RandomTensor(operand, 3)});
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace modeld::cpu
