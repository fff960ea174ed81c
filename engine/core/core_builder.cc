#include "engine/core/core_builder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <numeric>
#include <optional>
#include <tuple>

#include "engine/graph/broadcast.h"
#include "engine/graph/float16.h"

namespace modeld::core {
namespace {

template <typename T>
std::string BytesOf(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

std::string IntegerBytes(DataType type, int64_t value) {
  switch (ElementBytes(type)) {
    case 1:
      return BytesOf(static_cast<int8_t>(value));
    case 4:
      return BytesOf(static_cast<int32_t>(value));
    default:
      return BytesOf(value);
  }
}

}  // namespace

ValueId CoreBuilder::AddValue(TensorDescriptor descriptor) {
  graph_.values.push_back({.descriptor = std::move(descriptor), .constant = {}});
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId CoreBuilder::AddConstant(TensorDescriptor descriptor, Region bytes) {
  const ValueId value = AddValue(std::move(descriptor));
  graph_.values[value].constant = std::move(bytes);
  return value;
}

std::vector<ValueId> CoreBuilder::AddNode(Op op, std::vector<ValueId> inputs,
                                          std::vector<TensorDescriptor> outputs) {
  std::vector<ValueId> values;
  values.reserve(outputs.size());
  for (TensorDescriptor& output : outputs) values.push_back(AddValue(std::move(output)));
  graph_.nodes.push_back({.op = std::move(op),
                          .inputs = std::move(inputs),
                          .outputs = values,
                          .post_ops = {},
                          .label = label_,
                          .operation = operation_});
  return values;
}

ValueId CoreBuilder::AddOne(Op op, std::vector<ValueId> inputs, TensorDescriptor output) {
  return AddNode(std::move(op), std::move(inputs), {std::move(output)})[0];
}

ValueId CoreBuilder::Scalar(DataType type, double value) {
  std::string bytes;
  if (type == DataType::kFloat32) {
    bytes = BytesOf(static_cast<float>(value));
  } else if (type == DataType::kFloat16) {
    bytes = BytesOf(FloatToHalf(value));
  } else {
    return IntegerScalar(type, static_cast<int64_t>(value));
  }
  const auto [entry, is_new] = scalars_.try_emplace({type, bytes}, 0);
  if (is_new) entry->second = AddConstant({type, {}}, Region::Copy(entry->first.second));
  return entry->second;
}

ValueId CoreBuilder::IntegerScalar(DataType type, int64_t value) {
  const auto [entry, is_new] = scalars_.try_emplace({type, IntegerBytes(type, value)}, 0);
  if (is_new) entry->second = AddConstant({type, {}}, Region::Copy(entry->first.second));
  return entry->second;
}

ValueId CoreBuilder::Apply(UnaryFunction function, ValueId x) {
  const bool to_uint8 = function == UnaryFunction::kLogicalNot || function == UnaryFunction::kIsNaN ||
                        function == UnaryFunction::kIsInfinite;
  return AddOne(Unary{function}, {x}, {to_uint8 ? DataType::kUint8 : type(x), shape(x)});
}

std::pair<ValueId, ValueId> CoreBuilder::Align(ValueId a, ValueId b) {
  assert(type(a) == type(b));
  const std::optional<Shape> common = BroadcastShapes(shape(a), shape(b));
  assert(common.has_value());
  return {BroadcastTo(a, *common), BroadcastTo(b, *common)};
}

ValueId CoreBuilder::Apply(BinaryFunction function, ValueId a, ValueId b) {
  std::tie(a, b) = Align(a, b);
  return AddOne(Binary{function}, {a, b}, descriptor(a));
}

ValueId CoreBuilder::Apply(Comparison comparison, ValueId a, ValueId b) {
  std::tie(a, b) = Align(a, b);
  return AddOne(Compare{comparison}, {a, b}, {DataType::kUint8, shape(a)});
}

ValueId CoreBuilder::SelectIf(ValueId condition, ValueId a, ValueId b) {
  assert(type(a) == type(b));
  std::optional<Shape> common = BroadcastShapes(shape(a), shape(b));
  if (common) common = BroadcastShapes(shape(condition), *common);
  assert(common.has_value());
  condition = BroadcastTo(condition, *common);
  a = BroadcastTo(a, *common);
  b = BroadcastTo(b, *common);
  return AddOne(Select{}, {condition, a, b}, descriptor(a));
}

ValueId CoreBuilder::CastTo(ValueId x, DataType to) {
  if (type(x) == to) return x;
  if (IsPacked(type(x)) && to != Unpacked(type(x))) x = CastTo(x, Unpacked(type(x)));
  if (IsPacked(to)) x = CastTo(x, Unpacked(to));
  if (type(x) == to) return x;
  return AddOne(Cast{}, {x}, {to, shape(x)});
}

ValueId CoreBuilder::ReduceAlong(ReduceFunction function, ValueId x, std::vector<uint32_t> axes,
                                 bool keep_dimensions) {
  if (axes.empty()) return x;
  std::sort(axes.begin(), axes.end());
  Shape kept = shape(x);
  for (uint32_t axis : axes) kept[axis] = 1;
  Shape dropped;
  for (uint32_t i = 0; i < kept.size(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), i)) dropped.push_back(kept[i]);
  }
  const ValueId reduced = AddOne(Reduce{function, std::move(axes)}, {x}, {type(x), std::move(kept)});
  return keep_dimensions ? reduced : ReshapeTo(reduced, std::move(dropped));
}

ValueId CoreBuilder::MeanAlong(ValueId x, std::vector<uint32_t> axes) {
  double count = 1;
  for (uint32_t axis : axes) count *= shape(x)[axis];
  if (count == 1) return x;
  return DivScalar(ReduceAlong(ReduceFunction::kSum, x, std::move(axes), true), count);
}

ValueId CoreBuilder::MatMul(ValueId a, ValueId b) {
  const Shape shape_a = shape(a);
  const Shape shape_b = shape(b);
  const std::optional<Shape> batch = BroadcastShapes(std::span(shape_a).first(shape_a.size() - 2),
                                                     std::span(shape_b).first(shape_b.size() - 2));
  assert(batch.has_value());
  const auto stretched = [&](ValueId v, const Shape& matrix) {
    Shape to = *batch;
    to.insert(to.end(), matrix.end() - 2, matrix.end());
    return BroadcastTo(v, to);
  };
  a = stretched(a, shape_a);
  b = stretched(b, shape_b);
  TensorDescriptor output = descriptor(a);
  output.shape.back() = shape_b.back();
  return AddOne(Contraction{}, {a, b}, std::move(output));
}

ValueId CoreBuilder::Convolve(const Convolution& op, ValueId input, ValueId filter, Shape output_shape) {
  return AddOne(op, {input, filter}, {type(input), std::move(output_shape)});
}

ValueId CoreBuilder::PoolTo(const Pool& op, ValueId input, Shape output_shape) {
  return AddOne(op, {input}, {type(input), std::move(output_shape)});
}

ValueId CoreBuilder::GatherAlong(ValueId data, ValueId indices, uint32_t axis) {
  Shape output = shape(data);
  const Shape replacement = shape(indices);
  output.erase(output.begin() + axis);
  output.insert(output.begin() + axis, replacement.begin(), replacement.end());
  return AddOne(Gather{axis}, {data, indices}, {type(data), std::move(output)});
}

ValueId CoreBuilder::ScatterRows(ValueId data, ValueId indices, ValueId updates) {
  return AddOne(Scatter{}, {data, indices, updates}, descriptor(data));
}

ValueId CoreBuilder::ScanAlong(const Scan& op, ValueId x) {
  return AddOne(op, {x}, descriptor(x));
}

ValueId CoreBuilder::PadWith(const Pad& op, ValueId x) {
  TensorDescriptor output = descriptor(x);
  for (size_t i = 0; i < output.shape.size(); ++i) output.shape[i] += op.before[i] + op.after[i];
  if (output == descriptor(x)) return x;
  return AddOne(op, {x}, std::move(output));
}

ValueId CoreBuilder::SliceOf(ValueId x, std::vector<uint32_t> starts, std::vector<uint32_t> strides,
                             Shape sizes) {
  if (sizes == shape(x)) return x;
  return AddOne(Slice{std::move(starts), std::move(strides)}, {x}, {type(x), std::move(sizes)});
}

ValueId CoreBuilder::ConcatAlong(std::vector<ValueId> inputs, uint32_t axis) {
  assert(!inputs.empty());
  if (inputs.size() == 1) return inputs[0];
  TensorDescriptor output = descriptor(inputs[0]);
  output.shape[axis] = 0;
  for (ValueId input : inputs) output.shape[axis] += shape(input)[axis];
  return AddOne(Concat{axis}, std::move(inputs), std::move(output));
}

ValueId CoreBuilder::TransposeBy(ValueId x, std::vector<uint32_t> permutation) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return x;
  TensorDescriptor output = descriptor(x);
  for (size_t i = 0; i < permutation.size(); ++i) output.shape[i] = shape(x)[permutation[i]];
  return AddOne(Transpose{std::move(permutation)}, {x}, std::move(output));
}

ValueId CoreBuilder::ReshapeTo(ValueId x, Shape to) {
  if (shape(x) == to) return x;
  return AddOne(Reshape{}, {x}, {type(x), std::move(to)});
}

ValueId CoreBuilder::BroadcastTo(ValueId x, const Shape& to) {
  if (shape(x) == to) return x;
  assert(CanBroadcastTo(shape(x), to));
  return AddOne(Broadcast{}, {x}, {type(x), to});
}

}  // namespace modeld::core
