// quantizeLinear, dequantizeLinear: per tensor, per axis or by blocks, as the shape of scale and zeroPoint
// says.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::UnaryFunction;
using core::ValueId;

constexpr TypeSet kQuantizedTypes = {DataType::kInt4,  DataType::kUint4, DataType::kInt8,
                                     DataType::kUint8, DataType::kInt32, DataType::kUint32};

// The rank that backends are built for.
constexpr size_t kMaxRank = 8;

// scale (operand 1) and zeroPoint (operand 2) have one shape, of the input's rank, each of whose dimensions
// divides the input's.
absl::Status CheckScales(const InferContext& c) {
  const Shape& input = c.input(0).shape;
  const Shape& scale = c.input(1).shape;
  const Shape& zero_point = c.input(2).shape;
  for (size_t i = 1; i <= 2; ++i) {
    const size_t rank = c.input(i).shape.size();
    if (rank == input.size()) continue;
    return c.Error(i == 1 ? "scale" : "zeroPoint",
                   absl::StrCat("has rank ", rank, ", expected ", input.size(), " like input"),
                   absl::StrCat(input.size()), absl::StrCat(rank));
  }
  if (scale != zero_point) {
    return c.Error("zeroPoint",
                   absl::StrCat("has shape ", ShapeToString(zero_point), ", expected ", ShapeToString(scale),
                                " like scale"),
                   ShapeToString(scale), ShapeToString(zero_point));
  }
  for (size_t i = 0; i < input.size(); ++i) {
    if (input[i] % scale[i] == 0) continue;
    return c.Error("scale",
                   absl::StrCat("has shape ", ShapeToString(scale), ", whose dimension ", i,
                                " does not divide that of input ", ShapeToString(input)),
                   absl::StrCat("dimensions that divide ", ShapeToString(input)), ShapeToString(scale));
  }
  return absl::OkStatus();
}

InferResult InferQuantize(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckScales(c));
  return One({c.input(2).data_type, c.input(0).shape});
}

InferResult InferDequantize(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckScales(c));
  return One({c.input(1).data_type, c.input(0).shape});
}

// Shapes of one rank for an input and its scale under which each dimension of the scale is the input's or 1.
struct BlockShapes {
  Shape input;
  Shape scale;
};

// Splits each dimension in which the scale has blocks in two, the blocks and what is within a block; then
// joins neighbours that the scale treats alike, so that the rank grows no more than it must.
BlockShapes SplitIntoBlocks(const Shape& input, const Shape& scale) {
  BlockShapes result;
  const auto append = [&](uint32_t size, bool is_shared) {
    const bool joins = !result.input.empty() && (result.scale.back() == 1) == is_shared;
    if (!joins) {
      result.input.push_back(1);
      result.scale.push_back(1);
    }
    result.input.back() *= size;
    if (!is_shared) result.scale.back() *= size;
  };
  for (size_t i = 0; i < input.size(); ++i) {
    if (scale[i] != 1) append(scale[i], false);
    if (scale[i] != input[i]) append(input[i] / scale[i], true);
  }
  return result;
}

bool HasBlocks(const Shape& input, const Shape& scale) {
  for (size_t i = 0; i < input.size(); ++i) {
    if (scale[i] != 1 && scale[i] != input[i]) return true;
  }
  return false;
}

// `v` with each element along `axis` repeated until there are `size`.
ValueId RepeatAlong(CoreBuilder& b, ValueId v, uint32_t axis, uint32_t size) {
  Shape repeated = b.shape(v);
  const uint32_t count = repeated[axis];
  repeated[axis] = size;
  uint32_t before = 1;
  uint32_t after = 1;
  for (uint32_t i = 0; i < axis; ++i) before *= repeated[i];
  for (uint32_t i = axis + 1; i < repeated.size(); ++i) after *= repeated[i];
  v = b.BroadcastTo(b.ReshapeTo(v, {before * count, 1, after}), {before * count, size / count, after});
  return b.ReshapeTo(v, repeated);
}

// The three operands under shapes that broadcast.
struct Aligned {
  ValueId input;
  ValueId scale;
  ValueId zero_point;
};

Aligned Align(DecomposeContext& c) {
  CoreBuilder& b = c.b;
  Aligned result = {c.input(0), c.input(1), c.input(2)};
  const Shape input = b.shape(result.input);
  if (!HasBlocks(input, b.shape(result.scale))) return result;
  BlockShapes shapes = SplitIntoBlocks(input, b.shape(result.scale));
  for (uint32_t axis = 0; shapes.input.size() > kMaxRank; ++axis) {
    result.scale = RepeatAlong(b, result.scale, axis, input[axis]);
    result.zero_point = RepeatAlong(b, result.zero_point, axis, input[axis]);
    shapes = SplitIntoBlocks(input, b.shape(result.scale));
  }
  return {b.ReshapeTo(result.input, shapes.input), b.ReshapeTo(result.scale, shapes.scale),
          b.ReshapeTo(result.zero_point, shapes.scale)};
}

// The least and greatest value of a type of at most 32 bits.
std::pair<int64_t, int64_t> RangeOf(DataType type) {
  const int64_t count = int64_t{1} << ElementBits(type);
  if (IsSignedInteger(type)) return {-count / 2, count / 2 - 1};
  return {0, count - 1};
}

// q + zeroPoint for whole numbers q in float32, within the range of `type`.
ValueId Shifted(CoreBuilder& b, ValueId q, ValueId zero_point, DataType type) {
  const auto [least, greatest] = RangeOf(type);
  DataType exact = DataType::kFloat32;
  if (ElementBits(type) == 32) {
    // float32 does not hold the sum. What is beyond 2^33 ends at a limit with every zero point.
    q = b.MaxScalar(b.MinScalar(q, 0x1p33), -0x1p33);
    exact = DataType::kInt64;
  }
  const ValueId sum = b.Add(b.CastTo(q, exact), b.CastTo(zero_point, exact));
  return b.MinScalar(b.MaxScalar(sum, static_cast<double>(least)), static_cast<double>(greatest));
}

// quantizeLinear(x) = clamp(roundEven(x / scale) + zeroPoint), the quotient in float32 for every type.
Values DecomposeQuantize(DecomposeContext& c) {
  CoreBuilder& b = c.b;
  const Aligned o = Align(c);
  const ValueId quotient = b.Div(Widened(b, o.input), Widened(b, o.scale));
  const DataType type = c.output().data_type;
  const ValueId shifted = Shifted(b, b.Apply(UnaryFunction::kRoundEven, quotient), o.zero_point, type);
  return {b.ReshapeTo(b.CastTo(shifted, Unpacked(type)), c.output().shape)};
}

// dequantizeLinear(x) = (x - zeroPoint) * scale. The difference is exact: in float32 for small types, in
// int64, rounded once, for 32 bits.
Values DecomposeDequantize(DecomposeContext& c) {
  CoreBuilder& b = c.b;
  const Aligned o = Align(c);
  const DataType exact = ElementBits(b.type(o.input)) == 32 ? DataType::kInt64 : DataType::kFloat32;
  const ValueId difference = b.Sub(b.CastTo(o.input, exact), b.CastTo(o.zero_point, exact));
  const ValueId result = b.Mul(b.CastTo(difference, DataType::kFloat32), Widened(b, o.scale));
  return {b.ReshapeTo(b.CastTo(result, c.output().data_type), c.output().shape)};
}

}  // namespace

std::vector<OpSchema> QuantizationOps() {
  return {
      {.type = "dequantizeLinear",
       .operands = {{.name = "input", .types = kQuantizedTypes},
                    {.name = "scale", .types = kFloatTypes},
                    {.name = "zeroPoint", .types = kQuantizedTypes, .same_type_as = 0}},
       .formula = "(x - zeroPoint) * scale; scale and zeroPoint repeated block by block to x's shape",
       .infer = InferDequantize,
       .decompose = DecomposeDequantize},
      {.type = "quantizeLinear",
       .operands = {{.name = "input", .types = kFloatTypes},
                    {.name = "scale", .types = kFloatTypes, .same_type_as = 0},
                    {.name = "zeroPoint", .types = kQuantizedTypes}},
       .formula =
           "clamp(roundEven(x / scale) + zeroPoint) to zeroPoint's type; blocks as in dequantizeLinear",
       .infer = InferQuantize,
       .decompose = DecomposeQuantize},
  };
}

}  // namespace modeld
