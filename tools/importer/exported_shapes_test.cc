// Shape arithmetic as exporters of PyTorch models write it, which must be gone after the import.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using Vector = std::vector<double>;
using Types = std::vector<std::string>;

constexpr int kInt64 = onnx::TensorProto::INT64;

Types TypesOf(TestModel& model) {
  const auto imported = model.Import();
  INFO(std::string(imported.status().message()));
  REQUIRE(imported.ok());
  return OperationTypes(*imported);
}

// x.expand(2, -1, 3): where the wanted size is -1 a 1 is taken.
TEST_CASE("an exported expand keeps its sizes of -1") {
  TestModel model(14);
  model.Input("x", {1, 4, 1});
  model.Constant("wanted", {3}, {2, -1, 3}, kInt64);
  model.Constant("minus", {}, {-1}, kInt64);
  model.Constant("three", {1}, {3}, kInt64);
  model.Node("ConstantOfShape", {"three"}, {"ones"}).Tensor("value", {1});
  model.Node("Mul", {"ones", "minus"}, {"minus_ones"});
  model.Node("Equal", {"wanted", "minus_ones"}, {"kept"});
  model.Node("Where", {"kept", "ones", "wanted"}, {"shape"});
  model.Node("Expand", {"x", "shape"}, {"y"});
  model.Output("y");
  CHECK(TypesOf(model) == Types{"expand"});
  const Vector y = Results(model, {Floats({1, 4, 1}, {1, 2, 3, 4})});
  REQUIRE(y.size() == 24);
  for (size_t i = 0; i < 24; ++i) CHECK(y[i] == static_cast<double>(i / 3 % 4 + 1));
}

// A buffer of the whole causal mask, cut to the length at hand, as GPT-2 has it.
TEST_CASE("a stored causal mask is cut by lengths that fold away") {
  constexpr int kMost = 5;
  constexpr int kLength = 3;
  TestModel model(13);
  model.Input("scores", {1, 1, kLength, kLength});
  Vector mask;
  for (int i = 0; i < kMost; ++i) {
    for (int j = 0; j < kMost; ++j) mask.push_back(j <= i ? 1 : 0);
  }
  model.Constant("mask", {1, 1, kMost, kMost}, mask, onnx::TensorProto::BOOL);
  model.Constant("least", {}, {-10000});
  for (const auto& [name, value] : {std::pair{"2", 2}, {"3", 3}, {"zero", 0}, {"one", 1}}) {
    model.Constant(name, {1}, {static_cast<double>(value)}, kInt64);
  }
  model.Node("Shape", {"scores"}, {"shape"});
  model.Node("Slice", {"shape", "2", "3", "zero"}, {"queries"});
  model.Constant("4", {1}, {INT32_MAX}, kInt64);
  model.Node("Slice", {"shape", "3", "4", "zero", "one"}, {"keys"});
  model.Node("Sub", {"keys", "queries"}, {"first"});
  model.Node("Slice", {"mask", "first", "keys", "2", "one"}, {"rows"});
  model.Node("Slice", {"rows", "zero", "keys", "3", "one"}, {"cut"});
  model.Node("Where", {"cut", "scores", "least"}, {"y"});
  model.Output("y");
  const Types types = TypesOf(model);
  CHECK(std::count(types.begin(), types.end(), "where") == 1);
  CHECK(std::count(types.begin(), types.end(), "sub") == 0);
  const Vector scores = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(Results(model, {Floats({1, 1, kLength, kLength}, scores)}) ==
        Vector{1, -10000, -10000, 4, 5, -10000, 7, 8, 9});
}

// x.view(x.size(0), -1, 2): sizes by Gather, Unsqueeze and Concat; a float factor by Sqrt and Reciprocal.
TEST_CASE("an exported view and its scale fold to a reshape and a constant") {
  TestModel model(13);
  model.Input("x", {2, 8});
  model.Constant("zero", {}, {0}, kInt64);
  model.Constant("zero_d", {1}, {0}, kInt64);
  model.Constant("rest", {1}, {-1}, kInt64);
  model.Constant("two", {1}, {2}, kInt64);
  model.Constant("one", {}, {1}, kInt64);
  model.Node("Shape", {"x"}, {"shape"});
  model.Node("Gather", {"shape", "zero"}, {"batch"});
  model.Node("Unsqueeze", {"batch", "zero_d"}, {"batch_d"});
  model.Node("Concat", {"batch_d", "rest", "two"}, {"view"}).Int("axis", 0);
  model.Node("Reshape", {"x", "view"}, {"y"});
  model.Node("Gather", {"shape", "one"}, {"width"});
  model.Node("Cast", {"width"}, {"float_width"}).Int("to", onnx::TensorProto::FLOAT);
  model.Node("Sqrt", {"float_width"}, {"root"});
  model.Node("Div", {"y", "root"}, {"z"});
  model.Output("z");
  const Types types = TypesOf(model);
  CHECK(std::count(types.begin(), types.end(), "reshape") == 1);
  CHECK(std::count(types.begin(), types.end(), "gather") == 0);
  const Vector z = Results(model, {Floats({2, 8}, Vector(16, std::sqrt(8.0)))});
  CheckClose(z, Vector(16, 1));
}

}  // namespace
}  // namespace modeld::importer
