// Arithmetic, activations, reductions and trigonometry where ONNX's own suite does not look: old opsets,
// types, extremes, bad input.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Vector = std::vector<double>;

constexpr int kInt32 = onnx::TensorProto::INT32;
constexpr int kInt64 = onnx::TensorProto::INT64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// y = op(x), float32, with no attributes.
Vector Apply(const std::string& op, const Vector& x, int64_t opset = 13) {
  const auto count = static_cast<int64_t>(x.size());
  TestModel model(opset);
  model.Input("x", {count});
  model.Node(op, {"x"}, {"y"});
  model.Output("y");
  return Results(model, {Floats({static_cast<uint32_t>(count)}, x)});
}

void CheckRelative(const Vector& found, const Vector& wanted, double relative) {
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i, found[i], wanted[i]);
    CHECK(std::abs(found[i] - wanted[i]) <= relative * std::abs(wanted[i]));
  }
}

TEST_CASE("inverse and hyperbolic functions are exact near 0, near 1 and far out") {
  const struct {
    const char* op;
    double (*f)(double);
    Vector x;
  } cases[] = {
      {"Asin", std::asin, {-1, -0.999, -1e-4, 1e-20, 0.3, 0.7, 1}},
      {"Acos", std::acos, {-1, -0.999, -1e-4, 0.3, 0.9999}},
      {"Atan", std::atan, {-1e30, -3, -1, -1e-4, 1e-20, 0.2, 1.0001, 1e6}},
      {"Sinh", std::sinh, {-88, -1.5, -1e-4, 1e-20, 0.5, 1, 89}},
      {"Cosh", std::cosh, {-89, -1, 0, 1e-3, 5}},
      {"Asinh", std::asinh, {-1e30, -1e5, -2, -1e-4, 1e-20, 0.5, 3e8}},
      {"Acosh", std::acosh, {1.0001220703125, 1.5, 10, 1e5, 1e20}},
      {"Atanh", std::atanh, {-0.999, -1e-4, 1e-20, 0.5, 0.9}},
  };
  for (const auto& c : cases) {
    INFO(c.op);
    Vector wanted;
    for (double x : c.x) wanted.push_back(c.f(static_cast<float>(x)));
    CheckRelative(Apply(c.op, c.x), wanted, 2e-6);
  }
}

TEST_CASE("inverse and hyperbolic functions have the limits of C's") {
  CHECK(Apply("Atan", {kInfinity, -kInfinity})[0] == Approx(std::numbers::pi / 2));
  CHECK(Apply("Acos", {1})[0] == 0);
  CHECK(std::isnan(Apply("Asin", {1.5})[0]));
  CHECK(std::isnan(Apply("Acosh", {0.5})[0]));
  CHECK(Apply("Acosh", {1})[0] == 0);
  CHECK(Apply("Atanh", {1, -1}) == Vector{kInfinity, -kInfinity});
  CHECK(std::isnan(Apply("Atanh", {1.5})[0]));
  CHECK(Apply("Cosh", {200, -200}) == Vector{kInfinity, kInfinity});
}

TEST_CASE("before opset 7 the second operand is a run of the first one's dimensions") {
  TestModel model(6);
  model.Input("x", {2, 3, 2});
  model.Constant("b", {3}, {10, 20, 30});
  model.Node("Add", {"x", "b"}, {"y"}).Int("broadcast", 1).Int("axis", 1);
  model.Output("y");
  const Vector zeros(12, 0);
  CheckClose(Results(model, {Floats({2, 3, 2}, zeros)}), {10, 10, 20, 20, 30, 30, 10, 10, 20, 20, 30, 30});
}

TEST_CASE("an axis of the old broadcasting that does not fit is refused") {
  TestModel model(6);
  model.Input("x", {2, 3});
  model.Constant("b", {3}, {1, 2, 3});
  model.Node("Add", {"x", "b"}, {"y"}).Int("broadcast", 1).Int("axis", 2);
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "axis 2 is out of range");
}

TEST_CASE("before opset 7 PRelu has a slope per channel") {
  TestModel model(6);
  model.Input("x", {1, 2, 2});
  model.Constant("slope", {2}, {0.5, 2});
  model.Node("PRelu", {"x", "slope"}, {"y"});
  model.Output("y");
  CheckClose(Results(model, {Floats({1, 2, 2}, {-1, 1, -1, 1})}), {-0.5, 1, -2, 1});
}

TEST_CASE("remainders have the sign of the divisor, or with fmod of the dividend") {
  for (const bool fmod : {false, true}) {
    TestModel model(13);
    model.Input("a", {4}, kInt32);
    model.Input("b", {4}, kInt32);
    model.Node("Mod", {"a", "b"}, {"y"}).Int("fmod", fmod ? 1 : 0);
    model.Output("y");
    const auto ints = [](const Vector& v) { return testing::TensorOf(DataType::kInt32, {4}, v); };
    CHECK(Results(model, {ints({7, -7, 7, -6}), ints({3, 3, -3, 3})}) ==
          (fmod ? Vector{1, -1, 1, 0} : Vector{1, 2, -2, 0}));
  }
}

TEST_CASE("a remainder of floats survives a quotient that rounds up") {
  TestModel model(13);
  model.Input("a", {3});
  model.Constant("b", {3}, {0.1f, 0.1f, kInfinity});
  model.Node("Mod", {"a", "b"}, {"y"}).Int("fmod", 1);
  model.Output("y");
  const Vector found = Results(model, {Floats({3}, {1, -1, 3})});
  CHECK(found[2] == 3);
  CHECK(found[0] == Approx(std::fmod(1.0f, 0.1f)).margin(1e-6));
  CHECK(found[1] == Approx(-std::fmod(1.0f, 0.1f)).margin(1e-6));
}

TEST_CASE("floats without fmod are refused") {
  TestModel model(13);
  model.Input("a", {2});
  model.Node("Mod", {"a", "a"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "fmod is 0");
}

TEST_CASE("shifts by the width or more leave nothing") {
  for (const std::string direction : {"LEFT", "RIGHT"}) {
    TestModel model(11);
    model.Input("x", {3}, onnx::TensorProto::UINT8);
    model.Constant("by", {3}, {1, 7, 8}, onnx::TensorProto::UINT8);
    model.Node("BitShift", {"x", "by"}, {"y"}).String("direction", direction);
    model.Output("y");
    CHECK(Results(model, {testing::TensorOf(DataType::kUint8, {3}, {130, 255, 255})}) ==
          (direction == "LEFT" ? Vector{4, 128, 0} : Vector{65, 1, 0}));
  }
}

TEST_CASE("powers of integers by fractions are cut off, but not below a whole result") {
  TestModel model(13);
  model.Input("x", {4}, kInt32);
  model.Constant("p", {4}, {0.5, 3, 0.5, 5});
  model.Node("Pow", {"x", "p"}, {"y"});
  model.Output("y");
  CHECK(Results(model, {testing::TensorOf(DataType::kInt32, {4}, {3, 5, 16, 9})}) ==
        Vector{1, 125, 4, 59049});
}

TEST_CASE("bounds of Clip may be attributes, known, unknown or out of order") {
  SECTION("attributes before opset 11") {
    TestModel model(6);
    model.Input("x", {3});
    model.Node("Clip", {"x"}, {"y"}).Float("min", -1).Float("max", 1);
    model.Output("y");
    CheckClose(Results(model, {Floats({3}, {-2, 0.5, 2})}), {-1, 0.5, 1});
  }
  SECTION("the greater bound first: the upper one wins, as numpy's") {
    TestModel model(13);
    model.Input("x", {3});
    model.Constant("min", {}, {2});
    model.Constant("max", {}, {1});
    model.Node("Clip", {"x", "min", "max"}, {"y"});
    model.Output("y");
    CheckClose(Results(model, {Floats({3}, {0, 1.5, 3})}), {1, 1, 1});
  }
  SECTION("unknown") {
    TestModel model(13);
    model.Input("x", {3});
    model.Input("max", {});
    model.Node("Clip", {"x", "", "max"}, {"y"});
    model.Output("y");
    CheckClose(Results(model, {Floats({3}, {0, 1.5, 3}), Floats({}, {1})}), {0, 1, 1});
  }
  SECTION("int64 beyond what a double holds") {
    TestModel model(13);
    model.Input("x", {1}, kInt64);
    auto& bound = model.Constant("min", {}, {0}, kInt64);
    bound.set_int64_data(0, (int64_t{1} << 53) + 1);
    model.Node("Clip", {"x", "min"}, {"a"});
    model.Node("Sub", {"a", "min"}, {"y"});
    model.Output("y");
    CHECK(Results(model, {testing::TensorOf(DataType::kInt64, {1}, {0})}) == Vector{0});
  }
}

TEST_CASE("before opset 13 softmax and hardmax act on a flattened tensor") {
  TestModel model(11);
  model.Input("x", {1, 2, 2});
  model.Node("Hardmax", {"x"}, {"y"});
  model.Node("LogSoftmax", {"x"}, {"z"}).Int("axis", 1);
  model.Output("y");
  model.Output("z");
  const std::vector<testing::Tensor> x = {Floats({1, 2, 2}, {0, 0, 200, 200})};
  CHECK(Results(model, x, 0) == Vector{0, 0, 1, 0});
  // The logarithm of what underflows is still there.
  CheckClose(Results(model, x, 1), {-200.6931, -200.6931, -0.6931, -0.6931}, 1e-3);
}

TEST_CASE("the last of equal extremes is found from the other end") {
  TestModel model(13);
  model.Input("x", {2, 3});
  model.Node("ArgMax", {"x"}, {"y"}).Int("axis", 1).Int("select_last_index", 1).Int("keepdims", 0);
  model.Output("y");
  CHECK(Results(model, {Floats({2, 3}, {5, 1, 5, 2, 2, 1})}) == Vector{2, 1});
}

TEST_CASE("axes of reductions are attributes or inputs, whatever the operator") {
  SECTION("an attribute") {
    TestModel model(11);
    model.Input("x", {2, 2});
    model.Node("ReduceSum", {"x"}, {"y"}).Ints("axes", {-1}).Int("keepdims", 0);
    model.Output("y");
    CHECK(Results(model, {Floats({2, 2}, {1, 2, 3, 4})}) == Vector{3, 7});
  }
  SECTION("an input, since opset 18 of ReduceMean, too") {
    TestModel model(18);
    model.Input("x", {2, 2});
    model.Constant("axes", {1}, {0}, kInt64);
    model.Node("ReduceMean", {"x", "axes"}, {"y"}).Int("keepdims", 0);
    model.Output("y");
    CHECK(Results(model, {Floats({2, 2}, {1, 2, 3, 4})}) == Vector{2, 3});
  }
  SECTION("twice the same") {
    TestModel model(11);
    model.Input("x", {2, 2});
    model.Node("ReduceSum", {"x"}, {"y"}).Ints("axes", {1, -1});
    model.Output("y");
    CheckRefused(model, StatusCode::kInvalidArgument, "comes twice");
  }
}

TEST_CASE("what is ignored adds nothing to a loss, even where it is infinite") {
  TestModel model(13);
  model.Input("logp", {2, 2});
  model.Constant("target", {2}, {0, 1}, kInt64);
  model.Node("NegativeLogLikelihoodLoss", {"logp", "target"}, {"y"}).Int("ignore_index", 1);
  model.Output("y");
  CheckClose(Results(model, {Floats({2, 2}, {-3, 0, 0, -kInfinity})}), {3});
}

TEST_CASE("dropout that trains is refused as random, and else passes on") {
  TestModel model(13);
  model.Input("x", {2});
  model.Constant("ratio", {}, {0.5});
  model.Constant("training", {}, {1}, onnx::TensorProto::BOOL);
  model.Node("Dropout", {"x", "ratio", "training"}, {"y"});
  model.Output("y");
  const absl::Status status = model.Import().status();
  CHECK(ReasonOf(status) == Reason::kRandom);
}

TEST_CASE("a type that WebNN's operation does not have is a reason, not a fault") {
  TestModel model(13);
  model.Input("x", {2}, onnx::TensorProto::UINT8);
  model.Node("Neg", {"x"}, {"y"});
  model.Output("y");
  const absl::Status status = model.Import().status();
  CHECK(status.code() == StatusCode::kUnimplemented);
  CHECK(ReasonOf(status) == Reason::kDataType);
}

}  // namespace
}  // namespace modeld::importer
