// resample2d.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/positions.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::CoreBuilder;
using core::ValueId;

// floor(size * scale), and 0 or 2^31 where that is no dimension.
int64_t Scaled(uint32_t size, double scale) {
  return static_cast<int64_t>(std::floor(std::min(size * scale, static_cast<double>(kMaxDimension) + 1)));
}

InferResult InferResample(InferContext& c) {
  TensorDescriptor output = c.input();
  const std::vector<uint32_t> axes = c.Uints("axes");
  MODELD_RETURN_IF_ERROR(CheckAxes(c, "axes", axes));
  std::vector<double> scales = c.Has("scales") ? c.Floats("scales") : std::vector<double>{1, 1};
  for (double& scale : scales) {
    scale = static_cast<float>(scale);
    if (scale > 0 && std::isfinite(scale)) continue;
    return c.Error("scales", absl::StrCat(scale, " is out of range, expected a finite number above 0"),
                   "a finite number above 0", absl::StrCat(scale));
  }
  if (c.Has("scales")) c.Set("scales", scales);
  const std::vector<uint32_t> sizes = c.Has("sizes") ? c.Uints("sizes") : std::vector<uint32_t>{};
  for (size_t i = 0; i < 2; ++i) {
    uint32_t& dimension = output.shape[axes[i]];
    const int64_t size = sizes.empty() ? Scaled(dimension, scales[i]) : sizes[i];
    MODELD_ASSIGN_OR_RETURN(dimension, ToDimension(c, absl::StrCat("output dimension ", axes[i]), size));
  }
  return One(std::move(output));
}

// Where output element o of `out` lies between elements of the input of `in`: at
//   c = clamp((o + 0.5) * in / out - 0.5, 0, in - 1)
// which is the fraction clamp((2 * o + 1) * in - out, 0, 2 * out * (in - 1)) / (2 * out). Exact in int64:
// dimensions are below 2^31.
struct Places {
  ValueId numerators;  // int64, of `out` elements
  int64_t denominator;

  static Places Of(CoreBuilder& b, uint32_t in, uint32_t out) {
    const int64_t denominator = 2 * int64_t{out};
    ValueId n = Positions(b, DataType::kInt64, out, int64_t{in} - out, 2 * int64_t{in});
    n = b.Max(n, b.IntegerScalar(DataType::kInt64, 0));
    n = b.Min(n, b.IntegerScalar(DataType::kInt64, denominator * (in - 1)));
    return {n, denominator};
  }

  // floor(c + offset / denominator), for 0 <= offset < denominator.
  ValueId Floor(CoreBuilder& b, int64_t offset) const {
    const ValueId n = offset == 0 ? numerators : b.Add(numerators, Int64(b, offset));
    return b.Div(n, Int64(b, denominator));
  }
  // c - floor(c) in float32, rounded by less than 2^-22 of itself.
  ValueId Fraction(CoreBuilder& b) const {
    const ValueId rest = b.Sub(numerators, b.Mul(Floor(b, 0), Int64(b, denominator)));
    return b.DivScalar(b.CastTo(rest, DataType::kFloat32), static_cast<double>(denominator));
  }

  static ValueId Int64(CoreBuilder& b, int64_t value) { return b.IntegerScalar(DataType::kInt64, value); }
};

// output = input[ceil(c - 0.5)]
ValueId NearestAlong(CoreBuilder& b, ValueId x, uint32_t axis, uint32_t out) {
  const Places places = Places::Of(b, b.shape(x)[axis], out);
  return b.GatherAlong(x, places.Floor(b, int64_t{out} - 1), axis);
}

// output = input[floor(c)] * (1 - t) + input[ceil(c)] * t with t = c - floor(c)
ValueId LinearAlong(CoreBuilder& b, ValueId x, uint32_t axis, uint32_t out) {
  const Places places = Places::Of(b, b.shape(x)[axis], out);
  Shape along_axis(4, 1);
  along_axis[axis] = out;
  const ValueId t = b.ReshapeTo(places.Fraction(b), std::move(along_axis));
  const ValueId below = b.GatherAlong(x, places.Floor(b, 0), axis);
  const ValueId above = b.GatherAlong(x, places.Floor(b, places.denominator - 1), axis);
  return b.Add(b.Mul(below, b.Sub(b.Scalar(DataType::kFloat32, 1), t)), b.Mul(above, t));
}

// Along the second axis, then along the first one. Integers are interpolated in float32 and rounded to the
// nearest one, halves to even.
Values DecomposeResample(DecomposeContext& c) {
  const std::vector<uint32_t> axes = c.Uints("axes");
  const Shape shape = c.b.shape(c.input());
  const DataType type = c.output().data_type;
  const bool linear = c.String("mode") == "linear";
  ValueId x = linear ? c.b.CastTo(c.input(), DataType::kFloat32) : c.input();
  for (uint32_t axis : {axes[1], axes[0]}) {
    const uint32_t out = c.output().shape[axis];
    if (out == shape[axis]) continue;
    x = linear ? LinearAlong(c.b, x, axis, out) : NearestAlong(c.b, x, axis, out);
  }
  if (linear && !IsFloat(type)) x = c.b.Apply(core::UnaryFunction::kRoundEven, x);
  return {c.b.CastTo(x, type)};
}

}  // namespace

std::vector<OpSchema> ResamplingOps() {
  return {
      {.type = "resample2d",
       .operands = {{.name = "input",
                     .types = {DataType::kFloat32, DataType::kFloat16, DataType::kInt8, DataType::kUint8},
                     .ranks = Rank(4)}},
       .attributes = {ChoiceAttribute("mode", {"nearest-neighbor", "linear"}),
                      {.name = "scales", .kind = AttributeKind::kFloats, .size = 2},
                      OptionalUints("sizes", 2, 1),
                      UintsAttribute("axes", {2, 3})},
       .formula = "input at c = clamp((o + 0.5) * in / out - 0.5, 0, in - 1) along both axes: its element "
                  "ceil(c - 0.5), or linear between floor(c) and ceil(c)",
       .infer = InferResample,
       .decompose = DecomposeResample},
  };
}

}  // namespace modeld
