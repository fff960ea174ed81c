// Activations, softmax and its kin, dropout.
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

// Alpha and beta with ONNX's defaults.
struct Activation {
  absl::string_view onnx;
  absl::string_view webnn;
  double alpha;
  std::optional<double> beta;
};
constexpr Activation kActivations[] = {
    {"Elu", "elu", 1.0, std::nullopt},
    {"LeakyRelu", "leakyRelu", 0.01, std::nullopt},
    {"HardSigmoid", "hardSigmoid", 0.2, 0.5},
};

absl::Status ConvertActivation(NodeContext& node) {
  Emitter e(node);
  for (const Activation& row : kActivations) {
    if (row.onnx != node.op_type()) continue;
    Attributes attributes{{"alpha", node.Float("alpha", row.alpha)}};
    if (row.beta) attributes["beta"] = node.Float("beta", *row.beta);
    e.Output(0, e.Op(row.webnn, {e.Input(0)}, std::move(attributes)));
  }
  return e.Finish();
}

// gamma * elu, with the defaults of the operator's definition (others before opset 6).
absl::Status ConvertSelu(NodeContext& node) {
  Emitter e(node);
  const bool first = node.opset() < 6;
  const double alpha = node.Float("alpha", first ? 1.6732 : 1.67326319217681884765625);
  const double gamma = node.Float("gamma", first ? 1.0507 : 1.05070102214813232421875);
  const OperandId elu = e.Op("elu", {e.Input(0)}, {{"alpha", alpha}});
  e.Output(0, e.Linear(elu, gamma, 0));
  return e.Finish();
}

// max(0, x) + alpha * elu(min(0, x) / alpha).
absl::Status ConvertCelu(NodeContext& node) {
  Emitter e(node);
  const double alpha = node.Float("alpha", 1);
  e.Require(alpha != 0, "alpha is 0");
  e.Output(0, InFloat32(e, e.Input(0), [&](OperandId x) {
             const OperandId below = e.Linear(e.Op("clamp", {x}, {{"maxValue", 0.0}}), 1 / alpha, 0);
             return e.Add(e.Op("relu", {x}), e.Linear(e.Op("elu", {below}, {{"alpha", 1.0}}), alpha, 0));
           }));
  return e.Finish();
}

absl::Status ConvertHardSwish(NodeContext& node) {
  Emitter e(node);
  e.Output(0, e.Op("hardSwish", {e.Input(0)}));
  return e.Finish();
}

absl::Status ConvertMish(NodeContext& node) {
  Emitter e(node);
  e.Output(0, InFloat32(e, e.Input(0),
                        [&](OperandId x) { return e.Mul(x, e.Op("tanh", {e.Op("softplus", {x})})); }));
  return e.Finish();
}

absl::Status ConvertThresholdedRelu(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId above = e.Op("greater", {x, e.Scalar(e.type(x), node.Float("alpha", 1))});
  e.Output(0, e.Where(above, x, e.Scalar(e.type(x), 0)));
  return e.Finish();
}

// x < -lambd: x + bias; x > lambd: x - bias; else 0.
absl::Status ConvertShrink(NodeContext& node) {
  Emitter e(node);
  const double lambd = node.Float("lambd", 0.5);
  const double bias = node.Float("bias", 0);
  e.Output(0, InFloat32(e, e.Input(0), [&](OperandId x) {
             const auto number = [&](double value) { return e.Scalar(DataType::kFloat32, value); };
             const OperandId above = e.Op("greater", {x, number(lambd)});
             const OperandId below = e.Op("lesser", {x, number(-lambd)});
             return e.Where(below, e.Linear(x, 1, bias), e.Where(above, e.Linear(x, 1, -bias), number(0)));
           }));
  return e.Finish();
}

// Softmax, LogSoftmax and Hardmax act along an axis (default: the last) since opset 13; before, the tensor is
// flattened to two dimensions at `axis` (default 1), and they act along the second.
struct AlongAxis {
  OperandId x;
  uint32_t axis = 0;
};
absl::StatusOr<AlongAxis> ReadAlongAxis(Emitter& e) {
  NodeContext& node = e.node();
  const OperandId x = e.Input(0);
  const bool flatten = node.opset() < 13;
  const absl::StatusOr<uint32_t> axis = node.Axis(node.Int("axis", flatten ? 1 : -1), e.rank(x));
  if (!axis.ok()) return e.ok() ? axis.status() : e.status();
  if (!flatten || *axis + 1 == e.rank(x)) return AlongAxis{x, *axis};
  return AlongAxis{e.Reshape(x, FlattenAt(e.shape(x), *axis)), 1};
}

absl::Status ConvertSoftmax(NodeContext& node) {
  Emitter e(node);
  const Shape shape = e.shape(e.Input(0));
  const absl::StatusOr<AlongAxis> along = ReadAlongAxis(e);
  if (!along.ok()) return along.status();
  const int64_t axis = along->axis;
  OperandId result;
  if (node.op_type() == "Softmax") {
    result = e.Op("softmax", {along->x}, {{"axis", axis}});
  } else {  // the logarithm of a softmax that is 0 would be lost
    result = InFloat32(e, along->x, [&](OperandId x) {
      const OperandId shifted = e.Sub(x, e.Reduce("reduceMax", x, {axis}, true));
      return e.Sub(shifted, e.Reduce("reduceLogSum", e.Op("exp", {shifted}), {axis}, true));
    });
  }
  e.Output(0, e.Reshape(result, shape));
  return e.Finish();
}

// 1 at the first greatest element, 0 elsewhere.
absl::Status ConvertHardmax(NodeContext& node) {
  Emitter e(node);
  const Shape shape = e.shape(e.Input(0));
  const absl::StatusOr<AlongAxis> along = ReadAlongAxis(e);
  if (!along.ok()) return along.status();
  const OperandId x = along->x;
  const OperandId first =
      e.Op("argMax", {x},
           {{"axis", int64_t{along->axis}}, {"keepDimensions", true}, {"outputDataType", DataType::kInt32}});
  const OperandId iota = Iota(e, DataType::kInt32, e.size(x, along->axis), along->axis, e.rank(x));
  e.Output(0, e.Reshape(e.Cast(e.Op("equal", {first, iota}), e.type(x)), shape));
  return e.Finish();
}

// Inference: Dropout passes its input on, its mask is all true. (The mask has the input's type before opset
// 10; before 7 `is_test` says what is wanted.)
absl::Status ConvertDropout(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  bool training = node.opset() < 7 && node.Int("is_test", 0) == 0;
  double ratio = node.Float("ratio", 0.5);
  if (node.HasInput(2)) {
    const absl::StatusOr<double> mode = node.NumberInput(2, "training_mode");
    if (!mode.ok()) return mode.status();
    training = *mode != 0;
  }
  if (training && node.opset() >= 12 && node.HasInput(1)) {
    const absl::StatusOr<double> input = node.NumberInput(1, "ratio");
    if (!input.ok()) return input.status();
    ratio = *input;
  }
  if (training && ratio != 0) {
    return node.Unsupported("training drops elements at random", Reason::kRandom);
  }
  e.Output(0, e.Op("identity", {x}));
  if (node.HasOutput(1)) {
    e.Output(1, Filled(e, node.opset() < 10 ? e.type(x) : DataType::kUint8, 1, e.shape(x)));
  }
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Elu", ConvertActivation},
    {"LeakyRelu", ConvertActivation},
    {"HardSigmoid", ConvertActivation},
    {"Selu", ConvertSelu},
    {"Celu", ConvertCelu},
    {"HardSwish", ConvertHardSwish},
    {"Mish", ConvertMish},
    {"ThresholdedRelu", ConvertThresholdedRelu},
    {"Shrink", ConvertShrink},
    {"Softmax", ConvertSoftmax},
    {"LogSoftmax", ConvertSoftmax},
    {"Hardmax", ConvertHardmax},
    {"Dropout", ConvertDropout},
};

}  // namespace

std::span<const Converter> ActivationConverters() {
  return kTable;
}

}  // namespace modeld::importer
