// Elementwise functions of bounds, with the tolerance of each.
//
// A result is the exact interval of the function, widened by what a backend may be off by:
//   - whatever moves, compares, selects, converts or rounds to integers, and all of integers: nothing;
//   - add, sub, mul, div, sqrt, reciprocal: nothing where the exact result is a number of the type, else
//     4 units of 2^-24 relative;
//   - exp, log, sin, cos, tan, tanh, erf, sigmoid, pow: 2e-6 relative and 3e-7 absolute, a tenth of what
//     engine/testing allows;
//   - sums of n terms: (n + 16) * 2^-23 of the sum of their absolute values, nothing for integers of less
//     than 2^24 in sum;
//   - float16: all of this, then one rounding to float16 either way;
//   - what is smaller than the type's least normal number may be flushed to 0.
#ifndef MODELD_TESTS_FUZZ_BOUND_FUNCTIONS_H_
#define MODELD_TESTS_FUZZ_BOUND_FUNCTIONS_H_

#include "engine/core/core_graph.h"
#include "tests/fuzz/bound.h"

namespace modeld::fuzz {

// Half a unit in the last place of 1, in float32.
inline constexpr Real kUnit = 0x1p-24L;
// Of the basic operations, relative.
inline constexpr Real kBasicError = 4 * kUnit;

// `type`: that of the operands.
Bound Apply(core::UnaryFunction function, DataType type, const Bound& x);
Bound Apply(core::BinaryFunction function, DataType type, const Bound& a, const Bound& b);
Bound Apply(core::Comparison comparison, const Bound& a, const Bound& b);
Bound Select(const Bound& condition, const Bound& a, const Bound& b);
Bound Cast(const Bound& x, DataType from, DataType to);

// What `exact` may become as an element of the float type: widened by `relative` and `absolute`, unless it
// is one number of the type and `keeps_exact`.
Bound Rounded(DataType type, Bound exact, Real relative, Real absolute, bool keeps_exact);
// The nearest number of the float type.
Real NearestOf(DataType type, Real value);
// The product without any rounding.
Bound ExactProduct(const Bound& a, const Bound& b);
// An integer's two's complement.
uint64_t Bits(Real value);
// The integer modulo the type's range.
Real Wrapped(DataType type, uint64_t bits);

// A sum or product of any number of terms, as backends compute it in float32 at least, in any order; integers
// wrap. Not thread-safe.
class Accumulator {
 public:
  explicit Accumulator(DataType type) : type_(type) {}

  void AddTerm(const Bound& term);
  // The sum. `factor` scales it, for means.
  Bound Sum(Real factor = 1) const;

 private:
  DataType type_;
  uint64_t bits_ = 0;
  Bound sum_ = Point(0);
  // Of the finite ends of all terms.
  Real absolute_ = 0;
  uint64_t count_ = 0;
  bool is_integer_ = true;
  bool is_finite_ = true;
  bool has_positive_ = false, has_negative_ = false;
};

// The product of all elements, likewise.
Bound ProductOf(DataType type, const std::vector<Bound>& factors);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BOUND_FUNCTIONS_H_
