// The ten reductions: a function before, one Reduce, a function after. Float16 is computed in float32 where
// that is more than one core operation (shared_rules.h).
#include <algorithm>

#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::ReduceFunction;
using core::UnaryFunction;
using core::ValueId;

InferResult InferReduction(InferContext& c) {
  const TensorDescriptor& input = c.input();
  if (!c.Has("axes")) {
    std::vector<uint32_t> all(input.shape.size());
    for (uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    c.SetUints("axes", all);
  }
  const std::vector<uint32_t> axes = c.Uints("axes");
  MODELD_RETURN_IF_ERROR(CheckAxes(c, "axes", axes));
  Shape output;
  for (uint32_t i = 0; i < input.shape.size(); ++i) {
    const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!reduced) output.push_back(input.shape[i]);
    if (reduced && c.Bool("keepDimensions")) output.push_back(1);
  }
  return One({input.data_type, std::move(output)});
}

ValueId Reduced(DecomposeContext& c, ReduceFunction function, ValueId x) {
  return c.b.ReduceAlong(function, x, c.Uints("axes"), c.Bool("keepDimensions"));
}

// reduceMax, reduceMin, reduceProduct, reduceSum: one Reduce.
template <ReduceFunction kFunction>
Values DecomposePlain(DecomposeContext& c) {
  return {Reduced(c, kFunction, c.input())};
}

// reduceL1 = sum(|x|)
Values DecomposeL1(DecomposeContext& c) {
  const DataType type = c.output().data_type;
  if (!IsFloat(type) && !IsSignedInteger(type)) return {Reduced(c, ReduceFunction::kSum, c.input())};
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return Reduced(c, ReduceFunction::kSum, c.b.Apply(UnaryFunction::kAbs, x));
  })};
}

// reduceSumSquare = sum(x * x)
Values DecomposeSumSquare(DecomposeContext& c) {
  return {
      InFloat32(c.b, c.input(), [&](ValueId x) { return Reduced(c, ReduceFunction::kSum, c.b.Mul(x, x)); })};
}

// reduceL2 = sqrt(sum(x * x))
Values DecomposeL2(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.Apply(UnaryFunction::kSqrt, Reduced(c, ReduceFunction::kSum, c.b.Mul(x, x)));
  })};
}

// reduceLogSum = ln(sum(x))
Values DecomposeLogSum(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.Apply(UnaryFunction::kLog, Reduced(c, ReduceFunction::kSum, x));
  })};
}

// reduceLogSumExp = m + ln(sum(exp(x - m))) with m = max(x), which does not overflow; m = 0 where the maximum
// is infinite, as infinity - infinity is no number.
Values DecomposeLogSumExp(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    const ValueId greatest = c.b.ReduceAlong(ReduceFunction::kMax, x, c.Uints("axes"), true);
    const ValueId m =
        c.b.SelectIf(c.b.Apply(UnaryFunction::kIsInfinite, greatest), c.b.Scalar(c.b.type(x), 0), greatest);
    const ValueId e = c.b.Apply(UnaryFunction::kExp, c.b.Sub(x, m));
    const ValueId log = c.b.Apply(UnaryFunction::kLog, Reduced(c, ReduceFunction::kSum, e));
    return c.b.Add(log, c.b.ReshapeTo(m, c.output().shape));
  })};
}

// reduceMean = sum(x) / count
Values DecomposeMean(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.ReshapeTo(c.b.MeanAlong(x, c.Uints("axes")), c.output().shape);
  })};
}

OpSchema Row(absl::string_view type, TypeSet types, absl::string_view formula, DecomposeFunction decompose) {
  return {.type = type,
          .operands = {{.name = "input", .types = types}},
          .attributes = {OptionalUints("axes"), BoolAttribute("keepDimensions", false)},
          .formula = formula,
          .infer = InferReduction,
          .decompose = decompose};
}

}  // namespace

std::vector<OpSchema> ReductionOps() {
  using R = ReduceFunction;
  return {
      Row("reduceL1", kFloatAndWideIntegerTypes, "sum(|x|)", DecomposeL1),
      Row("reduceL2", kFloatTypes, "sqrt(sum(x * x))", DecomposeL2),
      Row("reduceLogSum", kFloatTypes, "ln(sum(x))", DecomposeLogSum),
      Row("reduceLogSumExp", kFloatTypes, "m + ln(sum(exp(x - m))) with m = max(x)", DecomposeLogSumExp),
      Row("reduceMax", kAnyType, "max(x)", DecomposePlain<R::kMax>),
      Row("reduceMean", kFloatTypes, "sum(x) / count", DecomposeMean),
      Row("reduceMin", kAnyType, "min(x)", DecomposePlain<R::kMin>),
      Row("reduceProduct", kFloatAndWideIntegerTypes, "product(x)", DecomposePlain<R::kProduct>),
      Row("reduceSum", kFloatAndWideIntegerTypes, "sum(x)", DecomposePlain<R::kSum>),
      Row("reduceSumSquare", kFloatAndWideIntegerTypes, "sum(x * x)", DecomposeSumSquare),
  };
}

}  // namespace modeld
