// QuantizeLinear, DequantizeLinear and what is computed between the two: operators of ONNX Runtime that
// dequantise, compute in float32 and quantise. Their results are those of ONNX Runtime's kernels but for
// ties that rounding to float32 makes or breaks.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"
#include "tools/importer/quantization.h"

namespace modeld::importer {
namespace {

QuantizationAxis ReadAxis(const NodeContext& node) {
  return {.axis = node.Int("axis", 1), .block = node.Int("block_size", 0)};
}

absl::Status ConvertQuantize(NodeContext& node) {
  Emitter e(node);
  DataType type = DataType::kUint8;
  const int64_t wanted = node.Int("output_dtype", 0);
  if (wanted != 0) {
    const absl::StatusOr<DataType> given = DataTypeFromOnnx(static_cast<int32_t>(wanted));
    if (!given.ok()) return Annotate(given.status(), node.Name());
    type = *given;
  }
  const OperandId x = e.Input(0);
  const OperandId scale = e.Input(1);
  const std::optional<OperandId> zero_point = e.OptionalInput(2);
  if (zero_point && wanted != 0) e.Require(e.type(*zero_point) == type, "output_dtype is not y_zero_point's");
  e.Output(0, EmitQuantize(e, x, scale, zero_point, type, ReadAxis(node)));
  return e.Finish();
}

absl::Status ConvertDequantize(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId scale = e.Input(1);
  const std::optional<OperandId> zero_point = e.OptionalInput(2);
  e.Output(0, EmitDequantize(e, x, scale, zero_point, ReadAxis(node)));
  return e.Finish();
}

absl::Status ConvertDynamicQuantize(NodeContext& node) {
  Emitter e(node);
  const DynamicQuantization result = EmitDynamicQuantize(e, e.Input(0));
  e.Output(0, result.values);
  e.Output(1, result.scale);
  e.Output(2, result.zero_point);
  return e.Finish();
}

// The three inputs from `index` on: values, scale, zero point.
OperandId Dequantized(Emitter& e, int index) {
  const OperandId x = e.Input(index);
  const OperandId scale = e.Input(index + 1);
  return EmitDequantize(e, x, scale, e.OptionalInput(index + 2));
}

// The two inputs from `index` on: scale, zero point; 0 of `type` where that is absent.
absl::Status SetQuantized(Emitter& e, OperandId x, int index, DataType type) {
  const OperandId scale = e.Input(index);
  e.Output(0, EmitQuantize(e, x, scale, e.OptionalInput(index + 1), type));
  return e.Finish();
}

// QLinearAdd, QLinearMul.
absl::Status ConvertBinary(NodeContext& node) {
  Emitter e(node);
  const DataType type = e.type(e.Input(0));
  const OperandId a = Dequantized(e, 0);
  const OperandId b = Dequantized(e, 3);
  const OperandId y = node.op_type() == "QLinearAdd" ? e.Add(a, b) : e.Mul(a, b);
  return SetQuantized(e, y, 6, type);
}

OperandId EmitGlobalAverage(Emitter& e, OperandId x) {
  const bool channels_last = e.node().Int("channels_last", 0) != 0;
  const auto rank = static_cast<int64_t>(e.rank(x));
  e.Require(rank >= 3, "the input has a rank below 3");
  std::vector<int64_t> axes;
  for (int64_t i = channels_last ? 1 : 2; i < rank - (channels_last ? 1 : 0); ++i) axes.push_back(i);
  return e.Reduce("reduceMean", x, axes, true);
}

OperandId EmitSoftmax(Emitter& e, OperandId x) {
  const absl::StatusOr<uint32_t> axis = e.node().Axis(e.node().Int("axis", -1), e.rank(x));
  e.Fail(axis.status());
  if (!e.ok()) return x;
  if (e.node().Int("opset", 13) < 13 && *axis + 1 != e.rank(x)) {
    e.Fail(e.node().Unsupported("flattens its input as Softmax did before opset 13"));
  }
  return e.Op("softmax", {x}, {{"axis", int64_t{*axis}}});
}

// QLinearSigmoid, QLinearLeakyRelu, QLinearGlobalAveragePool, QLinearSoftmax.
absl::Status ConvertUnary(NodeContext& node) {
  Emitter e(node);
  const DataType type = e.type(e.Input(0));
  const OperandId x = Dequantized(e, 0);
  OperandId y;
  if (node.op_type() == "QLinearSigmoid") {
    y = e.Op("sigmoid", {x});
  } else if (node.op_type() == "QLinearLeakyRelu") {
    y = e.Op("leakyRelu", {x}, {{"alpha", node.Float("alpha", 0.01)}});
  } else if (node.op_type() == "QLinearSoftmax") {
    y = EmitSoftmax(e, x);
  } else {
    y = EmitGlobalAverage(e, x);
  }
  return SetQuantized(e, y, 3, type);
}

// QLinearConcat: the output's scale and zero point, then three inputs per part.
absl::Status ConvertConcat(NodeContext& node) {
  Emitter e(node);
  const int count = node.input_count();
  e.Require(count >= 5 && (count - 2) % 3 == 0, absl::StrCat("has ", count, " inputs, 2 + 3 * n are wanted"));
  std::vector<OperandId> parts;
  for (int i = 2; i + 2 < count && e.ok(); i += 3) parts.push_back(Dequantized(e, i));
  MODELD_RETURN_IF_ERROR(e.status());
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), e.rank(parts[0])));
  const DataType type = e.type(e.Input(2));
  return SetQuantized(e, e.Concat(std::move(parts), axis), 0, type);
}

constexpr Converter kTable[] = {
    {"QuantizeLinear", ConvertQuantize},
    {"DequantizeLinear", ConvertDequantize},
    {"DynamicQuantizeLinear", ConvertDynamicQuantize},
    {"QuantizeLinear", ConvertQuantize, kMicrosoft},
    {"DequantizeLinear", ConvertDequantize, kMicrosoft},
    {"QLinearAdd", ConvertBinary, kMicrosoft},
    {"QLinearMul", ConvertBinary, kMicrosoft},
    {"QLinearSigmoid", ConvertUnary, kMicrosoft},
    {"QLinearLeakyRelu", ConvertUnary, kMicrosoft},
    {"QLinearSoftmax", ConvertUnary, kMicrosoft},
    {"QLinearGlobalAveragePool", ConvertUnary, kMicrosoft},
    {"QLinearConcat", ConvertConcat, kMicrosoft},
};

}  // namespace

std::span<const Converter> QuantizedConverters() {
  return kTable;
}

}  // namespace modeld::importer
