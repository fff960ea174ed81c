#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/folders.h"
#include "tools/importer/shape_rules.h"

namespace modeld::importer {
namespace {

// A range, unlike what is computed from it, may be as long as a model's sequences.
constexpr double kMaxRange = 1 << 20;

absl::StatusOr<bool> Folded(absl::Status status) {
  MODELD_RETURN_IF_ERROR(status);
  return true;
}

absl::StatusOr<bool> FoldShapeOf(NodeContext& node, HostInputs) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  std::vector<int64_t> sizes = ToList(input.shape);
  if (node.op_type() == "Size") {
    const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
    std::optional<int64_t> count = empty ? 0 : 1;
    for (int64_t size : sizes) {
      if (!empty && count) count = CheckedMul(*count, size);
    }
    if (!count) return node.Invalid("overflows");
    return Folded(node.SetHostOutput(0, FromInts(DataType::kInt64, {}, {*count})));
  }
  // start and end exist since opset 15; they are cut to the rank.
  const auto rank = static_cast<int64_t>(sizes.size());
  const auto cut = [rank](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank); };
  const int64_t start = cut(node.Int("start", 0));
  const int64_t end = std::max(start, cut(node.Int("end", rank)));
  sizes = {sizes.begin() + start, sizes.begin() + end};
  const auto count = static_cast<uint32_t>(sizes.size());
  return Folded(node.SetHostOutput(0, FromInts(DataType::kInt64, {count}, sizes)));
}

absl::StatusOr<bool> FoldConstant(NodeContext& node, HostInputs) {
  if (node.HasAttribute("value")) {
    MODELD_ASSIGN_OR_RETURN(HostTensor tensor, node.Tensor("value"));
    return Folded(node.SetHostOutput(0, std::move(tensor)));
  }
  if (node.HasAttribute("value_int")) {
    return Folded(node.SetHostOutput(0, FromInts(DataType::kInt64, {}, {node.Int("value_int", 0)})));
  }
  if (node.HasAttribute("value_float")) {
    return Folded(node.SetHostOutput(0, FromDoubles(DataType::kFloat32, {}, {node.Float("value_float", 0)})));
  }
  if (node.HasAttribute("value_ints")) {
    const std::vector<int64_t> values = node.Ints("value_ints");
    return Folded(
        node.SetHostOutput(0, FromInts(DataType::kInt64, {static_cast<uint32_t>(values.size())}, values)));
  }
  if (node.HasAttribute("value_floats")) {
    const std::vector<float> values = node.Floats("value_floats");
    return Folded(
        node.SetHostOutput(0, FromDoubles(DataType::kFloat32, {static_cast<uint32_t>(values.size())},
                                          {values.begin(), values.end()})));
  }
  return node.Unsupported("its value is neither a tensor nor numbers", Reason::kDataType);
}

absl::StatusOr<bool> FoldConstantOfShape(NodeContext& node, HostInputs) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, node.IntsInput(0, "shape"));
  HostTensor value = FromDoubles(DataType::kFloat32, {1}, {0});
  if (node.HasAttribute("value")) {
    MODELD_ASSIGN_OR_RETURN(value, node.Tensor("value"));
  }
  if (value.bytes.empty()) return node.Invalid("value has no element");
  if (IsPacked(value.descriptor.data_type)) {
    return node.Unsupported("its value is of a packed type", Reason::kDataType);
  }
  Shape shape;
  for (int64_t size : sizes) {
    if (size < 0 || size > INT32_MAX) return node.Invalid(absl::StrCat("shape has a dimension of ", size));
    shape.push_back(static_cast<uint32_t>(size));
  }
  if (const std::optional<uint64_t> count = SmallCount(shape)) {
    return Folded(node.SetHostOutput(0, Pick(value, std::move(shape), std::vector<uint64_t>(*count, 0))));
  }
  MODELD_ASSIGN_OR_RETURN(const OperandId scalar, node.Constant(Pick(value, {}, {0})));
  return Folded(node.SetOutput(0, node.Emit("expand", {scalar}, {{"newShape", ToList(shape)}})));
}

absl::StatusOr<bool> FoldGather(NodeContext& node, HostInputs inputs) {
  if (inputs.size() < 2 || inputs[1] == nullptr) return node.Invalid("input 1 is missing");
  const HostTensor& data = *inputs[0];
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> indices, node.IntsInput(1, "indices"));
  const Shape& shape = data.descriptor.shape;
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), shape.size()));
  Shape result(shape.begin(), shape.begin() + axis);
  const Shape& index_shape = inputs[1]->descriptor.shape;
  result.insert(result.end(), index_shape.begin(), index_shape.end());
  result.insert(result.end(), shape.begin() + axis + 1, shape.end());
  const std::optional<uint64_t> count = SmallCount(result);
  if (!count) return false;
  if (*count == 0) return Folded(node.SetHostOutput(0, Pick(data, std::move(result), {})));
  uint64_t outer = 1;
  uint64_t inner = 1;
  for (size_t i = 0; i < shape.size(); ++i) (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  std::vector<uint64_t> positions;
  for (uint64_t o = 0; o < outer; ++o) {
    for (int64_t index : indices) {
      MODELD_ASSIGN_OR_RETURN(const uint32_t at, node.Axis(index, shape[axis]));
      for (uint64_t i = 0; i < inner; ++i) positions.push_back((o * shape[axis] + at) * inner + i);
    }
  }
  return Folded(node.SetHostOutput(0, Pick(data, std::move(result), positions)));
}

absl::StatusOr<bool> FoldConcat(NodeContext& node, HostInputs inputs) {
  std::vector<std::byte> bytes;
  uint32_t count = 0;
  for (const HostTensor* input : inputs) {
    if (input == nullptr || input->descriptor.shape.size() != 1) return false;
    if (input->descriptor.data_type != inputs[0]->descriptor.data_type) return node.Invalid("types differ");
    bytes.insert(bytes.end(), input->bytes.bytes().begin(), input->bytes.bytes().end());
    count += input->descriptor.shape[0];
  }
  MODELD_RETURN_IF_ERROR(node.Axis(node.Int("axis", 0), 1).status());
  return Folded(node.SetHostOutput(
      0, {{inputs[0]->descriptor.data_type, {count}}, Region::FromVector(std::move(bytes))}));
}

absl::StatusOr<bool> FoldReshape(NodeContext& node, HostInputs inputs) {
  HostTensor tensor = *inputs[0];
  if (node.op_type() == "Reshape") {
    if (!node.HasInput(1)) return false;
    MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
    MODELD_ASSIGN_OR_RETURN(tensor.descriptor.shape, ResolveReshape(node, tensor.descriptor.shape, wanted,
                                                                    node.Int("allowzero", 0) != 0));
  } else if (node.op_type() != "Identity") {
    MODELD_ASSIGN_OR_RETURN(tensor.descriptor.shape, ResolveSqueeze(node, tensor.descriptor.shape));
  }
  return Folded(node.SetHostOutput(0, std::move(tensor)));
}

absl::StatusOr<bool> FoldSlice(NodeContext& node, HostInputs inputs) {
  const HostTensor& data = *inputs[0];
  if (data.descriptor.shape.size() != 1) return false;
  MODELD_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(node, data.descriptor.shape));
  std::vector<uint64_t> positions;
  for (int64_t i = 0; i < range.extents[0]; i += range.steps[0]) {
    positions.push_back(static_cast<uint64_t>(range.starts[0] + i));
  }
  if (!range.reversed_axes.empty()) std::reverse(positions.begin(), positions.end());
  const auto count = static_cast<uint32_t>(positions.size());
  return Folded(node.SetHostOutput(0, Pick(data, {count}, positions)));
}

absl::StatusOr<bool> FoldExpand(NodeContext& node, HostInputs inputs) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
  const Shape& from = inputs[0]->descriptor.shape;
  MODELD_ASSIGN_OR_RETURN(Shape shape, ResolveExpand(node, from, wanted));
  if (!SmallCount(shape)) return false;
  const std::vector<uint64_t> positions = BroadcastPositions(from, shape);
  return Folded(node.SetHostOutput(0, Pick(*inputs[0], std::move(shape), positions)));
}

// The row-major coordinates of what is not zero, one row per dimension: known data makes a known shape.
absl::StatusOr<bool> FoldNonZero(NodeContext& node, HostInputs inputs) {
  const std::vector<double> values = ToDoubles(*inputs[0]);
  const Shape& shape = inputs[0]->descriptor.shape;
  std::vector<uint64_t> found;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != 0) found.push_back(i);
  }
  std::vector<int64_t> coordinates(shape.size() * found.size());
  for (size_t j = 0; j < found.size(); ++j) {
    uint64_t rest = found[j];
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      coordinates[d * found.size() + j] = static_cast<int64_t>(rest % shape[d]);
    }
  }
  const Shape result = {static_cast<uint32_t>(shape.size()), static_cast<uint32_t>(found.size())};
  return Folded(node.SetHostOutput(0, FromInts(DataType::kInt64, result, coordinates)));
}

// All bounds must be known: they are the result's shape.
absl::StatusOr<bool> FoldRange(NodeContext& node, HostInputs) {
  double bounds[3];
  constexpr const char* kNames[] = {"start", "limit", "delta"};
  for (int i = 0; i < 3; ++i) {
    MODELD_ASSIGN_OR_RETURN(bounds[i], node.NumberInput(i, kNames[i]));
  }
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor start, node.InputDescriptor(0));
  const double count = std::ceil((bounds[1] - bounds[0]) / bounds[2]);
  if (!(count <= kMaxRange)) return node.Invalid("the range is too long");
  std::vector<double> values;
  for (double i = 0; i < count; ++i) values.push_back(bounds[0] + i * bounds[2]);
  const auto size = static_cast<uint32_t>(values.size());
  return Folded(node.SetHostOutput(0, FromDoubles(start.data_type, {size}, values)));
}

constexpr Folder kFolders[] = {
    {"Shape", Needs::kNothing, FoldShapeOf},     {"Size", Needs::kNothing, FoldShapeOf},
    {"Constant", Needs::kNothing, FoldConstant}, {"ConstantOfShape", Needs::kNothing, FoldConstantOfShape},
    {"Range", Needs::kNothing, FoldRange},       {"Gather", Needs::kIntegers, FoldGather},
    {"Concat", Needs::kIntegers, FoldConcat},    {"Reshape", Needs::kIntegers, FoldReshape},
    {"Squeeze", Needs::kIntegers, FoldReshape},  {"Unsqueeze", Needs::kIntegers, FoldReshape},
    {"Identity", Needs::kSmall, FoldReshape},    {"Slice", Needs::kIntegers, FoldSlice},
    {"Expand", Needs::kIntegers, FoldExpand},    {"NonZero", Needs::kSmall, FoldNonZero},
};

}  // namespace

std::span<const Folder> ShapeFolders() {
  return kFolders;
}

}  // namespace modeld::importer
