#include "tests/fuzz/bound_integers.h"

#include <cmath>

#include "tests/fuzz/bound_functions.h"

namespace modeld::fuzz {

using core::BinaryFunction;
using core::UnaryFunction;

namespace {

// base to the power exponent modulo 2^64; a negative exponent gives the quotient of 1 by the power,
// truncated.
uint64_t IntegerPower(Real base, Real exponent) {
  if (exponent < 0) {
    if (base == 1) return 1;
    if (base == -1) return std::fmod(exponent, 2) == 0 ? 1 : ~uint64_t{0};
    return 0;
  }
  uint64_t result = 1;
  uint64_t factor = Bits(base);
  for (uint64_t left = Bits(exponent); left != 0; left >>= 1) {
    if (left & 1) result *= factor;
    factor *= factor;
  }
  return result;
}

}  // namespace

Bound Abs(const Bound& x) {
  if (x.lo >= 0) return x;
  if (x.hi <= 0) return {-x.hi, -x.lo, x.nan};
  return {0, std::max(-x.lo, x.hi), x.nan};
}

uint64_t Bits(Real value) {
  return value < 0 ? static_cast<uint64_t>(static_cast<int64_t>(value)) : static_cast<uint64_t>(value);
}

Real Wrapped(DataType type, uint64_t bits) {
  switch (type) {
    case DataType::kInt32:
      return static_cast<int32_t>(bits);
    case DataType::kUint32:
      return static_cast<uint32_t>(bits);
    case DataType::kInt64:
      return static_cast<Real>(static_cast<int64_t>(bits));
    case DataType::kInt8:
      return static_cast<int8_t>(bits);
    case DataType::kUint8:
      return static_cast<uint8_t>(bits);
    case DataType::kInt4:
      return static_cast<Real>(static_cast<int>(bits & 7) - static_cast<int>(bits & 8));
    case DataType::kUint4:
      return static_cast<Real>(bits & 15);
    default:
      return static_cast<Real>(bits);
  }
}

Bound IntegerUnary(UnaryFunction function, DataType type, const Bound& x) {
  const Real least = RangeOf(type).lo;
  switch (function) {
    case UnaryFunction::kAbs:
      // The least value has no opposite.
      if (x.lo == least) return x.is_point() ? x : RangeOf(type);
      return Abs(x);
    case UnaryFunction::kNeg:
      if (x.lo == least) return x.is_point() ? x : RangeOf(type);
      return {-x.hi, -x.lo};
    default:
      return {Sign(x.lo), Sign(x.hi)};
  }
}

Bound IntegerBinary(BinaryFunction function, DataType type, const Bound& a, const Bound& b) {
  const Bound range = RangeOf(type);
  const auto fitting = [&](Real lo, Real hi) -> Bound {
    // Beyond 2^63 a sum of two may have been rounded.
    return lo >= range.lo && hi <= range.hi && std::fabs(lo) < 0x1p62L && hi < 0x1p62L ? Bound{lo, hi}
                                                                                       : range;
  };
  const bool points = a.is_point() && b.is_point();
  switch (function) {
    case BinaryFunction::kMax:
      return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
    case BinaryFunction::kMin:
      return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
    case BinaryFunction::kAdd:
      return points ? Point(Wrapped(type, Bits(a.lo) + Bits(b.lo))) : fitting(a.lo + b.lo, a.hi + b.hi);
    case BinaryFunction::kSub:
      return points ? Point(Wrapped(type, Bits(a.lo) - Bits(b.lo))) : fitting(a.lo - b.hi, a.hi - b.lo);
    case BinaryFunction::kMul: {
      if (points) return Point(Wrapped(type, Bits(a.lo) * Bits(b.lo)));
      const Bound product = ExactProduct(a, b);
      return fitting(product.lo, product.hi);
    }
    case BinaryFunction::kDiv:
      if (!points) return range;
      if (b.lo == 0) return Point(0);
      // Only the least value by -1 leaves the range, and wraps to itself.
      if (b.lo == -1) return Point(Wrapped(type, uint64_t{0} - Bits(a.lo)));
      return Point(IsSignedInteger(type)
                       ? static_cast<Real>(static_cast<int64_t>(a.lo) / static_cast<int64_t>(b.lo))
                       : static_cast<Real>(Bits(a.lo) / Bits(b.lo)));
    case BinaryFunction::kPow:
      return points ? Point(Wrapped(type, IntegerPower(a.lo, b.lo))) : range;
    default:
      return range;
  }
}

Bound Logical(BinaryFunction function, const Bound& a, const Bound& b) {
  Bound result = {1, 0};
  for (const bool x : {false, true}) {
    for (const bool y : {false, true}) {
      if (!(x ? MayBeTrue(a) : MayBeFalse(a)) || !(y ? MayBeTrue(b) : MayBeFalse(b))) continue;
      const Real value = function == BinaryFunction::kLogicalAnd  ? x && y
                         : function == BinaryFunction::kLogicalOr ? x || y
                                                                  : x != y;
      result = {std::min(result.lo, value), std::max(result.hi, value)};
    }
  }
  return result;
}

}  // namespace modeld::fuzz
