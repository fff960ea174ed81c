#include "client/cpp/graph_builder.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <map>

#include "client/cpp/status.h"
#include "engine/graph/canonical.h"
#include "engine/ops/table.h"

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

// What the cases below apply the methods to.
struct Operands {
  GraphBuilder b;
  MaybeOperand x = b.Input("x", {kF32, {1, 2, 4, 4}});
  MaybeOperand matrix = b.Input("matrix", {kF32, {4, 4}});
  MaybeOperand bytes = b.Input("bytes", {DataType::kUint8, {4, 4}});
  MaybeOperand index = b.Input("index", {DataType::kInt32, {2}});
  MaybeOperand filter = b.Constant<float>({2, 2, 1, 1}, {1, 2, 3, 4});
  MaybeOperand two = b.Constant<float>({2}, {1, 2});

  static MaybeOperand First(const absl::StatusOr<std::vector<Operand>>& parts) {
    if (!parts.ok()) return parts.status();
    return parts->front();
  }
};

using Case = std::function<MaybeOperand(Operands&)>;

#define UNARY(type, method)                           \
  {                                                   \
    type, [](Operands& o) { return o.b.method(o.x); } \
  }
#define BINARY(type, method)                               \
  {                                                        \
    type, [](Operands& o) { return o.b.method(o.x, o.x); } \
  }
#define LOGICAL(type, method)                                      \
  {                                                                \
    type, [](Operands& o) { return o.b.method(o.bytes, o.bytes); } \
  }
#define REDUCTION(type, method)                                                                             \
  {                                                                                                         \
    type,                                                                                                   \
        [](Operands& o) { return o.b.method(o.x, {.axes = {{1}}, .keep_dimensions = true, .label = "l"}); } \
  }

// Every method, with every option set.
const std::map<std::string, Case> kMethods = {
    BINARY("add", Add),
    BINARY("sub", Sub),
    BINARY("mul", Mul),
    BINARY("div", Div),
    BINARY("max", Max),
    BINARY("min", Min),
    BINARY("pow", Pow),
    BINARY("equal", Equal),
    BINARY("notEqual", NotEqual),
    BINARY("greater", Greater),
    BINARY("greaterOrEqual", GreaterOrEqual),
    BINARY("lesser", Lesser),
    BINARY("lesserOrEqual", LesserOrEqual),
    BINARY("prelu", Prelu),
    BINARY("matmul", Matmul),
    LOGICAL("logicalAnd", LogicalAnd),
    LOGICAL("logicalOr", LogicalOr),
    LOGICAL("logicalXor", LogicalXor),
    {"logicalNot", [](Operands& o) { return o.b.LogicalNot(o.bytes); }},
    UNARY("abs", Abs),
    UNARY("ceil", Ceil),
    UNARY("cos", Cos),
    UNARY("erf", Erf),
    UNARY("exp", Exp),
    UNARY("floor", Floor),
    UNARY("identity", Identity),
    UNARY("isInfinite", IsInfinite),
    UNARY("isNaN", IsNaN),
    UNARY("log", Log),
    UNARY("neg", Neg),
    UNARY("reciprocal", Reciprocal),
    UNARY("roundEven", RoundEven),
    UNARY("sign", Sign),
    UNARY("sin", Sin),
    UNARY("sqrt", Sqrt),
    UNARY("tan", Tan),
    UNARY("gelu", Gelu),
    UNARY("hardSwish", HardSwish),
    UNARY("relu", Relu),
    UNARY("sigmoid", Sigmoid),
    UNARY("softplus", Softplus),
    UNARY("softsign", Softsign),
    UNARY("tanh", Tanh),
    {"clamp", [](Operands& o) { return o.b.Clamp(o.x, {.min_value = 0, .max_value = 6.5, .label = "l"}); }},
    {"cast", [](Operands& o) { return o.b.Cast(o.x, DataType::kInt8); }},
    {"where", [](Operands& o) { return o.b.Where(o.bytes, o.matrix, o.matrix); }},
    {"elu", [](Operands& o) { return o.b.Elu(o.x, {.alpha = 2, .label = "l"}); }},
    {"leakyRelu", [](Operands& o) { return o.b.LeakyRelu(o.x, {.alpha = 0.1, .label = "l"}); }},
    {"hardSigmoid",
     [](Operands& o) { return o.b.HardSigmoid(o.x, {.alpha = 0.1, .beta = 0.2, .label = "l"}); }},
    {"linear", [](Operands& o) { return o.b.Linear(o.x, {.alpha = 0.1, .beta = 0.2, .label = "l"}); }},
    {"softmax", [](Operands& o) { return o.b.Softmax(o.x, 1); }},
    {"gemm",
     [](Operands& o) {
       return o.b.Gemm(
           o.matrix, o.matrix,
           {.c = o.matrix, .alpha = 2, .beta = 3, .a_transpose = true, .b_transpose = true, .label = "l"});
     }},
    {"conv2d",
     [](Operands& o) {
       return o.b.Conv2d(o.x, o.filter,
                         {.bias = o.two,
                          .padding = {1, 1, 1, 1},
                          .strides = {2, 2},
                          .dilations = {1, 1},
                          .groups = 1,
                          .input_layout = "nchw",
                          .filter_layout = "oihw",
                          .label = "l"});
     }},
    {"convTranspose2d",
     [](Operands& o) {
       return o.b.ConvTranspose2d(o.x, o.filter,
                                  {.bias = o.two,
                                   .padding = {0, 0, 0, 0},
                                   .strides = {2, 2},
                                   .dilations = {1, 1},
                                   .output_padding = {1, 1},
                                   .output_sizes = {8, 8},
                                   .groups = 1,
                                   .input_layout = "nchw",
                                   .filter_layout = "iohw",
                                   .label = "l"});
     }},
#define POOL(type, method)                                      \
  {                                                             \
    type, [](Operands& o) {                                     \
      return o.b.method(o.x, {.window_dimensions = {2, 2},      \
                              .padding = {0, 0, 0, 0},          \
                              .strides = {2, 2},                \
                              .dilations = {1, 1},              \
                              .layout = "nchw",                 \
                              .output_shape_rounding = "floor", \
                              .output_sizes = {2, 2},           \
                              .label = "l"});                   \
    }                                                           \
  }
    POOL("averagePool2d", AveragePool2d),
    POOL("l2Pool2d", L2Pool2d),
    POOL("maxPool2d", MaxPool2d),
    {"batchNormalization",
     [](Operands& o) {
       return o.b.BatchNormalization(
           o.x, o.two, o.two, {.scale = o.two, .bias = o.two, .axis = 1, .epsilon = 1e-3, .label = "l"});
     }},
    {"instanceNormalization",
     [](Operands& o) {
       return o.b.InstanceNormalization(
           o.x, {.scale = o.two, .bias = o.two, .epsilon = 1e-3, .layout = "nchw", .label = "l"});
     }},
    {"layerNormalization",
     [](Operands& o) {
       return o.b.LayerNormalization(
           o.x, {.scale = o.two, .bias = o.two, .axes = {{1}}, .epsilon = 1e-3, .label = "l"});
     }},
    REDUCTION("reduceL1", ReduceL1),
    REDUCTION("reduceL2", ReduceL2),
    REDUCTION("reduceLogSum", ReduceLogSum),
    REDUCTION("reduceLogSumExp", ReduceLogSumExp),
    REDUCTION("reduceMax", ReduceMax),
    REDUCTION("reduceMean", ReduceMean),
    REDUCTION("reduceMin", ReduceMin),
    REDUCTION("reduceProduct", ReduceProduct),
    REDUCTION("reduceSum", ReduceSum),
    REDUCTION("reduceSumSquare", ReduceSumSquare),
    {"reshape",
     [](Operands& o) {
       return o.b.Reshape(o.x, {2, 16});
     }},
    {"expand",
     [](Operands& o) {
       return o.b.Expand(o.x, {3, 2, 4, 4});
     }},
    {"transpose",
     [](Operands& o) {
       return o.b.Transpose(o.x, {.permutation = {{0, 2, 3, 1}}, .label = "l"});
     }},
    {"concat",
     [](Operands& o) {
       return o.b.Concat({o.x, o.x, o.x}, 1);
     }},
    {"gather", [](Operands& o) { return o.b.Gather(o.x, o.index, {.axis = 2, .label = "l"}); }},
    {"pad",
     [](Operands& o) {
       return o.b.Pad(o.matrix, {1, 0}, {0, 1}, {.mode = "constant", .value = 1.5, .label = "l"});
     }},
    {"slice",
     [](Operands& o) {
       return o.b.Slice(o.matrix, {1, 1}, {3, 2}, {.strides = {2, 1}, .label = "l"});
     }},
    {"split",
     [](Operands& o) {
       auto sizes = Operands::First(o.b.Split(o.x, {1, 3}, {.axis = 2, .label = "l"}));
       if (!sizes.ok()) return sizes;
       return Operands::First(o.b.Split(o.x, 2, {.axis = 2, .label = "l"}));
     }},
};

TEST_CASE("Every operation of the table has a method, and every method's options are the table's",
          "[builder]") {
  for (const OpSchema& schema : AllOps()) {
    const std::string type(schema.type);
    CAPTURE(type);
    const auto method = kMethods.find(type);
    REQUIRE(method != kMethods.end());
    Operands operands;
    const MaybeOperand y = method->second(operands);
    REQUIRE(y.status() == absl::OkStatus());
    const auto graph = operands.b.Finish({{"y", y}});
    REQUIRE(graph.status() == absl::OkStatus());
    const modeld::Operation& operation = graph->operations.back();
    CHECK(operation.type == type);
    for (const AttributeSchema& attribute : schema.attributes) {
      CAPTURE(std::string(attribute.name));
      CHECK(operation.attributes.count(attribute.name) == 1);
    }
  }
  CHECK(kMethods.size() == AllOps().size());
}

}  // namespace
}  // namespace modeld::client
