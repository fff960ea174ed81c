// Building graphs: WebNN's MLGraphBuilder.
#ifndef MODELD_CLIENT_CPP_GRAPH_BUILDER_H_
#define MODELD_CLIENT_CPP_GRAPH_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/region.h"
#include "client/cpp/context.h"
#include "client/cpp/operand.h"
#include "client/cpp/operation_call.h"
#include "client/cpp/operation_options.h"
#include "client/cpp/recurrent_options.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld::client {

// The data type of a C++ type: DataTypeOf<float> is kFloat32.
template <typename T>
inline constexpr DataType DataTypeOf = [] {
  static_assert(sizeof(T) == 0, "no data type of WebNN");
  return DataType::kFloat32;
}();
template <>
inline constexpr DataType DataTypeOf<float> = DataType::kFloat32;
template <>
inline constexpr DataType DataTypeOf<int32_t> = DataType::kInt32;
template <>
inline constexpr DataType DataTypeOf<uint32_t> = DataType::kUint32;
template <>
inline constexpr DataType DataTypeOf<int64_t> = DataType::kInt64;
template <>
inline constexpr DataType DataTypeOf<uint64_t> = DataType::kUint64;
template <>
inline constexpr DataType DataTypeOf<int8_t> = DataType::kInt8;
template <>
inline constexpr DataType DataTypeOf<uint8_t> = DataType::kUint8;

// The outputs of an operation that has several.
using MaybeOperands = absl::StatusOr<std::vector<Operand>>;
// A graph's outputs by name, in the caller's order.
using NamedOperands = std::vector<std::pair<std::string, MaybeOperand>>;

// Puts a graph together. Every call is checked at once, types and shapes are inferred at once; a wrong call
// is INVALID_ARGUMENT with a message that begins with the operation's type and label (`conv2d "stem": ...`),
// and ErrorDetailOf (status.h) tells the place. It leaves the builder as it was. Not thread-safe.
class GraphBuilder {
 public:
  // Builds for a context, within its daemon's limits.
  explicit GraphBuilder(const Context& context) : GraphBuilder(context.limits()) { context_ = context; }
  // Builds a portable graph; needs no daemon.
  explicit GraphBuilder(const GraphLimits& limits = {});
  GraphBuilder(GraphBuilder&&) = default;
  GraphBuilder& operator=(GraphBuilder&&) = default;

  // An input of the graph. Names are unique among inputs.
  MaybeOperand Input(absl::string_view name, const TensorDescriptor& descriptor);

  // A constant. `bytes` is as TensorDescriptor::ByteSize says; int4 and uint4 are packed, two to a byte, the
  // first in the low four bits. The bytes are shared, not copied: they must not change while `bytes`' owner
  // lives, which is until the graph is built.
  MaybeOperand Constant(const TensorDescriptor& descriptor, Region bytes);
  // A constant whose bytes are copied.
  MaybeOperand ConstantCopy(const TensorDescriptor& descriptor, std::span<const std::byte> bytes) {
    return Constant(descriptor, Region::Copy(bytes));
  }
  // A constant of these values, copied: Constant<float>({2, 2}, {1, 2, 3, 4}).
  template <typename T>
  MaybeOperand Constant(Shape shape, const std::vector<T>& values) {
    return ConstantCopy({DataTypeOf<T>, std::move(shape)}, std::as_bytes(std::span(values)));
  }
  // A scalar, converted to `type`: out of an integer type's range is INVALID_ARGUMENT.
  MaybeOperand Constant(DataType type, Number value);

  // Validates the graph and builds it in the context, see Context::BuildGraph. Once the graph is valid the
  // builder is spent, whatever comes of building it: every further call is FAILED_PRECONDITION. Wrong outputs
  // leave it as it was. Requires: the builder was made for a context.
  absl::StatusOr<Graph> Build(const NamedOperands& outputs, const BuildOptions& options = {});
  // Validates the graph and returns it in portable form, digests computed: for ModelIdOf
  // (engine/graph/canonical.h), for Context::BuildGraph, for files. The builder is spent, but for an error.
  absl::StatusOr<modeld::Graph> Finish(const NamedOperands& outputs);
  // The graph as the body of a Composite operation: inputs, all of them, and outputs count by position, their
  // names are dropped. Constants come in as inputs. What is wrong with it, Composite tells. The builder is
  // spent, but for an error.
  absl::StatusOr<modeld::Graph> FinishBody(const std::vector<MaybeOperand>& outputs);

  // Any operation of the table, by name; for what has no method here. UNIMPLEMENTED: the table has none of
  // this type.
  MaybeOperands AddOperation(absl::string_view type, const std::vector<MaybeOperand>& inputs,
                             Attributes attributes = {}, absl::string_view label = "");

  // One operation that a body of others says (FinishBody): a device that knows `name` runs it whole, with
  // these attributes, every other runs the body, whose inputs are `inputs`.
  MaybeOperands Composite(const std::vector<MaybeOperand>& inputs, absl::string_view name, modeld::Graph body,
                          Attributes attributes = {}, absl::string_view label = "");

  // WebNN's methods. What each computes, and which types and shapes it takes, is the specification's matter.
  using Arg = const MaybeOperand&;
  using Options = OperationOptions;

  // Two operands, broadcast together.
  MaybeOperand Add(Arg a, Arg b, const Options& o = {}) { return One("add", {a, b}, o); }
  MaybeOperand Sub(Arg a, Arg b, const Options& o = {}) { return One("sub", {a, b}, o); }
  MaybeOperand Mul(Arg a, Arg b, const Options& o = {}) { return One("mul", {a, b}, o); }
  MaybeOperand Div(Arg a, Arg b, const Options& o = {}) { return One("div", {a, b}, o); }
  MaybeOperand Max(Arg a, Arg b, const Options& o = {}) { return One("max", {a, b}, o); }
  MaybeOperand Min(Arg a, Arg b, const Options& o = {}) { return One("min", {a, b}, o); }
  MaybeOperand Pow(Arg a, Arg b, const Options& o = {}) { return One("pow", {a, b}, o); }
  MaybeOperand Equal(Arg a, Arg b, const Options& o = {}) { return One("equal", {a, b}, o); }
  MaybeOperand NotEqual(Arg a, Arg b, const Options& o = {}) { return One("notEqual", {a, b}, o); }
  MaybeOperand Greater(Arg a, Arg b, const Options& o = {}) { return One("greater", {a, b}, o); }
  MaybeOperand GreaterOrEqual(Arg a, Arg b, const Options& o = {}) {
    return One("greaterOrEqual", {a, b}, o);
  }
  MaybeOperand Lesser(Arg a, Arg b, const Options& o = {}) { return One("lesser", {a, b}, o); }
  MaybeOperand LesserOrEqual(Arg a, Arg b, const Options& o = {}) { return One("lesserOrEqual", {a, b}, o); }
  MaybeOperand LogicalAnd(Arg a, Arg b, const Options& o = {}) { return One("logicalAnd", {a, b}, o); }
  MaybeOperand LogicalOr(Arg a, Arg b, const Options& o = {}) { return One("logicalOr", {a, b}, o); }
  MaybeOperand LogicalXor(Arg a, Arg b, const Options& o = {}) { return One("logicalXor", {a, b}, o); }
  MaybeOperand Prelu(Arg input, Arg slope, const Options& o = {}) { return One("prelu", {input, slope}, o); }
  MaybeOperand Matmul(Arg a, Arg b, const Options& o = {}) { return One("matmul", {a, b}, o); }

  // One operand, element by element.
  MaybeOperand Abs(Arg input, const Options& o = {}) { return One("abs", {input}, o); }
  MaybeOperand Ceil(Arg input, const Options& o = {}) { return One("ceil", {input}, o); }
  MaybeOperand Cos(Arg input, const Options& o = {}) { return One("cos", {input}, o); }
  MaybeOperand Erf(Arg input, const Options& o = {}) { return One("erf", {input}, o); }
  MaybeOperand Exp(Arg input, const Options& o = {}) { return One("exp", {input}, o); }
  MaybeOperand Floor(Arg input, const Options& o = {}) { return One("floor", {input}, o); }
  MaybeOperand Identity(Arg input, const Options& o = {}) { return One("identity", {input}, o); }
  MaybeOperand IsInfinite(Arg input, const Options& o = {}) { return One("isInfinite", {input}, o); }
  MaybeOperand IsNaN(Arg input, const Options& o = {}) { return One("isNaN", {input}, o); }
  MaybeOperand Log(Arg input, const Options& o = {}) { return One("log", {input}, o); }
  MaybeOperand LogicalNot(Arg input, const Options& o = {}) { return One("logicalNot", {input}, o); }
  MaybeOperand Neg(Arg input, const Options& o = {}) { return One("neg", {input}, o); }
  MaybeOperand Reciprocal(Arg input, const Options& o = {}) { return One("reciprocal", {input}, o); }
  MaybeOperand RoundEven(Arg input, const Options& o = {}) { return One("roundEven", {input}, o); }
  MaybeOperand Sign(Arg input, const Options& o = {}) { return One("sign", {input}, o); }
  MaybeOperand Sin(Arg input, const Options& o = {}) { return One("sin", {input}, o); }
  MaybeOperand Sqrt(Arg input, const Options& o = {}) { return One("sqrt", {input}, o); }
  MaybeOperand Tan(Arg input, const Options& o = {}) { return One("tan", {input}, o); }
  MaybeOperand Clamp(Arg input, const ClampOptions& o = {}) { return One("clamp", {input}, o); }
  MaybeOperand Cast(Arg input, DataType type, const Options& o = {}) {
    return One("cast", {input}, o, {{"dataType", type}});
  }
  MaybeOperand Where(Arg condition, Arg true_value, Arg false_value, const Options& o = {}) {
    return One("where", {condition, true_value, false_value}, o);
  }

  // Activations.
  MaybeOperand Elu(Arg input, const AlphaOptions& o = {}) { return One("elu", {input}, o); }
  MaybeOperand Gelu(Arg input, const Options& o = {}) { return One("gelu", {input}, o); }
  MaybeOperand HardSigmoid(Arg input, const AlphaBetaOptions& o = {}) {
    return One("hardSigmoid", {input}, o);
  }
  MaybeOperand HardSwish(Arg input, const Options& o = {}) { return One("hardSwish", {input}, o); }
  MaybeOperand LeakyRelu(Arg input, const AlphaOptions& o = {}) { return One("leakyRelu", {input}, o); }
  MaybeOperand Linear(Arg input, const AlphaBetaOptions& o = {}) { return One("linear", {input}, o); }
  MaybeOperand Relu(Arg input, const Options& o = {}) { return One("relu", {input}, o); }
  MaybeOperand Sigmoid(Arg input, const Options& o = {}) { return One("sigmoid", {input}, o); }
  MaybeOperand Softplus(Arg input, const Options& o = {}) { return One("softplus", {input}, o); }
  MaybeOperand Softsign(Arg input, const Options& o = {}) { return One("softsign", {input}, o); }
  MaybeOperand Tanh(Arg input, const Options& o = {}) { return One("tanh", {input}, o); }
  MaybeOperand Softmax(Arg input, uint32_t axis, const Options& o = {}) {
    return One("softmax", {input}, o, {{"axis", int64_t{axis}}});
  }

  // Products, convolutions, pools, normalisations.
  MaybeOperand Gemm(Arg a, Arg b, const GemmOptions& o = {}) { return One("gemm", {a, b}, o); }
  MaybeOperand Conv2d(Arg input, Arg filter, const Conv2dOptions& o = {}) {
    return One("conv2d", {input, filter}, o);
  }
  MaybeOperand ConvTranspose2d(Arg input, Arg filter, const ConvTranspose2dOptions& o = {}) {
    return One("convTranspose2d", {input, filter}, o);
  }
  MaybeOperand AveragePool2d(Arg input, const Pool2dOptions& o = {}) {
    return One("averagePool2d", {input}, o);
  }
  MaybeOperand L2Pool2d(Arg input, const Pool2dOptions& o = {}) { return One("l2Pool2d", {input}, o); }
  MaybeOperand MaxPool2d(Arg input, const Pool2dOptions& o = {}) { return One("maxPool2d", {input}, o); }
  MaybeOperand BatchNormalization(Arg input, Arg mean, Arg variance,
                                  const BatchNormalizationOptions& o = {}) {
    return One("batchNormalization", {input, mean, variance}, o);
  }
  MaybeOperand InstanceNormalization(Arg input, const InstanceNormalizationOptions& o = {}) {
    return One("instanceNormalization", {input}, o);
  }
  MaybeOperand LayerNormalization(Arg input, const LayerNormalizationOptions& o = {}) {
    return One("layerNormalization", {input}, o);
  }
  MaybeOperand Resample2d(Arg input, const Resample2dOptions& o = {}) {
    return One("resample2d", {input}, o);
  }

  // Recurrent networks. gru: the last hidden state, then with return_sequence all of them. lstm: the last
  // hidden state, the last cell state, then all hidden states. lstmCell: hidden state, cell state.
  MaybeOperands Gru(Arg input, Arg weight, Arg recurrent_weight, uint32_t steps, uint32_t hidden_size,
                    const GruOptions& o = {}) {
    return Emit(Call("gru", {input, weight, recurrent_weight}, o,
                     {{"steps", int64_t{steps}}, {"hiddenSize", int64_t{hidden_size}}}));
  }
  MaybeOperand GruCell(Arg input, Arg weight, Arg recurrent_weight, Arg hidden_state, uint32_t hidden_size,
                       const GruCellOptions& o = {}) {
    return One("gruCell", {input, weight, recurrent_weight, hidden_state}, o,
               {{"hiddenSize", int64_t{hidden_size}}});
  }
  MaybeOperands Lstm(Arg input, Arg weight, Arg recurrent_weight, uint32_t steps, uint32_t hidden_size,
                     const LstmOptions& o = {}) {
    return Emit(Call("lstm", {input, weight, recurrent_weight}, o,
                     {{"steps", int64_t{steps}}, {"hiddenSize", int64_t{hidden_size}}}));
  }
  MaybeOperands LstmCell(Arg input, Arg weight, Arg recurrent_weight, Arg hidden_state, Arg cell_state,
                         uint32_t hidden_size, const LstmCellOptions& o = {}) {
    return Emit(Call("lstmCell", {input, weight, recurrent_weight, hidden_state, cell_state}, o,
                     {{"hiddenSize", int64_t{hidden_size}}}));
  }

  // Quantisation: scale and zero point have one shape, of the input's rank.
  MaybeOperand DequantizeLinear(Arg input, Arg scale, Arg zero_point, const Options& o = {}) {
    return One("dequantizeLinear", {input, scale, zero_point}, o);
  }
  MaybeOperand QuantizeLinear(Arg input, Arg scale, Arg zero_point, const Options& o = {}) {
    return One("quantizeLinear", {input, scale, zero_point}, o);
  }

  // Reductions and running sums.
  MaybeOperand ArgMin(Arg input, uint32_t axis, const ArgMinMaxOptions& o = {}) {
    return One("argMin", {input}, o, {{"axis", int64_t{axis}}});
  }
  MaybeOperand ArgMax(Arg input, uint32_t axis, const ArgMinMaxOptions& o = {}) {
    return One("argMax", {input}, o, {{"axis", int64_t{axis}}});
  }
  MaybeOperand CumulativeSum(Arg input, uint32_t axis, const CumulativeSumOptions& o = {}) {
    return One("cumulativeSum", {input}, o, {{"axis", int64_t{axis}}});
  }
  MaybeOperand ReduceL1(Arg input, const ReduceOptions& o = {}) { return One("reduceL1", {input}, o); }
  MaybeOperand ReduceL2(Arg input, const ReduceOptions& o = {}) { return One("reduceL2", {input}, o); }
  MaybeOperand ReduceLogSum(Arg input, const ReduceOptions& o = {}) {
    return One("reduceLogSum", {input}, o);
  }
  MaybeOperand ReduceLogSumExp(Arg input, const ReduceOptions& o = {}) {
    return One("reduceLogSumExp", {input}, o);
  }
  MaybeOperand ReduceMax(Arg input, const ReduceOptions& o = {}) { return One("reduceMax", {input}, o); }
  MaybeOperand ReduceMean(Arg input, const ReduceOptions& o = {}) { return One("reduceMean", {input}, o); }
  MaybeOperand ReduceMin(Arg input, const ReduceOptions& o = {}) { return One("reduceMin", {input}, o); }
  MaybeOperand ReduceProduct(Arg input, const ReduceOptions& o = {}) {
    return One("reduceProduct", {input}, o);
  }
  MaybeOperand ReduceSum(Arg input, const ReduceOptions& o = {}) { return One("reduceSum", {input}, o); }
  MaybeOperand ReduceSumSquare(Arg input, const ReduceOptions& o = {}) {
    return One("reduceSumSquare", {input}, o);
  }

  // Shapes and movement of data.
  MaybeOperand Reshape(Arg input, const Uints& new_shape, const Options& o = {}) {
    return One("reshape", {input}, o, {{"newShape", Ints(new_shape)}});
  }
  MaybeOperand Expand(Arg input, const Uints& new_shape, const Options& o = {}) {
    return One("expand", {input}, o, {{"newShape", Ints(new_shape)}});
  }
  MaybeOperand Transpose(Arg input, const TransposeOptions& o = {}) { return One("transpose", {input}, o); }
  MaybeOperand Concat(const std::vector<MaybeOperand>& inputs, uint32_t axis, const Options& o = {}) {
    return One("concat", inputs, o, {{"axis", int64_t{axis}}});
  }
  MaybeOperand Gather(Arg input, Arg indices, const AxisOptions& o = {}) {
    return One("gather", {input, indices}, o);
  }
  MaybeOperand GatherElements(Arg input, Arg indices, const AxisOptions& o = {}) {
    return One("gatherElements", {input, indices}, o);
  }
  MaybeOperand GatherND(Arg input, Arg indices, const Options& o = {}) {
    return One("gatherND", {input, indices}, o);
  }
  MaybeOperand ScatterElements(Arg input, Arg indices, Arg updates, const AxisOptions& o = {}) {
    return One("scatterElements", {input, indices, updates}, o);
  }
  MaybeOperand ScatterND(Arg input, Arg indices, Arg updates, const Options& o = {}) {
    return One("scatterND", {input, indices, updates}, o);
  }
  MaybeOperand Pad(Arg input, const Uints& beginning_padding, const Uints& ending_padding,
                   const PadOptions& o = {}) {
    return One("pad", {input}, o,
               {{"beginningPadding", Ints(beginning_padding)}, {"endingPadding", Ints(ending_padding)}});
  }
  MaybeOperand Reverse(Arg input, const ReverseOptions& o = {}) { return One("reverse", {input}, o); }
  MaybeOperand Tile(Arg input, const Uints& repetitions, const Options& o = {}) {
    return One("tile", {input}, o, {{"repetitions", Ints(repetitions)}});
  }
  MaybeOperand Triangular(Arg input, const TriangularOptions& o = {}) {
    return One("triangular", {input}, o);
  }
  MaybeOperand Slice(Arg input, const Uints& starts, const Uints& sizes, const SliceOptions& o = {}) {
    return One("slice", {input}, o, {{"starts", Ints(starts)}, {"sizes", Ints(sizes)}});
  }
  // Into `splits` equal parts.
  MaybeOperands Split(Arg input, uint32_t splits, const AxisOptions& o = {}) {
    return Emit(Call("split", {input}, o, {{"splits", int64_t{splits}}}));
  }
  // Into parts of these sizes.
  MaybeOperands Split(Arg input, const Uints& splits, const AxisOptions& o = {}) {
    return Emit(Call("split", {input}, o, {{"splits", Ints(splits)}}));
  }

 private:
  static std::vector<int64_t> Ints(const Uints& values) { return {values.begin(), values.end()}; }

  // The call that a method and its options make.
  template <typename OptionsType>
  static OperationCall Call(absl::string_view type, const std::vector<MaybeOperand>& inputs,
                            const OptionsType& options, Attributes attributes = {}) {
    OperationCall call;
    call.operation.type = std::string(type);
    call.operation.label = options.label;
    call.operation.attributes = std::move(attributes);
    for (const MaybeOperand& input : inputs) call.AddInput(input);
    options.Visit(call);
    return call;
  }
  template <typename OptionsType>
  MaybeOperand One(absl::string_view type, const std::vector<MaybeOperand>& inputs,
                   const OptionsType& options, Attributes attributes = {}) {
    return EmitOne(Call(type, inputs, options, std::move(attributes)));
  }

  // Checks a call and puts it into the graph.
  MaybeOperands Emit(OperationCall call);
  MaybeOperand EmitOne(OperationCall call);
  Operand Append(modeld::Operand operand);
  absl::Status CheckOpen(absl::string_view what) const;

  uint64_t id_;
  GraphLimits limits_;
  std::optional<Context> context_;
  modeld::Graph graph_;
  std::set<std::string> input_names_;
  bool spent_ = false;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_GRAPH_BUILDER_H_
