// Functions of integers and truth values. Internal to bound_functions.cc.
#ifndef MODELD_TESTS_FUZZ_BOUND_INTEGERS_H_
#define MODELD_TESTS_FUZZ_BOUND_INTEGERS_H_

#include "engine/core/core_graph.h"
#include "tests/fuzz/bound.h"

namespace modeld::fuzz {

inline Real Sign(Real value) {
  return value > 0 ? 1 : value < 0 ? -1 : 0;
}
Bound Abs(const Bound& x);

// 0, 1 or either.
inline Bound Truth(bool may_be_false, bool may_be_true) {
  return {may_be_false ? Real{0} : 1, may_be_true ? Real{1} : 0};
}
inline bool MayBeTrue(const Bound& x) {
  return x.lo != 0 || x.hi != 0;
}
inline bool MayBeFalse(const Bound& x) {
  return x.Has(0);
}

Bound IntegerUnary(core::UnaryFunction function, DataType type, const Bound& x);
Bound IntegerBinary(core::BinaryFunction function, DataType type, const Bound& a, const Bound& b);
Bound Logical(core::BinaryFunction function, const Bound& a, const Bound& b);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BOUND_INTEGERS_H_
