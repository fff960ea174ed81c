#include <catch2/catch.hpp>
#include <cmath>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Vector = std::vector<double>;

const Vector kX = {-3, -1, -0.25, 0, 0.5, 2};

Vector Map(double (*f)(double), double shift = 0) {
  Vector y;
  for (double x : kX) y.push_back(f(x + shift));
  return y;
}

double Gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}
double TanhGelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

TEST_CASE("the forms of gelu") {
  TestModel model(20);
  model.Input("x", {6});
  model.Constant("bias", {6}, Vector(6, 0.5));
  model.Output("y");
  const auto x = Floats({6}, kX);
  SECTION("ONNX's, exact") {
    model.Node("Gelu", {"x"}, {"y"});
    CheckClose(Results(model, {x}), Map(Gelu));
  }
  SECTION("ONNX's, by tanh") {
    model.Node("Gelu", {"x"}, {"y"}).String("approximate", "tanh");
    CheckClose(Results(model, {x}), Map(TanhGelu));
  }
  SECTION("ONNX Runtime's") {
    model.Node("Gelu", {"x"}, {"y"}).Microsoft();
    CheckClose(Results(model, {x}), Map(Gelu));
  }
  SECTION("BiasGelu") {
    model.Node("BiasGelu", {"x", "bias"}, {"y"}).Microsoft();
    CheckClose(Results(model, {x}), Map(Gelu, 0.5));
  }
  SECTION("FastGelu, with and without a bias") {
    model.Node("FastGelu", {"x", "bias"}, {"y"}).Microsoft();
    model.Node("FastGelu", {"x"}, {"z"}).Microsoft();
    model.Output("z");
    CheckClose(Results(model, {x}), Map(TanhGelu, 0.5));
    CheckClose(Results(model, {x}, 1), Map(TanhGelu));
  }
  SECTION("QuickGelu") {
    model.Node("QuickGelu", {"x"}, {"y"}).Microsoft();
    CheckClose(Results(model, {x}), Map([](double v) { return v / (1 + std::exp(-1.702 * v)); }), 1e-4);
  }
  SECTION("an approximation that nobody knows") {
    model.Node("Gelu", {"x"}, {"y"}).String("approximate", "guess");
    CheckRefused(model, StatusCode::kInvalidArgument, "approximate \"guess\" is unknown");
  }
  SECTION("BiasGelu without its bias") {
    model.Node("BiasGelu", {"x"}, {"y"}).Microsoft();
    CheckRefused(model, StatusCode::kInvalidArgument, "input 1 is missing");
  }
}

TEST_CASE("fused products transpose and scale") {
  TestModel model(13);
  model.Input("a", {2, 3});
  model.Input("b", {2, 3});
  model.Node("FusedMatMul", {"a", "b"}, {"y"}).Microsoft().Int("transA", 1).Float("alpha", 0.5f);
  model.Node("FusedMatMul", {"a", "b"}, {"z"}).Microsoft().Int("transB", 1);
  model.Output("y");
  model.Output("z");
  const std::vector<testing::Tensor> inputs = {Floats({2, 3}, {1, 2, 3, 4, 5, 6}),
                                               Floats({2, 3}, {1, 0, 2, 0, 1, 0})};
  CheckClose(Results(model, inputs), {0.5, 2, 1, 1, 2.5, 2, 1.5, 3, 3});
  CheckClose(Results(model, inputs, 1), {7, 2, 16, 5});
}

TEST_CASE("fused convolutions add and activate") {
  TestModel model(13);
  model.Input("x", {1, 1, 1, 3});
  model.Input("z", {1, 1, 1, 3});
  model.Constant("w", {1, 1, 1, 1}, {2});
  model.Constant("b", {1}, {1});
  model.Output("y");
  const std::vector<testing::Tensor> inputs = {Floats({1, 1, 1, 3}, {-1, 0, 1}),
                                               Floats({1, 1, 1, 3}, {0, -10, 1})};
  SECTION("relu") {
    model.Node("FusedConv", {"x", "w", "b", "z"}, {"y"}).Microsoft().String("activation", "Relu");
    CheckClose(Results(model, inputs), {0, 0, 4});
  }
  SECTION("leaky relu") {
    model.Node("FusedConv", {"x", "w", "b", "z"}, {"y"})
        .Microsoft()
        .String("activation", "LeakyRelu")
        .Floats("activation_params", {0.5f});
    CheckClose(Results(model, inputs), {-0.5, -4.5, 4});
  }
  SECTION("clip") {
    model.Node("FusedConv", {"x", "w", "b", "z"}, {"y"})
        .Microsoft()
        .String("activation", "Clip")
        .Floats("activation_params", {-2, 3});
    CheckClose(Results(model, inputs), {-1, -2, 3});
  }
  SECTION("an activation that is not known") {
    model.Node("FusedConv", {"x", "w", "b", "z"}, {"y"}).Microsoft().String("activation", "Swish");
    CheckRefused(model, StatusCode::kUnimplemented, "activation \"Swish\"");
  }
}

TEST_CASE("a fused gemm activates") {
  TestModel model(13);
  model.Input("a", {1, 2});
  model.Constant("b", {2, 2}, {1, -1, 1, -1});
  model.Constant("c", {2}, {1, 1});
  model.Node("FusedGemm", {"a", "b", "c"}, {"y"}).Microsoft().String("activation", "Relu").Float("alpha", 2);
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 2}, {1, 2})}), {7, 0});
}

TEST_CASE("operators of another domain are not ONNX's of the same name") {
  TestModel model(13);
  model.Input("x", {2});
  model.Node("QuickGelu", {"x"}, {"y"});
  model.Output("y");
  CHECK_FALSE(model.Import().ok());
  model.proto.mutable_graph()->mutable_node(0)->set_domain("com.example");
  CheckRefused(model, StatusCode::kUnimplemented, "com.example.QuickGelu");
}

}  // namespace
}  // namespace modeld::importer
