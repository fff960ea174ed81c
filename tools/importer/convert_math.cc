// Arithmetic, comparison, logic, and what is chosen element by element.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

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
    {"IsNaN", "isNaN"},
};
constexpr Renaming kBinary[] = {
    {"Add", "add"},         {"Sub", "sub"},
    {"Mul", "mul"},         {"Div", "div"},
    {"And", "logicalAnd"},  {"Or", "logicalOr"},
    {"Xor", "logicalXor"},  {"Equal", "equal"},
    {"Greater", "greater"}, {"GreaterOrEqual", "greaterOrEqual"},
    {"Less", "lesser"},     {"LessOrEqual", "lesserOrEqual"},
};

absl::string_view Renamed(std::span<const Renaming> table, absl::string_view onnx) {
  for (const Renaming& row : table) {
    if (row.onnx == onnx) return row.webnn;
  }
  return "";
}

bool IsUnsigned(DataType type) {
  return !IsFloat(type) && !IsSignedInteger(type);
}

absl::Status ConvertUnary(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const absl::string_view op = node.op_type();
  if (IsUnsigned(e.type(x)) && (op == "Abs" || op == "Relu")) {
    e.Output(0, e.Op("identity", {x}));
  } else if (IsUnsigned(e.type(x)) && op == "Sign") {
    e.Output(0, e.Op("min", {x, e.Scalar(e.type(x), 1)}));
  } else {
    e.Output(0, e.Op(Renamed(kUnary, op), {x}));
  }
  return e.Finish();
}

// Before opset 7, `b` has a run of a's dimensions that begins at `axis` (default: the last ones).
OperandId AlignBefore7(Emitter& e, OperandId a, OperandId b) {
  NodeContext& node = e.node();
  if (node.opset() >= 7 || node.Int("broadcast", 0) == 0 || !node.HasAttribute("axis")) return b;
  Shape shape = e.shape(b);
  const int64_t rank = static_cast<int64_t>(e.rank(a));
  const int64_t given = node.Int("axis", 0);
  const int64_t axis = given < 0 ? given + rank : given;
  const int64_t after = rank - axis - static_cast<int64_t>(shape.size());
  if (!e.Require(axis >= 0 && axis < rank && after >= 0, absl::StrCat("axis ", given, " is out of range"))) {
    return b;
  }
  shape.insert(shape.end(), static_cast<size_t>(after), 1);
  return e.Reshape(b, shape);
}

absl::Status ConvertBinary(NodeContext& node) {
  Emitter e(node);
  const OperandId a = e.Input(0);
  const OperandId b = AlignBefore7(e, a, e.Input(1));
  e.Output(0, e.Op(Renamed(kBinary, node.op_type()), {a, b}));
  return e.Finish();
}

// The slope of each channel is the second dimension's before opset 7, and broadcast since.
absl::Status ConvertPRelu(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  OperandId slope = e.Input(1);
  if (node.opset() < 7 && e.rank(slope) == 1 && e.rank(x) > 2 && e.size(slope, 0) == e.size(x, 1)) {
    Shape shape(e.rank(x) - 1, 1);
    shape[0] = e.size(slope, 0);
    slope = e.Reshape(slope, shape);
  }
  if (IsUnsigned(e.type(x))) {
    e.Output(0, e.Op("identity", {x}));
  } else {
    e.Output(0, e.Op("prelu", {x, slope}));
  }
  return e.Finish();
}

// Powers of integers with a fraction in the exponent: in float32, where what is an integer but for rounding
// counts as one, as the cast cuts off the rest.
OperandId FloatPowerOfIntegers(Emitter& e, OperandId base, OperandId exponent) {
  return InFloat32(e, base, [&](OperandId x) {
    const OperandId power = e.Op("pow", {x, e.Cast(exponent, DataType::kFloat32)});
    const OperandId nearest = e.Op("roundEven", {power});
    const OperandId off = e.Op("abs", {e.Sub(power, nearest)});
    const OperandId close = e.Op("lesser", {off, e.Linear(e.Op("abs", {power}), 1e-6, 0)});
    return e.Where(close, nearest, power);
  });
}

// Pow's exponent may be of another type than its base, whose type the result has.
absl::Status ConvertPow(NodeContext& node) {
  Emitter e(node);
  const OperandId base = e.Input(0);
  const OperandId exponent = AlignBefore7(e, base, e.Input(1));
  const DataType type = e.type(base);
  if (!IsFloat(type) && IsFloat(e.type(exponent))) {
    e.Output(0, FloatPowerOfIntegers(e, base, exponent));
  } else {
    e.Output(0, e.Op("pow", {base, e.Cast(exponent, type)}));
  }
  return e.Finish();
}

// Max, Min, Sum, Mean: any number of inputs, folded from the left.
absl::Status ConvertVariadic(NodeContext& node) {
  Emitter e(node);
  const absl::string_view type = node.op_type() == "Max" ? "max" : node.op_type() == "Min" ? "min" : "add";
  OperandId result = e.Input(0);
  for (int i = 1; i < node.input_count(); ++i) result = e.Op(type, {result, e.Input(i)});
  if (node.op_type() == "Mean" && node.input_count() > 1) {
    result = e.Div(result, e.Scalar(e.type(result), node.input_count()));
  }
  e.Output(0, result);
  return e.Finish();
}

// What a float32 product a * b lost to rounding (Dekker): the factors are split into halves whose products
// are exact.
OperandId ProductError(Emitter& e, OperandId a, OperandId b, OperandId product) {
  const auto split = [&](OperandId x) {
    const OperandId large = e.Linear(x, 4097, 0);  // 2^12 + 1
    const OperandId high = e.Sub(large, e.Sub(large, x));
    return std::pair(high, e.Sub(x, high));
  };
  const auto [a_high, a_low] = split(a);
  const auto [b_high, b_low] = split(b);
  const OperandId high = e.Sub(e.Mul(a_high, b_high), product);
  const OperandId middle = e.Add(e.Add(high, e.Mul(a_high, b_low)), e.Mul(a_low, b_high));
  const OperandId error = e.Add(middle, e.Mul(a_low, b_low));
  // Factors too large to be split.
  return e.Where(e.Op("isNaN", {error}), e.Scalar(DataType::kFloat32, 0), error);
}

// The remainder of a division that truncates, as C's % and fmod.
OperandId TruncatedRemainder(Emitter& e, OperandId a, OperandId b) {
  if (!IsFloat(e.type(a))) return e.Sub(a, e.Mul(b, e.Div(a, b)));
  return InFloat32(e, a, [&](OperandId x) {
    const OperandId y = e.Cast(b, DataType::kFloat32);
    const OperandId quotient = e.Div(x, y);
    const OperandId whole = e.Mul(e.Op("sign", {quotient}), e.Op("floor", {e.Op("abs", {quotient})}));
    const OperandId product = e.Mul(y, whole);
    const OperandId rest = e.Sub(e.Sub(x, product), ProductError(e, y, whole, product));
    // Rounding of the quotient up to the next integer shows as a rest of the wrong sign.
    const OperandId wrong =
        e.Op("lesser", {e.Mul(e.Op("sign", {rest}), e.Op("sign", {x})), e.Scalar(DataType::kFloat32, 0)});
    const OperandId step = e.Mul(e.Op("abs", {y}), e.Op("sign", {x}));
    const OperandId finite = e.Op("logicalNot", {e.Op("isInfinite", {x})});
    const OperandId all = e.Op("logicalAnd", {finite, e.Op("isInfinite", {y})});
    return e.Where(all, x, e.Where(wrong, e.Add(rest, step), rest));
  });
}

// fmod = 0: the remainder has the divisor's sign (integers only), 1: the dividend's.
absl::Status ConvertMod(NodeContext& node) {
  Emitter e(node);
  const OperandId a = e.Input(0);
  const OperandId b = e.Input(1);
  const bool fmod = node.Int("fmod", 0) != 0;
  const DataType type = e.type(a);
  e.Require(fmod || !IsFloat(type), "fmod is 0, which is for integers");
  OperandId rest = TruncatedRemainder(e, a, b);
  if (!fmod && IsSignedInteger(type)) {
    const OperandId zero = e.Scalar(type, 0);
    const OperandId differ = e.Op("logicalXor", {e.Op("lesser", {rest, zero}), e.Op("lesser", {b, zero})});
    const OperandId fix = e.Op("logicalAnd", {differ, e.Op("notEqual", {rest, zero})});
    rest = e.Where(fix, e.Add(rest, b), rest);
  }
  e.Output(0, rest);
  return e.Finish();
}

// A shift by as many bits as the type has, or more, leaves 0.
absl::Status ConvertBitShift(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId shift = e.Input(1);
  const std::string direction = node.String("direction", "");
  e.Require(direction == "LEFT" || direction == "RIGHT", "direction is neither LEFT nor RIGHT");
  const DataType type = e.type(x);
  const double bits = ElementBits(type);
  const OperandId least = e.Op("min", {shift, e.Scalar(type, bits - 1)});
  const OperandId power = e.Op("pow", {e.Scalar(type, 2), least});
  const OperandId shifted = direction == "LEFT" ? e.Mul(x, power) : e.Div(x, power);
  const OperandId within = e.Op("lesser", {shift, e.Scalar(type, bits)});
  e.Output(0, e.Where(within, shifted, e.Scalar(type, 0)));
  return e.Finish();
}

absl::Status ConvertIsInf(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const bool negative = node.Int("detect_negative", 1) != 0;
  const bool positive = node.Int("detect_positive", 1) != 0;
  const double infinity = std::numeric_limits<double>::infinity();
  if (negative && positive) {
    e.Output(0, e.Op("isInfinite", {x}));
  } else if (negative || positive) {
    e.Output(0, e.Op("equal", {x, e.Scalar(e.type(x), positive ? infinity : -infinity)}));
  } else {
    e.Output(0, e.Zeros(DataType::kUint8, e.shape(x)));
  }
  return e.Finish();
}

// Bounds are attributes before opset 11, inputs since. WebNN's clamp wants numbers in order; what is not
// known, in order, or exact as a double goes through max and min.
absl::Status ConvertClip(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  if (node.opset() < 11) {
    Attributes attributes;
    if (node.HasAttribute("min")) attributes["minValue"] = node.Float("min", 0);
    if (node.HasAttribute("max")) attributes["maxValue"] = node.Float("max", 0);
    e.Output(0, e.Op("clamp", {x}, std::move(attributes)));
    return e.Finish();
  }
  Attributes attributes;
  double bounds[] = {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  bool known = IsFloat(e.type(x));
  for (int i = 0; i < 2; ++i) {
    if (!node.HasInput(i + 1)) continue;
    known = known && node.HostInput(i + 1) != nullptr;
    if (!known) continue;
    MODELD_ASSIGN_OR_RETURN(bounds[i], node.NumberInput(i + 1, i == 0 ? "min" : "max"));
    attributes[i == 0 ? "minValue" : "maxValue"] = bounds[i];
  }
  if (known && bounds[0] <= bounds[1]) {
    e.Output(0, e.Op("clamp", {x}, std::move(attributes)));
    return e.Finish();
  }
  for (int i = 0; i < 2; ++i) {
    if (!node.HasInput(i + 1)) continue;
    x = e.Op(i == 0 ? "max" : "min", {x, e.Reshape(e.Input(i + 1), {})});
  }
  e.Output(0, node.HasInput(1) || node.HasInput(2) ? x : e.Op("identity", {x}));
  return e.Finish();
}

absl::Status CastTo(NodeContext& node, int64_t to) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const absl::StatusOr<DataType> type = DataTypeFromOnnx(static_cast<int32_t>(to));
  if (!type.ok()) return Annotate(type.status(), node.Name());
  if (to == onnx::TensorProto::BOOL) {  // any nonzero number is true
    e.Output(0, e.Op("notEqual", {x, e.Scalar(e.type(x), 0)}));
  } else {
    e.Output(0, e.Op("cast", {x}, {{"dataType", *type}}));
  }
  return e.Finish();
}

// Before opset 6, the type is a name.
absl::Status ConvertCast(NodeContext& node) {
  int64_t to = node.Int("to", 0);
  if (const std::string name = node.String("to", ""); !name.empty()) {
    onnx::TensorProto::DataType type;
    if (!onnx::TensorProto::DataType_Parse(name, &type)) return node.Invalid("to names no type");
    to = type;
  }
  return CastTo(node, to);
}

absl::Status ConvertCastLike(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor like, node.InputDescriptor(1));
  Emitter e(node);
  e.Output(0, e.Op("cast", {e.Input(0)}, {{"dataType", like.data_type}}));
  return e.Finish();
}

absl::Status ConvertWhere(NodeContext& node) {
  Emitter e(node);
  e.Output(0, e.Where(e.Input(0), e.Input(1), e.Input(2)));
  return e.Finish();
}

absl::Status ConvertCumSum(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  MODELD_ASSIGN_OR_RETURN(const int64_t given, IntInput(node, 1, "axis"));
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(given, e.rank(x)));
  e.Output(0, e.Op("cumulativeSum", {x},
                   {{"axis", int64_t{axis}},
                    {"exclusive", node.Int("exclusive", 0) != 0},
                    {"reversed", node.Int("reverse", 0) != 0}}));
  return e.Finish();
}

std::vector<Converter> MakeTable() {
  std::vector<Converter> table;
  for (const Renaming& row : kUnary) table.push_back({row.onnx, ConvertUnary});
  for (const Renaming& row : kBinary) table.push_back({row.onnx, ConvertBinary});
  for (const char* name : {"Max", "Min", "Sum", "Mean"}) table.push_back({name, ConvertVariadic});
  const Converter rest[] = {
      {"Pow", ConvertPow},       {"PRelu", ConvertPRelu},       {"Mod", ConvertMod},
      {"Clip", ConvertClip},     {"BitShift", ConvertBitShift}, {"IsInf", ConvertIsInf},
      {"Cast", ConvertCast},     {"CastLike", ConvertCastLike}, {"Where", ConvertWhere},
      {"CumSum", ConvertCumSum},
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
