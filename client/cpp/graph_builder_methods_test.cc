// Every operation of the table by its method, with every option set.
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "client/cpp/graph_builder.h"
#include "engine/ops/table.h"

namespace modeld::client {
namespace {

constexpr DataType kF32 = DataType::kFloat32;

// What the cases below apply the methods to.
struct Operands {
  GraphBuilder b;
  MaybeOperand x = b.Input("x", {kF32, {1, 2, 4, 4}});
  MaybeOperand matrix = b.Input("matrix", {kF32, {4, 4}});
  MaybeOperand bytes = b.Input("bytes", {DataType::kUint8, {4, 4}});
  MaybeOperand index = b.Input("index", {DataType::kInt32, {2}});
  MaybeOperand filter = b.Constant<float>({2, 2, 1, 1}, {1, 2, 3, 4});
  MaybeOperand two = b.Constant<float>({2}, {1, 2});

  MaybeOperand Zeros(Shape shape) {
    const TensorDescriptor descriptor{kF32, shape};
    return b.Constant<float>(std::move(shape), std::vector<float>(descriptor.ElementCount()));
  }
  static MaybeOperand First(const MaybeOperands& parts) {
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
    {"argMin",
     [](Operands& o) {
       return o.b.ArgMin(o.x, 1,
                         {.keep_dimensions = true, .output_data_type = DataType::kInt64, .label = "l"});
     }},
    {"argMax",
     [](Operands& o) {
       return o.b.ArgMax(o.x, 1,
                         {.keep_dimensions = true, .output_data_type = DataType::kInt64, .label = "l"});
     }},
    {"cumulativeSum",
     [](Operands& o) {
       return o.b.CumulativeSum(o.x, 1, {.exclusive = true, .reversed = true, .label = "l"});
     }},
    {"dequantizeLinear", [](Operands& o) { return o.b.DequantizeLinear(o.bytes, o.matrix, o.bytes); }},
    {"quantizeLinear", [](Operands& o) { return o.b.QuantizeLinear(o.matrix, o.matrix, o.bytes); }},
    {"gatherElements",
     [](Operands& o) {
       return o.b.GatherElements(o.matrix, o.b.Cast(o.bytes, DataType::kInt32), {.axis = 1, .label = "l"});
     }},
    {"gatherND", [](Operands& o) { return o.b.GatherND(o.matrix, o.index); }},
    {"scatterElements",
     [](Operands& o) {
       return o.b.ScatterElements(o.matrix, o.b.Cast(o.bytes, DataType::kInt32), o.matrix,
                                  {.axis = 1, .label = "l"});
     }},
    {"scatterND", [](Operands& o) { return o.b.ScatterND(o.matrix, o.index, o.b.Constant(kF32, 1)); }},
    {"resample2d",
     [](Operands& o) {
       return o.b.Resample2d(
           o.x, {.mode = "linear", .scales = {2, 3}, .sizes = {8, 12}, .axes = {2, 3}, .label = "l"});
     }},
    {"reverse", [](Operands& o) { return o.b.Reverse(o.x, {.axes = {{1}}, .label = "l"}); }},
    {"tile",
     [](Operands& o) {
       return o.b.Tile(o.matrix, {2, 3});
     }},
    {"triangular",
     [](Operands& o) { return o.b.Triangular(o.matrix, {.upper = false, .diagonal = -1, .label = "l"}); }},
    {"gru",
     [](Operands& o) {
       return Operands::First(o.b.Gru(o.Zeros({2, 3, 4}), o.Zeros({1, 6, 4}), o.Zeros({1, 6, 2}), 2, 2,
                                      {.bias = o.Zeros({1, 6}),
                                       .recurrent_bias = o.Zeros({1, 6}),
                                       .initial_hidden_state = o.Zeros({1, 3, 2}),
                                       .reset_after = false,
                                       .return_sequence = true,
                                       .direction = "backward",
                                       .layout = "rzn",
                                       .activations = {"relu", "relu"},
                                       .label = "l"}));
     }},
    {"gruCell",
     [](Operands& o) {
       return o.b.GruCell(o.Zeros({3, 4}), o.Zeros({6, 4}), o.Zeros({6, 2}), o.Zeros({3, 2}), 2,
                          {.bias = o.Zeros({6}),
                           .recurrent_bias = o.Zeros({6}),
                           .reset_after = false,
                           .layout = "rzn",
                           .activations = {"relu", "relu"},
                           .label = "l"});
     }},
    {"lstm",
     [](Operands& o) {
       return Operands::First(o.b.Lstm(o.Zeros({2, 3, 4}), o.Zeros({1, 8, 4}), o.Zeros({1, 8, 2}), 2, 2,
                                       {.bias = o.Zeros({1, 8}),
                                        .recurrent_bias = o.Zeros({1, 8}),
                                        .peephole_weight = o.Zeros({1, 6}),
                                        .initial_hidden_state = o.Zeros({1, 3, 2}),
                                        .initial_cell_state = o.Zeros({1, 3, 2}),
                                        .return_sequence = true,
                                        .direction = "backward",
                                        .layout = "ifgo",
                                        .activations = {"relu", "relu", "relu"},
                                        .label = "l"}));
     }},
    {"lstmCell",
     [](Operands& o) {
       return Operands::First(o.b.LstmCell(o.Zeros({3, 4}), o.Zeros({8, 4}), o.Zeros({8, 2}), o.Zeros({3, 2}),
                                           o.Zeros({3, 2}), 2,
                                           {.bias = o.Zeros({8}),
                                            .recurrent_bias = o.Zeros({8}),
                                            .peephole_weight = o.Zeros({6}),
                                            .layout = "ifgo",
                                            .activations = {"relu", "relu", "relu"},
                                            .label = "l"}));
     }},
    {"composite",
     [](Operands& o) {
       GraphBuilder inner;
       const auto body = inner.FinishBody({inner.Relu(inner.Input("a", {kF32, {4, 4}}))});
       return Operands::First(o.b.Composite({o.matrix}, "acme.Relu", *body));
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
