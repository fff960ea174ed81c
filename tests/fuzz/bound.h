// What a tensor's element may be on any backend that keeps to its tolerances.
#ifndef MODELD_TESTS_FUZZ_BOUND_H_
#define MODELD_TESTS_FUZZ_BOUND_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/graph/tensor_descriptor.h"

namespace modeld::fuzz {

// Holds every element exactly: 64-bit integers too.
using Real = long double;
inline constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

// Whether the element may be, or is, NaN.
enum class MayBeNan : uint8_t { kNo, kPerhaps, kYes };

// The element lies within [lo, hi], or is NaN where `nan` allows that. With kYes the interval says nothing.
// The sign of a zero is not known.
struct Bound {
  Real lo = 0;
  Real hi = 0;
  MayBeNan nan = MayBeNan::kNo;

  // Exactly one value, no NaN.
  bool is_point() const { return lo == hi && nan == MayBeNan::kNo; }
  bool Has(Real value) const { return lo <= value && value <= hi && nan != MayBeNan::kYes; }
};

inline Bound Point(Real value) {
  return {value, value};
}
inline Bound Nan() {
  return {0, 0, MayBeNan::kYes};
}
// The least and the greatest value of a type; infinities for floats.
Bound RangeOf(DataType type);
// Nothing is known.
inline Bound Anything(DataType type) {
  Bound bound = RangeOf(type);
  if (IsFloat(type)) bound.nan = MayBeNan::kPerhaps;
  return bound;
}
// Either of the two.
inline Bound Hull(const Bound& a, const Bound& b) {
  if (a.nan == MayBeNan::kYes && b.nan == MayBeNan::kYes) return a;
  if (a.nan == MayBeNan::kYes) return {b.lo, b.hi, MayBeNan::kPerhaps};
  if (b.nan == MayBeNan::kYes) return {a.lo, a.hi, MayBeNan::kPerhaps};
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi), std::max(a.nan, b.nan)};
}

// Bounds of all elements of a tensor, row-major.
struct BoundTensor {
  TensorDescriptor descriptor;
  std::vector<Bound> elements;
};

// Bounds of elements that are known, from a buffer of packed bytes.
BoundTensor Known(const TensorDescriptor& descriptor, const std::byte* bytes);
// The element at `index` of a buffer. NaN as NaN.
Real ElementAt(DataType type, const std::byte* bytes, uint64_t index);

// "[1, 1.5]", "3", "anything".
std::string ToString(const Bound& bound);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BOUND_H_
