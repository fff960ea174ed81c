// batchNormalization, instanceNormalization, layerNormalization: float16 is computed in float32
// (shared_rules.h).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::UnaryFunction;
using core::ValueId;

// `x` of one dimension, shaped to broadcast along `axis` of a tensor of `rank`.
ValueId AlongAxis(core::CoreBuilder& b, ValueId x, size_t rank, uint32_t axis) {
  Shape shape(rank, 1);
  shape[axis] = b.shape(x)[0];
  return b.ReshapeTo(x, std::move(shape));
}

// sqrt(variance + epsilon)
ValueId Deviation(DecomposeContext& c, ValueId variance) {
  return c.b.Apply(UnaryFunction::kSqrt, c.b.AddScalar(variance, c.Float("epsilon")));
}

InferResult InferBatchNormalization(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  const Shape expected = {c.input(0).shape[axis]};
  for (size_t i = 1; i <= 2; ++i) {
    const Shape& found = c.input(i).shape;
    if (found == expected) continue;
    return c.Error(i == 1 ? "mean" : "variance",
                   absl::StrCat("has shape ", ShapeToString(found), ", expected ", ShapeToString(expected)),
                   ShapeToString(expected), ShapeToString(found));
  }
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "scale", expected));
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "bias", expected));
  return SameAsInput(c);
}

// batchNormalization(x) = (x - mean) * (scale / sqrt(variance + epsilon)) + bias, along `axis`: what stands
// in parentheses behind the product is a constant for most models and is folded.
Values DecomposeBatchNormalization(DecomposeContext& c) {
  const size_t rank = c.output().shape.size();
  const auto along = [&](ValueId v) { return AlongAxis(c.b, Widened(c.b, v), rank, c.Uint("axis")); };
  const ValueId mean = along(c.input(1));
  const ValueId deviation = Deviation(c, along(c.input(2)));
  const std::optional<ValueId> scale = c.OptionalInput("scale");
  const std::optional<ValueId> bias = c.OptionalInput("bias");
  return {InFloat32(c.b, c.input(0), [&](ValueId x) {
    ValueId y = c.b.Sub(x, mean);
    y = scale ? c.b.Mul(y, c.b.Div(along(*scale), deviation)) : c.b.Div(y, deviation);
    return bias ? c.b.Add(y, along(*bias)) : y;
  })};
}

// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias, the means along `axes`; scale and
// bias broadcast to x.
ValueId Normalize(DecomposeContext& c, ValueId x, const std::vector<uint32_t>& axes,
                  std::optional<ValueId> scale, std::optional<ValueId> bias) {
  const ValueId centred = c.b.Sub(x, c.b.MeanAlong(x, axes));
  const ValueId variance = c.b.MeanAlong(c.b.Mul(centred, centred), axes);
  ValueId y = c.b.Div(centred, Deviation(c, variance));
  if (scale) y = c.b.Mul(y, *scale);
  return bias ? c.b.Add(y, *bias) : y;
}

InferResult InferInstanceNormalization(InferContext& c) {
  const Shape expected = {c.input().shape[c.String("layout") == "nchw" ? 1 : 3]};
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "scale", expected));
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "bias", expected));
  return SameAsInput(c);
}

Values DecomposeInstanceNormalization(DecomposeContext& c) {
  const bool nchw = c.String("layout") == "nchw";
  const auto along = [&](absl::string_view name) -> std::optional<ValueId> {
    const std::optional<ValueId> v = Widened(c.b, c.OptionalInput(name));
    if (!v) return std::nullopt;
    return AlongAxis(c.b, *v, 4, nchw ? 1 : 3);
  };
  const std::vector<uint32_t> axes = nchw ? std::vector<uint32_t>{2, 3} : std::vector<uint32_t>{1, 2};
  return {InFloat32(c.b, c.input(),
                    [&](ValueId x) { return Normalize(c, x, axes, along("scale"), along("bias")); })};
}

InferResult InferLayerNormalization(InferContext& c) {
  const Shape& input = c.input().shape;
  if (!c.Has("axes")) {
    std::vector<uint32_t> all_but_first;
    for (uint32_t axis = 1; axis < input.size(); ++axis) all_but_first.push_back(axis);
    c.SetUints("axes", all_but_first);
  }
  const std::vector<uint32_t> axes = c.Uints("axes");
  MODELD_RETURN_IF_ERROR(CheckAxes(c, "axes", axes));
  Shape expected;
  for (uint32_t axis : axes) expected.push_back(input[axis]);
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "scale", expected));
  MODELD_RETURN_IF_ERROR(CheckOptionalShape(c, "bias", expected));
  return SameAsInput(c);
}

// A scale or bias whose dimension i belongs to x's dimension axes[i], brought into x's order and rank.
ValueId InOrderOfInput(core::CoreBuilder& b, ValueId v, const std::vector<uint32_t>& axes, size_t rank) {
  std::vector<uint32_t> permutation(axes.size());
  for (uint32_t i = 0; i < axes.size(); ++i) permutation[i] = i;
  std::sort(permutation.begin(), permutation.end(),
            [&](uint32_t i, uint32_t j) { return axes[i] < axes[j]; });
  Shape shape(rank, 1);
  for (size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = b.shape(v)[i];
  return b.ReshapeTo(b.TransposeBy(v, std::move(permutation)), std::move(shape));
}

Values DecomposeLayerNormalization(DecomposeContext& c) {
  const std::vector<uint32_t> axes = c.Uints("axes");
  const size_t rank = c.output().shape.size();
  const auto ordered = [&](absl::string_view name) -> std::optional<ValueId> {
    const std::optional<ValueId> v = Widened(c.b, c.OptionalInput(name));
    if (!v) return std::nullopt;
    return InOrderOfInput(c.b, *v, axes, rank);
  };
  return {InFloat32(c.b, c.input(),
                    [&](ValueId x) { return Normalize(c, x, axes, ordered("scale"), ordered("bias")); })};
}

}  // namespace

std::vector<OpSchema> NormalizationOps() {
  return {
      {.type = "batchNormalization",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = RankAtLeast(1)},
                    {.name = "mean", .types = kFloatTypes, .ranks = Rank(1), .same_type_as = 0},
                    {.name = "variance", .types = kFloatTypes, .ranks = Rank(1), .same_type_as = 0}},
       .attributes = {OperandAttribute("scale", kFloatTypes, Rank(1)),
                      OperandAttribute("bias", kFloatTypes, Rank(1)), UintAttribute("axis", 1),
                      FloatAttribute("epsilon", 1e-5)},
       .formula = "(x - mean) * (scale / sqrt(variance + epsilon)) + bias",
       .infer = InferBatchNormalization,
       .decompose = DecomposeBatchNormalization},
      {.type = "instanceNormalization",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = Rank(4)}},
       .attributes = {OperandAttribute("scale", kFloatTypes, Rank(1)),
                      OperandAttribute("bias", kFloatTypes, Rank(1)), FloatAttribute("epsilon", 1e-5),
                      ChoiceAttribute("layout", {"nchw", "nhwc"})},
       .formula = "(x - mean) / sqrt(variance + epsilon) * scale + bias, per batch and channel",
       .infer = InferInstanceNormalization,
       .decompose = DecomposeInstanceNormalization},
      {.type = "layerNormalization",
       .operands = {{.name = "input", .types = kFloatTypes}},
       .attributes = {OperandAttribute("scale", kFloatTypes, kAnyRank),
                      OperandAttribute("bias", kFloatTypes, kAnyRank), OptionalUints("axes"),
                      FloatAttribute("epsilon", 1e-5)},
       .formula = "(x - mean) / sqrt(variance + epsilon) * scale + bias, mean and variance along axes",
       .infer = InferLayerNormalization,
       .decompose = DecomposeLayerNormalization},
  };
}

}  // namespace modeld
