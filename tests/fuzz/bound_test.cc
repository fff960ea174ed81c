#include "tests/fuzz/bound.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "tests/fuzz/bound_functions.h"

namespace modeld::fuzz {
namespace {

using core::BinaryFunction;
using core::Comparison;
using core::UnaryFunction;

constexpr DataType kF32 = DataType::kFloat32;

// Within `bound`, and the bound no wider than `width`.
void CheckHolds(const Bound& bound, Real value, Real width) {
  INFO(ToString(bound));
  CHECK(bound.Has(value));
  CHECK(bound.hi - bound.lo <= width);
}

TEST_CASE("what is exact stays exact") {
  CHECK(Apply(BinaryFunction::kAdd, kF32, Point(1.5), Point(2)).is_point());
  CHECK(Apply(BinaryFunction::kMul, kF32, Point(-3), Point(7)).lo == -21);
  CHECK(Apply(BinaryFunction::kDiv, kF32, Point(1), Point(4)).lo == 0.25);
  CHECK(Apply(UnaryFunction::kSqrt, kF32, Point(9)).is_point());
  CHECK(Apply(UnaryFunction::kRoundEven, kF32, Point(2.5)).lo == 2);
  CHECK_FALSE(Apply(BinaryFunction::kDiv, kF32, Point(1), Point(3)).is_point());
  CHECK_FALSE(Apply(BinaryFunction::kAdd, DataType::kFloat16, Point(2048), Point(1)).is_point());
}

TEST_CASE("rounded results lie within narrow bounds") {
  CheckHolds(Apply(BinaryFunction::kDiv, kF32, Point(1), Point(3)), 1.0f / 3, 2e-7L);
  CheckHolds(Apply(UnaryFunction::kExp, kF32, Point(1)), std::exp(1.0f), 2e-4L);
  CheckHolds(Apply(UnaryFunction::kSin, kF32, {1.5L, 1.7L}), 1, 0.02L);
  CheckHolds(Apply(UnaryFunction::kCos, kF32, {-0.1L, 0.1L}), 1, 0.01L);
  CheckHolds(Apply(BinaryFunction::kPow, kF32, Point(2), Point(0.5)), std::sqrt(2.0L), 1e-4L);
}

TEST_CASE("NaN and infinities follow IEEE 754") {
  const auto nan = [](const Bound& bound) { return bound.nan == MayBeNan::kYes; };
  CHECK(nan(Apply(BinaryFunction::kSub, kF32, Point(kInfinity), Point(kInfinity))));
  CHECK(nan(Apply(BinaryFunction::kMul, kF32, Point(0), Point(kInfinity))));
  CHECK(nan(Apply(BinaryFunction::kDiv, kF32, Point(0), Point(0))));
  CHECK(nan(Apply(BinaryFunction::kMax, kF32, Nan(), Point(1))));
  CHECK(nan(Apply(UnaryFunction::kLog, kF32, Point(-1))));
  CHECK(nan(Apply(UnaryFunction::kSin, kF32, Point(kInfinity))));
  CHECK(Apply(UnaryFunction::kExp, kF32, Point(-kInfinity)).Has(0));
  CHECK(Apply(UnaryFunction::kSqrt, kF32, {-1, 4}).nan == MayBeNan::kPerhaps);
  CHECK(Apply(BinaryFunction::kPow, kF32, Nan(), Point(0)).lo == 1);
  CHECK(Apply(Comparison::kEqual, Nan(), Nan()).hi == 0);
  CHECK(Apply(Comparison::kNotEqual, Nan(), Point(1)).lo == 1);
  CHECK(Cast(Nan(), kF32, DataType::kInt32).lo == 0);
  CHECK(Cast(Point(1e30L), kF32, DataType::kInt32).lo == 2147483647);
  CHECK(Apply(BinaryFunction::kMul, kF32, Point(3e38L), Point(10)).lo <= kInfinity);
  CHECK(Apply(BinaryFunction::kMul, kF32, Point(3e38L), Point(10)).Has(kInfinity));
}

TEST_CASE("integers wrap") {
  const DataType type = DataType::kInt8;
  CHECK(Apply(BinaryFunction::kAdd, type, Point(127), Point(1)).lo == -128);
  CHECK(Apply(BinaryFunction::kMul, type, Point(100), Point(100)).lo == 16);
  CHECK(Apply(BinaryFunction::kDiv, type, Point(-128), Point(-1)).lo == -128);
  CHECK(Apply(BinaryFunction::kDiv, type, Point(7), Point(0)).lo == 0);
  CHECK(Apply(BinaryFunction::kDiv, type, Point(-7), Point(2)).lo == -3);
  CHECK(Apply(BinaryFunction::kPow, type, Point(2), Point(-1)).lo == 0);
  CHECK(Apply(UnaryFunction::kNeg, type, Point(-128)).lo == -128);
  CHECK(Cast(Point(-1), DataType::kInt64, DataType::kUint64).lo == 18446744073709551615.0L);
  CHECK(Cast(Point(200), DataType::kInt32, DataType::kInt8).lo == -56);
  CHECK(Apply(BinaryFunction::kAdd, DataType::kUint64, Point(18446744073709551615.0L), Point(2)).lo == 1);
}

TEST_CASE("what is not certain becomes either") {
  CHECK(Apply(Comparison::kLesser, {0, 2}, {1, 3}).lo == 0);
  CHECK(Apply(Comparison::kLesser, {0, 2}, {1, 3}).hi == 1);
  CHECK(Apply(Comparison::kLesser, {0, 1}, {2, 3}).lo == 1);
  const Bound either = Select({0, 1}, Point(5), Point(-5));
  CHECK(either.lo == -5);
  CHECK(either.hi == 5);
  CHECK(Apply(UnaryFunction::kFloor, kF32, {0.9L, 1.1L}).lo == 0);
  CHECK(Apply(UnaryFunction::kReciprocal, kF32, {-1, 1}).hi == kInfinity);
  CHECK(Apply(UnaryFunction::kTan, kF32, {1.5L, 1.6L}).lo == -kInfinity);
}

TEST_CASE("a function of an interval holds the function of every point in it") {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> numbers(-6, 6);
  for (int i = 0; i < 20'000; ++i) {
    const Real a = numbers(random);
    const Real b = numbers(random);
    const Bound x = {std::min(a, b), std::max(a, b)};
    const Real within = x.lo + (x.hi - x.lo) * std::generate_canonical<double, 53>(random);
    for (int f = 0; f <= static_cast<int>(UnaryFunction::kSigmoid); ++f) {
      const Bound point = Apply(static_cast<UnaryFunction>(f), kF32, Point(within));
      const Bound all = Apply(static_cast<UnaryFunction>(f), kF32, x);
      INFO("function " << f << " of [" << x.lo << ", " << x.hi << "] at " << within);
      if (point.nan == MayBeNan::kYes) {
        REQUIRE(all.nan != MayBeNan::kNo);
        continue;
      }
      REQUIRE(all.lo <= point.lo);
      REQUIRE(point.hi <= all.hi);
    }
    const Bound other = Point(numbers(random));
    for (int f = 0; f <= static_cast<int>(BinaryFunction::kPow); ++f) {
      const Bound point = Apply(static_cast<BinaryFunction>(f), kF32, Point(within), other);
      const Bound all = Apply(static_cast<BinaryFunction>(f), kF32, x, other);
      INFO("function " << f);
      if (point.nan == MayBeNan::kYes) {
        REQUIRE(all.nan != MayBeNan::kNo);
        continue;
      }
      REQUIRE(all.lo <= point.lo);
      REQUIRE(point.hi <= all.hi);
    }
  }
}

TEST_CASE("sums allow for rounding and for partial sums that overflow") {
  Accumulator whole(kF32), broken(kF32), huge(kF32);
  for (int i = 0; i < 1000; ++i) whole.AddTerm(Point(i));
  CHECK(whole.Sum().lo == 499500);
  CHECK(whole.Sum().is_point());
  float expected = 0;
  for (int i = 0; i < 1000; ++i) {
    broken.AddTerm(Point(0.1f));
    expected += 0.1f;
  }
  CheckHolds(broken.Sum(), expected, 0.05L);
  for (const double term : {3e38, 3e38, -3e38, -3e38}) huge.AddTerm(Point(term));
  CHECK(huge.Sum().nan == MayBeNan::kPerhaps);
}

}  // namespace
}  // namespace modeld::fuzz
