// Comparing a backend's results with the expected ones.
#ifndef MODELD_ENGINE_TESTING_COMPARE_H_
#define MODELD_ENGINE_TESTING_COMPARE_H_

#include <optional>
#include <string>

#include "engine/testing/tensor.h"

namespace modeld::testing {

// How far a float may be from the expected one: |found - expected| <= absolute + relative * |expected|. Both
// 0: equal. Integers are always compared exactly.
struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

// Nothing when the tensors agree, else where they first do not: `element 7: found 1.5, expected 2`. NaN
// agrees with NaN, an infinity with itself, 0 with -0.
std::optional<std::string> FirstDifference(const Tensor& found, const Tensor& expected, Tolerance tolerance);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_COMPARE_H_
