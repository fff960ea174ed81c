// NaN and infinities in products with fused operations: what comes out must be what comes out of the same
// operations run one by one.
#include <catch2/catch.hpp>
#include <cfenv>
#include <limits>
#include <optional>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/test_programs.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/testing/compare.h"

namespace modeld::cpu {
namespace {

using testing::FirstDifference;
using testing::Tensor;

const Backend& Cpu() {
  static const Backend* const backend = MakeCpuBackend().release();
  return *backend;
}

// `tensor` with NaN or an infinity here and there. Not everywhere: some results must stay numbers.
Tensor WithSpecials(Tensor tensor) {
  const float specials[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()};
  const size_t count = tensor.bytes.size() / sizeof(float);
  for (size_t i = 0; i < 3; ++i) {
    std::memcpy(tensor.bytes.data() + (count * (2 * i + 1) / 6) * sizeof(float), &specials[i], sizeof(float));
  }
  return tensor;
}

// Fused on the CPU against decomposed on the reference.
void CheckSame(const TestGraph& g, const std::vector<Tensor>& inputs) {
  const auto expected = Run(*Compiled(g, ReferenceBackend(), {.fuse = false, .claim = false}), inputs);
  REQUIRE(expected.ok());
  for (const uint32_t threads : {1u, 2u}) {
    const auto program = Compiled(g, Cpu(), {.num_threads = threads});
    for (int repeat = 0; repeat < 2; ++repeat) {
      const auto found = Run(*program, inputs);
      INFO("threads " << threads << ", run " << repeat);
      REQUIRE(found.ok());
      const auto difference =
          FirstDifference(found->at(0), expected->at(0), {.absolute = 2e-5, .relative = 1e-4});
      INFO(difference.value_or(""));
      CHECK(!difference.has_value());
    }
  }
}

struct Function {
  const char* type;
  Attributes attributes = {};
};

const Function kFunctions[] = {
    {"relu"},
    {"clamp", {{"minValue", -0.5}, {"maxValue", 0.75}}},
    {"clamp", {{"minValue", 0.0}, {"maxValue", 6.0}}},
    {"leakyRelu", {{"alpha", 0.1}}},
    {"leakyRelu", {{"alpha", 0.0}}},
    {"elu", {{"alpha", 0.7}}},
    {"gelu"},
    {"hardSigmoid", {{"alpha", 0.3}, {"beta", 0.4}}},
    {"hardSwish"},
    {"linear", {{"alpha", 1.5}, {"beta", -0.5}}},
    {"sigmoid"},
    {"tanh"},
    {"exp"},
    {"abs"},
    {"neg"},
    {"sqrt"},
};

TEST_CASE("a fused function keeps NaN and infinities of a matrix product") {
  for (const Function& f : kFunctions) {
    TestGraph g;
    const OperandId a = g.Float("a", {12, 24});
    const OperandId product = g.Op("gemm", {a, RandomConstant(g, {24, 19}, 1)}, {{"c", g.Float("c", {19})}});
    g.Output("y", g.Op(f.type, {product}, f.attributes));
    INFO(f.type);
    CheckSame(g, {WithSpecials(RandomTensor({12, 24}, 2)), WithSpecials(RandomTensor({19}, 3))});
    CheckSame(g, {RandomTensor({12, 24}, 2), RandomTensor({19}, 3)});
  }
}

TEST_CASE("an invalid operation of another thread of the team, from before, decides nothing") {
  for (const Function& function : kFunctions) {
    INFO(function.type);
    TestGraph g;
    const OperandId x = g.Float("a", {50, 33});
    const OperandId product = g.Op("gemm", {x, RandomConstant(g, {33, 17}, 1)}, {{"c", g.Float("c", {17})}});
    g.Output("y", g.Op(function.type, {product}, function.attributes));
    const std::vector<Tensor> inputs = {RandomTensor({50, 33}, 2), RandomTensor({17}, 3)};
    const auto program = Compiled(g, Cpu(), {.num_threads = 2});
    REQUIRE(Run(*program, inputs).ok());
    const auto expected = Run(*program, inputs);
#pragma omp parallel num_threads(2)
    std::feraiseexcept(FE_INVALID);
    const auto found = Run(*program, inputs);
    REQUIRE(found.ok());
    // NaN (of a square root) has bits, too.
    CHECK(found->at(0).bytes == expected->at(0).bytes);
  }
}

TEST_CASE("a fused function keeps NaN and infinities of a convolution") {
  for (const Function& f : kFunctions) {
    for (const int64_t groups : {1, 20}) {
      TestGraph g;
      const OperandId x = g.Float("x", {2, 20, 9, 9});
      const OperandId y =
          g.Op("conv2d", {x, RandomConstant(g, {20, static_cast<uint32_t>(20 / groups), 3, 3}, 4)},
               {{"padding", Ints({1, 1, 1, 1})}, {"groups", groups}, {"bias", RandomConstant(g, {20}, 5)}});
      g.Output("y", g.Op(f.type, {y}, f.attributes));
      INFO(f.type << ", groups " << groups);
      CheckSame(g, {WithSpecials(RandomTensor({2, 20, 9, 9}, 6))});
    }
  }
}

TEST_CASE("chains of fused operations keep NaN and infinities of every operand") {
  for (const char* type : {"add", "sub", "mul", "div", "max", "min"}) {
    for (const Shape& shape : {Shape{2, 12, 5, 5}, Shape{12, 1, 1}, Shape{1}}) {
      for (const bool swapped : {false, true}) {
        TestGraph g;
        const OperandId x = g.Float("x", {2, 4, 5, 5});
        const OperandId other = g.Float("other", shape);
        const OperandId y = g.Op("relu", {g.Op("conv2d", {x, RandomConstant(g, {12, 4, 1, 1}, 7)})});
        const OperandId z = g.Op(type, swapped ? std::vector{other, y} : std::vector{y, other});
        g.Output("y", g.Op("clamp", {z}, {{"minValue", -1.0}, {"maxValue", 0.5}}));
        INFO(type << " " << ShapeToString(shape) << " swapped " << swapped);
        const Tensor operand = RandomTensor(shape, 8);
        CheckSame(g, {WithSpecials(RandomTensor({2, 4, 5, 5}, 9)), operand});
        CheckSame(g, {RandomTensor({2, 4, 5, 5}, 9), shape == Shape{1} ? operand : WithSpecials(operand)});
      }
    }
  }
}

}  // namespace
}  // namespace modeld::cpu
