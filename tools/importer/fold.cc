// Shape arithmetic on small tensors whose bytes are known while importing. Larger ones (weights) are left to
// the engine, which folds constants itself.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/shape_rules.h"

namespace modeld::importer {
namespace {

// Shapes, axes and scales are shorter than this by far.
constexpr uint64_t kMaxElements = 4096;

// A small tensor as numbers: `ints` for integer types, `doubles` for float types.
struct Small {
  TensorDescriptor descriptor;
  std::vector<double> doubles;
  std::vector<int64_t> ints;
  bool is_float() const { return IsFloat(descriptor.data_type); }
  size_t size() const { return is_float() ? doubles.size() : ints.size(); }
};

absl::StatusOr<Small> Load(const HostTensor& host) {
  Small small{.descriptor = host.descriptor};
  if (small.is_float()) {
    small.doubles = ToDoubles(host);
  } else {
    MODELD_ASSIGN_OR_RETURN(small.ints, ToInts(host));
  }
  return small;
}

HostTensor Store(DataType type, Shape shape, const std::vector<int64_t>& values) {
  return FromInts(type, std::move(shape), values);
}

// The elements of `x` at these flat positions, under another shape.
HostTensor Pick(const HostTensor& x, Shape shape, const std::vector<uint64_t>& positions) {
  const uint32_t width = ElementBytes(x.descriptor.data_type);
  std::vector<std::byte> bytes;
  bytes.reserve(positions.size() * width);
  for (uint64_t position : positions) {
    const auto element = x.bytes.bytes().subspan(position * width, width);
    bytes.insert(bytes.end(), element.begin(), element.end());
  }
  return {{x.descriptor.data_type, std::move(shape)}, Region::FromVector(std::move(bytes))};
}

absl::Status FoldShape(NodeContext& node, std::span<const HostTensor* const>) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  std::vector<int64_t> sizes = ToList(input.shape);
  if (node.op_type() == "Size") {
    int64_t count = 1;
    for (int64_t size : sizes) count *= size;
    return node.SetHostOutput(0, Store(DataType::kInt64, {}, {count}));
  }
  // start and end exist since opset 15; they are cut to the rank.
  const auto rank = static_cast<int64_t>(sizes.size());
  const auto cut = [rank](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = cut(node.Int("start", 0));
  const int64_t end = std::max(start, cut(node.Int("end", rank)));
  sizes = {sizes.begin() + start, sizes.begin() + end};
  const auto count = static_cast<uint32_t>(sizes.size());
  return node.SetHostOutput(0, Store(DataType::kInt64, {count}, sizes));
}

absl::Status FoldConstant(NodeContext& node, std::span<const HostTensor* const>) {
  if (node.HasAttribute("value")) {
    MODELD_ASSIGN_OR_RETURN(HostTensor tensor, node.Tensor("value"));
    return node.SetHostOutput(0, std::move(tensor));
  }
  if (node.HasAttribute("value_int")) {
    return node.SetHostOutput(0, Store(DataType::kInt64, {}, {node.Int("value_int", 0)}));
  }
  if (node.HasAttribute("value_float")) {
    return node.SetHostOutput(0, FromDoubles(DataType::kFloat32, {}, {node.Float("value_float", 0)}));
  }
  if (node.HasAttribute("value_ints")) {
    const std::vector<int64_t> values = node.Ints("value_ints");
    return node.SetHostOutput(0, Store(DataType::kInt64, {static_cast<uint32_t>(values.size())}, values));
  }
  if (node.HasAttribute("value_floats")) {
    const std::vector<float> values = node.Floats("value_floats");
    return node.SetHostOutput(0, FromDoubles(DataType::kFloat32, {static_cast<uint32_t>(values.size())},
                                             {values.begin(), values.end()}));
  }
  return node.Unsupported("its value is neither a tensor nor numbers");
}

absl::Status FoldConstantOfShape(NodeContext& node, std::span<const HostTensor* const>) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, node.IntsInput(0, "shape"));
  HostTensor value = FromDoubles(DataType::kFloat32, {1}, {0});
  if (node.HasAttribute("value")) {
    MODELD_ASSIGN_OR_RETURN(value, node.Tensor("value"));
  }
  if (value.bytes.empty()) return node.Invalid("value has no element");
  Shape shape;
  uint64_t count = 1;
  for (int64_t size : sizes) {
    if (size < 0 || size > INT32_MAX) return node.Invalid(absl::StrCat("shape has a dimension of ", size));
    shape.push_back(static_cast<uint32_t>(size));
    const auto product = CheckedMul(count, static_cast<uint64_t>(size));
    if (!product) return node.Invalid("shape has too many elements");
    count = *product;
  }
  if (count <= kMaxElements) {
    return node.SetHostOutput(0, Pick(value, std::move(shape), std::vector<uint64_t>(count, 0)));
  }
  MODELD_ASSIGN_OR_RETURN(const OperandId scalar, node.Constant(Pick(value, {}, {0})));
  return node.SetOutput(0, node.Emit("expand", {scalar}, {{"newShape", ToList(shape)}}));
}

absl::Status FoldGather(NodeContext& node, std::span<const HostTensor* const> inputs) {
  const HostTensor& data = *inputs[0];
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, node.IntsInput(1, "indices"));
  const Shape& shape = data.descriptor.shape;
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), shape.size()));
  uint64_t outer = 1;
  uint64_t inner = 1;
  for (size_t i = 0; i < shape.size(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  std::vector<uint64_t> positions;
  for (uint64_t o = 0; o < outer; ++o) {
    for (int64_t index : indices) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t at, node.Axis(index, shape[axis]));
      for (uint64_t i = 0; i < inner; ++i) positions.push_back((o * shape[axis] + at) * inner + i);
      if (positions.size() > kMaxElements)
        return node.Unsupported("gathers too many elements while importing");
    }
  }
  Shape result(shape.begin(), shape.begin() + axis);
  const Shape& index_shape = inputs[1]->descriptor.shape;
  result.insert(result.end(), index_shape.begin(), index_shape.end());
  result.insert(result.end(), shape.begin() + axis + 1, shape.end());
  return node.SetHostOutput(0, Pick(data, std::move(result), positions));
}

absl::Status FoldConcat(NodeContext& node, std::span<const HostTensor* const> inputs) {
  std::vector<std::byte> bytes;
  uint32_t count = 0;
  for (const HostTensor* input : inputs) {
    if (input->descriptor.shape.size() != 1) return node.Unsupported("joins constants of rank other than 1");
    if (input->descriptor.data_type != inputs[0]->descriptor.data_type) return node.Invalid("types differ");
    bytes.insert(bytes.end(), input->bytes.bytes().begin(), input->bytes.bytes().end());
    count += input->descriptor.shape[0];
  }
  return node.SetHostOutput(
      0, {{inputs[0]->descriptor.data_type, {count}}, Region::FromVector(std::move(bytes))});
}

absl::Status FoldReshape(NodeContext& node, std::span<const HostTensor* const> inputs) {
  HostTensor tensor = *inputs[0];
  if (node.op_type() == "Reshape") {
    MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
    MODELD_ASSIGN_OR_RETURN(tensor.descriptor.shape, ResolveReshape(node, tensor.descriptor.shape, wanted,
                                                                    node.Int("allowzero", 0) != 0));
  } else if (node.op_type() != "Identity") {
    MODELD_ASSIGN_OR_RETURN(tensor.descriptor.shape, ResolveSqueeze(node, tensor.descriptor.shape));
  }
  return node.SetHostOutput(0, std::move(tensor));
}

absl::Status FoldSlice(NodeContext& node, std::span<const HostTensor* const> inputs) {
  const HostTensor& data = *inputs[0];
  MODELD_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(node, data.descriptor.shape));
  if (data.descriptor.shape.size() != 1 || !range.reversed_axes.empty()) {
    return node.Unsupported("slices constants of rank other than 1, or backwards");
  }
  std::vector<uint64_t> positions;
  for (int64_t i = 0; i < range.extents[0]; i += range.steps[0]) {
    positions.push_back(static_cast<uint64_t>(range.starts[0] + i));
  }
  const auto count = static_cast<uint32_t>(positions.size());
  return node.SetHostOutput(0, Pick(data, {count}, positions));
}

absl::Status FoldCast(NodeContext& node, std::span<const HostTensor* const> inputs) {
  const absl::StatusOr<DataType> type = DataTypeFromOnnx(static_cast<int32_t>(node.Int("to", 0)));
  if (!type.ok()) return Annotate(type.status(), node.Name());
  MODELD_ASSIGN_OR_RETURN(const Small x, Load(*inputs[0]));
  const Shape& shape = x.descriptor.shape;
  if (node.Int("to", 0) == onnx::TensorProto::BOOL) {
    std::vector<int64_t> truths;
    for (double value : ToDoubles(*inputs[0])) truths.push_back(value != 0 ? 1 : 0);
    return node.SetHostOutput(0, Store(*type, shape, truths));
  }
  return node.SetHostOutput(
      0, x.is_float() ? FromDoubles(*type, shape, x.doubles) : Store(*type, shape, x.ints));
}

// Integer division truncates as C's; by zero it is an error of the model.
absl::StatusOr<int64_t> IntArithmetic(const NodeContext& node, int64_t a, int64_t b) {
  const absl::string_view op = node.op_type();
  int64_t result = 0;
  bool overflow = false;
  if (op == "Add") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "Sub") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "Mul") overflow = __builtin_mul_overflow(a, b, &result);
  if (op == "Max") result = std::max(a, b);
  if (op == "Min") result = std::min(a, b);
  if (op == "Equal") result = a == b ? 1 : 0;
  if (op == "Div") {
    if (b == 0 || (a == INT64_MIN && b == -1)) return node.Invalid("divides by zero");
    result = a / b;
  }
  if (overflow) return node.Invalid("overflows");
  return result;
}

double FloatArithmetic(absl::string_view op, double a, double b) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return a / b;
  if (op == "Max") return std::max(a, b);
  if (op == "Min") return std::min(a, b);
  return a == b ? 1 : 0;
}

absl::Status FoldArithmetic(NodeContext& node, std::span<const HostTensor* const> inputs) {
  MODELD_ASSIGN_OR_RETURN(const Small a, Load(*inputs[0]));
  MODELD_ASSIGN_OR_RETURN(const Small b, Load(*inputs[1]));
  if (a.descriptor.data_type != b.descriptor.data_type) return node.Invalid("types differ");
  // One of them is a scalar (or one element), or their shapes are the same: all that shape arithmetic needs.
  const bool same = a.descriptor.shape == b.descriptor.shape;
  if (!same && a.size() != 1 && b.size() != 1)
    return node.Unsupported("broadcasts constants in two directions");
  const size_t count = std::max(a.size(), b.size());
  const Shape& shape = same || a.descriptor.shape.size() > b.descriptor.shape.size() || b.size() == 1
                           ? a.descriptor.shape
                           : b.descriptor.shape;
  const DataType type = node.op_type() == "Equal" ? DataType::kUint8 : a.descriptor.data_type;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  for (size_t i = 0; i < count; ++i) {
    const size_t ia = a.size() == 1 ? 0 : i;
    const size_t ib = b.size() == 1 ? 0 : i;
    if (a.is_float()) {
      doubles.push_back(FloatArithmetic(node.op_type(), a.doubles[ia], b.doubles[ib]));
    } else {
      MODELD_ASSIGN_OR_RETURN(const int64_t value, IntArithmetic(node, a.ints[ia], b.ints[ib]));
      ints.push_back(value);
    }
  }
  return node.SetHostOutput(0, a.is_float() ? FromDoubles(type, shape, doubles) : Store(type, shape, ints));
}

absl::Status FoldRounding(NodeContext& node, std::span<const HostTensor* const> inputs) {
  std::vector<double> values = ToDoubles(*inputs[0]);
  for (double& value : values) value = node.op_type() == "Floor" ? std::floor(value) : std::ceil(value);
  return node.SetHostOutput(
      0, FromDoubles(inputs[0]->descriptor.data_type, inputs[0]->descriptor.shape, values));
}

absl::Status FoldProduct(NodeContext& node, std::span<const HostTensor* const> inputs) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> values, node.IntsInput(0, "data"));
  if (inputs[0]->descriptor.shape.size() != 1)
    return node.Unsupported("reduces constants of rank other than 1");
  int64_t product = 1;
  for (int64_t value : values) {
    if (__builtin_mul_overflow(product, value, &product)) return node.Invalid("overflows");
  }
  const Shape shape = node.Int("keepdims", 1) != 0 ? Shape{1} : Shape{};
  return node.SetHostOutput(0, Store(inputs[0]->descriptor.data_type, shape, {product}));
}

absl::Status FoldRange(NodeContext& node, std::span<const HostTensor* const> inputs) {
  double bounds[3];
  for (int i = 0; i < 3; ++i) {
    MODELD_ASSIGN_OR_RETURN(bounds[i], node.NumberInput(i, "a bound"));
  }
  const double count = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  if (std::isnan(count) || count > static_cast<double>(kMaxElements))
    return node.Unsupported("the range is too long");
  std::vector<double> values;
  for (double i = 0; i < count; ++i) values.push_back(bounds[0] + i * bounds[2]);
  const auto size = static_cast<uint32_t>(values.size());
  return node.SetHostOutput(0, FromDoubles(inputs[0]->descriptor.data_type, {size}, values));
}

absl::Status FoldWhere(NodeContext& node, std::span<const HostTensor* const> inputs) {
  const std::vector<double> condition = ToDoubles(*inputs[0]);
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> a, node.IntsInput(1, "X"));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> b, node.IntsInput(2, "Y"));
  const HostTensor* widest = inputs[0];
  for (const HostTensor* input : inputs) {
    if (input->element_count() > widest->element_count()) widest = input;
  }
  const size_t count = widest->element_count();
  std::vector<int64_t> values;
  for (const size_t size : {condition.size(), a.size(), b.size()}) {
    if (size != 1 && size != count) return node.Unsupported("broadcasts constants in two directions");
  }
  for (size_t i = 0; i < count; ++i) {
    const bool take_a = condition[condition.size() == 1 ? 0 : i] != 0;
    values.push_back(take_a ? a[a.size() == 1 ? 0 : i] : b[b.size() == 1 ? 0 : i]);
  }
  return node.SetHostOutput(0, Store(inputs[1]->descriptor.data_type, widest->descriptor.shape, values));
}

// How much of its inputs a folder needs to know.
enum class Needs {
  kNothing,   // it folds whatever its inputs are
  kSmall,     // all given inputs known, and small
  kIntegers,  // as kSmall, and integers or a float scalar: float weights are the engine's to fold
};

struct Folder {
  absl::string_view op_type;
  Needs needs;
  absl::Status (*fold)(NodeContext& node, std::span<const HostTensor* const> inputs);
};

constexpr Folder kFolders[] = {
    {"Shape", Needs::kNothing, FoldShape},
    {"Size", Needs::kNothing, FoldShape},
    {"Constant", Needs::kNothing, FoldConstant},
    {"ConstantOfShape", Needs::kNothing, FoldConstantOfShape},
    {"Range", Needs::kSmall, FoldRange},
    {"Gather", Needs::kIntegers, FoldGather},
    {"Concat", Needs::kIntegers, FoldConcat},
    {"Reshape", Needs::kIntegers, FoldReshape},
    {"Squeeze", Needs::kIntegers, FoldReshape},
    {"Unsqueeze", Needs::kIntegers, FoldReshape},
    {"Identity", Needs::kSmall, FoldReshape},
    {"Slice", Needs::kIntegers, FoldSlice},
    {"Cast", Needs::kSmall, FoldCast},
    {"Add", Needs::kIntegers, FoldArithmetic},
    {"Sub", Needs::kIntegers, FoldArithmetic},
    {"Mul", Needs::kIntegers, FoldArithmetic},
    {"Div", Needs::kIntegers, FoldArithmetic},
    {"Max", Needs::kIntegers, FoldArithmetic},
    {"Min", Needs::kIntegers, FoldArithmetic},
    {"Equal", Needs::kIntegers, FoldArithmetic},
    {"Floor", Needs::kSmall, FoldRounding},
    {"Ceil", Needs::kSmall, FoldRounding},
    {"ReduceProd", Needs::kIntegers, FoldProduct},
    {"Where", Needs::kIntegers, FoldWhere},
};

const Folder* FindFolder(absl::string_view op_type) {
  for (const Folder& folder : kFolders) {
    if (folder.op_type == op_type) return &folder;
  }
  return nullptr;
}

}  // namespace

bool CanFold(absl::string_view op_type) {
  return FindFolder(op_type) != nullptr;
}

absl::StatusOr<bool> FoldNode(NodeContext& node) {
  const Folder* folder = FindFolder(node.op_type());
  if (folder == nullptr) return false;
  std::vector<const HostTensor*> inputs;
  if (folder->needs != Needs::kNothing) {
    for (int i = 0; i < node.input_count(); ++i) {
      if (!node.HasInput(i)) continue;
      const HostTensor* host = node.HostInput(i);
      if (host == nullptr || host->bytes.size() > kMaxElements * 8) return false;
      if (host->element_count() > kMaxElements) return false;
      if (folder->needs == Needs::kIntegers && IsFloat(host->descriptor.data_type) &&
          host->element_count() > 16) {
        return false;
      }
      inputs.push_back(host);
    }
    if (inputs.empty()) return node.Invalid("has no inputs");
  }
  // Operators whose general form is not shape arithmetic: the converter takes these.
  const absl::string_view op = node.op_type();
  const bool binary = folder->fold == FoldArithmetic;
  if (binary && inputs.size() != 2) return false;
  if (binary) {
    const bool same = inputs[0]->descriptor.shape == inputs[1]->descriptor.shape;
    if (!same && inputs[0]->element_count() != 1 && inputs[1]->element_count() != 1) return false;
  }
  if ((op == "Concat" || op == "Slice" || op == "ReduceProd") && inputs[0]->descriptor.shape.size() != 1) {
    return false;
  }
  if ((op == "Where" || op == "ReduceProd") && IsFloat(inputs.back()->descriptor.data_type)) return false;
  MODELD_RETURN_IF_ERROR(folder->fold(node, inputs));
  return true;
}

}  // namespace modeld::importer
