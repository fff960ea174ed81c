#include "tests/fuzz/bound_functions.h"

#include <cmath>
#include <numbers>

#include "engine/graph/float16.h"
#include "tests/fuzz/bound_integers.h"

namespace modeld::fuzz {
namespace {

using core::BinaryFunction;
using core::Comparison;
using core::UnaryFunction;

constexpr Real kFunctionRelative = 2e-6L;
constexpr Real kFunctionAbsolute = 3e-7L;
constexpr Real kPi = std::numbers::pi_v<Real>;

struct FloatLimits {
  Real greatest, least_normal, rounding;
};
FloatLimits LimitsOf(DataType type) {
  if (type == DataType::kFloat16) return {65504, 0x1p-14L, 0x1p-11L};
  return {std::numeric_limits<float>::max(), std::numeric_limits<float>::min(), 0};
}

// One end of an interval, moved outward by the errors: `direction` -1 or 1.
Real Widened(DataType type, Real end, Real relative, Real absolute, int direction) {
  if (std::isinf(end)) return end;
  const FloatLimits limits = LimitsOf(type);
  Real error = absolute + (relative + limits.rounding) * std::fabs(end);
  if (type == DataType::kFloat16) error += 0x1p-25L;
  if (std::fabs(end) < 2 * limits.least_normal) {
    error = std::max(error, type == DataType::kFloat16 ? 0 : limits.least_normal);
  }
  const Real moved = end + direction * error;
  // Beyond the greatest number plus half a unit there are infinities only.
  const Real overflow = limits.greatest * (1 + (type == DataType::kFloat16 ? 0x1p-12L : 0x1p-25L));
  if (direction > 0)
    return moved > limits.greatest ? kInfinity : moved < -overflow ? -limits.greatest : moved;
  return moved < -limits.greatest ? -kInfinity : moved > overflow ? limits.greatest : moved;
}

Bound Function(DataType type, Bound exact) {
  return Rounded(type, exact, kFunctionRelative, kFunctionAbsolute, false);
}
Bound Basic(DataType type, Bound exact) {
  return Rounded(type, exact, kBasicError, 0, true);
}

// A function that never decreases.
template <typename F>
Bound Increasing(const Bound& x, F f) {
  return {f(x.lo), f(x.hi), x.nan};
}

// sin or cos: the function is `f`, its greatest value lies at `peak` modulo 2 pi.
template <typename F>
Bound Wave(const Bound& x, F f, Real peak) {
  if (x.is_point() && std::isinf(x.lo)) return Nan();
  if (std::isinf(x.lo) || std::isinf(x.hi)) return {-1, 1, MayBeNan::kPerhaps};
  if (x.hi - x.lo >= 2 * kPi) return {-1, 1, x.nan};
  const auto holds = [&](Real extreme) {
    return std::floor((x.hi - extreme) / (2 * kPi)) >= std::ceil((x.lo - extreme) / (2 * kPi));
  };
  const Real a = f(x.lo);
  const Real b = f(x.hi);
  return {holds(peak + kPi) ? -1 : std::min(a, b), holds(peak) ? 1 : std::max(a, b), x.nan};
}

Bound Tan(const Bound& x) {
  if (x.is_point() && std::isinf(x.lo)) return Nan();
  if (std::isinf(x.lo) || std::isinf(x.hi)) return Anything(DataType::kFloat32);
  const bool pole = std::floor(x.hi / kPi - 0.5L) >= std::ceil(x.lo / kPi - 0.5L);
  // The wider an interval, the more poles.
  if (x.hi - x.lo >= kPi || pole) return {-kInfinity, kInfinity, x.nan};
  // Near a pole the result is as uncertain as the reduced argument.
  const Real steep = 1 + std::max(std::tan(x.lo) * std::tan(x.lo), std::tan(x.hi) * std::tan(x.hi));
  return {std::tan(x.lo) - steep * 2 * kUnit, std::tan(x.hi) + steep * 2 * kUnit, x.nan};
}

// For functions of the numbers from 0 on.
template <typename F>
Bound FromZero(const Bound& x, F f) {
  if (x.nan == MayBeNan::kYes || x.hi < 0) return Nan();
  return {f(std::max<Real>(x.lo, 0)), f(x.hi), x.lo < 0 ? MayBeNan::kPerhaps : x.nan};
}

Bound Divided(const Bound& a, const Bound& b) {
  const bool zero_by_zero = a.Has(0) && b.Has(0);
  const bool by_itself = (std::isinf(a.lo) || std::isinf(a.hi)) && (std::isinf(b.lo) || std::isinf(b.hi));
  MayBeNan nan = std::max(a.nan, b.nan);
  if (zero_by_zero || by_itself) {
    if (a.is_point() && b.is_point()) return Nan();
    nan = std::max(nan, MayBeNan::kPerhaps);
  }
  // The sign of a zero is not known.
  if (b.Has(0)) return {-kInfinity, kInfinity, nan};
  Bound result = {kInfinity, -kInfinity, nan};
  for (const Real x : {a.lo, a.hi}) {
    for (const Real y : {b.lo, b.hi}) {
      const Real quotient = std::isinf(x) && std::isinf(y) ? 0 : x / y;
      result.lo = std::min(result.lo, quotient);
      result.hi = std::max(result.hi, quotient);
    }
  }
  if (by_itself) return {-kInfinity, kInfinity, nan};
  return result;
}

Bound Power(const Bound& a, const Bound& b) {
  if (b.is_point() && b.lo == 0) return Point(1);
  if (a.is_point() && a.lo == 1 && b.nan == MayBeNan::kNo) return Point(1);
  if (a.nan == MayBeNan::kYes && b.nan == MayBeNan::kNo && !b.Has(0)) return Nan();
  if (a.nan != MayBeNan::kNo || b.nan != MayBeNan::kNo) return Anything(DataType::kFloat32);
  if (a.is_point() && b.is_point()) {
    if (a.lo == 0 && b.lo < 0) return {-kInfinity, kInfinity};
    const Real value = std::pow(a.lo, b.lo);
    return std::isnan(value) ? Nan() : Point(value);
  }
  if (a.lo <= 0 || std::isinf(a.hi) || std::isinf(b.lo) || std::isinf(b.hi)) {
    return Anything(DataType::kFloat32);
  }
  Bound result = {kInfinity, -kInfinity};
  for (const Real x : {a.lo, a.hi}) {
    for (const Real y : {b.lo, b.hi}) {
      result.lo = std::min(result.lo, std::pow(x, y));
      result.hi = std::max(result.hi, std::pow(x, y));
    }
  }
  return result;
}

Bound FloatBinary(BinaryFunction function, DataType type, const Bound& a, const Bound& b) {
  if (function == BinaryFunction::kPow) {
    const Bound exact = Power(a, b);
    return exact.is_point() && exact.lo == 1 ? exact : Function(type, exact);
  }
  if (a.nan == MayBeNan::kYes || b.nan == MayBeNan::kYes) return Nan();
  const MayBeNan nan = std::max(a.nan, b.nan);
  switch (function) {
    case BinaryFunction::kSub:
      return FloatBinary(BinaryFunction::kAdd, type, a, {-b.hi, -b.lo, b.nan});
    case BinaryFunction::kAdd: {
      const bool opposite =
          (a.hi == kInfinity && b.lo == -kInfinity) || (a.lo == -kInfinity && b.hi == kInfinity);
      if (opposite && a.is_point() && b.is_point()) return Nan();
      if (opposite) return Anything(type);
      return Basic(type, {a.lo + b.lo, a.hi + b.hi, nan});
    }
    case BinaryFunction::kMul:
      return Basic(type, ExactProduct(a, b));
    case BinaryFunction::kDiv:
      return Basic(type, Divided(a, b));
    case BinaryFunction::kMax:
      return {std::max(a.lo, b.lo), std::max(a.hi, b.hi), nan};
    default:
      return {std::min(a.lo, b.lo), std::min(a.hi, b.hi), nan};
  }
}

}  // namespace

Real NearestOf(DataType type, Real value) {
  if (type == DataType::kFloat32) return static_cast<float>(value);
  // Odd rounding to double in between would do harm only beyond its 53 bits, which no element has.
  return HalfToFloat(FloatToHalf(static_cast<double>(value)));
}

Bound Rounded(DataType type, Bound exact, Real relative, Real absolute, bool keeps_exact) {
  if (exact.nan == MayBeNan::kYes) return exact;
  if (keeps_exact && exact.is_point() && NearestOf(type, exact.lo) == exact.lo) return exact;
  return {Widened(type, exact.lo, relative, absolute, -1), Widened(type, exact.hi, relative, absolute, 1),
          exact.nan};
}

Bound ExactProduct(const Bound& a, const Bound& b) {
  MayBeNan nan = std::max(a.nan, b.nan);
  if (nan == MayBeNan::kYes) return Nan();
  const bool zero_by_infinity = (a.Has(0) && (std::isinf(b.lo) || std::isinf(b.hi))) ||
                                (b.Has(0) && (std::isinf(a.lo) || std::isinf(a.hi)));
  if (zero_by_infinity && a.is_point() && b.is_point()) return Nan();
  if (zero_by_infinity) nan = MayBeNan::kPerhaps;
  Bound result = {kInfinity, -kInfinity, nan};
  for (const Real x : {a.lo, a.hi}) {
    for (const Real y : {b.lo, b.hi}) {
      const Real product = x == 0 || y == 0 ? 0 : x * y;
      result.lo = std::min(result.lo, product);
      result.hi = std::max(result.hi, product);
    }
  }
  return result;
}

Bound Apply(UnaryFunction function, DataType type, const Bound& x) {
  switch (function) {
    case UnaryFunction::kIdentity:
      return x;
    case UnaryFunction::kIsNaN:
      return Truth(x.nan != MayBeNan::kYes, x.nan != MayBeNan::kNo);
    case UnaryFunction::kIsInfinite:
      if (x.nan == MayBeNan::kYes) return Point(0);
      return Truth(x.nan != MayBeNan::kNo || !std::isinf(x.lo) || x.lo != x.hi,
                   std::isinf(x.lo) || std::isinf(x.hi));
    case UnaryFunction::kLogicalNot:
      return Truth(MayBeTrue(x), MayBeFalse(x));
    default:
      break;
  }
  if (x.nan == MayBeNan::kYes) return x;
  if (!IsFloat(type)) return IntegerUnary(function, type, x);
  switch (function) {
    case UnaryFunction::kAbs:
      return Abs(x);
    case UnaryFunction::kNeg:
      return {-x.hi, -x.lo, x.nan};
    case UnaryFunction::kSign:
      return Increasing(x, Sign);
    case UnaryFunction::kCeil:
      return Increasing(x, [](Real v) { return std::ceil(v); });
    case UnaryFunction::kFloor:
      return Increasing(x, [](Real v) { return std::floor(v); });
    case UnaryFunction::kRoundEven:
      return Increasing(x, [](Real v) { return std::nearbyint(v); });
    case UnaryFunction::kSqrt:
      return Basic(type, FromZero(x, [](Real v) { return std::sqrt(v); }));
    case UnaryFunction::kReciprocal:
      return Basic(type, Divided(Point(1), x));
    case UnaryFunction::kExp:
      return Function(type, Increasing(x, [](Real v) { return std::exp(v); }));
    case UnaryFunction::kLog:
      return Function(type, FromZero(x, [](Real v) { return std::log(v); }));
    case UnaryFunction::kSin:
      return Function(type, Wave(
                                x, [](Real v) { return std::sin(v); }, kPi / 2));
    case UnaryFunction::kCos:
      return Function(type, Wave(
                                x, [](Real v) { return std::cos(v); }, 0));
    case UnaryFunction::kTan:
      return Function(type, Tan(x));
    case UnaryFunction::kTanh:
      return Function(type, Increasing(x, [](Real v) { return std::tanh(v); }));
    case UnaryFunction::kErf:
      return Function(type, Increasing(x, [](Real v) { return std::erf(v); }));
    default:
      return Function(type, Increasing(x, [](Real v) { return 1 / (1 + std::exp(-v)); }));
  }
}

Bound Apply(BinaryFunction function, DataType type, const Bound& a, const Bound& b) {
  if (function == BinaryFunction::kLogicalAnd || function == BinaryFunction::kLogicalOr ||
      function == BinaryFunction::kLogicalXor) {
    return Logical(function, a, b);
  }
  return IsFloat(type) ? FloatBinary(function, type, a, b) : IntegerBinary(function, type, a, b);
}

Bound Apply(Comparison comparison, const Bound& a, const Bound& b) {
  const bool nan = a.nan != MayBeNan::kNo || b.nan != MayBeNan::kNo;
  const bool numbers = a.nan != MayBeNan::kYes && b.nan != MayBeNan::kYes;
  switch (comparison) {
    case Comparison::kEqual:
      return Truth(nan || !(a.is_point() && b.is_point() && a.lo == b.lo),
                   numbers && a.lo <= b.hi && b.lo <= a.hi);
    case Comparison::kNotEqual: {
      const Bound equal = Apply(Comparison::kEqual, a, b);
      return {1 - equal.hi, 1 - equal.lo};
    }
    case Comparison::kGreater:
      return Truth(nan || a.lo <= b.hi, numbers && a.hi > b.lo);
    case Comparison::kGreaterOrEqual:
      return Truth(nan || a.lo < b.hi, numbers && a.hi >= b.lo);
    case Comparison::kLesser:
      return Apply(Comparison::kGreater, b, a);
    case Comparison::kLesserOrEqual:
      break;
  }
  return Apply(Comparison::kGreaterOrEqual, b, a);
}

Bound Select(const Bound& condition, const Bound& a, const Bound& b) {
  if (!MayBeFalse(condition)) return a;
  if (!MayBeTrue(condition)) return b;
  return Hull(a, b);
}

Bound Cast(const Bound& x, DataType from, DataType to) {
  if (IsFloat(to)) {
    if (x.nan == MayBeNan::kYes) return x;
    return {NearestOf(to, x.lo), NearestOf(to, x.hi), x.nan};
  }
  const Bound range = RangeOf(to);
  if (!IsFloat(from)) {
    if (x.lo >= range.lo && x.hi <= range.hi) return x;
    return x.is_point() ? Point(Wrapped(to, Bits(x.lo))) : range;
  }
  if (x.nan == MayBeNan::kYes) return Point(0);
  const Bound result =
      Increasing(x, [&](Real v) { return std::min(std::max(std::trunc(v), range.lo), range.hi); });
  const Bound number = {result.lo, result.hi};
  return x.nan == MayBeNan::kPerhaps ? Hull(number, Point(0)) : number;
}

}  // namespace modeld::fuzz
