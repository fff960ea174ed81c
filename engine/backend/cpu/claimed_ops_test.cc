// Every claimed operation against its decomposition on the reference backend, alone and with what fuses into
// it.
#include <catch2/catch.hpp>
#include <optional>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/cpu/support.h"
#include "engine/backend/cpu/test_programs.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/testing/compare.h"

namespace modeld::cpu {
namespace {

using testing::FirstDifference;
using testing::Tensor;
using testing::Tolerance;

constexpr Tolerance kTolerance = {.absolute = 2e-5, .relative = 2e-5};

const Backend& Cpu() {
  static const Backend* const backend = MakeCpuBackend().release();
  return *backend;
}

// Runs the graph decomposed on the reference, and on the CPU in all ways of claiming and fusing.
void CheckAgainstReference(const TestGraph& g, const std::vector<Tensor>& inputs) {
  const auto reference = Compiled(g, ReferenceBackend(), {.fuse = false, .claim = false});
  const auto expected = Run(*reference, inputs);
  REQUIRE(expected.ok());
  for (const bool claim : {true, false}) {
    for (const bool fuse : {true, false}) {
      for (const uint32_t threads : {1u, 2u}) {
        const auto program = Compiled(g, Cpu(), {.num_threads = threads, .fuse = fuse, .claim = claim});
        const auto found = Run(*program, inputs);
        INFO("claim " << claim << ", fuse " << fuse << ", threads " << threads);
        INFO(std::string(found.status().message()));
        REQUIRE(found.ok());
        for (size_t i = 0; i < expected->size(); ++i) {
          const auto difference = FirstDifference(found->at(i), expected->at(i), kTolerance);
          INFO("output " << i << ": " << difference.value_or(""));
          CHECK(!difference.has_value());
        }
      }
    }
  }
}

struct Activation {
  const char* type;
  Attributes attributes;
};

const std::vector<Activation>& Activations() {
  static const auto* const activations = new std::vector<Activation>{
      {"clamp", {{"minValue", -0.5}, {"maxValue", 0.75}}},
      {"clamp", {{"minValue", 0.0}, {"maxValue", 6.0}}},
      {"clamp", {{"minValue", 0.25}}},
      {"elu", {{"alpha", 0.7}}},
      {"gelu", {}},
      {"hardSigmoid", {{"alpha", 0.3}, {"beta", 0.4}}},
      {"hardSwish", {}},
      {"leakyRelu", {{"alpha", 0.1}}},
      {"linear", {{"alpha", 1.5}, {"beta", -0.5}}},
      {"relu", {}},
      {"sigmoid", {}},
      {"softplus", {}},
      {"softsign", {}},
      {"tanh", {}},
  };
  return *activations;
}

TEST_CASE("activations equal their decompositions, NaN and infinities included") {
  for (const Activation& activation : Activations()) {
    TestGraph g;
    g.Output("y", g.Op(activation.type, {g.Float("x", {5, 67})}, activation.attributes));
    INFO(activation.type);
    CheckAgainstReference(g, {RandomTensor({5, 67}, 1, true)});
  }
}

TEST_CASE("activations run in float16") {
  for (const Activation& activation : Activations()) {
    TestGraph g;
    const OperandId x = g.Op("cast", {g.Float("x", {3, 31})}, {{"dataType", DataType::kFloat16}});
    const OperandId y = g.Op(activation.type, {x}, activation.attributes);
    g.Output("y", g.Op("cast", {y}, {{"dataType", DataType::kFloat32}}));
    const auto reference = Run(*Compiled(g, ReferenceBackend()), {RandomTensor({3, 31}, 2)});
    const auto found = Run(*Compiled(g, Cpu()), {RandomTensor({3, 31}, 2)});
    REQUIRE(reference.ok());
    REQUIRE(found.ok());
    INFO(activation.type);
    CHECK(!FirstDifference(found->at(0), reference->at(0), {.absolute = 1e-3, .relative = 1e-3}).has_value());
  }
}

TEST_CASE("softmax equals its decomposition along every axis and in every rank") {
  const std::vector<Shape> shapes = {{1}, {300}, {4, 33}, {2, 3, 70}, {2, 5, 3, 4}, {1, 2, 3, 2, 5}};
  for (const Shape& shape : shapes) {
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      TestGraph g;
      g.Output("y", g.Op("softmax", {g.Float("x", shape)}, {{"axis", static_cast<int64_t>(axis)}}));
      CheckAgainstReference(g, {RandomTensor(shape, 3)});
    }
  }
}

TEST_CASE("softmax of NaN and infinities equals its decomposition") {
  TestGraph g;
  g.Output("rows", g.Op("softmax", {g.Float("x", {6, 40})}, {{"axis", int64_t{1}}}));
  g.Output("columns", g.Op("softmax", {g.graph().inputs[0]}, {{"axis", int64_t{0}}}));
  CheckAgainstReference(g, {RandomTensor({6, 40}, 4, true)});
}

TEST_CASE("normalizations equal their decompositions") {
  for (const int parameters : {0, 1, 2, 3}) {
    const auto with = [&](TestGraph& g, Shape shape, Attributes attributes) {
      if (parameters & 1) attributes["scale"] = RandomConstant(g, shape, 5);
      if (parameters & 2) attributes["bias"] = RandomConstant(g, shape, 6);
      return attributes;
    };
    INFO("parameters " << parameters);
    for (const char* layout : {"nchw", "nhwc"}) {
      TestGraph g;
      const OperandId x = g.Float("x", {2, 5, 7, 5});
      g.Output("y", g.Op("instanceNormalization", {x},
                         with(g, {5}, {{"layout", Str(layout)}, {"epsilon", 1e-3}})));
      CheckAgainstReference(g, {RandomTensor({2, 5, 7, 5}, 7)});
    }
    TestGraph g;
    const OperandId x = g.Float("x", {3, 4, 50});
    g.Output("last", g.Op("layerNormalization", {x}, with(g, {50}, {{"axes", Ints({2})}})));
    g.Output("two", g.Op("layerNormalization", {x}, with(g, {4, 50}, {{"axes", Ints({1, 2})}})));
    g.Output("swapped", g.Op("layerNormalization", {x}, with(g, {50, 4}, {{"axes", Ints({2, 1})}})));
    g.Output("first", g.Op("layerNormalization", {x}, with(g, {3}, {{"axes", Ints({0})}})));
    g.Output("batch", g.Op("batchNormalization",
                           {x, RandomConstant(g, {4}, 8),
                            ConstantOf(g, testing::TensorOf(DataType::kFloat32, {4}, {1, 2, 0.5, 3}))},
                           with(g, {4}, {{"axis", int64_t{1}}})));
    CheckAgainstReference(g, {RandomTensor({3, 4, 50}, 9)});
  }
}

// Shapes of one convolution, channels by meaning.
struct Image {
  uint32_t batches, channels, height, width;
  Shape In(const std::string& layout) const {
    return layout == "nchw" ? Shape{batches, channels, height, width}
                            : Shape{batches, height, width, channels};
  }
};

struct Window {
  Image input;
  uint32_t outputs, height, width;
  int64_t groups = 1;
  std::vector<int64_t> padding = {0, 0, 0, 0};
  std::vector<int64_t> strides = {1, 1};
  std::vector<int64_t> dilations = {1, 1};
};

const std::vector<Window>& Windows() {
  static const auto* const windows = new std::vector<Window>{
      {{1, 1, 1, 1}, 1, 1, 1},
      {{2, 3, 9, 8}, 7, 3, 3, 1, {1, 1, 1, 1}},
      {{1, 3, 17, 17}, 16, 3, 3, 1, {0, 1, 0, 1}, {2, 2}},
      {{1, 32, 6, 6}, 48, 1, 1},
      {{2, 24, 7, 7}, 24, 3, 3, 24, {1, 1, 1, 1}},
      {{1, 32, 8, 8}, 32, 3, 3, 32, {1, 1, 1, 1}, {2, 2}},
      {{1, 6, 10, 9}, 12, 2, 3, 3, {1, 0, 2, 1}, {1, 2}, {2, 1}},
      {{1, 16, 12, 12}, 8, 3, 3, 1, {2, 2, 2, 2}, {1, 1}, {2, 2}},
      {{3, 1, 5, 20}, 20, 5, 5},
  };
  return *windows;
}

Shape FilterShape(const std::string& layout, uint32_t o, uint32_t i, const Window& w) {
  Shape shape;
  for (char c : layout) shape.push_back(c == 'o' ? o : c == 'i' ? i : c == 'h' ? w.height : w.width);
  return shape;
}

Attributes AttributesOf(const Window& w, const char* input_layout, const char* filter_layout) {
  return {{"padding", w.padding},
          {"strides", w.strides},
          {"dilations", w.dilations},
          {"groups", w.groups},
          {"inputLayout", Str(input_layout)},
          {"filterLayout", Str(filter_layout)}};
}

TEST_CASE("conv2d equals its decomposition in all layouts, with constant and computed filters") {
  for (const Window& w : Windows()) {
    for (const char* input_layout : {"nchw", "nhwc"}) {
      for (const char* filter_layout : {"oihw", "hwio", "ohwi", "ihwo"}) {
        for (const bool constant : {true, false}) {
          const Shape filter = FilterShape(filter_layout, w.outputs, w.input.channels / w.groups, w);
          TestGraph g;
          const OperandId x = g.Float("x", w.input.In(input_layout));
          const OperandId f = constant ? RandomConstant(g, filter, 10) : g.Float("f", filter);
          Attributes attributes = AttributesOf(w, input_layout, filter_layout);
          attributes["bias"] = RandomConstant(g, {w.outputs}, 11);
          const OperandId y = g.Op("conv2d", {x, f}, attributes);
          g.Output("y", g.Op("clamp", {y}, {{"minValue", 0.0}, {"maxValue", 6.0}}));
          INFO(input_layout << " " << filter_layout << " constant " << constant << " channels "
                            << w.input.channels);
          std::vector<Tensor> inputs = {RandomTensor(w.input.In(input_layout), 12)};
          if (!constant) inputs.push_back(RandomTensor(filter, 10));
          CheckAgainstReference(g, inputs);
        }
      }
    }
  }
}

TEST_CASE("convTranspose2d equals its decomposition in all layouts") {
  for (const Window& w : Windows()) {
    if (w.input.channels % w.groups != 0 || w.outputs % w.groups != 0) continue;
    for (const char* input_layout : {"nchw", "nhwc"}) {
      for (const char* filter_layout : {"iohw", "hwoi", "ohwi"}) {
        const Shape filter =
            FilterShape(filter_layout, static_cast<uint32_t>(w.outputs / w.groups), w.input.channels, w);
        TestGraph g;
        const OperandId x = g.Float("x", w.input.In(input_layout));
        Attributes attributes = AttributesOf(w, input_layout, filter_layout);
        attributes["bias"] = RandomConstant(g, {w.outputs}, 13);
        attributes["padding"] = Ints({0, 0, 0, 0});
        attributes["outputPadding"] = Ints({w.strides[0] - 1, 0});
        const OperandId y = g.Op("convTranspose2d", {x, RandomConstant(g, filter, 14)}, attributes);
        g.Output("y", g.Op("relu", {y}));
        INFO(input_layout << " " << filter_layout << " channels " << w.input.channels);
        CheckAgainstReference(g, {RandomTensor(w.input.In(input_layout), 15)});
      }
    }
  }
}

TEST_CASE("what follows a product is fused without changing its result") {
  for (const Activation& activation : Activations()) {
    TestGraph g;
    const OperandId x = g.Float("x", {1, 16, 6, 6});
    Attributes attributes = {{"padding", Ints({1, 1, 1, 1})}, {"bias", RandomConstant(g, {16}, 16)}};
    const OperandId y = g.Op("conv2d", {x, RandomConstant(g, {16, 16, 3, 3}, 17)}, attributes);
    g.Output("convolution", g.Op("add", {g.Op(activation.type, {y}, activation.attributes), x}));
    const OperandId a = g.Float("a", {5, 24});
    const OperandId gemm =
        g.Op("gemm", {a, RandomConstant(g, {20, 24}, 18)},
             {{"c", RandomConstant(g, {20}, 19)}, {"alpha", 0.5}, {"beta", 2.0}, {"bTranspose", true}});
    g.Output("gemm", g.Op(activation.type, {gemm}, activation.attributes));
    INFO(activation.type);
    CheckAgainstReference(g, {RandomTensor({1, 16, 6, 6}, 20), RandomTensor({5, 24}, 21)});
  }
}

TEST_CASE("binary operations of all operand shapes fuse without changing the result") {
  for (const char* type : {"add", "sub", "mul", "div", "max", "min"}) {
    for (const Shape& shape :
         {Shape{2, 8, 5, 5}, Shape{8, 1, 1}, Shape{}, Shape{1, 1, 5, 5}, Shape{2, 8, 1, 1}}) {
      for (const bool swapped : {false, true}) {
        TestGraph g;
        const OperandId x = g.Float("x", {2, 4, 5, 5});
        const OperandId other = g.Float("other", shape);
        // Away from zero, as a divisor.
        const OperandId away = g.Op(
            "add", {g.Op("abs", {other}), ConstantOf(g, testing::TensorOf(DataType::kFloat32, {}, {1}))});
        const OperandId y = g.Op("conv2d", {x, RandomConstant(g, {8, 4, 1, 1}, 22)});
        const OperandId divisible =
            std::string(type) == "div" && swapped
                ? g.Op("add",
                       {g.Op("abs", {y}), ConstantOf(g, testing::TensorOf(DataType::kFloat32, {}, {1}))})
                : y;
        g.Output("y", g.Op("relu", {g.Op(type, swapped ? std::vector{away, divisible}
                                                       : std::vector{divisible, away})}));
        INFO(type << " " << ShapeToString(shape) << " swapped " << swapped);
        CheckAgainstReference(g, {RandomTensor({2, 4, 5, 5}, 23), RandomTensor(shape, 24)});
      }
    }
  }
}

TEST_CASE("matmul equals its decomposition over batches, broadcasts and transposes") {
  const std::vector<std::pair<Shape, Shape>> cases = {
      {{1, 1}, {1, 1}},          {{3, 40}, {40, 5}}, {{2, 3, 4}, {4, 6}}, {{2, 3, 4}, {2, 4, 6}},
      {{5, 1, 3, 4}, {2, 4, 6}}, {{1, 7}, {7, 100}}, {{3, 4}, {2, 4, 1}}, {{2, 1, 3, 4}, {1, 3, 4, 2}},
  };
  for (const auto& [a_shape, b_shape] : cases) {
    for (const bool constant : {true, false}) {
      TestGraph g;
      const OperandId a = g.Float("a", a_shape);
      const OperandId b = constant ? RandomConstant(g, b_shape, 25) : g.Float("b", b_shape);
      const OperandId y = g.Op("matmul", {a, b});
      g.Output("y", g.Op("relu", {g.Op("add", {y, RandomConstant(g, {b_shape.back()}, 26)})}));
      INFO(ShapeToString(a_shape) << " x " << ShapeToString(b_shape));
      std::vector<Tensor> inputs = {RandomTensor(a_shape, 27)};
      if (!constant) inputs.push_back(RandomTensor(b_shape, 28));
      CheckAgainstReference(g, inputs);
    }
  }
  TestGraph g;
  const OperandId q = g.Float("q", {2, 7, 3, 8});
  const auto heads = [&](std::vector<int64_t> permutation) {
    return g.Op("transpose", {q}, {{"permutation", permutation}});
  };
  g.Output("scores", g.Op("matmul", {heads({0, 2, 1, 3}), heads({0, 2, 3, 1})}));
  CheckAgainstReference(g, {RandomTensor({2, 7, 3, 8}, 29)});
}

TEST_CASE("channels-last values pass through every kind of operation") {
  TestGraph g;
  const OperandId x = g.Float("x", {2, 3, 12, 12});
  const OperandId y = g.Op("conv2d", {x, RandomConstant(g, {16, 3, 3, 3}, 30)});
  g.Output("pool", g.Op("maxPool2d", {y}, {{"windowDimensions", Ints({3, 3})}, {"strides", Ints({2, 2})}}));
  g.Output("mean", g.Op("averagePool2d", {y}));
  g.Output("sum", g.Op("reduceSum", {y}, {{"axes", Ints({1, 3})}}));
  g.Output("slice", g.Op("slice", {y}, {{"starts", Ints({0, 2, 1, 3})}, {"sizes", Ints({2, 9, 5, 4})}}));
  g.Output("pad", g.Op("pad", {y},
                       {{"beginningPadding", Ints({0, 1, 2, 0})}, {"endingPadding", Ints({1, 0, 0, 3})}}));
  g.Output("concat", g.Op("concat", {y, g.Op("tanh", {y})}, {{"axis", int64_t{1}}}));
  g.Output("transpose", g.Op("transpose", {y}, {{"permutation", Ints({3, 1, 0, 2})}}));
  g.Output("reshape", g.Op("reshape", {y}, {{"newShape", Ints({16, 200})}}));
  g.Output("softmax", g.Op("softmax", {y}, {{"axis", int64_t{1}}}));
  g.Output("instance", g.Op("instanceNormalization", {y}));
  g.Output("add", g.Op("add", {y, RandomConstant(g, {10, 1}, 31)}));
  g.Output("where",
           g.Op("where", {g.Op("greater", {y, RandomConstant(g, {16, 1, 1}, 32)}), y, g.Op("neg", {y})}));
  CheckAgainstReference(g, {RandomTensor({2, 3, 12, 12}, 33)});
}

TEST_CASE("each rule of the table is an operation that can be claimed") {
  for (const NativeRule& rule : NativeRules()) {
    INFO(std::string(rule.type));
    CHECK(FindNativeRule(rule.type) == &rule);
    CHECK(rule.emit != nullptr);
    CHECK(rule.claims != nullptr);
  }
  CHECK(FindNativeRule("reshape") == nullptr);
}

}  // namespace
}  // namespace modeld::cpu
