// Operations along one axis: argMin, argMax, cumulativeSum.
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
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Numbers Run(const char* type, const Tensor& input, Attributes attributes = {{"axis", int64_t{0}}}) {
  return ValuesOf(RunOp(type, {input}, attributes)[0]);
}

TEST_CASE("argMin and argMax drop the axis and give int32 unless told otherwise") {
  for (const char* type : {"argMin", "argMax"}) {
    RunCases({
        {type, {F32({2, 3, 4})}, {{"axis", Int(1)}}, "int32[2,4]"},
        {type, {F32({5})}, {{"axis", Int(0)}}, "int32[]"},
        {type, {U8({2, 3})}, {{"axis", Int(0)}, {"keepDimensions", true}}, "int32[1,3]"},
        {type, {F16({2, 3})}, {{"axis", Int(1)}, {"outputDataType", DataType::kInt64}}, "int64[2]"},
        {type, {{DataType::kUint64, {2, 2147483}}}, {{"axis", Int(1)}}, "int32[2]"},
        {type, {F32({2, 3})}, {{"axis", Int(2)}}, "! axis 2 must be below the input's rank 2"},
        {type, {F32({2, 3})}, "! axis is missing"},
        {type, {F32({})}, {{"axis", Int(0)}}, "! input has rank 0, expected 1 to 8"},
        {type,
         {F32({2, 3})},
         {{"axis", Int(1)}, {"outputDataType", DataType::kUint32}},
         "! outputDataType is data type 4 \"uint32\", expected one of int32, int64"},
        {type,
         {{DataType::kInt4, {2}}},
         {{"axis", Int(0)}},
         "! input has data type int4, expected float32, float16, int32, uint32, int64, uint64, int8, uint8"},
    });
  }
}

TEST_CASE("argMin and argMax find the extreme along the axis, of all types") {
  for (DataType type : {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32,
                        DataType::kInt64, DataType::kUint64, DataType::kInt8, DataType::kUint8}) {
    const Tensor x = TensorOf(type, {2, 3}, {3, 1, 2, 0, 9, 5});
    CHECK(Run("argMax", x) == Numbers{0, 1, 1});
    CHECK(Run("argMin", x) == Numbers{1, 0, 0});
    CHECK(Run("argMax", x, {{"axis", Int(1)}, {"outputDataType", DataType::kInt64}}) == Numbers{0, 1});
    CHECK(Run("argMin", x, {{"axis", Int(1)}, {"keepDimensions", true}}) == Numbers{1, 0});
  }
  const Tensor cube = TensorOf(kF32, {2, 2, 2}, {1, 8, 3, 4, 6, 5, 2, 7});
  CHECK(Run("argMax", cube, {{"axis", Int(1)}}) == Numbers{1, 0, 0, 1});
}

TEST_CASE("of equal extremes the first one is meant, and a NaN is the extreme") {
  CHECK(Run("argMax", TensorOf(kF32, {4}, {1, 5, 5, 0})) == Numbers{1});
  CHECK(Run("argMin", TensorOf(kF32, {4}, {1, -0.0, 0, 7})) == Numbers{1});
  CHECK(Run("argMax", TensorOf(kF32, {3}, {-kInfinity, -kInfinity, -kInfinity})) == Numbers{0});
  CHECK(Run("argMax", TensorOf(kF32, {3}, {1, kInfinity, 2})) == Numbers{1});
  CHECK(Run("argMax", TensorOf(kF32, {5}, {1, kInfinity, kNaN, 9, kNaN})) == Numbers{2});
  CHECK(Run("argMin", TensorOf(DataType::kFloat16, {3}, {1, -kInfinity, kNaN})) == Numbers{2});
}

TEST_CASE("cumulativeSum keeps shape and type") {
  RunCases({
      {"cumulativeSum", {F32({2, 3})}, {{"axis", Int(1)}}, "float32[2,3]"},
      {"cumulativeSum",
       {{DataType::kUint64, {2, 3}}},
       {{"axis", Int(0)}, {"exclusive", true}, {"reversed", true}},
       "uint64[2,3]"},
      {"cumulativeSum", {F32({2, 3})}, {{"axis", Int(2)}}, "! axis 2 must be below the input's rank 2"},
      {"cumulativeSum", {F32({2, 3})}, "! axis is missing"},
      {"cumulativeSum", {F32({})}, {{"axis", Int(0)}}, "! input has rank 0, expected 1 to 8"},
      {"cumulativeSum",
       {U8({2})},
       {{"axis", Int(0)}},
       "! input has data type uint8, expected float32, float16, int32, uint32, int64, uint64"},
      {"cumulativeSum",
       {F32({2})},
       {{"axis", Int(0)}, {"reversed", Int(1)}},
       "! reversed is an integer, expected a boolean"},
  });
}

TEST_CASE("cumulativeSum sums forward and back, with and without the element itself") {
  const auto sums = [](const Tensor& x, int64_t axis, bool exclusive, bool reversed) {
    return Run("cumulativeSum", x, {{"axis", Int(axis)}, {"exclusive", exclusive}, {"reversed", reversed}});
  };
  for (DataType type : {DataType::kFloat32, DataType::kFloat16, DataType::kInt32, DataType::kUint32,
                        DataType::kInt64, DataType::kUint64}) {
    const Tensor x = TensorOf(type, {4}, {1, 2, 3, 4});
    CHECK(sums(x, 0, false, false) == Numbers{1, 3, 6, 10});
    CHECK(sums(x, 0, true, false) == Numbers{0, 1, 3, 6});
    CHECK(sums(x, 0, false, true) == Numbers{10, 9, 7, 4});
    CHECK(sums(x, 0, true, true) == Numbers{9, 7, 4, 0});
    CHECK(sums(TensorOf(type, {2, 1, 2}, {1, 2, 3, 4}), 0, false, false) == Numbers{1, 2, 4, 6});
  }
  const Tensor wraps = TensorOf(DataType::kInt32, {2}, {2147483647, 1});
  CHECK(sums(wraps, 0, false, false) == Numbers{2147483647, -2147483648.0});
  const Numbers infinite = sums(TensorOf(kF32, {3}, {1, kInfinity, -kInfinity}), 0, false, false);
  CHECK((infinite[0] == 1 && infinite[1] == kInfinity && std::isnan(infinite[2])));
}

}  // namespace
}  // namespace modeld
