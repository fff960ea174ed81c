#include "engine/testing/compare.h"

#include <catch2/catch.hpp>
#include <limits>

namespace modeld::testing {
namespace {

Tensor Floats(std::vector<double> values) {
  const auto count = static_cast<uint32_t>(values.size());
  return TensorOf(DataType::kFloat32, {count}, values);
}

TEST_CASE("floats within the tolerance agree, others are named") {
  CHECK_FALSE(FirstDifference(Floats({1, 100}), Floats({1.25, 110}), {.absolute = 0.25, .relative = 0.1}));
  CHECK(FirstDifference(Floats({1, 100}), Floats({1, 112}), {.relative = 0.1}) ==
        "element 1: found 100, expected 112");
  CHECK(FirstDifference(Floats({1}), Floats({1.5}), {}).has_value());
}

TEST_CASE("NaN and infinities agree with themselves only") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  const Tolerance wide = {.absolute = 1e9, .relative = 1e9};
  CHECK_FALSE(FirstDifference(Floats({nan, inf, -inf, 0.0}), Floats({nan, inf, -inf, -0.0}), {}));
  CHECK(FirstDifference(Floats({nan}), Floats({1}), wide).has_value());
  CHECK(FirstDifference(Floats({1}), Floats({nan}), wide).has_value());
  CHECK(FirstDifference(Floats({inf}), Floats({1e30}), wide).has_value());
  CHECK(FirstDifference(Floats({inf}), Floats({-inf}), wide).has_value());
}

TEST_CASE("integers are compared exactly, also where a double could not") {
  Tensor a = TensorOf(DataType::kInt64, {1}, {9007199254740992.0});
  Tensor b = a;
  CHECK_FALSE(FirstDifference(a, b, {}));
  b.bytes[0] = std::byte{1};
  CHECK(FirstDifference(a, b, {.absolute = 100}).has_value());
}

TEST_CASE("tensors of other types or shapes never agree") {
  CHECK(FirstDifference(Floats({1}), TensorOf(DataType::kFloat32, {1, 1}, {1}), {}) ==
        "found float32[1], expected float32[1,1]");
}

}  // namespace
}  // namespace modeld::testing
