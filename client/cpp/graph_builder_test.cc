#include "client/cpp/graph_builder.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>

#include "client/cpp/status.h"
#include "engine/graph/canonical.h"

namespace modeld::client {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

constexpr DataType kF32 = DataType::kFloat32;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

TEST_CASE("A builder infers types and shapes at each call", "[builder]") {
  GraphBuilder b;
  auto x = b.Input("x", {kF32, {1, 3, 8, 8}});
  auto w = b.Constant<float>({4, 3, 3, 3}, std::vector<float>(108));
  auto y = b.Conv2d(x, w, {.padding = {1, 1, 1, 1}, .strides = {2, 2}, .label = "stem"});
  REQUIRE(y.ok());
  CHECK(y->shape() == Shape{1, 4, 4, 4});
  CHECK(y->data_type() == kF32);
  auto classes = b.Softmax(b.Reshape(y, {1, 64}), 1);
  REQUIRE(classes.ok());
  CHECK(classes->shape() == Shape{1, 64});
  auto is_big = b.Greater(classes, b.Constant(kF32, 0.5));
  REQUIRE(is_big.ok());
  CHECK(is_big->data_type() == DataType::kUint8);
}

TEST_CASE("A wrong call is reported at that call, by type and label", "[builder]") {
  GraphBuilder b;
  auto x = b.Input("x", {kF32, {1, 4, 8, 8}});
  auto w = b.Constant<float>({4, 3, 3, 3}, std::vector<float>(108));
  auto y = b.Conv2d(x, w, {.label = "stem"});
  CHECK(y.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(Message(y.status()), StartsWith("conv2d \"stem\":"));
  auto detail = ErrorDetailOf(y.status());
  REQUIRE(detail);
  CHECK(detail->label == "stem");
  CHECK(detail->reason == "REASON_INVALID_GRAPH");
  CHECK(detail->operation_index == 0u);

  SECTION("an unlabelled one is named by its number") {
    REQUIRE(b.Relu(x).ok());
    auto z = b.Softmax(x, 9);
    CHECK_THAT(Message(z.status()), StartsWith("softmax #1:"));
  }
  SECTION("and leaves the builder as it was") {
    auto good = b.Relu(x);
    REQUIRE(good.ok());
    auto graph = b.Finish({{"y", good}});
    REQUIRE(graph.ok());
    CHECK(graph->operations.size() == 1);
  }
  SECTION("later calls that use its result return the first error") {
    auto z = b.Add(b.Relu(y), x);
    CHECK(z.status() == y.status());
    CHECK(b.Finish({{"z", z}}).status() == y.status());
  }
  SECTION("an error may come in by the options, too") {
    auto z = b.Conv2d(x, b.Constant<float>({1, 4, 1, 1}, {1, 2, 3, 4}), {.bias = y});
    CHECK(z.status() == y.status());
  }
}

TEST_CASE("Inputs and constants are checked", "[builder]") {
  GraphBuilder b(GraphLimits{.max_rank = 4, .max_tensor_bytes = 1024});
  const struct {
    absl::Status status;
    std::string text;
  } cases[] = {
      {b.Input("", {kF32, {1}}).status(), "input \"\": its name has 0 bytes"},
      {b.Input("x", {kF32, {0}}).status(), "input \"x\": "},
      {b.Input("x", {kF32, {1, 1, 1, 1, 1}}).status(), "input \"x\": "},
      {b.Input("x", {kF32, {257}}).status(), "input \"x\": "},
      {b.Constant<float>({2}, {1, 2, 3}).status(), "constant float32[2]: 12 bytes; expected 8"},
      {b.Constant(DataType::kUint8, 256).status(), "constant: 256 is no value of uint8"},
      {b.Constant(DataType::kInt8, -129).status(), "constant: -129 is no value of int8"},
      {b.Constant(DataType::kInt32, 0.5).status(), "constant: 0.5 is no value of int32"},
      {b.Constant(DataType::kInt64, 9223372036854775808.0).status(), "constant: "},
      {b.Constant(DataType::kUint64, -1).status(), "constant: -1 is no value of uint64"},
      {b.Constant(DataType::kInt32, std::numeric_limits<double>::quiet_NaN()).status(), "constant: nan"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.text);
    CHECK(c.status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_THAT(Message(c.status), StartsWith(c.text));
  }
  CHECK(b.Input("x", {kF32, {4}}).ok());
  CHECK_THAT(Message(b.Input("x", {kF32, {4}}).status()), Contains("another input has this name"));
}

TEST_CASE("Scalars are converted to their type", "[builder]") {
  const struct {
    DataType type;
    Number value;
    std::string bytes;
  } cases[] = {
      {DataType::kFloat32, 1, std::string("\0\0\x80\x3f", 4)},
      {DataType::kFloat16, 1.0, std::string("\0\x3c", 2)},
      {DataType::kInt8, -128, "\x80"},
      {DataType::kUint8, 255.0, "\xff"},
      {DataType::kInt32, -1, "\xff\xff\xff\xff"},
      {DataType::kUint64, 18446744073709549568.0, std::string("\0\xf8\xff\xff\xff\xff\xff\xff", 8)},
  };
  for (const auto& c : cases) {
    GraphBuilder b;
    auto y = b.Identity(b.Constant(c.type, c.value));
    auto graph = b.Finish({{"y", y}});
    CAPTURE(DataTypeName(c.type));
    REQUIRE(graph.ok());
    CHECK(graph->operands[0].bytes.view() == c.bytes);
  }
}

TEST_CASE("Operands of another builder and spent builders are refused", "[builder]") {
  GraphBuilder a, b;
  auto foreign = a.Input("x", {kF32, {2}});
  auto y = b.Relu(foreign, {.label = "r"});
  CHECK_THAT(Message(y.status()), StartsWith("relu \"r\": an operand is another builder's"));
  CHECK_THAT(Message(b.Finish({{"y", foreign}}).status()), StartsWith("output \"y\":"));

  REQUIRE(a.Finish({{"y", a.Relu(foreign)}}).ok());
  CHECK(a.Relu(foreign).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(a.Input("z", {kF32, {2}}).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(a.Constant(kF32, 1).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(a.Finish({}).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("Build without a context says what is missing", "[builder]") {
  GraphBuilder b;
  auto y = b.Relu(b.Input("x", {kF32, {2}}));
  CHECK(b.Build({{"y", y}}).status().code() == absl::StatusCode::kFailedPrecondition);
}

TEST_CASE("Outputs need a name of their own, and there must be one", "[builder]") {
  const std::function<NamedOperands(MaybeOperand)> cases[] = {
      [](MaybeOperand) { return NamedOperands{}; },
      [](MaybeOperand y) {
        return NamedOperands{{"", y}};
      },
      [](MaybeOperand y) {
        return NamedOperands{{"y", y}, {"y", y}};
      },
  };
  for (const auto& outputs : cases) {
    GraphBuilder b;
    auto y = b.Relu(b.Input("x", {kF32, {2}}));
    CHECK(b.Finish(outputs(y)).status().code() == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("A finished graph has digests, defaults and a model id", "[builder]") {
  const auto build = [](float weight) {
    GraphBuilder b;
    auto x = b.Input("x", {kF32, {1, 2}});
    auto y = b.Gemm(x, b.Constant<float>({2, 1}, {1, weight}));
    auto graph = b.Finish({{"y", y}});
    REQUIRE(graph.ok());
    CHECK(graph->operations[0].attributes.count("alpha") == 1);
    return ModelIdOf(*graph);
  };
  CHECK(build(2) == build(2));
  CHECK(build(2) != build(3));
}

TEST_CASE("Constants share the caller's memory", "[builder]") {
  const auto owner = std::make_shared<std::vector<std::byte>>(8);
  GraphBuilder b;
  auto y = b.Identity(b.Constant({kF32, {2}}, Region(*owner, owner)));
  auto graph = b.Finish({{"y", y}});
  REQUIRE(graph.ok());
  CHECK(graph->operands[0].bytes.bytes().data() == owner->data());
}

TEST_CASE("AddOperation takes any operation of the table and no other", "[builder]") {
  GraphBuilder b;
  auto x = b.Input("x", {kF32, {2, 4}});
  auto parts = b.AddOperation("split", {x}, {{"splits", int64_t{2}}, {"axis", int64_t{1}}}, "halves");
  REQUIRE(parts.ok());
  REQUIRE(parts->size() == 2);
  CHECK((*parts)[1].shape() == Shape{2, 2});
  auto unknown = b.AddOperation("teleport", {x}, {}, "beam");
  CHECK(unknown.status().code() == absl::StatusCode::kUnimplemented);
  CHECK_THAT(Message(unknown.status()), StartsWith("teleport \"beam\":"));
  CHECK(ErrorDetailOf(unknown.status())->reason == "REASON_UNSUPPORTED_OPERATION");
}

TEST_CASE("Constants of packed types hold two elements to a byte", "[builder]") {
  const std::byte bytes[] = {std::byte{0x21}, std::byte{0x0f}};
  for (DataType type : {DataType::kInt4, DataType::kUint4}) {
    GraphBuilder b;
    CAPTURE(DataTypeName(type));
    auto odd = b.ConstantCopy({type, {3}}, bytes);
    REQUIRE(odd.ok());
    CHECK(odd->descriptor().ToString() == std::string(DataTypeName(type)) + "[3]");
    CHECK(b.ConstantCopy({type, {2, 2}}, bytes).ok());
    const std::string name(DataTypeName(type));
    CHECK(Message(b.ConstantCopy({type, {5}}, bytes).status()) ==
          "constant " + name + "[5]: 2 bytes; expected 3");
    CHECK(Message(b.ConstantCopy({type, {2}}, bytes).status()) ==
          "constant " + name + "[2]: 2 bytes; expected 1");
    auto y = b.DequantizeLinear(odd, b.Constant<float>({1}, {0.5f}), b.ConstantCopy({type, {1}}, {bytes, 1}));
    REQUIRE(y.status() == absl::OkStatus());
    CHECK(y->descriptor().ToString() == "float32[3]");
    auto graph = b.Finish({{"y", y}});
    REQUIRE(graph.ok());
    CHECK(graph->operands[0].bytes.size() == 2);
  }
  GraphBuilder b;
  CHECK(b.Constant(DataType::kInt4, -8).ok());
  CHECK(b.Constant(DataType::kUint4, 15).ok());
  CHECK(Message(b.Constant(DataType::kInt4, 8).status()) == "constant: 8 is no value of int4");
  CHECK(Message(b.Constant(DataType::kUint4, -1).status()) == "constant: -1 is no value of uint4");
}

TEST_CASE("Operations with several outputs give them in WebNN's order", "[builder]") {
  GraphBuilder b;
  const auto constant = [&](Shape shape) {
    const TensorDescriptor descriptor{kF32, shape};
    return b.Constant<float>(shape, std::vector<float>(descriptor.ElementCount()));
  };
  auto x = b.Input("x", {kF32, {5, 2, 3}});
  auto lstm = b.Lstm(x, constant({2, 16, 3}), constant({2, 16, 4}), 5, 4,
                     {.return_sequence = true, .direction = "both"});
  REQUIRE(lstm.status() == absl::OkStatus());
  REQUIRE(lstm->size() == 3);
  CHECK((*lstm)[1].shape() == Shape{2, 2, 4});
  CHECK((*lstm)[2].shape() == Shape{5, 2, 2, 4});
  auto gru = b.Gru(x, constant({1, 12, 3}), constant({1, 12, 4}), 5, 4);
  REQUIRE(gru.status() == absl::OkStatus());
  REQUIRE(gru->size() == 1);
  auto wrong = b.Gru(x, constant({1, 12, 3}), constant({1, 12, 4}), 6, 4, {.label = "encoder"});
  CHECK(Message(wrong.status()) == "gru \"encoder\": steps is 6, but input has 5");
  CHECK(b.Gru(x, wrong.status(), x, 5, 4).status() == wrong.status());
}

TEST_CASE("A body keeps all its inputs, in order and without names", "[builder]") {
  GraphBuilder inner;
  auto unused = inner.Input("unused", {kF32, {7}});
  auto a = inner.Input("a", {kF32, {2}});
  auto body = inner.FinishBody({inner.Relu(a), inner.Neg(a)});
  REQUIRE(body.ok());
  REQUIRE(body->inputs.size() == 2);
  CHECK(body->operand(body->inputs[0]).name.empty());
  CHECK(body->descriptor(body->inputs[0]).shape == Shape{7});
  CHECK(inner.Relu(a).status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(inner.FinishBody({a}).status().code() == absl::StatusCode::kFailedPrecondition);

  GraphBuilder b;
  auto x = b.Input("x", {kF32, {2}});
  auto seven = b.Constant<float>({7}, std::vector<float>(7));
  auto both = b.Composite({seven, x}, "acme.Both", *body, {{"heads", int64_t{4}}}, "both");
  REQUIRE(both.status() == absl::OkStatus());
  REQUIRE(both->size() == 2);
  CHECK((*both)[1].shape() == Shape{2});
  CHECK_THAT(Message(b.Composite({x, x}, "acme.Both", *body, {}, "both").status()),
             StartsWith("composite \"both\": inputs[0] is float32[2], expected float32[7]"));
  CHECK_THAT(Message(b.Composite({seven, x}, "", *body, {}, "both").status()),
             StartsWith("composite \"both\": name "));
  auto graph = b.Finish({{"y", (*both)[1]}});
  REQUIRE(graph.status() == absl::OkStatus());
  CHECK(graph->operations[0].attributes.count("heads") == 1);

  GraphBuilder other;
  CHECK(Message(other.FinishBody({x}).status()) == "output 0: its operand is another builder's");
  GraphBuilder failing;
  auto error = failing.Softmax(failing.Input("x", {kF32, {2}}), 3);
  CHECK(failing.FinishBody({error}).status() == error.status());
}

}  // namespace
}  // namespace modeld::client
