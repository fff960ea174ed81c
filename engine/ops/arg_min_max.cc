// argMin, argMax. Of equal elements the first one is meant; a NaN counts as the extreme one, as in reduceMin
// and reduceMax.
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/positions.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::ValueId;

// Every position fits every output type: the greatest dimension is int32's greatest value.
InferResult InferArgMinMax(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  Shape shape = c.input().shape;
  if (c.Bool("keepDimensions")) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + axis);
  }
  return One({c.Type("outputDataType"), std::move(shape)});
}

// reduceMin(where(x == extreme or x is NaN, position, size)) with extreme = reduceMin(x) or reduceMax(x)
template <core::ReduceFunction kExtreme>
Values DecomposeArgMinMax(DecomposeContext& c) {
  const ValueId x = c.input();
  const uint32_t axis = c.Uint("axis");
  const Shape shape = c.b.shape(x);
  const ValueId extreme = c.b.ReduceAlong(kExtreme, x, {axis}, true);
  ValueId is_extreme = c.b.Apply(core::Comparison::kEqual, x, extreme);
  if (IsFloat(c.b.type(x))) {
    const ValueId is_nan = c.b.Apply(core::UnaryFunction::kIsNaN, x);
    is_extreme = c.b.Apply(core::BinaryFunction::kLogicalOr, is_extreme, is_nan);
  }
  Shape along_axis(shape.size(), 1);
  along_axis[axis] = shape[axis];
  const ValueId positions =
      c.b.ReshapeTo(Positions(c.b, DataType::kInt32, shape[axis], 0, 1), std::move(along_axis));
  const ValueId candidates =
      c.b.SelectIf(is_extreme, positions, c.b.IntegerScalar(DataType::kInt32, shape[axis]));
  const ValueId first =
      c.b.ReduceAlong(core::ReduceFunction::kMin, candidates, {axis}, c.Bool("keepDimensions"));
  return {c.b.CastTo(first, c.Type("outputDataType"))};
}

OpSchema Row(absl::string_view type, absl::string_view formula, DecomposeFunction decompose) {
  return {.type = type,
          .operands = {{.name = "input", .ranks = RankAtLeast(1)}},
          .attributes = {RequiredUint("axis"),
                         BoolAttribute("keepDimensions", false),
                         {.name = "outputDataType",
                          .kind = AttributeKind::kDataType,
                          .default_value = DataType::kInt32,
                          .types = {DataType::kInt32, DataType::kInt64}}},
          .formula = formula,
          .infer = InferArgMinMax,
          .decompose = decompose};
}

}  // namespace

std::vector<OpSchema> ArgMinMaxOps() {
  using R = core::ReduceFunction;
  return {
      Row("argMin", "first position of min(x) along axis", DecomposeArgMinMax<R::kMin>),
      Row("argMax", "first position of max(x) along axis", DecomposeArgMinMax<R::kMax>),
  };
}

}  // namespace modeld
