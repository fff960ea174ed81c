// Convolution, pooling, normalisation and transforms where ONNX's own suite does not look.
#include <catch2/catch.hpp>
#include <cmath>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Vector = std::vector<double>;

Vector Count(uint32_t count) {
  Vector values;
  for (uint32_t i = 0; i < count; ++i) values.push_back(i);
  return values;
}

TEST_CASE("three dimensions convolve as sums of two") {
  // A kernel of ones over [1, 1, 3, 2, 2], padded by one in depth: sums of 8 neighbours, the ends' of 4.
  TestModel model(11);
  model.Input("x", {1, 1, 3, 2, 2});
  model.Constant("w", {1, 1, 2, 2, 2}, Vector(8, 1));
  model.Constant("b", {1}, {100});
  model.Node("Conv", {"x", "w", "b"}, {"y"}).Ints("pads", {1, 0, 0, 1, 0, 0});
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 1, 3, 2, 2}, Count(12))}), {106, 128, 160, 138});
}

TEST_CASE("three dimensions convolve transposed, with stride and padding") {
  TestModel model(11);
  model.Input("x", {1, 1, 2, 1, 1});
  model.Constant("w", {1, 1, 3, 1, 1}, {1, 10, 100});
  model.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("strides", {2, 1, 1})
      .Ints("pads", {1, 0, 0, 0, 0, 0})
      .Ints("output_padding", {1, 0, 0});
  model.Output("y");
  // In full 1 10 102 20 200; without the first one, and with a zero after.
  CheckClose(Results(model, {Floats({1, 1, 2, 1, 1}, {1, 2})}), {10, 102, 20, 200, 0});
}

TEST_CASE("four spatial dimensions have no form, and a kernel of no size is wrong") {
  TestModel model(11);
  std::vector<int64_t> shape = {1, 1, 2, 2, 2, 2};
  SECTION("dimensions") {
    model.Input("x", shape);
    model.Constant("w", shape, Vector(16, 1));
    model.Node("Conv", {"x", "w"}, {"y"});
    model.Output("y");
    CHECK(ReasonOf(model.Import().status()) == Reason::kDimensions);
  }
  SECTION("a stride of 0") {
    shape.resize(4);
    model.Input("x", shape);
    model.Constant("w", shape, Vector(4, 1));
    model.Node("Conv", {"x", "w"}, {"y"}).Ints("strides", {0, 1});
    model.Output("y");
    CheckRefused(model, StatusCode::kInvalidArgument, "strides holds a 0");
  }
  SECTION("pads of the wrong length") {
    shape.resize(4);
    model.Input("x", shape);
    model.Constant("w", shape, Vector(4, 1));
    model.Node("Conv", {"x", "w"}, {"y"}).Ints("pads", {1, 1});
    model.Output("y");
    CheckRefused(model, StatusCode::kInvalidArgument, "pads has 2 elements");
  }
}

TEST_CASE("pooling separates over any number of dimensions, padding left out or counted") {
  const auto pooled = [](const std::string& op, bool counted) {
    TestModel model(11);
    model.Input("x", {1, 1, 2, 2, 2});
    TestNode node = model.Node(op, {"x"}, {"y"});
    node.Ints("kernel_shape", {2, 2, 2}).Ints("pads", {1, 0, 0, 0, 0, 0});
    if (counted) node.Int("count_include_pad", 1);
    model.Output("y");
    return Results(model, {Floats({1, 1, 2, 2, 2}, Count(8))});
  };
  CheckClose(pooled("MaxPool", false), {3, 7});
  CheckClose(pooled("AveragePool", false), {1.5, 3.5});
  CheckClose(pooled("AveragePool", true), {0.75, 3.5});
}

TEST_CASE("positions of maxima are of the first one, in the whole tensor, in either order") {
  for (const bool columns : {false, true}) {
    TestModel model(12);
    model.Input("x", {2, 1, 3, 3});
    model.Node("MaxPool", {"x"}, {"y", "i"})
        .Ints("kernel_shape", {2, 2})
        .Ints("strides", {2, 2})
        .Int("ceil_mode", 1)
        .Int("storage_order", columns ? 1 : 0);
    model.Output("i");
    Vector x = {1, 5, 2, 5, 0, 3, 1, 1, 4};
    x.insert(x.end(), {-1, -2, -3, -4, -5, -6, -7, -8, -9});
    CHECK(Results(model, {Floats({2, 1, 3, 3}, x)}) ==
          (columns ? Vector{3, 7, 2, 8, 9, 15, 11, 17} : Vector{1, 5, 6, 8, 9, 11, 15, 17}));
  }
}

TEST_CASE("norms of windows other than 2 count their elements") {
  TestModel model(11);
  model.Input("x", {1, 1, 4});
  model.Node("LpPool", {"x"}, {"y"}).Ints("kernel_shape", {2}).Ints("strides", {2}).Int("p", 3);
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 1, 4}, {1, -2, 0, 3})}), {std::cbrt(9.0), 3}, 1e-4);
}

TEST_CASE("products of vectors lose what numpy's do") {
  TestModel model(13);
  model.Input("a", {2});
  model.Input("b", {2});
  model.Node("MatMul", {"a", "b"}, {"y"});
  model.Output("y");
  CHECK(Results(model, {Floats({2}, {1, 2}), Floats({2}, {3, 4})}) == Vector{11});
}

TEST_CASE("normalisation that trains is refused before opset 14") {
  TestModel model(9);
  model.Input("x", {1, 2, 2});
  for (const char* name : {"s", "b", "m", "v"}) model.Constant(name, {2}, {1, 1});
  model.Node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"y", "mean"});
  model.Output("y");
  CHECK(ReasonOf(model.Import().status()) == Reason::kTraining);
}

TEST_CASE("a one-sided spectrum turns back into the signal") {
  TestModel model(20);
  model.Input("x", {1, 5, 1});
  model.Node("DFT", {"x"}, {"spectrum"}).Int("onesided", 1);
  model.Constant("length", {}, {5}, onnx::TensorProto::INT64);
  model.Node("DFT", {"spectrum", "length"}, {"y"}).Int("onesided", 1).Int("inverse", 1);
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 5, 1}, {1, -2, 3, 0.5, 4})}), {1, -2, 3, 0.5, 4}, 1e-5);
}

TEST_CASE("transforms beyond reason cost nothing") {
  TestModel model(17);
  model.Input("x", {1, 5, 1});
  model.Constant("length", {}, {1 << 20}, onnx::TensorProto::INT64);
  model.Node("DFT", {"x", "length"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "too long");
}

}  // namespace
}  // namespace modeld::importer
