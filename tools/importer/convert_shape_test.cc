// What moves and reshapes, and what is computed while importing, where ONNX's own suite does not look.
#include <catch2/catch.hpp>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Vector = std::vector<double>;

constexpr int kInt64 = onnx::TensorProto::INT64;

Vector Count(uint32_t count) {
  Vector values;
  for (uint32_t i = 0; i < count; ++i) values.push_back(i);
  return values;
}

TEST_CASE("slices may go backwards, with steps, to the very first element") {
  TestModel model(13);
  model.Input("x", {7});
  model.Constant("starts", {1}, {-1}, kInt64);
  auto& ends = model.Constant("ends", {1}, {0}, kInt64);
  ends.set_int64_data(0, INT64_MIN);
  model.Constant("axes", {1}, {0}, kInt64);
  model.Constant("steps", {1}, {-3}, kInt64);
  model.Node("Slice", {"x", "starts", "ends", "axes", "steps"}, {"y"});
  model.Output("y");
  CHECK(Results(model, {Floats({7}, Count(7))}) == Vector{6, 3, 0});
}

TEST_CASE("a slice of nothing may be joined with something") {
  TestModel model(13);
  model.Input("x", {3});
  model.Constant("from", {1}, {5}, kInt64);
  model.Constant("to", {1}, {9}, kInt64);
  model.Node("Slice", {"x", "from", "to"}, {"none"});
  model.Node("Concat", {"none", "x"}, {"y"}).Int("axis", 0);
  model.Output("y");
  CHECK(Results(model, {Floats({3}, Count(3))}) == Count(3));
}

TEST_CASE("negative pads cut off") {
  TestModel model(11);
  model.Input("x", {2, 3});
  model.Constant("pads", {4}, {0, -1, 0, 1}, kInt64);
  model.Node("Pad", {"x", "pads"}, {"y"});
  model.Output("y");
  CHECK(Results(model, {Floats({2, 3}, Count(6))}) == Vector{1, 2, 0, 4, 5, 0});
}

TEST_CASE("pads may name their axes, and wrap around") {
  TestModel model(19);
  model.Input("x", {2, 3});
  model.Constant("pads", {2}, {1, 2}, kInt64);
  model.Constant("axes", {1}, {-1}, kInt64);
  model.Node("Pad", {"x", "pads", "", "axes"}, {"y"}).String("mode", "wrap");
  model.Output("y");
  CHECK(Results(model, {Floats({2, 3}, Count(6))}) == Vector{2, 0, 1, 2, 0, 1, 5, 3, 4, 5, 3, 4});
}

TEST_CASE("pads that leave nothing, or are no pads, are refused") {
  TestModel model(11);
  model.Input("x", {2});
  std::string want;
  SECTION("all cut off") {
    model.Constant("pads", {2}, {-1, -1}, kInt64);
    want = "pads leave nothing";
  }
  SECTION("too few") {
    model.Constant("pads", {1}, {1}, kInt64);
    want = "pads has 1 elements, 2 are wanted";
  }
  SECTION("2^62 elements") {
    model.Constant("pads", {2}, {0x1p62, 0}, kInt64);
    want = "out of range";
  }
  model.Node("Pad", {"x", "pads"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, want);
}

TEST_CASE("splits are equal, given, or since opset 18 uneven") {
  SECTION("uneven") {
    TestModel model(18);
    model.Input("x", {5});
    model.Node("Split", {"x"}, {"a", "b"}).Int("num_outputs", 2);
    model.Output("a");
    model.Output("b");
    CHECK(Results(model, {Floats({5}, Count(5))}, 1) == Vector{3, 4});
  }
  SECTION("uneven before") {
    TestModel model(13);
    model.Input("x", {5});
    model.Node("Split", {"x"}, {"a", "b"});
    model.Output("b");
    CheckRefused(model, StatusCode::kInvalidArgument, "do not split into 2 equal parts");
  }
  SECTION("a part of nothing") {
    TestModel model(11);
    model.Input("x", {5});
    model.Node("Split", {"x"}, {"a", "none", "b"}).Ints("split", {2, 0, 3});
    model.Output("b");
    CHECK(Results(model, {Floats({5}, Count(5))}) == Vector{2, 3, 4});
  }
  SECTION("more than there is") {
    TestModel model(11);
    model.Input("x", {5});
    model.Node("Split", {"x"}, {"a", "b"}).Ints("split", {INT64_MAX, INT64_MAX});
    model.Output("b");
    CheckRefused(model, StatusCode::kInvalidArgument, "more elements");
  }
}

TEST_CASE("old forms of tiles, casts and pads still import") {
  TestModel model(5);
  model.Input("x", {2});
  model.Constant("tiles", {1}, {2}, kInt64);
  model.Constant("axis", {1}, {0}, kInt64);
  model.Node("Tile", {"x", "tiles", "axis"}, {"t"});
  model.Node("Pad", {"t"}, {"p"}).Ints("pads", {1, 0}).Float("value", 9);
  model.Node("Cast", {"p"}, {"y"}).String("to", "INT32");
  model.Output("y");
  CHECK(Results(model, {Floats({2}, {1.5, 2.5})}) == Vector{9, 1, 2, 1, 2});
}

TEST_CASE("scatters add, multiply and take extremes, all updates of a place together") {
  const std::pair<const char*, Vector> cases[] = {
      {"add", {1, 12, 3}}, {"mul", {1, 48, 3}}, {"max", {1, 6, 3}}, {"min", {1, 2, 3}}};
  for (const auto& [reduction, wanted] : cases) {
    for (const bool elements : {false, true}) {
      INFO(reduction << " " << elements);
      TestModel model(18);
      model.Input("x", {3});
      model.Constant("i", elements ? std::vector<int64_t>{2} : std::vector<int64_t>{2, 1}, {1, -2}, kInt64);
      model.Constant("u", {2}, {4, 6});
      model.Node(elements ? "ScatterElements" : "ScatterND", {"x", "i", "u"}, {"y"})
          .String("reduction", reduction);
      model.Output("y");
      CheckClose(Results(model, {Floats({3}, {1, 2, 3})}), wanted);
    }
  }
}

TEST_CASE("batch dimensions of GatherND out of range are refused") {
  TestModel model(13);
  model.Input("x", {2, 2});
  model.Constant("i", {2, 1}, {0, 1}, kInt64);
  model.Node("GatherND", {"x", "i"}, {"y"}).Int("batch_dims", 2);
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "batch_dims 2 is out of range");
}

TEST_CASE("one-hot positions count from the end where negative, and miss where out of range") {
  TestModel model(13);
  model.Input("i", {3}, kInt64);
  model.Constant("depth", {}, {3}, kInt64);
  model.Constant("values", {2}, {-1, 5});
  model.Node("OneHot", {"i", "depth", "values"}, {"y"}).Int("axis", 0);
  model.Output("y");
  CHECK(Results(model, {testing::TensorOf(DataType::kInt64, {3}, {0, -1, 7})}) ==
        Vector{5, -1, -1, -1, -1, -1, -1, 5, -1});
}

TEST_CASE("a depth beyond reason costs nothing") {
  TestModel model(13);
  model.Input("i", {3}, kInt64);
  model.Constant("depth", {}, {0x1p40}, kInt64);
  model.Constant("values", {2}, {0, 1});
  model.Node("OneHot", {"i", "depth", "values"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "depth is out of range");
}

TEST_CASE("arithmetic on known integers is done while importing") {
  TestModel model(13);
  model.Input("x", {4, 6});
  model.Node("Shape", {"x"}, {"shape"});
  model.Constant("two", {}, {2}, kInt64);
  model.Node("Div", {"shape", "two"}, {"half"});
  model.Node("Greater", {"half", "two"}, {"large"});
  model.Node("Where", {"large", "half", "shape"}, {"sizes"});
  model.Node("ReduceProd", {"sizes"}, {"all"}).Int("keepdims", 1);
  model.Node("Range", {"zero", "limit", "one"}, {"range"});
  model.Constant("minus", {1}, {-1}, kInt64);
  model.Node("Concat", {"all", "minus"}, {"target"}).Int("axis", 0);
  model.Node("Reshape", {"x", "target"}, {"y"});
  model.Constant("zero", {}, {0}, kInt64);
  model.Constant("one", {}, {1}, kInt64);
  model.Constant("limit", {}, {3}, kInt64);
  model.Output("y");
  const auto imported = model.Import();
  REQUIRE(imported.ok());
  // [4, 6] / 2 = [2, 3], of which only 3 is above 2: [4, 3], so 12 rows.
  CHECK(imported->graph.descriptor(imported->graph.outputs[0].operand).shape == Shape{12, 2});
  CHECK(OperationTypes(*imported) == std::vector<std::string>{"reshape"});
}

TEST_CASE("sums that overflow while importing are the model's fault") {
  TestModel model(13);
  model.Input("x", {2});
  auto& big = model.Constant("big", {}, {0}, kInt64);
  big.set_int64_data(0, INT64_MAX);
  model.Node("Add", {"big", "big"}, {"sum"});
  model.Node("Reshape", {"x", "sum"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "overflows");
}

TEST_CASE("a value that must be known names the inputs behind it, and may be given") {
  TestModel model(13);
  model.Input("x", {4});
  model.Input("rows", {1}, kInt64);
  model.Constant("rest", {1}, {-1}, kInt64);
  model.Node("Abs", {"rows"}, {"positive"});
  model.Node("Concat", {"positive", "rest"}, {"shape"}).Int("axis", 0);
  model.Node("Reshape", {"x", "shape"}, {"y"});
  model.Output("y");
  const absl::Status status = model.Import().status();
  CHECK(ReasonOf(status) == Reason::kMustBeKnown);
  CHECK(InputsToKnow(status) == std::vector<std::string>{"rows"});
  ImportOptions options;
  options.known_inputs["rows"] = FromInts(DataType::kInt64, {1}, {2});
  const auto imported = model.Import(options);
  REQUIRE(imported.ok());
  CHECK(imported->graph.inputs.size() == 1);
  options.known_inputs["rows"] = FromInts(DataType::kInt64, {2}, {2, 2});
  CHECK(IsWrongOption(model.Import(options).status()));
  CHECK(model.Import(options).status().code() == StatusCode::kInvalidArgument);
  const HostTensor two = FromInts(DataType::kInt64, {1}, {2});
  for (const char* name : {"rest", "nobody"}) {
    CHECK(IsWrongOption(model.Import({.known_inputs = {{"rows", two}, {name, two}}}).status()));
  }
}

TEST_CASE("an input without elements is known") {
  TestModel model(13);
  model.Input("x", {2, 2});
  model.Input("axes", {0}, kInt64);
  model.Node("ReduceSum", {"x", "axes"}, {"y"}).Int("keepdims", 0);
  model.Output("y");
  CHECK(Results(model, {Floats({2, 2}, {1, 2, 3, 4})}) == Vector{10});
}

TEST_CASE("the greatest elements come in order, equal ones by index") {
  for (const bool largest : {true, false}) {
    TestModel model(11);
    model.Input("x", {5}, onnx::TensorProto::INT32);
    model.Constant("k", {1}, {3}, kInt64);
    model.Node("TopK", {"x", "k"}, {"values", "indices"}).Int("largest", largest ? 1 : 0);
    model.Output("values");
    model.Output("indices");
    const std::vector<testing::Tensor> x = {testing::TensorOf(DataType::kInt32, {5}, {3, -9, 7, 3, 7})};
    CHECK(Results(model, x, 0) == (largest ? Vector{7, 7, 3} : Vector{-9, 3, 3}));
    CHECK(Results(model, x, 1) == (largest ? Vector{2, 4, 0} : Vector{1, 0, 3}));
  }
}

TEST_CASE("what would sort too much at once is an option that WebNN does not express") {
  TestModel model(11);
  model.Input("x", {10000});
  model.Constant("k", {1}, {3}, kInt64);
  model.Node("TopK", {"x", "k"}, {"values", "indices"});
  model.Output("values");
  CHECK(ReasonOf(model.Import().status()) == Reason::kOption);
}

void AddBranch(onnx::NodeProto& node, const std::string& name, const std::string& op) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(onnx::AttributeProto::GRAPH);
  auto& inner = *attribute.mutable_g()->add_node();
  inner.set_op_type(op);
  inner.add_input("x");
  inner.add_output("result");
  attribute.mutable_g()->add_output()->set_name("result");
}

TEST_CASE("of two branches the condition chooses one, while importing or running") {
  for (const bool known : {true, false}) {
    for (const bool condition : {true, false}) {
      INFO(known << condition);
      TestModel model(13);
      model.Input("x", {2});
      if (known) {
        model.Constant("c", {}, {condition ? 1.0 : 0.0}, onnx::TensorProto::BOOL);
      } else {
        model.Input("c", {}, onnx::TensorProto::BOOL);
      }
      model.Node("If", {"c"}, {"y"});
      auto& node = *model.proto.mutable_graph()->mutable_node(0);
      AddBranch(node, "then_branch", "Neg");
      AddBranch(node, "else_branch", "Abs");
      model.Output("y");
      std::vector<testing::Tensor> inputs = {Floats({2}, {-1, 2})};
      if (!known) inputs.push_back(testing::TensorOf(DataType::kUint8, {}, {condition ? 1.0 : 0.0}));
      CHECK(Results(model, inputs) == (condition ? Vector{1, -2} : Vector{1, 2}));
    }
  }
}

TEST_CASE("a branch that is none, and an operator within one that is unknown, are refused") {
  TestModel model(13);
  model.Input("x", {2});
  model.Constant("c", {}, {1}, onnx::TensorProto::BOOL);
  model.Node("If", {"c"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kInvalidArgument, "then_branch is no graph");
  AddBranch(*model.proto.mutable_graph()->mutable_node(0), "then_branch", "Frobnicate");
  CheckRefused(model, StatusCode::kUnimplemented, "Frobnicate");
}

}  // namespace
}  // namespace modeld::importer
