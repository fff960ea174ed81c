#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "tools/importer/interpolation.h"
#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Vector = std::vector<double>;

struct Case {
  std::vector<int64_t> shape = {1, 1, 2, 4};
  Vector scales = {};
  Vector sizes = {};
  std::string mode = "nearest";
  std::string coordinates = "half_pixel";
  std::string rounding = "round_prefer_floor";
  std::vector<int64_t> axes = {};
  Vector roi = {};
  std::string policy = "";
  bool antialias = false;
  bool exclude_outside = false;
  float extrapolation = 0;
  int type = onnx::TensorProto::FLOAT;
};

void Build(const Case& c, TestModel& model) {
  const auto count = [](const Vector& v) { return static_cast<int64_t>(v.size()); };
  model.Input("x", c.shape, c.type);
  if (!c.roi.empty()) model.Constant("roi", {count(c.roi)}, c.roi);
  if (!c.scales.empty()) model.Constant("scales", {count(c.scales)}, c.scales);
  if (!c.sizes.empty()) model.Constant("sizes", {count(c.sizes)}, c.sizes, onnx::TensorProto::INT64);
  TestNode node = model.Node(
      "Resize",
      {"x", c.roi.empty() ? "" : "roi", c.scales.empty() ? "" : "scales", c.sizes.empty() ? "" : "sizes"},
      {"y"});
  node.String("mode", c.mode).String("coordinate_transformation_mode", c.coordinates);
  node.String("nearest_mode", c.rounding).Float("extrapolation_value", c.extrapolation);
  if (!c.axes.empty()) node.Ints("axes", c.axes);
  if (!c.policy.empty()) node.String("keep_aspect_ratio_policy", c.policy);
  if (c.antialias) node.Int("antialias", 1);
  if (c.exclude_outside) node.Int("exclude_outside", 1);
  model.Output("y");
}

std::vector<std::string> TypesOf(const Case& c) {
  TestModel model(19);
  Build(c, model);
  const auto imported = model.Import();
  INFO(std::string(imported.status().message()));
  REQUIRE(imported.ok());
  return OperationTypes(*imported);
}

Vector Resized(const Case& c, const Vector& values) {
  TestModel model(19);
  Build(c, model);
  Shape shape(c.shape.begin(), c.shape.end());
  return Results(model, {Floats(shape, values)});
}

Vector Counting(size_t count) {
  Vector values(count);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

using Types = std::vector<std::string>;

TEST_CASE("half-pixel resizing of two axes is resample2d") {
  CHECK(TypesOf({.scales = {1, 1, 2, 2}}) == Types{"resample2d"});
  CHECK(TypesOf({.sizes = {1, 1, 3, 5}, .mode = "linear"}) == Types{"resample2d"});
  CHECK(TypesOf({.shape = {1, 2, 4, 1}, .sizes = {1, 4, 8, 1}, .mode = "linear"}) == Types{"resample2d"});
  // The same places by other rules.
  CHECK(TypesOf({.scales = {1, 1, 2, 2}, .coordinates = "asymmetric", .rounding = "floor"}) ==
        Types{"resample2d"});
  CHECK(TypesOf({.sizes = {1, 1, 3, 5}, .mode = "linear", .coordinates = "pytorch_half_pixel"}) ==
        Types{"resample2d"});
  // Other places.
  CHECK(TypesOf({.scales = {1, 1, 2, 2}, .mode = "linear", .coordinates = "align_corners"}) !=
        Types{"resample2d"});
}

TEST_CASE("resizing to the same size changes nothing") {
  CHECK(TypesOf({.scales = {1, 1, 1, 1}, .mode = "cubic"}) == Types{"identity"});
}

TEST_CASE("nearest takes the element that the rounding says") {
  // From 4 to 6 elements: coordinates (i + 0.5) * 2 / 3 - 0.5 = -1/6, 0.5, 7/6, 11/6, 2.5, 19/6.
  const Vector x = {10, 20, 30, 40};
  const auto nearest = [&](const std::string& rounding) {
    return Resized({.shape = {1, 1, 1, 4}, .sizes = {1, 1, 1, 6}, .rounding = rounding}, x);
  };
  CHECK(nearest("round_prefer_floor") == Vector{10, 10, 20, 30, 30, 40});
  CHECK(nearest("round_prefer_ceil") == Vector{10, 20, 20, 30, 40, 40});
  CHECK(nearest("floor") == Vector{10, 10, 20, 20, 30, 40});
  CHECK(nearest("ceil") == Vector{10, 20, 30, 30, 40, 40});
}

TEST_CASE("linear interpolates between neighbours") {
  const Vector x = {0, 3};
  // Corners stay: steps of 1.
  CheckClose(Resized({.shape = {2}, .sizes = {4}, .mode = "linear", .coordinates = "align_corners"}, x),
             {0, 1, 2, 3});
  // Coordinates -0.25, 0.25, 0.75, 1.25.
  CheckClose(Resized({.shape = {2}, .sizes = {4}, .mode = "linear"}, x), {0, 0.75, 2.25, 3});
  // Coordinates 0, 0.5, 1, 1.5.
  CheckClose(Resized({.shape = {2}, .sizes = {4}, .mode = "linear", .coordinates = "asymmetric"}, x),
             {0, 1.5, 3, 3});
  // Coordinates 0.25, 0.75, 1.25, 1.75.
  CheckClose(
      Resized({.shape = {2}, .sizes = {4}, .mode = "linear", .coordinates = "tf_half_pixel_for_nn"}, x),
      {0.75, 2.25, 3, 3});
}

TEST_CASE("three axes resize one after the other") {
  const Vector y =
      Resized({.shape = {2, 2, 2}, .sizes = {3, 3, 3}, .mode = "linear", .coordinates = "align_corners"},
              Counting(8));
  REQUIRE(y.size() == 27);
  // x = 1 + 4 a + 2 b + c, which is linear.
  for (size_t i = 0; i < 27; ++i) {
    CHECK(y[i] == Approx(1 + 2.0 * (i / 9) + 1.0 * (i / 3 % 3) + 0.5 * (i % 3)));
  }
}

TEST_CASE("cubic weights are Keys's") {
  // In the middle of two elements with a = -0.75: -0.09375, 0.59375, 0.59375, -0.09375.
  const Vector x = {1, 2, 4, 8};
  const double middle = -0.09375 * (1 + 8) + 0.59375 * (2 + 4);
  const Vector y = Resized({.shape = {4}, .sizes = {2}, .mode = "cubic"}, x);
  // Coordinates 0.5 and 2.5; the edge repeats.
  CheckClose(y, {-0.09375 * (1 + 4) + 0.59375 * (1 + 2), -0.09375 * (2 + 8) + 0.59375 * (4 + 8)});
  const Vector odd = Resized({.shape = {4}, .sizes = {1}, .mode = "cubic"}, x);
  CheckClose(odd, {middle});
  // Without what lies outside, weights are scaled to sum to 1.
  const Vector inside = Resized({.shape = {4}, .sizes = {2}, .mode = "cubic", .exclude_outside = true}, x);
  const double sum = 1 + 0.09375;
  CheckClose(inside, {(0.59375 * (1 + 2) - 0.09375 * 4) / sum, (0.59375 * (4 + 8) - 0.09375 * 2) / sum});
}

TEST_CASE("antialiasing widens the filter when the size shrinks") {
  // From 16 to 2 elements: each output is a triangle of eight elements to either side of 3.5 and 11.5, so
  // many that a product computes it.
  const Case c{.shape = {1, 16}, .sizes = {1, 2}, .mode = "linear", .antialias = true};
  const Types types = TypesOf(c);
  CHECK(std::count(types.begin(), types.end(), "matmul") == 1);
  const Vector x = {8, 7, 6, 5, 4, 3, 2, 1, 0, 9, 1, 5, 2, 2, 8, 1};
  Vector wanted;
  for (const double centre : {3.5, 11.5}) {
    double sum = 0;
    double weights = 0;
    for (int i = static_cast<int>(centre - 7.5); i <= static_cast<int>(centre + 7.5); ++i) {
      const double weight = 1 - std::abs(i - centre) / 8;
      sum += weight * x[static_cast<size_t>(std::clamp(i, 0, 15))];
      weights += weight;
    }
    wanted.push_back(sum / weights);
  }
  CheckClose(Resized(c, x), wanted);
}

TEST_CASE("a region outside the input is the extrapolation value") {
  // From -0.5 to 1 of 3 elements' extent: coordinates -1, 0.5, 2.
  CheckClose(Resized({.shape = {3},
                      .sizes = {3},
                      .mode = "linear",
                      .coordinates = "tf_crop_and_resize",
                      .roi = {-0.5, 1},
                      .extrapolation = 9},
                     {1, 3, 5}),
             {9, 2, 5});
}

TEST_CASE("axes and the policy of aspect ratios choose the sizes") {
  const auto shape_of = [](const Case& c) {
    TestModel model(19);
    Build(c, model);
    const auto imported = model.Import();
    REQUIRE(imported.ok());
    return imported->graph.descriptor(imported->graph.outputs[0].operand).shape;
  };
  CHECK(shape_of({.sizes = {6, 12}, .axes = {2, 3}}) == Shape{1, 1, 6, 12});
  CHECK(shape_of({.sizes = {12, 6}, .axes = {-1, -2}}) == Shape{1, 1, 6, 12});
  CHECK(shape_of({.sizes = {6, 8}, .axes = {2, 3}, .policy = "not_larger"}) == Shape{1, 1, 4, 8});
  CHECK(shape_of({.sizes = {6, 8}, .axes = {2, 3}, .policy = "not_smaller"}) == Shape{1, 1, 6, 12});
}

TEST_CASE("integers are interpolated as floats and rounded") {
  TestModel model(19);
  Build({.shape = {2},
         .sizes = {4},
         .mode = "linear",
         .coordinates = "align_corners",
         .type = onnx::TensorProto::INT32},
        model);
  const Vector y = Results(model, {testing::TensorOf(DataType::kInt32, {2}, {0, 10})});
  CHECK(y == Vector{0, 3, 7, 10});
}

TEST_CASE("Upsample and Resize before opset 11 start at the corner") {
  for (const int64_t opset : {7, 9, 10}) {
    TestModel model(opset);
    model.Input("x", {1, 1, 1, 3});
    if (opset == 7) {
      model.Node("Upsample", {"x"}, {"y"}).Floats("scales", {1, 1, 1, 2}).String("mode", "nearest");
    } else {
      model.Constant("scales", {4}, {1, 1, 1, 2});
      model.Node(opset == 9 ? "Upsample" : "Resize", {"x", "scales"}, {"y"}).String("mode", "linear");
    }
    model.Output("y");
    const Vector y = Results(model, {Floats({1, 1, 1, 3}, {1, 2, 3})});
    CheckClose(y, opset == 7 ? Vector{1, 1, 2, 2, 3, 3} : Vector{1, 1.5, 2, 2.5, 3, 3});
  }
}

TEST_CASE("a wrong Resize is refused, with the reason") {
  const auto refused = [](const Case& c, StatusCode code, const std::string& part) {
    TestModel model(19);
    Build(c, model);
    CheckRefused(model, code, part);
  };
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  refused({.scales = {1, 1, 2}}, kInvalid, "scales has 3 elements, 4 are wanted");
  refused({.scales = {1, 1, 2, -2}}, kInvalid, "scale -2");
  refused({.scales = {1, 1, 2, INFINITY}}, kInvalid, "not finite");
  refused({.scales = {1, 1, 2, 1e30}}, kInvalid, "too large");
  refused({.scales = {1, 1, 2, 0.1}}, StatusCode::kUnimplemented, "empty");
  refused({}, kInvalid, "either scales or sizes");
  refused({.scales = {1, 1, 2, 2}, .sizes = {1, 1, 4, 8}}, kInvalid, "either scales or sizes");
  refused({.scales = {1, 1, 2, 2}, .mode = "lanczos"}, kInvalid, "mode \"lanczos\" is unknown");
  refused({.scales = {1, 1, 2, 2}, .coordinates = "elsewhere"}, kInvalid, "is unknown");
  refused({.sizes = {1, 1, 2, 2e9}, .mode = "linear"}, StatusCode::kUnimplemented, "tables");
  refused({.sizes = {2, 2}, .axes = {2, 2}}, kInvalid, "comes twice");
  refused({.sizes = {2}, .axes = {7}}, kInvalid, "axis 7");
  refused({.sizes = {1, 1, 2, 2}, .coordinates = "tf_crop_and_resize"}, kInvalid, "roi has 0 elements");
}

// Found by mutating models: the second axis makes the tensor too large, and the third met an operand that is
// not there.
TEST_CASE("a Resize that becomes too large on the way is refused") {
  TestModel model(19);
  Build({.shape = {1, 1, 1, 1}, .sizes = {1, 1000000, 1000000, 3}, .coordinates = "align_corners"}, model);
  CheckRefused(model, StatusCode::kInvalidArgument, "Resize_y");
}

TEST_CASE("scales that depend on the input are refused") {
  TestModel model;
  model.Input("x", {1, 1, 2, 2});
  model.Input("scales", {4});
  model.Node("Resize", {"x", "", "scales"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kUnimplemented, "scales depends on the model's inputs");
}

TEST_CASE("a tiny scale has a filter that is counted without overflow") {
  const Interpolation how{.mode = ResizeMode::kCubic, .antialias = true};
  CHECK(TapCount(how, {.input = 1000, .output = 1, .scale = 1e-300}) >= 1'000'000'000);
}

}  // namespace
}  // namespace modeld::importer
