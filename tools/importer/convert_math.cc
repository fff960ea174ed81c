#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

using Operands = absl::StatusOr<OperandId>;

// ONNX operators that are one WebNN operation of the same operands and no attributes.
struct Renaming {
  absl::string_view onnx;
  absl::string_view webnn;
};
constexpr Renaming kUnary[] = {
    {"Abs", "abs"},           {"Ceil", "ceil"},         {"Cos", "cos"},
    {"Erf", "erf"},           {"Exp", "exp"},           {"Floor", "floor"},
    {"Log", "log"},           {"Neg", "neg"},           {"Reciprocal", "reciprocal"},
    {"Round", "roundEven"},   {"Sign", "sign"},         {"Sin", "sin"},
    {"Sqrt", "sqrt"},         {"Tan", "tan"},           {"Tanh", "tanh"},
    {"Sigmoid", "sigmoid"},   {"Relu", "relu"},         {"Softplus", "softplus"},
    {"Softsign", "softsign"}, {"Identity", "identity"}, {"Not", "logicalNot"},
};
constexpr Renaming kBinary[] = {
    {"Add", "add"},         {"Sub", "sub"},
    {"Mul", "mul"},         {"Div", "div"},
    {"And", "logicalAnd"},  {"Or", "logicalOr"},
    {"Xor", "logicalXor"},  {"Equal", "equal"},
    {"Greater", "greater"}, {"GreaterOrEqual", "greaterOrEqual"},
    {"Less", "lesser"},     {"LessOrEqual", "lesserOrEqual"},
    {"PRelu", "prelu"},
};

absl::string_view Renamed(std::span<const Renaming> table, absl::string_view onnx) {
  for (const Renaming& row : table) {
    if (row.onnx == onnx) return row.webnn;
  }
  return "";
}

absl::Status ConvertUnary(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  return node.SetOutput(0, node.Emit(Renamed(kUnary, node.op_type()), {input}));
}

absl::Status ConvertBinary(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId a, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId b, node.Input(1));
  return node.SetOutput(0, node.Emit(Renamed(kBinary, node.op_type()), {a, b}));
}

// Pow's exponent may be of another type than its base.
absl::Status ConvertPow(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId base, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(OperandId exponent, node.Input(1));
  const DataType type = node.descriptor(base).data_type;
  if (node.descriptor(exponent).data_type != type) {
    MODELD_ASSIGN_OR_RETURN(exponent, node.Emit("cast", {exponent}, {{"dataType", type}}));
  }
  return node.SetOutput(0, node.Emit("pow", {base, exponent}));
}

// Max, Min, Sum, Mean: any number of inputs, folded from the left.
absl::Status ConvertVariadic(NodeContext& node) {
  const bool mean = node.op_type() == "Mean";
  const absl::string_view type = node.op_type() == "Max" ? "max" : node.op_type() == "Min" ? "min" : "add";
  MODELD_ASSIGN_OR_RETURN(OperandId result, node.Input(0));
  for (int i = 1; i < node.input_count(); ++i) {
    MODELD_ASSIGN_OR_RETURN(const OperandId next, node.Input(i));
    MODELD_ASSIGN_OR_RETURN(result, node.Emit(type, {result, next}));
  }
  if (mean && node.input_count() > 1) {
    MODELD_ASSIGN_OR_RETURN(const OperandId count,
                            node.Scalar(node.descriptor(result).data_type, node.input_count()));
    MODELD_ASSIGN_OR_RETURN(result, node.Emit("div", {result, count}));
  }
  return node.SetOutput(0, result);
}

absl::Status ConvertClip(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  Attributes attributes;
  // Bounds are attributes before opset 11, inputs since.
  const std::array<std::pair<const char*, const char*>, 2> bounds = {
      {{"min", "minValue"}, {"max", "maxValue"}}};
  for (int i = 0; i < 2; ++i) {
    if (node.opset() < 11) {
      if (node.HasAttribute(bounds[i].first)) {
        attributes[bounds[i].second] = node.Float(bounds[i].first, 0);
      }
    } else if (node.HasInput(i + 1)) {
      MODELD_ASSIGN_OR_RETURN(const double bound, node.NumberInput(i + 1, bounds[i].first));
      attributes[bounds[i].second] = bound;
    }
  }
  return node.SetOutput(0, node.Emit("clamp", {input}, std::move(attributes)));
}

// Elu, LeakyRelu, HardSigmoid: alpha and beta with ONNX's defaults. Selu = gamma * elu.
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
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  for (const Activation& row : kActivations) {
    if (row.onnx != node.op_type()) continue;
    Attributes attributes{{"alpha", node.Float("alpha", row.alpha)}};
    if (row.beta) attributes["beta"] = node.Float("beta", *row.beta);
    return node.SetOutput(0, node.Emit(row.webnn, {input}, std::move(attributes)));
  }
  return node.Unsupported("is no activation of the table");
}

absl::Status ConvertSelu(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  // Defaults as in the ONNX operator's definition.
  MODELD_ASSIGN_OR_RETURN(
      const OperandId elu,
      node.Emit("elu", {input}, {{"alpha", node.Float("alpha", 1.67326319217681884765625)}}));
  return node.SetOutput(
      0,
      node.Emit("linear", {elu}, {{"alpha", node.Float("gamma", 1.05070102214813232421875)}, {"beta", 0.0}}));
}

absl::Status ConvertHardSwish(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  return node.SetOutput(0, node.Emit("hardSwish", {input}));
}

// Before opset 13, Softmax flattens to two dimensions at `axis` (default 1); since, it acts along it (default
// -1).
absl::Status ConvertSoftmax(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const Shape shape = node.shape(input);
  OperandId x = input;
  uint32_t axis = 0;
  if (node.opset() >= 13) {
    MODELD_ASSIGN_OR_RETURN(axis, node.Axis(node.Int("axis", -1), shape.size()));
  } else {
    MODELD_ASSIGN_OR_RETURN(const uint32_t split, node.Axis(node.Int("axis", 1), shape.size()));
    if (split + 1 == shape.size()) {
      axis = split;
    } else {
      Shape flat = {1, 1};
      for (size_t i = 0; i < shape.size(); ++i) flat[i < split ? 0 : 1] *= shape[i];
      MODELD_ASSIGN_OR_RETURN(x, node.Reshape(input, flat));
      axis = 1;
    }
  }
  MODELD_ASSIGN_OR_RETURN(x, node.Emit("softmax", {x}, {{"axis", static_cast<int64_t>(axis)}}));
  if (node.op_type() == "LogSoftmax") {
    MODELD_ASSIGN_OR_RETURN(x, node.Emit("log", {x}));
  }
  return node.SetOutput(0, node.Reshape(x, shape));
}

constexpr Renaming kReductions[] = {
    {"ReduceL1", "reduceL1"},         {"ReduceL2", "reduceL2"},
    {"ReduceLogSum", "reduceLogSum"}, {"ReduceLogSumExp", "reduceLogSumExp"},
    {"ReduceMax", "reduceMax"},       {"ReduceMean", "reduceMean"},
    {"ReduceMin", "reduceMin"},       {"ReduceProd", "reduceProduct"},
    {"ReduceSum", "reduceSum"},       {"ReduceSumSquare", "reduceSumSquare"},
};

absl::Status ConvertReduce(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const size_t rank = node.shape(input).size();
  std::vector<int64_t> axes = node.Ints("axes");
  if (node.HasInput(1)) {  // ReduceSum since opset 13
    MODELD_ASSIGN_OR_RETURN(axes, node.IntsInput(1, "axes"));
  }
  if (axes.empty()) {
    if (node.Int("noop_with_empty_axes", 0) != 0) return node.SetOutput(0, node.Emit("identity", {input}));
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, rank));
  return node.SetOutput(0, node.Emit(Renamed(kReductions, node.op_type()), {input},
                                     {{"axes", axes}, {"keepDimensions", node.Int("keepdims", 1) != 0}}));
}

absl::Status ConvertCast(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const int64_t to = node.Int("to", 0);
  const absl::StatusOr<DataType> type = DataTypeFromOnnx(static_cast<int32_t>(to));
  if (!type.ok()) return Annotate(type.status(), node.Name());
  if (to == onnx::TensorProto::BOOL) {  // any nonzero number is true
    MODELD_ASSIGN_OR_RETURN(const OperandId zero, node.Scalar(node.descriptor(input).data_type, 0));
    MODELD_ASSIGN_OR_RETURN(const OperandId equal, node.Emit("equal", {input, zero}));
    return node.SetOutput(0, node.Emit("logicalNot", {equal}));
  }
  return node.SetOutput(0, node.Emit("cast", {input}, {{"dataType", *type}}));
}

absl::Status ConvertWhere(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId condition, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId a, node.Input(1));
  MODELD_ASSIGN_OR_RETURN(const OperandId b, node.Input(2));
  return node.SetOutput(0, node.Emit("where", {condition, a, b}));
}

// Inference only: Dropout passes its input on, its mask is all true.
absl::Status ConvertDropout(NodeContext& node) {
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(const double training, node.NumberInput(2, "training_mode"));
    if (training != 0) return node.Unsupported("training mode is set");
  }
  if (node.HasOutput(1)) return node.Unsupported("the mask output is not supported");
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  return node.SetOutput(0, node.Emit("identity", {input}));
}

std::vector<Converter> MakeTable() {
  std::vector<Converter> table;
  for (const Renaming& row : kUnary) table.push_back({row.onnx, ConvertUnary});
  for (const Renaming& row : kBinary) table.push_back({row.onnx, ConvertBinary});
  for (const Renaming& row : kReductions) table.push_back({row.onnx, ConvertReduce});
  for (const Activation& row : kActivations) table.push_back({row.onnx, ConvertActivation});
  for (const char* name : {"Max", "Min", "Sum", "Mean"}) table.push_back({name, ConvertVariadic});
  const Converter rest[] = {
      {"Pow", ConvertPow},         {"Clip", ConvertClip},          {"Selu", ConvertSelu},
      {"Softmax", ConvertSoftmax}, {"LogSoftmax", ConvertSoftmax}, {"HardSwish", ConvertHardSwish},
      {"Cast", ConvertCast},       {"Where", ConvertWhere},        {"Dropout", ConvertDropout},
  };
  table.insert(table.end(), std::begin(rest), std::end(rest));
  return table;
}

}  // namespace

std::span<const Converter> MathConverters() {
  static const std::vector<Converter> table = MakeTable();
  return table;
}

}  // namespace modeld::importer
