// Sums and products of many bounds.
#include <cmath>

#include "tests/fuzz/bound_functions.h"

namespace modeld::fuzz {

void Accumulator::AddTerm(const Bound& term) {
  ++count_;
  if (!IsFloat(type_)) {
    bits_ += Bits(term.is_point() ? term.lo : 0);
    is_integer_ = is_integer_ && term.is_point();
    sum_ = {sum_.lo + term.lo, sum_.hi + term.hi};
    return;
  }
  is_integer_ = is_integer_ && term.is_point() && std::trunc(term.lo) == term.lo;
  has_positive_ = has_positive_ || term.hi > 0;
  has_negative_ = has_negative_ || term.lo < 0;
  const bool opposite =
      (sum_.hi == kInfinity && term.lo == -kInfinity) || (sum_.lo == -kInfinity && term.hi == kInfinity);
  if (sum_.nan == MayBeNan::kYes || term.nan == MayBeNan::kYes ||
      (opposite && sum_.lo == sum_.hi && term.lo == term.hi)) {
    const bool sure = (sum_.nan == MayBeNan::kYes || term.nan == MayBeNan::kYes ||
                       (sum_.nan == MayBeNan::kNo && term.nan == MayBeNan::kNo));
    sum_ = sure ? Nan() : Anything(DataType::kFloat32);
    return;
  }
  if (opposite) {
    sum_ = Anything(DataType::kFloat32);
    return;
  }
  for (const Real end : {term.lo, term.hi}) is_finite_ = is_finite_ && !std::isinf(end);
  const Real most =
      std::max(std::isinf(term.lo) ? 0 : std::fabs(term.lo), std::isinf(term.hi) ? 0 : std::fabs(term.hi));
  absolute_ += most;
  sum_ = {sum_.lo + term.lo, sum_.hi + term.hi, std::max(sum_.nan, term.nan)};
}

Bound Accumulator::Sum(Real factor) const {
  if (!IsFloat(type_)) {
    if (is_integer_) return Point(Wrapped(type_, bits_));
    const Bound range = RangeOf(type_);
    return sum_.lo >= range.lo && sum_.hi <= range.hi && std::fabs(sum_.lo) < 0x1p62L && sum_.hi < 0x1p62L
               ? sum_
               : range;
  }
  if (sum_.nan == MayBeNan::kYes) return sum_;
  const bool exact = is_integer_ && is_finite_ && absolute_ < 0x1p24L;
  if (exact && factor == 1) return Rounded(type_, sum_, 0, 0, true);
  Bound sum = sum_;
  if (!exact) {
    const Real error = static_cast<Real>(count_ + 16) * 2 * kUnit * absolute_;
    sum.lo -= error;
    sum.hi += error;
    // Terms smaller than float32's least normal number may have been flushed.
    sum.lo -= static_cast<Real>(count_) * 0x1p-126L;
    sum.hi += static_cast<Real>(count_) * 0x1p-126L;
  }
  // Partial sums may overflow where the sum does not.
  if (absolute_ * 1.01L > std::numeric_limits<float>::max()) {
    if (has_positive_ && has_negative_) return Anything(type_);
    (has_positive_ ? sum.hi : sum.lo) = has_positive_ ? kInfinity : -kInfinity;
  }
  return Rounded(type_, {sum.lo * factor, sum.hi * factor, sum.nan}, exact ? 2 * kUnit : kBasicError, 0,
                 true);
}

Bound ProductOf(DataType type, const std::vector<Bound>& factors) {
  if (!IsFloat(type)) {
    Bound product = Point(1);
    for (const Bound& factor : factors) {
      product = Apply(core::BinaryFunction::kMul, type, product, factor);
    }
    return product;
  }
  Bound product = Point(1);
  Real large = 1;
  Real small = 1;
  bool integers = true;
  for (const Bound& factor : factors) {
    product = ExactProduct(product, factor);
    const Real most = std::max(std::fabs(factor.lo), std::fabs(factor.hi));
    const Real least = factor.Has(0) ? 0 : std::min(std::fabs(factor.lo), std::fabs(factor.hi));
    large *= std::max<Real>(most, 1);
    if (least != 0) small *= std::min<Real>(least, 1);
    integers = integers && factor.is_point() && std::trunc(factor.lo) == factor.lo;
  }
  if (product.nan == MayBeNan::kYes) return product;
  const bool overflows = large > std::numeric_limits<float>::max();
  // A partial product that overflows meets a factor of 0, or one that was flushed to it.
  if (overflows && (product.Has(0) || small < 0x1p-126L)) return Anything(type);
  if (integers && large < 0x1p24L) return Rounded(type, product, 0, 0, true);
  if (overflows) {
    if (product.hi > 0) product.hi = kInfinity;
    if (product.lo < 0) product.lo = -kInfinity;
  }
  if (small < 0x1p-126L) product = Hull(product, Point(0));
  return Rounded(type, product, static_cast<Real>(factors.size() + 4) * 2 * kUnit, 0, false);
}

}  // namespace modeld::fuzz
