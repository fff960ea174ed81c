// Operations that put elements elsewhere: symmetric pad, reverse, tile, triangular; 4-bit elements.
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
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Numbers Run(const char* type, const Tensor& input, const Attributes& attributes = {}) {
  return ValuesOf(RunOp(type, {input}, attributes)[0]);
}

Tensor Matrix() {
  return TensorOf(kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
}

Attributes Padding(std::vector<int64_t> before, std::vector<int64_t> after, const char* mode) {
  return {{"beginningPadding", Ints(before)}, {"endingPadding", Ints(after)}, {"mode", Str(mode)}};
}

TEST_CASE("symmetric padding mirrors the edge too, as far as there is something to mirror") {
  RunCases({
      {"pad", {F32({2, 3})}, Padding({2, 3}, {2, 3}, "symmetric"), "float32[6,9]"},
      {"pad", {U8({1})}, Padding({1}, {0}, "symmetric"), "uint8[2]"},
      {"pad",
       {F32({2, 3})},
       Padding({3, 0}, {0, 0}, "symmetric"),
       "! beginningPadding 3 must be at most the size 2 of dimension 0 to be mirrored"},
      {"pad",
       {F32({2, 3})},
       Padding({0, 1}, {0, 4}, "symmetric"),
       "! endingPadding 4 must be at most the size 3 of dimension 1 to be mirrored"},
      {"pad",
       {F32({2, 3})},
       Padding({0, 1}, {0, 3}, "reflection"),
       "! endingPadding 3 must be below the size 3 of dimension 1 to be reflected"},
  });
  const Tensor row = TensorOf(kF32, {3}, {1, 2, 3});
  CHECK(Run("pad", row, Padding({3}, {3}, "symmetric")) == Numbers{3, 2, 1, 1, 2, 3, 3, 2, 1});
  CHECK(Run("pad", row, Padding({2}, {2}, "reflection")) == Numbers{3, 2, 1, 2, 3, 2, 1});
  CHECK(Run("pad", row, Padding({2}, {1}, "edge")) == Numbers{1, 1, 1, 2, 3, 3});
  CHECK(Run("pad", Matrix(), Padding({1, 0}, {0, 1}, "symmetric")) ==
        Numbers{1, 2, 3, 3, 1, 2, 3, 3, 4, 5, 6, 6});
}

TEST_CASE("reverse takes all axes unless told otherwise") {
  RunCases({
      {"reverse", {F32({2, 3})}, "float32[2,3]"},
      {"reverse", {F32({})}, "float32[]"},
      {"reverse", {F32({2, 3})}, {{"axes", Ints({})}}, "float32[2,3]"},
      {"reverse", {F32({2, 3})}, {{"axes", Ints({1, 1})}}, "! axes holds 1 more than once"},
      {"reverse", {F32({2, 3})}, {{"axes", Ints({2})}}, "! axes 2 must be below the input's rank 2"},
      {"reverse",
       {F32({2, 3})},
       {{"axes", Int(1)}},
       "! axes is an integer, expected a list of unsigned integers"},
  });
  CHECK(Run("reverse", Matrix()) == Numbers{6, 5, 4, 3, 2, 1});
  CHECK(Run("reverse", Matrix(), {{"axes", Ints({0})}}) == Numbers{4, 5, 6, 1, 2, 3});
  CHECK(Run("reverse", Matrix(), {{"axes", Ints({1})}}) == Numbers{3, 2, 1, 6, 5, 4});
  CHECK(Run("reverse", Matrix(), {{"axes", Ints({})}}) == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(Run("reverse", TensorOf(kF32, {}, {7})) == Numbers{7});
  const Tensor cube = TensorOf(DataType::kInt64, {2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(Run("reverse", cube, {{"axes", Ints({2, 0})}}) == Numbers{5, 4, 7, 6, 1, 0, 3, 2});
}

TEST_CASE("tile wants a positive count per dimension") {
  RunCases({
      {"tile", {F32({2, 3})}, {{"repetitions", Ints({2, 4})}}, "float32[4,12]"},
      {"tile", {F32({})}, {{"repetitions", Ints({})}}, "float32[]"},
      {"tile",
       {F32({1, 1, 1, 1, 1, 1, 1, 2})},
       {{"repetitions", Ints({1, 1, 1, 2, 1, 1, 3, 2})}},
       "float32[1,1,1,2,1,1,3,4]"},
      {"tile", {F32({2, 3})}, "! repetitions is missing"},
      {"tile", {F32({2, 3})}, {{"repetitions", Ints({2})}}, "! repetitions has 1 elements, expected 2"},
      {"tile",
       {F32({2, 3})},
       {{"repetitions", Ints({2, 0})}},
       "! repetitions 0 is out of range, expected at least 1"},
      {"tile",
       {F32({2})},
       {{"repetitions", Ints({4294967295})}},
       "! output dimension 0 would be 8589934590, expected 1 to 2147483647"},
      {"tile",
       {U8({65536, 1})},
       {{"repetitions", Ints({1, 65536})}},
       "! output uint8[65536,65536] has more than 2147483647 elements"},
  });
  CHECK(Run("tile", Matrix(), {{"repetitions", Ints({1, 1})}}) == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(Run("tile", Matrix(), {{"repetitions", Ints({1, 2})}}) ==
        Numbers{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  CHECK(Run("tile", Matrix(), {{"repetitions", Ints({2, 1})}}) ==
        Numbers{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
  CHECK(Run("tile", TensorOf(kF32, {1, 2}, {1, 2}), {{"repetitions", Ints({2, 2})}}) ==
        Numbers{1, 2, 1, 2, 1, 2, 1, 2});
  const Tensor deep = TensorOf(DataType::kInt32, {1, 2, 1, 1, 1, 1, 2, 1}, {1, 2, 3, 4});
  CHECK(Run("tile", deep, {{"repetitions", Ints({1, 1, 1, 2, 1, 1, 1, 2})}}) ==
        Numbers{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
}

TEST_CASE("triangular keeps one side of a diagonal of each matrix") {
  RunCases({
      {"triangular", {F32({3, 4})}, "float32[3,4]"},
      {"triangular", {U8({2, 3, 4})}, {{"upper", false}, {"diagonal", Int(-2147483648LL)}}, "uint8[2,3,4]"},
      {"triangular", {F32({3})}, "! input has rank 1, expected 2 to 8"},
      {"triangular",
       {F32({3, 3})},
       {{"diagonal", Int(2147483648LL)}},
       "! diagonal 2147483648 is out of range, expected -2147483648 to 2147483647"},
      {"triangular",
       {F32({3, 3})},
       {{"diagonal", Int(-2147483649LL)}},
       "! diagonal -2147483649 is out of range, expected -2147483648 to 2147483647"},
      {"triangular", {F32({3, 3})}, {{"upper", Int(1)}}, "! upper is an integer, expected a boolean"},
  });
  const Tensor square = TensorOf(kF32, {3, 3}, {7, 1, 2, 9, 4, 8, 2, 6, 3});
  const auto triangle = [&](bool upper, int64_t diagonal) {
    return Run("triangular", square, {{"upper", upper}, {"diagonal", Int(diagonal)}});
  };
  const Numbers all = {7, 1, 2, 9, 4, 8, 2, 6, 3};
  const Numbers none(9, 0);
  CHECK(Run("triangular", square) == Numbers{7, 1, 2, 0, 4, 8, 0, 0, 3});
  CHECK(triangle(true, 1) == Numbers{0, 1, 2, 0, 0, 8, 0, 0, 0});
  CHECK(triangle(true, -1) == Numbers{7, 1, 2, 9, 4, 8, 0, 6, 3});
  CHECK(triangle(false, 0) == Numbers{7, 0, 0, 9, 4, 0, 2, 6, 3});
  CHECK(triangle(false, 1) == Numbers{7, 1, 0, 9, 4, 8, 2, 6, 3});
  CHECK(triangle(false, -1) == Numbers{0, 0, 0, 9, 0, 0, 2, 6, 0});
  CHECK(triangle(true, 2147483647) == none);
  CHECK(triangle(true, -2147483648LL) == all);
  CHECK(triangle(false, 2147483647) == all);
  CHECK(triangle(false, -2147483648LL) == none);
  CHECK(Run("triangular", TensorOf(DataType::kInt8, {2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})) ==
        Numbers{1, 2, 3, 0, 5, 6, 7, 8, 9, 0, 11, 12});
  // What is dropped is 0 whatever it was.
  CHECK(Run("triangular", TensorOf(kF32, {2, 2}, {1, 2, kNaN, 4})) == Numbers{1, 2, 0, 4});
}

TEST_CASE("4-bit elements are moved as others are") {
  for (DataType type : {DataType::kInt4, DataType::kUint4}) {
    const Tensor row = TensorOf(type, {3}, {1, 2, 7});
    const Tensor matrix = TensorOf(type, {3, 1}, {1, 2, 7});
    CHECK(Run("identity", row) == Numbers{1, 2, 7});
    CHECK(Run("reshape", row, {{"newShape", Ints({1, 3})}}) == Numbers{1, 2, 7});
    CHECK(Run("expand", matrix, {{"newShape", Ints({3, 2})}}) == Numbers{1, 1, 2, 2, 7, 7});
    CHECK(Run("transpose", TensorOf(type, {2, 2}, {1, 2, 3, 4})) == Numbers{1, 3, 2, 4});
    CHECK(Run("slice", row, {{"starts", Ints({1})}, {"sizes", Ints({2})}}) == Numbers{2, 7});
    CHECK(Run("reverse", row) == Numbers{7, 2, 1});
    CHECK(Run("tile", row, {{"repetitions", Ints({2})}}) == Numbers{1, 2, 7, 1, 2, 7});
    CHECK(Run("triangular", TensorOf(type, {2, 2}, {1, 2, 3, 4})) == Numbers{1, 2, 0, 4});
    CHECK(Run("pad", row, Padding({1}, {2}, "symmetric")) == Numbers{1, 1, 2, 7, 7, 2});
    Attributes with_value = Padding({1}, {0}, "constant");
    with_value["value"] = Int(100);
    CHECK(Run("pad", row, with_value) == Numbers{type == DataType::kInt4 ? 7.0 : 15.0, 1, 2, 7});
    CHECK(ValuesOf(RunOp("concat", {row, row}, {{"axis", Int(0)}})[0]) == Numbers{1, 2, 7, 1, 2, 7});
    CHECK(ValuesOf(RunOp("split", {row}, {{"splits", Ints({1, 2})}})[1]) == Numbers{2, 7});
    const Tensor condition = TensorOf(DataType::kUint8, {3}, {1, 0, 1});
    CHECK(ValuesOf(RunOp("where", {condition, row, TensorOf(type, {}, {5})})[0]) == Numbers{1, 5, 7});
  }
}

TEST_CASE("cast to and from 4 bits") {
  const auto cast = [](DataType from, DataType to, const Numbers& values) {
    return Run("cast", TensorOf(from, {static_cast<uint32_t>(values.size())}, values), {{"dataType", to}});
  };
  using T = DataType;
  for (DataType wide : {T::kFloat32, T::kFloat16, T::kInt32, T::kInt64, T::kInt8}) {
    CHECK(cast(T::kInt4, wide, {-8, -1, 7}) == Numbers{-8, -1, 7});
    CHECK(cast(T::kUint4, wide, {0, 8, 15}) == Numbers{0, 8, 15});
    CHECK(cast(wide, T::kInt4, {-8, -1, 7}) == Numbers{-8, -1, 7});
    CHECK(cast(wide, T::kUint4, {0, 8, 15}) == Numbers{0, 8, 15});
  }
  CHECK(cast(T::kFloat32, T::kInt4, {-2.7, 2.7}) == Numbers{-2, 2});
  // Of integers out of range the low four bits stay.
  CHECK(cast(T::kInt4, T::kUint4, {-8, -1, 7}) == Numbers{8, 15, 7});
  CHECK(cast(T::kUint4, T::kInt4, {8, 15, 7}) == Numbers{-8, -1, 7});
  CHECK(cast(T::kInt32, T::kUint4, {16, 31, -1}) == Numbers{0, 15, 15});
  CHECK(cast(T::kInt4, T::kUint8, {-1}) == Numbers{255});
  CHECK(cast(T::kInt4, T::kUint32, {-1}) == Numbers{4294967295});
}

}  // namespace
}  // namespace modeld
