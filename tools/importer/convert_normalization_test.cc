#include <catch2/catch.hpp>
#include <cmath>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::TensorOf;
using Vector = std::vector<double>;

// Runs of `length` elements, each normalised by itself; RMS without the mean.
Vector Normalized(const Vector& x, size_t length, double epsilon, bool rms = false) {
  Vector y;
  for (size_t i = 0; i < x.size(); i += length) {
    double mean = 0;
    for (size_t j = 0; j < length && !rms; ++j) mean += x[i + j] / static_cast<double>(length);
    double variance = 0;
    for (size_t j = 0; j < length; ++j)
      variance += (x[i + j] - mean) * (x[i + j] - mean) / static_cast<double>(length);
    for (size_t j = 0; j < length; ++j) y.push_back((x[i + j] - mean) / std::sqrt(variance + epsilon));
  }
  return y;
}

const Vector kX = {1, 2, 4, 8, -1, 0, 3, -3, 2, 2, 5, 1};

TEST_CASE("layer normalisation, with its moments") {
  TestModel model(17);
  model.Input("x", {2, 2, 3});
  model.Constant("scale", {3}, {1, 2, -1});
  model.Constant("bias", {3}, {0, 1, 0.5});
  model.Node("LayerNormalization", {"x", "scale", "bias"}, {"y", "mean", "inverse"}).Float("epsilon", 0.25f);
  for (const char* name : {"y", "mean", "inverse"}) model.Output(name);
  const auto results = model.Run({Floats({2, 2, 3}, kX)});
  REQUIRE(results.ok());
  Vector wanted = Normalized(kX, 3, 0.25);
  const Vector scale = {1, 2, -1};
  const Vector bias = {0, 1, 0.5};
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = wanted[i] * scale[i % 3] + bias[i % 3];
  CheckClose(ValuesOf((*results)[0]), wanted);
  CHECK((*results)[1].descriptor.shape == Shape{2, 2, 1});
  CheckClose(ValuesOf((*results)[1]), {7.0 / 3, 7.0 / 3, 2.0 / 3, 8.0 / 3});
  // The variance of -3, 3, 2 is 62 / 9.
  CHECK(ValuesOf((*results)[2])[2] == Approx(1 / std::sqrt(62.0 / 9 + 0.25)));
}

TEST_CASE("float16 models normalise in float16, with moments in float32") {
  constexpr int kHalf = onnx::TensorProto::FLOAT16;
  TestModel model(17);
  model.Input("x", {2, 6}, kHalf);
  model.Constant("scale", {6}, Vector(6, 2), kHalf);
  model.Node("LayerNormalization", {"x", "scale"}, {"y", "mean"});
  model.Node("SimplifiedLayerNormalization", {"x", "scale"}, {"z"});
  for (const char* name : {"y", "mean", "z"}) model.Output(name);
  const auto results = model.Run({TensorOf(DataType::kFloat16, {2, 6}, kX)});
  INFO(std::string(results.status().message()));
  REQUIRE(results.ok());
  CHECK((*results)[0].descriptor.data_type == DataType::kFloat16);
  CHECK((*results)[1].descriptor.data_type == DataType::kFloat32);
  CHECK((*results)[2].descriptor.data_type == DataType::kFloat16);
  Vector wanted = Normalized(kX, 6, 1e-5);
  for (double& value : wanted) value *= 2;
  CheckClose(ValuesOf((*results)[0]), wanted, 4e-3);
  Vector rms = Normalized(kX, 6, 1e-5, true);
  for (double& value : rms) value *= 2;
  CheckClose(ValuesOf((*results)[2]), rms, 4e-3);
}

TEST_CASE("layer normalisation from an axis on, with a scale that broadcasts") {
  TestModel model(17);
  model.Input("x", {2, 2, 3});
  model.Constant("scale", {3}, {2, 2, 2});
  model.Node("LayerNormalization", {"x", "scale"}, {"y"}).Int("axis", 1);
  model.Output("y");
  Vector wanted = Normalized(kX, 6, 1e-5);
  for (double& value : wanted) value *= 2;
  CheckClose(Results(model, {Floats({2, 2, 3}, kX)}), wanted);
}

TEST_CASE("group normalisation scales groups in opset 18, channels since 21") {
  for (const int64_t opset : {18, 21}) {
    TestModel model(opset);
    model.Input("x", {1, 4, 3});
    const Vector scale = opset < 21 ? Vector{1, 2} : Vector{1, 2, 3, 4};
    model.Constant("scale", {static_cast<int64_t>(scale.size())}, scale);
    model.Constant("bias", {static_cast<int64_t>(scale.size())}, Vector(scale.size(), 10));
    model.Node("GroupNormalization", {"x", "scale", "bias"}, {"y"}).Int("num_groups", 2);
    model.Output("y");
    Vector wanted = Normalized(kX, 6, 1e-5);
    for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = wanted[i] * scale[i * scale.size() / 12] + 10;
    CheckClose(Results(model, {Floats({1, 4, 3}, kX)}), wanted);
  }
}

TEST_CASE("ONNX Runtime's group normalisation has its channels last") {
  TestModel model(13);
  model.Input("x", {1, 1, 3, 4});
  model.Constant("scale", {4}, {1, 1, 1, 1});
  model.Constant("bias", {4}, {0, 0, 0, 0});
  model.Node("GroupNorm", {"x", "scale", "bias"}, {"y"}).Microsoft().Int("groups", 4).Int("activation", 1);
  model.Output("y");
  Vector columns;
  for (size_t c = 0; c < 4; ++c) {
    for (size_t i = 0; i < 3; ++i) columns.push_back(kX[i * 4 + c]);
  }
  columns = Normalized(columns, 3, 1e-5);
  Vector wanted;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t c = 0; c < 4; ++c) wanted.push_back(columns[c * 3 + i] / (1 + std::exp(-columns[c * 3 + i])));
  }
  CheckClose(Results(model, {Floats({1, 1, 3, 4}, kX)}), wanted);
}

TEST_CASE("the sum of an input, what skips it and a bias is normalised") {
  for (const bool simplified : {false, true}) {
    TestModel model(13);
    model.Input("x", {2, 6});
    model.Input("skip", {2, 6});
    model.Constant("gamma", {6}, Vector(6, 2));
    model.Constant("beta", {6}, Vector(6, 3));
    model.Constant("bias", {6}, Vector(6, 1));
    if (simplified) {
      model.Node("SkipSimplifiedLayerNormalization", {"x", "skip", "gamma", "bias"}, {"y", "", "", "sum"})
          .Microsoft()
          .Float("epsilon", 1e-5f);
    } else {
      model.Node("SkipLayerNormalization", {"x", "skip", "gamma", "beta", "bias"}, {"y", "", "", "sum"})
          .Microsoft()
          .Float("epsilon", 1e-5f);
    }
    model.Output("y");
    model.Output("sum");
    Vector sum = kX;
    for (double& value : sum) value += 2 + 1;
    Vector wanted = Normalized(sum, 6, 1e-5, simplified);
    for (double& value : wanted) value = value * 2 + (simplified ? 0 : 3);
    const std::vector<testing::Tensor> inputs = {Floats({2, 6}, kX), Floats({2, 6}, Vector(12, 2))};
    CheckClose(Results(model, inputs), wanted);
    CheckClose(Results(model, inputs, 1), sum);
  }
}

TEST_CASE("RMS normalisation, whatever its domain") {
  for (const bool microsoft : {false, true}) {
    TestModel model(13);
    model.Input("x", {2, 6});
    model.Constant("scale", {6}, Vector(6, 3));
    TestNode node = model.Node("SimplifiedLayerNormalization", {"x", "scale"}, {"y"});
    if (microsoft) node.Microsoft();
    model.Output("y");
    Vector wanted = Normalized(kX, 6, 1e-5, true);
    for (double& value : wanted) value *= 3;
    CheckClose(Results(model, {Floats({2, 6}, kX)}), wanted);
  }
}

TEST_CASE("embeddings of words, positions and segments add up") {
  TestModel model(13);
  model.Input("ids", {1, 2}, onnx::TensorProto::INT32);
  model.Input("segments", {1, 2}, onnx::TensorProto::INT32);
  model.Input("mask", {1, 2}, onnx::TensorProto::INT32);
  model.Constant("words", {3, 2}, {0, 1, 10, 20, 3, 5});
  model.Constant("positions", {4, 2}, {1, 0, 0, 1, 9, 9, 9, 9});
  model.Constant("kinds", {2, 2}, {0, 0, 0.5, 1});
  model.Constant("gamma", {2}, {1, 1});
  model.Constant("beta", {2}, {0, 0});
  model
      .Node("EmbedLayerNormalization",
            {"ids", "segments", "words", "positions", "kinds", "gamma", "beta", "mask"},
            {"y", "count", "sum"})
      .Microsoft();
  for (const char* name : {"y", "count", "sum"}) model.Output(name);
  const auto ints = [](const Vector& values) { return TensorOf(DataType::kInt32, {1, 2}, values); };
  const auto results = model.Run({ints({1, 2}), ints({0, 1}), ints({1, 0})});
  INFO(std::string(results.status().message()));
  REQUIRE(results.ok());
  const Vector sum = {11, 20, 3.5, 7};
  CheckClose(ValuesOf((*results)[2]), sum);
  CheckClose(ValuesOf((*results)[0]), Normalized(sum, 2, 1e-12), 1e-4);
  CHECK(ValuesOf((*results)[1]) == Vector{1});
}

TEST_CASE("normalisations that do not fit are refused, with the reason") {
  TestModel model(18);
  model.Input("x", {2, 4, 3});
  model.Constant("four", {4}, Vector(4, 1));
  model.Output("y");
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  SECTION("an axis outside") {
    model.Node("LayerNormalization", {"x", "four"}, {"y"}).Int("axis", 3);
    CheckRefused(model, kInvalid, "axis 3 is outside");
  }
  SECTION("a scale of another size") {
    model.Node("LayerNormalization", {"x", "four"}, {"y"});
    CheckRefused(model, kInvalid, "LayerNormalization_y");
  }
  SECTION("groups that do not divide the channels") {
    model.Node("GroupNormalization", {"x", "four", "four"}, {"y"}).Int("num_groups", 3);
    CheckRefused(model, kInvalid, "3 groups do not divide 4 channels");
  }
  SECTION("no groups") {
    model.Node("GroupNormalization", {"x", "four", "four"}, {"y"});
    CheckRefused(model, kInvalid, "num_groups is missing");
  }
  SECTION("too few positions") {
    model.Input("ids", {1, 5}, onnx::TensorProto::INT32);
    model.Constant("table", {4, 2}, Vector(8, 1));
    model.Constant("two", {2}, {1, 1});
    model.Node("EmbedLayerNormalization", {"ids", "", "table", "table", "", "two", "two"}, {"y", "m"})
        .Microsoft();
    CheckRefused(model, kInvalid, "position_embedding has fewer rows");
  }
}

}  // namespace
}  // namespace modeld::importer
