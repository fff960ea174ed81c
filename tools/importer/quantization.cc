#include "tools/importer/quantization.h"

#include "absl/strings/str_cat.h"

namespace modeld::importer {
namespace {

// Longer axes of blocks that do not divide them would need a longer table of indices.
constexpr uint32_t kMaxBlockedSize = uint32_t{1} << 22;

uint64_t Count(const Shape& shape) {
  uint64_t count = 1;
  for (uint32_t size : shape) count *= size;
  return count;
}

// Blocks as WebNN broadcasts them: each dimension of the input is a multiple of the parameter's. Where the
// last block is cut off, every element gets its own copy.
OperandId AlignBlocks(Emitter& e, OperandId parameter, const Shape& x, uint32_t axis, int64_t block) {
  Shape wanted = x;
  wanted[axis] = static_cast<uint32_t>((int64_t{x[axis]} + block - 1) / block);
  if (!e.Require(e.shape(parameter) == wanted,
                 absl::StrCat("scales or zero points of shape ", ShapeToString(e.shape(parameter)), ", ",
                              ShapeToString(wanted), " is wanted"))) {
    return parameter;
  }
  if (int64_t{wanted[axis]} * block == x[axis] || wanted[axis] == 1) return parameter;
  if (x[axis] > kMaxBlockedSize) {
    e.Fail(e.node().Unsupported(absl::StrCat("blocks of ", block, " do not divide ", x[axis], " elements")));
    return parameter;
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < x[axis]; ++i) indices.push_back(i / block);
  return e.Op("gather", {parameter, e.Constant(FromInts(DataType::kInt32, {x[axis]}, indices))},
              {{"axis", int64_t{axis}}});
}

// The scale or zero point with the rank of `x`, as WebNN wants it.
OperandId Align(Emitter& e, OperandId parameter, OperandId x, QuantizationAxis along) {
  if (!e.ok()) return parameter;
  const Shape shape = e.shape(x);
  const Shape given = e.shape(parameter);
  if (Count(given) == 1) return e.Reshape(parameter, Shape(shape.size(), 1));
  const absl::StatusOr<uint32_t> axis = e.node().Axis(along.axis, shape.size());
  e.Fail(axis.status());
  if (!e.Require(along.block >= 0 && along.block <= INT32_MAX,
                 absl::StrCat("block_size ", along.block, " is out of range"))) {
    return parameter;
  }
  if (along.block > 0) return AlignBlocks(e, parameter, shape, *axis, along.block);
  if (!e.Require(
          given.size() == 1 && given[0] == shape[*axis],
          absl::StrCat("scales or zero points of shape ", ShapeToString(given), ", one per element of ",
                       "dimension ", *axis, " of ", ShapeToString(shape), " is wanted"))) {
    return parameter;
  }
  Shape aligned(shape.size(), 1);
  aligned[*axis] = given[0];
  return e.Reshape(parameter, aligned);
}

OperandId AlignZeroPoint(Emitter& e, std::optional<OperandId> zero_point, DataType type, OperandId x,
                         OperandId aligned_scale, QuantizationAxis along) {
  if (!zero_point) return e.Zeros(type, e.shape(aligned_scale));
  return e.Expand(Align(e, *zero_point, x, along), e.shape(aligned_scale));
}

}  // namespace

OperandId EmitDequantize(Emitter& e, OperandId x, OperandId scale, std::optional<OperandId> zero_point,
                         QuantizationAxis along) {
  scale = Align(e, scale, x, along);
  const OperandId zero = AlignZeroPoint(e, zero_point, e.type(x), x, scale, along);
  return e.Op("dequantizeLinear", {x, scale, zero});
}

OperandId EmitQuantize(Emitter& e, OperandId x, OperandId scale, std::optional<OperandId> zero_point,
                       DataType type, QuantizationAxis along) {
  x = e.Cast(x, e.type(scale));
  scale = Align(e, scale, x, along);
  const OperandId zero = AlignZeroPoint(e, zero_point, type, x, scale, along);
  return e.Op("quantizeLinear", {x, scale, zero});
}

DynamicQuantization EmitDynamicQuantize(Emitter& e, OperandId x) {
  std::vector<int64_t> axes;
  for (size_t i = 0; i < e.rank(x); ++i) axes.push_back(static_cast<int64_t>(i));
  const DataType type = e.type(x);
  const OperandId zero = e.Scalar(type, 0);
  // The range holds 0, so that 0 is exact.
  const OperandId most = e.Op("max", {e.Reduce("reduceMax", x, axes, false), zero});
  const OperandId least = e.Op("min", {e.Reduce("reduceMin", x, axes, false), zero});
  const OperandId range = e.Div(e.Sub(most, least), e.Scalar(type, 255));
  const OperandId scale = e.Where(e.Op("equal", {range, zero}), e.Scalar(type, 1), range);
  const OperandId ideal = e.Clamp(e.Div(e.Op("neg", {least}), scale), 0, 255);
  const OperandId zero_point = e.Cast(e.Op("roundEven", {ideal}), DataType::kUint8);
  return {.values = EmitQuantize(e, x, scale, zero_point), .scale = scale, .zero_point = zero_point};
}

}  // namespace modeld::importer
