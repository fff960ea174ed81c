// resample2d: rules and values.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/ops/op_cases.h"
#include "engine/ops/run_op.h"
#include "engine/ops/test_graph.h"

namespace modeld {
namespace {

using testing::Tensor;
using testing::TensorOf;
using testing::ValuesOf;
using Numbers = std::vector<double>;

constexpr DataType kF32 = DataType::kFloat32;

AttributeValue Floats(Numbers values) {
  return values;
}

Numbers Resampled(const Tensor& input, const char* mode, std::vector<int64_t> sizes,
                  std::vector<int64_t> axes = {2, 3}) {
  return ValuesOf(
      RunOp("resample2d", {input}, {{"mode", Str(mode)}, {"sizes", Ints(sizes)}, {"axes", Ints(axes)}})[0]);
}

TEST_CASE("resample2d takes sizes, or scales, for any two axes") {
  const TensorDescriptor image = F32({1, 2, 4, 5});
  RunCases({
      {"resample2d", {image}, "float32[1,2,4,5]"},
      {"resample2d", {image}, {{"sizes", Ints({3, 7})}}, "float32[1,2,3,7]"},
      {"resample2d", {image}, {{"scales", Floats({2, 0.5})}}, "float32[1,2,8,2]"},
      {"resample2d", {image}, {{"scales", Floats({9, 9})}, {"sizes", Ints({1, 1})}}, "float32[1,2,1,1]"},
      {"resample2d", {image}, {{"scales", Floats({2, 3})}, {"axes", Ints({3, 1})}}, "float32[1,6,4,10]"},
      {"resample2d",
       {{DataType::kUint8, {4, 1, 1, 2}}},
       {{"sizes", Ints({2, 6})}, {"axes", Ints({0, 3})}, {"mode", Str("linear")}},
       "uint8[2,1,1,6]"},
      {"resample2d", {F16({1, 1, 1, 1})}, {{"sizes", Ints({1, 2147483647})}}, "float16[1,1,1,2147483647]"},
  });
}

TEST_CASE("resample2d names what is wrong") {
  const TensorDescriptor image = F32({1, 2, 4, 5});
  RunCases({
      {"resample2d", {F32({2, 4, 5})}, "! input has rank 3, expected 4"},
      {"resample2d",
       {I32({1, 2, 4, 5})},
       "! input has data type int32, expected float32, float16, int8, uint8"},
      {"resample2d",
       {image},
       {{"mode", Str("cubic")}},
       "! mode is \"cubic\", expected one of nearest-neighbor, linear"},
      {"resample2d", {image}, {{"scales", Floats({1})}}, "! scales has 1 elements, expected 2"},
      {"resample2d",
       {image},
       {{"scales", Floats({1, 0})}},
       "! scales 0 is out of range, expected a finite number above 0"},
      {"resample2d",
       {image},
       {{"scales", Floats({-1, 1})}},
       "! scales -1 is out of range, expected a finite number above 0"},
      {"resample2d",
       {image},
       {{"scales", Floats({1e300, 1})}},
       "! scales inf is out of range, expected a finite number above 0"},
      {"resample2d",
       {image},
       {{"scales", Floats({1, std::nan("")})}, {"sizes", Ints({1, 1})}},
       "! scales nan is out of range, expected a finite number above 0"},
      {"resample2d",
       {image},
       {{"scales", Ints({1, 1})}},
       "! scales is a list of integers, expected a list of floats"},
      {"resample2d",
       {image},
       {{"scales", Floats({1, 0.19})}},
       "! output dimension 3 would be 0, expected 1 to 2147483647"},
      {"resample2d",
       {image},
       {{"scales", Floats({1e30, 1})}},
       "! output dimension 2 would be 2147483648, expected 1 to 2147483647"},
      {"resample2d", {image}, {{"sizes", Ints({1})}}, "! sizes has 1 elements, expected 2"},
      {"resample2d", {image}, {{"sizes", Ints({1, 0})}}, "! sizes 0 is out of range, expected at least 1"},
      {"resample2d",
       {image},
       {{"sizes", Ints({1, 2147483648})}},
       "! output dimension 3 would be 2147483648, expected 1 to 2147483647"},
      {"resample2d", {image}, {{"axes", Ints({2})}}, "! axes has 1 elements, expected 2"},
      {"resample2d", {image}, {{"axes", Ints({2, 2})}}, "! axes holds 2 more than once"},
      {"resample2d", {image}, {{"axes", Ints({2, 4})}}, "! axes 4 must be below the input's rank 4"},
  });
}

TEST_CASE("scales are single precision, as WebNN's float is") {
  // 10 * 0.7 is 7 in double precision; the nearest float is below 0.7.
  RunCases({
      {"resample2d", {F32({1, 1, 10, 10})}, {{"scales", Floats({0.7, 0.6})}}, "float32[1,1,6,6]"},
  });
}

TEST_CASE("the nearest neighbour's distance is measured from the centres, halves go down") {
  const Tensor row = TensorOf(kF32, {1, 1, 1, 3}, {1, 2, 3});
  CHECK(Resampled(row, "nearest-neighbor", {1, 6}) == Numbers{1, 1, 2, 2, 3, 3});
  CHECK(Resampled(row, "nearest-neighbor", {2, 3}) == Numbers{1, 2, 3, 1, 2, 3});
  const Tensor four = TensorOf(kF32, {1, 1, 1, 4}, {1, 2, 3, 4});
  // At 0.5 and 2.5.
  CHECK(Resampled(four, "nearest-neighbor", {1, 2}) == Numbers{1, 3});
  // At 1.5.
  CHECK(Resampled(four, "nearest-neighbor", {1, 1}) == Numbers{2});
  CHECK(Resampled(four, "nearest-neighbor", {1, 6}) == Numbers{1, 1, 2, 3, 3, 4});
  CHECK(Resampled(TensorOf(DataType::kUint8, {2, 1, 2, 1}, {1, 2, 3, 4}), "nearest-neighbor", {4, 1},
                  {0, 2}) == Numbers{1, 1, 3, 3});
}

TEST_CASE("linear interpolation is the specification's example") {
  const Tensor input = TensorOf(kF32, {1, 1, 4, 4}, {0, 1, 2, 3, 0, 1, 2, 3, 12, 13, 14, 15, 12, 13, 14, 15});
  const Numbers row = {0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3};
  Numbers expected;
  for (double start : {0, 0, 0, 3, 9, 12, 12, 12}) {
    for (double x : row) expected.push_back(start + x);
  }
  CHECK(Resampled(input, "linear", {8, 8}) == expected);
  CHECK(Resampled(input, "linear", {8, 8}, {3, 2}) == expected);
  CHECK(Resampled(TensorOf(DataType::kFloat16, {4, 4, 1, 1}, ValuesOf(input)), "linear", {8, 8}, {0, 1}) ==
        expected);
  // Down: each of 2 * 2 outputs is the middle of its quarter.
  CHECK(Resampled(input, "linear", {2, 2}) == Numbers{0.5, 2.5, 12.5, 14.5});
  CHECK(Resampled(input, "linear", {1, 1}) == Numbers{7.5});
}

TEST_CASE("linear interpolation of integers rounds to nearest, halves to even") {
  const Tensor bytes = TensorOf(DataType::kUint8, {1, 1, 1, 2}, {0, 255});
  CHECK(Resampled(bytes, "linear", {1, 4}) == Numbers{0, 64, 191, 255});
  const Tensor small = TensorOf(DataType::kInt8, {1, 1, 1, 4}, {-3, 0, 1, 2});
  // -1.5 and 1.5.
  CHECK(Resampled(small, "linear", {1, 2}) == Numbers{-2, 2});
}

TEST_CASE("resampling stays exact where sizes are large and coprime") {
  const uint32_t in = 9973;
  const uint32_t out = 10007;
  Numbers values(in);
  for (uint32_t i = 0; i < in; ++i) values[i] = i;
  const Tensor input = TensorOf(kF32, {1, 1, 1, in}, values);
  const Numbers nearest = Resampled(input, "nearest-neighbor", {1, out});
  const Numbers linear = Resampled(input, "linear", {1, out});
  int wrong = 0;
  for (uint64_t o = 0; o < out; ++o) {
    // (o + 0.5) * in / out - 0.5, over 2 * out.
    const int64_t numerator = std::clamp<int64_t>((2 * o + 1) * in - out, 0, 2 * int64_t{out} * (in - 1));
    const double place = static_cast<double>(numerator) / (2.0 * out);
    // No place lies exactly between two elements: both sizes are odd primes.
    if (nearest[o] != std::ceil(place - 0.5)) ++wrong;
    if (std::abs(linear[o] - place) > 2e-3) ++wrong;
  }
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace modeld
