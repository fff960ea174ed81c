#include <catch2/catch.hpp>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using Catch::Matchers::Contains;

// relu of "x" [batch, 3, ?] and of "y", whose rank is unknown.
void Build(TestModel& model) {
  model.Input("x", {-1, 3, 1});
  auto& shape =
      *model.proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  shape.mutable_dim(2)->Clear();
  model.Input("y", {});
  model.proto.mutable_graph()->mutable_input(1)->mutable_type()->mutable_tensor_type()->clear_shape();
  model.Node("Relu", {"x"}, {"a"});
  model.Node("Relu", {"y"}, {"b"});
  model.Output("a");
  model.Output("b");
}

absl::Status Refusal(const ImportOptions& options) {
  TestModel model;
  Build(model);
  const absl::Status status = model.Import(options).status();
  CHECK(status.code() == StatusCode::kInvalidArgument);
  return status;
}

TEST_CASE("all dimensions without a size are listed at once") {
  const std::string message(Refusal({}).message());
  CHECK_THAT(message, Contains("input \"x\" dimension 0 (\"batch\") is not a fixed size") &&
                          Contains("input \"x\" dimension 2 is not a fixed size") &&
                          Contains("input \"y\" has no shape") && Contains("--dim"));
}

TEST_CASE("shapes and named dimensions fill what the model leaves open") {
  TestModel model;
  Build(model);
  SECTION("by shapes") {
    const auto imported = model.Import({.shapes = {{"x", {2, 3, 4}}, {"y", {5}}}});
    REQUIRE(imported.ok());
    CHECK(imported->graph.descriptor(imported->graph.inputs[0]).shape == Shape{2, 3, 4});
    CHECK(imported->graph.descriptor(imported->graph.inputs[1]).shape == Shape{5});
  }
  SECTION("a scalar") {
    const auto imported = model.Import({.shapes = {{"x", {2, 3, 4}}, {"y", {}}}});
    REQUIRE(imported.ok());
    CHECK(imported->graph.descriptor(imported->graph.inputs[1]).shape.empty());
  }
  SECTION("a shape goes before the dimension's name") {
    const auto imported = model.Import({.shapes = {{"x", {2, 3, 4}}, {"y", {5}}}, .dims = {{"batch", 7}}});
    REQUIRE(imported.ok());
    CHECK(imported->graph.descriptor(imported->graph.inputs[0]).shape == Shape{2, 3, 4});
  }
}

TEST_CASE("a named dimension is enough where nothing else is open") {
  TestModel model;
  model.Input("x", {-1, 3});
  model.Node("Relu", {"x"}, {"y"});
  model.Output("y");
  const auto imported = model.Import({.dims = {{"batch", 6}}});
  REQUIRE(imported.ok());
  CHECK(imported->graph.descriptor(imported->graph.inputs[0]).shape == Shape{6, 3});
  CHECK(model.Import({.dims = {{"batch", -6}}}).status().code() == StatusCode::kInvalidArgument);
  CHECK(model.Import({.dims = {{"batch", int64_t{1} << 40}}}).status().code() ==
        StatusCode::kInvalidArgument);
  CHECK(IsWrongOption(model.Import({.dims = {{"batch", 0}}}).status()));
}

TEST_CASE("sizes that do not fit the model are refused") {
  const auto refusal = [](const ImportOptions& options) {
    const absl::Status status = Refusal(options);
    CHECK(IsWrongOption(status));
    return std::string(status.message());
  };
  CHECK_THAT(refusal({.shapes = {{"x", {2, 3}}, {"y", {5}}}}),
             Contains("input \"x\" has 3 dimensions, the given shape 2"));
  CHECK_THAT(refusal({.shapes = {{"x", {2, 4, 4}}, {"y", {5}}}}),
             Contains("input \"x\" dimension 1 is 3, not 4 as given"));
  CHECK_THAT(refusal({.shapes = {{"x", {2, 3, -4}}, {"y", {5}}}}), Contains("dimension 2 has size -4"));
  CHECK_THAT(refusal({.shapes = {{"x", {2, 3, 4}}, {"y", {int64_t{1} << 40}}}}), Contains("dimension 0"));
  CHECK_THAT(refusal({.shapes = {{"x", {2, 3, 4}}, {"y", {5}}, {"z", {5}}}}),
             Contains("\"z\", which is no input of the model"));
  CHECK_THAT(refusal({.shapes = {{"x", {2, 3, 4}}, {"y", {5}}}, .dims = {{"width", 5}}}),
             Contains("\"width\", which no input has"));
  // A wrong name is told beside what is missing.
  CHECK_THAT(
      refusal({.shapes = {{"y", {5}}}, .dims = {{"bath", 5}}}),
      Contains("\"bath\", which no input has; input \"x\" dimension 0 (\"batch\") is not a fixed size"));
}

TEST_CASE("opsets outside the range are refused, each way with its advice") {
  for (const auto& [opset, part] :
       {std::pair{0, "older than"}, std::pair{22, "newer than 21"}, std::pair{-5, "older than"}}) {
    TestModel model(opset);
    model.Input("x", {2});
    model.Node("Relu", {"x"}, {"y"});
    model.Output("y");
    CheckRefused(model, StatusCode::kUnimplemented, part);
  }
  TestModel model;
  model.proto.clear_opset_import();
  model.Input("x", {2});
  model.Node("Relu", {"x"}, {"y"});
  model.Output("y");
  CheckRefused(model, StatusCode::kUnimplemented, "does not say which opset");
}

}  // namespace
}  // namespace modeld::importer
