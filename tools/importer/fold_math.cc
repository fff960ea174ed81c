#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/folders.h"

namespace modeld::importer {
namespace {

// A division of the model by zero, or a sum beyond int64, is its fault.
absl::StatusOr<int64_t> IntArithmetic(const NodeContext& node, int64_t a, int64_t b) {
  const absl::string_view op = node.op_type();
  int64_t result = 0;
  bool overflow = false;
  if (op == "Add" || op == "Sum") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "Sub") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "Mul") overflow = __builtin_mul_overflow(a, b, &result);
  if (op == "Max") result = std::max(a, b);
  if (op == "Min") result = std::min(a, b);
  if (op == "Div" || op == "Mod") {
    if (b == 0 || (a == INT64_MIN && b == -1)) return node.Invalid("divides by zero");
    result = op == "Div" ? a / b : a % b;  // a quotient truncates, as C's
    if (op == "Mod" && node.Int("fmod", 0) == 0 && result != 0 && (result < 0) != (b < 0)) result += b;
  }
  if (overflow) return node.Invalid("overflows");
  return result;
}

double FloatArithmetic(absl::string_view op, double a, double b) {
  if (op == "Add" || op == "Sum") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return a / b;
  if (op == "Mod") return std::fmod(a, b);
  // NaN, whichever side it is on.
  if (std::isnan(a) || std::isnan(b)) return a + b;
  return op == "Max" ? std::max(a, b) : std::min(a, b);
}

absl::StatusOr<bool> FoldArithmetic(NodeContext& node, HostInputs inputs) {
  if (inputs.size() != 2 || inputs[1] == nullptr || node.opset() < 7) return false;
  const std::optional<Small> a = Load(*inputs[0]);
  const std::optional<Small> b = Load(*inputs[1]);
  if (!a || !b || a->descriptor.data_type != b->descriptor.data_type) return false;
  const std::optional<Shape> shape = SmallBroadcast(a->shape(), b->shape());
  if (!shape) return false;
  Small result{{a->descriptor.data_type, *shape}, {}, {}};
  const std::vector<uint64_t> from_a = BroadcastPositions(a->shape(), *shape);
  const std::vector<uint64_t> from_b = BroadcastPositions(b->shape(), *shape);
  for (size_t i = 0; i < from_a.size(); ++i) {
    if (a->is_float()) {
      result.doubles.push_back(FloatArithmetic(node.op_type(), a->doubles[from_a[i]], b->doubles[from_b[i]]));
    } else {
      MODELD_ASSIGN_OR_RETURN(const int64_t value,
                              IntArithmetic(node, a->ints[from_a[i]], b->ints[from_b[i]]));
      result.ints.push_back(value);
    }
  }
  MODELD_RETURN_IF_ERROR(node.SetHostOutput(0, Store(result)));
  return true;
}

template <typename T>
bool Holds(absl::string_view op, T a, T b) {
  if (op == "Equal") return a == b;
  if (op == "Greater") return a > b;
  if (op == "GreaterOrEqual") return a >= b;
  if (op == "Less") return a < b;
  if (op == "LessOrEqual") return a <= b;
  if (op == "And") return a != 0 && b != 0;
  if (op == "Or") return a != 0 || b != 0;
  return (a != 0) != (b != 0);  // Xor
}

absl::StatusOr<bool> FoldComparison(NodeContext& node, HostInputs inputs) {
  if (inputs.size() != 2 || inputs[1] == nullptr || node.opset() < 7) return false;
  const std::optional<Small> a = Load(*inputs[0]);
  const std::optional<Small> b = Load(*inputs[1]);
  if (!a || !b || a->descriptor.data_type != b->descriptor.data_type) return false;
  const std::optional<Shape> shape = SmallBroadcast(a->shape(), b->shape());
  if (!shape) return false;
  Small result{{DataType::kUint8, *shape}, {}, {}};
  const std::vector<uint64_t> from_a = BroadcastPositions(a->shape(), *shape);
  const std::vector<uint64_t> from_b = BroadcastPositions(b->shape(), *shape);
  for (size_t i = 0; i < from_a.size(); ++i) {
    const bool holds = a->is_float() ? Holds(node.op_type(), a->doubles[from_a[i]], b->doubles[from_b[i]])
                                     : Holds(node.op_type(), a->ints[from_a[i]], b->ints[from_b[i]]);
    result.ints.push_back(holds ? 1 : 0);
  }
  MODELD_RETURN_IF_ERROR(node.SetHostOutput(0, Store(result)));
  return true;
}

absl::StatusOr<bool> FoldUnary(NodeContext& node, HostInputs inputs) {
  std::optional<Small> x = Load(*inputs[0]);
  const absl::string_view op = node.op_type();
  if (!x) return false;
  for (double& value : x->doubles) {
    if (op == "Floor") value = std::floor(value);
    if (op == "Ceil") value = std::ceil(value);
    if (op == "Round") value = std::nearbyint(value);  // halves to even: the default mode of rounding
    if (op == "Sqrt") value = std::sqrt(value);
    if (op == "Neg") value = -value;
    if (op == "Abs") value = std::fabs(value);
  }
  for (int64_t& value : x->ints) {
    if (op == "Not") value = value == 0 ? 1 : 0;
    if ((op == "Neg" || op == "Abs") && value == INT64_MIN) return node.Invalid("overflows");
    if (op == "Neg" || (op == "Abs" && value < 0)) value = -value;
  }
  MODELD_RETURN_IF_ERROR(node.SetHostOutput(0, Store(*x)));
  return true;
}

absl::StatusOr<bool> FoldCast(NodeContext& node, HostInputs inputs) {
  absl::StatusOr<DataType> type = DataType::kUint8;
  bool truth = false;
  if (node.op_type() == "CastLike") {
    type = inputs.size() > 1 && inputs[1] != nullptr ? inputs[1]->descriptor.data_type : DataType::kUint8;
  } else {
    if (!node.String("to", "").empty()) return false;
    type = DataTypeFromOnnx(static_cast<int32_t>(node.Int("to", 0)));
    truth = node.Int("to", 0) == onnx::TensorProto::BOOL;
  }
  if (!type.ok()) return Annotate(type.status(), node.Name());
  std::optional<Small> x = Load(*inputs[0]);
  if (!x || IsPacked(*type)) return false;
  const Shape& shape = x->shape();
  if (truth) {
    std::vector<int64_t> truths;
    for (double value : ToDoubles(*inputs[0])) truths.push_back(value != 0 ? 1 : 0);
    MODELD_RETURN_IF_ERROR(node.SetHostOutput(0, FromInts(*type, shape, truths)));
  } else {
    MODELD_RETURN_IF_ERROR(node.SetHostOutput(
        0, x->is_float() ? FromDoubles(*type, shape, x->doubles) : FromInts(*type, shape, x->ints)));
  }
  return true;
}

absl::StatusOr<bool> FoldWhere(NodeContext& node, HostInputs inputs) {
  if (inputs.size() != 3 || inputs[1] == nullptr || inputs[2] == nullptr) return false;
  const TensorDescriptor& a = inputs[1]->descriptor;
  const TensorDescriptor& b = inputs[2]->descriptor;
  if (a.data_type != b.data_type) return false;
  std::optional<Shape> shape = SmallBroadcast(a.shape, b.shape);
  if (shape) shape = SmallBroadcast(*shape, inputs[0]->descriptor.shape);
  if (!shape) return false;
  const std::vector<double> condition = ToDoubles(*inputs[0]);
  const std::vector<uint64_t> from = BroadcastPositions(inputs[0]->descriptor.shape, *shape);
  const HostTensor wide_a = Pick(*inputs[1], *shape, BroadcastPositions(a.shape, *shape));
  const HostTensor wide_b = Pick(*inputs[2], *shape, BroadcastPositions(b.shape, *shape));
  const uint32_t width = ElementBytes(a.data_type);
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < from.size(); ++i) {
    const auto element = (condition[from[i]] != 0 ? wide_a : wide_b).bytes.bytes().subspan(i * width, width);
    bytes.insert(bytes.end(), element.begin(), element.end());
  }
  MODELD_RETURN_IF_ERROR(
      node.SetHostOutput(0, {{a.data_type, *shape}, Region::FromVector(std::move(bytes))}));
  return true;
}

// Integers only, over all dimensions or one: what shapes are reduced by.
absl::StatusOr<bool> FoldReduce(NodeContext& node, HostInputs inputs) {
  const std::optional<Small> x = Load(*inputs[0]);
  if (!x || x->is_float() || x->ints.empty() || x->shape().size() > 1) return false;
  std::vector<int64_t> axes = node.Ints("axes");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(axes, node.IntsInput(1, "axes"));
  }
  if (axes.empty() && node.Int("noop_with_empty_axes", 0) != 0) return false;
  MODELD_RETURN_IF_ERROR(node.Axes(axes, x->shape().size()).status());
  const absl::string_view op = node.op_type();
  int64_t result = x->ints[0];
  for (size_t i = 1; i < x->ints.size(); ++i) {
    const int64_t value = x->ints[i];
    if (op == "ReduceMax") result = std::max(result, value);
    if (op == "ReduceMin") result = std::min(result, value);
    const bool overflow = (op == "ReduceProd" && __builtin_mul_overflow(result, value, &result)) ||
                          (op == "ReduceSum" && __builtin_add_overflow(result, value, &result));
    if (overflow) return node.Invalid("overflows");
  }
  Shape shape = x->shape();
  if (node.Int("keepdims", 1) == 0) {
    shape.clear();
  } else if (!shape.empty()) {
    shape[0] = 1;
  }
  MODELD_RETURN_IF_ERROR(node.SetHostOutput(0, FromInts(x->descriptor.data_type, shape, {result})));
  return true;
}

constexpr Folder kFolders[] = {
    {"Add", Needs::kIntegers, FoldArithmetic},
    {"Sub", Needs::kIntegers, FoldArithmetic},
    {"Mul", Needs::kIntegers, FoldArithmetic},
    {"Div", Needs::kIntegers, FoldArithmetic},
    {"Mod", Needs::kIntegers, FoldArithmetic},
    {"Max", Needs::kIntegers, FoldArithmetic},
    {"Min", Needs::kIntegers, FoldArithmetic},
    {"Sum", Needs::kIntegers, FoldArithmetic},
    {"Equal", Needs::kIntegers, FoldComparison},
    {"Greater", Needs::kIntegers, FoldComparison},
    {"GreaterOrEqual", Needs::kIntegers, FoldComparison},
    {"Less", Needs::kIntegers, FoldComparison},
    {"LessOrEqual", Needs::kIntegers, FoldComparison},
    {"And", Needs::kIntegers, FoldComparison},
    {"Or", Needs::kIntegers, FoldComparison},
    {"Xor", Needs::kIntegers, FoldComparison},
    {"Floor", Needs::kIntegers, FoldUnary},
    {"Ceil", Needs::kIntegers, FoldUnary},
    {"Round", Needs::kIntegers, FoldUnary},
    {"Sqrt", Needs::kIntegers, FoldUnary},
    {"Neg", Needs::kIntegers, FoldUnary},
    {"Abs", Needs::kIntegers, FoldUnary},
    {"Not", Needs::kIntegers, FoldUnary},
    {"Cast", Needs::kSmall, FoldCast},
    {"CastLike", Needs::kSmall, FoldCast},
    {"Where", Needs::kIntegers, FoldWhere},
    {"ReduceProd", Needs::kIntegers, FoldReduce},
    {"ReduceSum", Needs::kIntegers, FoldReduce},
    {"ReduceMax", Needs::kIntegers, FoldReduce},
    {"ReduceMin", Needs::kIntegers, FoldReduce},
};

}  // namespace

std::span<const Folder> MathFolders() {
  return kFolders;
}

}  // namespace modeld::importer
