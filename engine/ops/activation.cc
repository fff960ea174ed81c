// Activation functions. Float16 is computed in float32 where a formula rounds more than once
// (shared_rules.h).
#include <numbers>

#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::BinaryFunction;
using core::Comparison;
using core::CoreBuilder;
using core::UnaryFunction;
using core::ValueId;

// relu(x) = max(0, x)
Values DecomposeRelu(DecomposeContext& c) {
  return {c.b.MaxScalar(c.input(), 0)};
}

template <UnaryFunction kFunction>
Values DecomposeUnary(DecomposeContext& c) {
  return {c.b.Apply(kFunction, c.input())};
}

// exp(x) - 1 for x <= 0. Near 0 the difference would cancel: there (u - 1) * x / ln(u) with u = exp(x), whose
// rounding errors cancel instead (W. Kahan), and x itself where u rounds to 1.
ValueId ExpMinusOne(CoreBuilder& b, ValueId x) {
  const ValueId u = b.Apply(UnaryFunction::kExp, x);
  const ValueId difference = b.SubScalar(u, 1);
  const ValueId corrected = b.Div(b.Mul(difference, x), b.Apply(UnaryFunction::kLog, u));
  const ValueId u_is_one = b.Apply(Comparison::kEqual, u, b.Scalar(b.type(u), 1));
  const ValueId is_near = b.Apply(Comparison::kGreater, x, b.Scalar(b.type(x), -0.5));
  return b.SelectIf(is_near, b.SelectIf(u_is_one, x, corrected), difference);
}

// ln(1 + u) for u in [0, 1]: ln(w) * u / (w - 1) with w = 1 + u, and u itself where w rounds to 1 (W. Kahan).
ValueId LogOnePlus(CoreBuilder& b, ValueId u) {
  const ValueId w = b.AddScalar(u, 1);
  const ValueId corrected = b.Mul(b.Apply(UnaryFunction::kLog, w), b.Div(u, b.SubScalar(w, 1)));
  const ValueId w_is_one = b.Apply(Comparison::kEqual, w, b.Scalar(b.type(w), 1));
  return b.SelectIf(w_is_one, u, corrected);
}

// elu(x) = max(0, x) + alpha * (exp(min(0, x)) - 1)
Values DecomposeElu(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.Add(c.b.MaxScalar(x, 0),
                   c.b.MulScalar(ExpMinusOne(c.b, c.b.MinScalar(x, 0)), c.Float("alpha")));
  })};
}

// leakyRelu(x) = max(0, x) + alpha * min(0, x)
Values DecomposeLeakyRelu(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.Add(c.b.MaxScalar(x, 0), c.b.MulScalar(c.b.MinScalar(x, 0), c.Float("alpha")));
  })};
}

// prelu(x) = max(0, x) + slope * min(0, x)
Values DecomposePrelu(DecomposeContext& c) {
  const ValueId slope = Widened(c.b, c.input(1));
  return {InFloat32(c.b, c.input(0), [&](ValueId x) {
    return c.b.Add(c.b.MaxScalar(x, 0), c.b.Mul(slope, c.b.MinScalar(x, 0)));
  })};
}

// alpha * x + beta
ValueId Line(DecomposeContext& c, ValueId x) {
  return c.b.AddScalar(c.b.MulScalar(x, c.Float("alpha")), c.Float("beta"));
}

// hardSigmoid(x) = max(0, min(1, alpha * x + beta))
Values DecomposeHardSigmoid(DecomposeContext& c) {
  return {
      InFloat32(c.b, c.input(), [&](ValueId x) { return c.b.MaxScalar(c.b.MinScalar(Line(c, x), 1), 0); })};
}

// hardSwish(x) = x * max(0, min(6, x + 3)) / 6
Values DecomposeHardSwish(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.DivScalar(c.b.Mul(x, c.b.MaxScalar(c.b.MinScalar(c.b.AddScalar(x, 3), 6), 0)), 6);
  })};
}

// gelu(x) = 0.5 * x * (1 + erf(x / sqrt(2)))
Values DecomposeGelu(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    const ValueId erf = c.b.Apply(UnaryFunction::kErf, c.b.DivScalar(x, std::numbers::sqrt2));
    return c.b.Mul(c.b.MulScalar(x, 0.5), c.b.AddScalar(erf, 1));
  })};
}

// softplus(x) = ln(1 + exp(x)) = max(0, x) + ln(1 + exp(-|x|)), which does not overflow.
Values DecomposeSoftplus(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    const ValueId negative = c.b.Apply(UnaryFunction::kNeg, c.b.Apply(UnaryFunction::kAbs, x));
    return c.b.Add(c.b.MaxScalar(x, 0), LogOnePlus(c.b, c.b.Apply(UnaryFunction::kExp, negative)));
  })};
}

// softsign(x) = x / (1 + |x|)
Values DecomposeSoftsign(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    return c.b.Div(x, c.b.AddScalar(c.b.Apply(UnaryFunction::kAbs, x), 1));
  })};
}

// linear(x) = alpha * x + beta
Values DecomposeLinear(DecomposeContext& c) {
  return {InFloat32(c.b, c.input(), [&](ValueId x) { return Line(c, x); })};
}

InferResult InferSoftmax(InferContext& c) {
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", c.Uint("axis")));
  return SameAsInput(c);
}

// softmax(x) = e / sum(e) with e = exp(x - max(x)), along one axis.
Values DecomposeSoftmax(DecomposeContext& c) {
  const std::vector<uint32_t> axes = {c.Uint("axis")};
  return {InFloat32(c.b, c.input(), [&](ValueId x) {
    const ValueId greatest = c.b.ReduceAlong(core::ReduceFunction::kMax, x, axes, true);
    const ValueId e = c.b.Apply(UnaryFunction::kExp, c.b.Sub(x, greatest));
    return c.b.Div(e, c.b.ReduceAlong(core::ReduceFunction::kSum, e, axes, true));
  })};
}

OpSchema Row(absl::string_view type, absl::string_view formula, DecomposeFunction decompose,
             std::vector<AttributeSchema> attributes = {}, TypeSet types = kFloatTypes) {
  return {.type = type,
          .operands = {{.name = "input", .types = types}},
          .attributes = std::move(attributes),
          .formula = formula,
          .infer = SameAsInput,
          .decompose = decompose};
}

}  // namespace

std::vector<OpSchema> ActivationOps() {
  return {
      Row("elu", "max(0, x) + alpha * (exp(min(0, x)) - 1)", DecomposeElu, {FloatAttribute("alpha", 1)}),
      Row("gelu", "0.5 * x * (1 + erf(x / sqrt(2)))", DecomposeGelu),
      Row("hardSigmoid", "max(0, min(1, alpha * x + beta))", DecomposeHardSigmoid,
          {FloatAttribute("alpha", 0.2), FloatAttribute("beta", 0.5)}),
      Row("hardSwish", "x * max(0, min(6, x + 3)) / 6", DecomposeHardSwish),
      Row("leakyRelu", "max(0, x) + alpha * min(0, x)", DecomposeLeakyRelu, {FloatAttribute("alpha", 0.01)}),
      Row("linear", "alpha * x + beta", DecomposeLinear,
          {FloatAttribute("alpha", 1), FloatAttribute("beta", 0)}),
      {.type = "prelu",
       .operands = {{.name = "input", .types = kSignedTypes},
                    {.name = "slope", .types = kSignedTypes, .same_type_as = 0}},
       .formula = "max(0, x) + slope * min(0, x)",
       .infer = BroadcastOfInputs,
       .decompose = DecomposePrelu},
      Row("relu", "max(0, x)", DecomposeRelu, {}, kSignedTypes),
      Row("sigmoid", "1 / (1 + exp(-x))", DecomposeUnary<UnaryFunction::kSigmoid>),
      {.type = "softmax",
       .operands = {{.name = "input", .types = kFloatTypes, .ranks = RankAtLeast(1)}},
       .attributes = {RequiredUint("axis")},
       .formula = "exp(x - max(x)) / sum(exp(x - max(x))) along axis",
       .infer = InferSoftmax,
       .decompose = DecomposeSoftmax},
      Row("softplus", "max(0, x) + ln(1 + exp(-|x|))", DecomposeSoftplus),
      Row("softsign", "x / (1 + |x|)", DecomposeSoftsign),
      Row("tanh", "tanh(x)", DecomposeUnary<UnaryFunction::kTanh>),
  };
}

}  // namespace modeld
