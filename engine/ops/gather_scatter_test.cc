// gather, gatherElements, gatherND, scatterElements, scatterND: rules and values.
#include <catch2/catch.hpp>
#include <random>

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
constexpr DataType kIndexTypeList[] = {DataType::kInt32, DataType::kUint32, DataType::kInt64};

Numbers Iota(size_t count) {
  Numbers values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i);
  return values;
}

// [[0, 1, 2], [10, 11, 12], [20, 21, 22], [30, 31, 32]]
Tensor Table() {
  return TensorOf(kF32, {4, 3}, {0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32});
}

Tensor Indices(Shape shape, const Numbers& values) {
  return TensorOf(DataType::kInt32, std::move(shape), values);
}

TEST_CASE("gather puts the indices' shape in place of the axis") {
  RunCases({
      {"gather", {F32({5, 6}), I32({2, 3})}, "float32[2,3,6]"},
      {"gather", {F32({5, 6}), I32({})}, {{"axis", Int(1)}}, "float32[5]"},
      {"gather", {U8({5}), {DataType::kInt64, {4}}}, "uint8[4]"},
      {"gather",
       {F32({5, 6}), {DataType::kInt8, {2}}},
       "! indices has data type int8, expected int32, uint32, int64"},
      {"gather", {F32({}), I32({2})}, "! input has rank 0, expected 1 to 8"},
      {"gather", {F32({5}), I32({2})}, {{"axis", Int(1)}}, "! axis 1 must be below the input's rank 1"},
      {"gather", {F32({1, 1, 1, 1, 1, 1, 1, 1}), I32({1, 1})}, "! output has rank 9, expected at most 8"},
  });
}

TEST_CASE("gatherElements gives the indices' shape, which differs from the input's along the axis only") {
  RunCases({
      {"gatherElements", {F32({4, 3}), I32({2, 3})}, "float32[2,3]"},
      {"gatherElements", {{DataType::kInt4, {4, 3}}, I32({4, 9})}, {{"axis", Int(1)}}, "int4[4,9]"},
      {"gatherElements",
       {F32({4, 3}), I32({2, 3})},
       {{"axis", Int(2)}},
       "! axis 2 must be below the input's rank 2"},
      {"gatherElements",
       {F32({4, 3}), I32({4, 2})},
       "! indices has shape [4,2], which differs from [4,3] beyond axis 0"},
      {"gatherElements",
       {F32({4, 3}), I32({4})},
       "! indices has shape [4], which differs from [4,3] beyond axis 0"},
      {"gatherElements",
       {F32({4}), I32({4, 1})},
       "! indices has shape [4,1], which differs from [4] beyond axis 0"},
      {"gatherElements", {F32({}), I32({})}, "! input has rank 0, expected 1 to 8"},
      {"gatherElements",
       {F32({4}), F32({4})},
       "! indices has data type float32, expected int32, uint32, int64"},
  });
}

TEST_CASE("gatherND takes coordinates of at most the input's rank") {
  RunCases({
      {"gatherND", {F32({2, 3, 4}), I32({5, 6, 2})}, "float32[5,6,4]"},
      {"gatherND", {F32({2, 3, 4}), I32({3})}, "float32[]"},
      {"gatherND", {U8({2, 3}), {DataType::kUint32, {1}}}, "uint8[3]"},
      {"gatherND",
       {F32({2, 3}), I32({7, 3})},
       "! indices holds coordinates of 3 dimensions, expected at most the input's 2"},
      {"gatherND", {F32({2, 3}), I32({})}, "! indices has rank 0, expected 1 to 8"},
      {"gatherND", {F32({}), I32({1})}, "! input has rank 0, expected 1 to 8"},
      {"gatherND",
       {F32({1, 1, 1}), I32({1, 1, 1, 1, 1, 1, 1, 1})},
       "! output has rank 9, expected at most 8"},
      {"gatherND", {U8({2147483647}), I32({2, 1})}, "uint8[2]"},
      {"gatherND",
       {U8({1, 65536}), I32({65536, 1})},
       "! output uint8[65536,65536] has more than 2147483647 elements"},
  });
}

TEST_CASE("scatterElements wants updates of the indices' shape and the input's type") {
  RunCases({
      {"scatterElements", {F32({4, 3}), I32({2, 3}), F32({2, 3})}, "float32[4,3]"},
      {"scatterElements", {F32({4, 3}), I32({4, 9}), F32({4, 9})}, {{"axis", Int(1)}}, "float32[4,3]"},
      {"scatterElements",
       {F32({4, 3}), I32({2, 3}), F32({4, 3})},
       "! updates has shape [4,3], expected [2,3]"},
      {"scatterElements",
       {F32({4, 3}), I32({2, 2}), F32({2, 2})},
       "! indices has shape [2,2], which differs from [4,3] beyond axis 0"},
      {"scatterElements",
       {F32({4, 3}), I32({2, 3}), F16({2, 3})},
       "! updates has data type float16, expected float32 like input"},
      {"scatterElements",
       {F32({4}), I32({4}), F32({4})},
       {{"axis", Int(1)}},
       "! axis 1 must be below the input's rank 1"},
      {"scatterElements", {F32({4}), I32({4})}, "! operands are 2, expected 3"},
  });
}

TEST_CASE("scatterND wants updates of what the coordinates point to") {
  RunCases({
      {"scatterND", {F32({2, 3, 4}), I32({5, 6, 2}), F32({5, 6, 4})}, "float32[2,3,4]"},
      {"scatterND", {F32({2, 3, 4}), I32({3}), F32({})}, "float32[2,3,4]"},
      {"scatterND", {F32({8}), I32({4, 1}), F32({4, 1})}, "! updates has shape [4,1], expected [4]"},
      {"scatterND",
       {F32({8}), I32({4, 2}), F32({4})},
       "! indices holds coordinates of 2 dimensions, expected at most the input's 1"},
      {"scatterND",
       {F32({8}), I32({4, 1}), I32({4})},
       "! updates has data type int32, expected float32 like input"},
  });
}

TEST_CASE("gatherElements reads along the axis, in each of the other places") {
  for (DataType type : kIndexTypeList) {
    const Tensor rows = TensorOf(type, {2, 3}, {3, 1, 1, 2, 0, 3});
    CHECK(ValuesOf(RunOp("gatherElements", {Table(), rows})[0]) == Numbers{30, 11, 12, 20, 1, 32});
    const Tensor columns = TensorOf(type, {4, 1}, {2, 1, 0, 2});
    CHECK(ValuesOf(RunOp("gatherElements", {Table(), columns}, {{"axis", Int(1)}})[0]) ==
          Numbers{2, 11, 20, 32});
  }
  const Tensor cube = TensorOf(kF32, {2, 3, 2}, Iota(12));
  const Tensor middle = Indices({2, 2, 2}, {2, 0, 1, 1, 0, 2, 2, 2});
  CHECK(ValuesOf(RunOp("gatherElements", {cube, middle}, {{"axis", Int(1)}})[0]) ==
        Numbers{4, 1, 2, 3, 6, 11, 10, 11});
}

TEST_CASE("negative indices count from the end, and all are clamped to the dimension") {
  const Numbers wild = {-1, -4, -5, 4, 2147483647, -2147483648.0};
  for (DataType type : {DataType::kInt32, DataType::kInt64}) {
    CHECK(ValuesOf(RunOp("gatherElements", {Table(), TensorOf(type, {2, 3}, wild)})[0]) ==
          Numbers{30, 1, 2, 30, 31, 2});
    CHECK(ValuesOf(RunOp("gatherND", {Table(), TensorOf(type, {3, 2}, wild)})[0]) == Numbers{30, 2, 30});
    CHECK(ValuesOf(RunOp("scatterND", {TensorOf(kF32, {3}, {0, 1, 2}), TensorOf(type, {2, 1}, {-9, -1}),
                                       TensorOf(kF32, {2}, {7, 8})})[0]) == Numbers{7, 1, 8});
  }
  const Tensor far = TensorOf(DataType::kUint32, {1, 3}, {4294967295.0, 3, 2147483648.0});
  CHECK(ValuesOf(RunOp("gatherElements", {Table(), far})[0]) == Numbers{30, 31, 32});
  const Tensor farther = TensorOf(DataType::kInt64, {1, 3}, {1e18, -1e18, 4294967297.0});
  CHECK(ValuesOf(RunOp("gatherElements", {Table(), farther})[0]) == Numbers{30, 1, 32});
}

TEST_CASE("gatherND reads elements, rows and blocks") {
  const Tensor cube = TensorOf(kF32, {2, 2, 2}, Iota(8));
  for (DataType type : kIndexTypeList) {
    CHECK(ValuesOf(RunOp("gatherND",
                         {cube, TensorOf(type, {5, 3}, {0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1})})[0]) ==
          Numbers{1, 2, 4, 6, 7});
    CHECK(ValuesOf(RunOp("gatherND", {cube, TensorOf(type, {2, 2}, {0, 1, 1, 0})})[0]) ==
          Numbers{2, 3, 4, 5});
    CHECK(ValuesOf(RunOp("gatherND", {cube, TensorOf(type, {3, 1}, {1, 0, 1})})[0]) ==
          Numbers{4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7});
    CHECK(ValuesOf(RunOp("gatherND", {cube, TensorOf(type, {1}, {1})})[0]) == Numbers{4, 5, 6, 7});
  }
}

TEST_CASE("scatterElements writes along the axis, in each of the other places") {
  const Tensor updates = TensorOf(kF32, {2, 3}, {-1, -2, -3, -4, -5, -6});
  const Tensor rows = Indices({2, 3}, {3, 1, 1, 2, 0, 3});
  CHECK(ValuesOf(RunOp("scatterElements", {Table(), rows, updates})[0]) ==
        Numbers{0, -5, 2, 10, -2, -3, -4, 21, 22, -1, 31, -6});
  const Tensor columns = Indices({4, 1}, {2, 1, 0, 2});
  CHECK(ValuesOf(RunOp("scatterElements", {Table(), columns, TensorOf(kF32, {4, 1}, {-1, -2, -3, -4})},
                       {{"axis", Int(1)}})[0]) == Numbers{0, 1, -1, 10, -2, 12, -3, 21, 22, 30, 31, -4});
}

TEST_CASE("scatterND writes elements and rows") {
  CHECK(ValuesOf(RunOp("scatterND", {TensorOf(kF32, {8}, Iota(8)), Indices({4, 1}, {4, 3, 1, 7}),
                                     TensorOf(kF32, {4}, {-1, -2, -3, -4})})[0]) ==
        Numbers{0, -3, 2, -2, -1, 5, 6, -4});
  CHECK(ValuesOf(RunOp("scatterND", {TensorOf(kF32, {2, 2, 2}, Iota(8)), Indices({2, 2}, {0, 1, 1, 0}),
                                     TensorOf(kF32, {2, 2}, {-1, -2, -3, -4})})[0]) ==
        Numbers{0, 1, -1, -2, -3, -4, 6, 7});
  CHECK(ValuesOf(RunOp("scatterND", {TensorOf(kF32, {2, 2}, Iota(4)), Indices({2}, {1, 0}),
                                     TensorOf(kF32, {}, {-1})})[0]) == Numbers{0, 1, -1, 3});
}

TEST_CASE("of two updates of one place the last one stays") {
  CHECK(ValuesOf(RunOp("scatterND", {TensorOf(kF32, {3}, Iota(3)), Indices({3, 1}, {1, -2, 1}),
                                     TensorOf(kF32, {3}, {7, 8, 9})})[0]) == Numbers{0, 9, 2});
  CHECK(ValuesOf(RunOp("scatterElements", {TensorOf(kF32, {3}, Iota(3)), Indices({4}, {2, 0, 2, 0}),
                                           TensorOf(kF32, {4}, {6, 7, 8, 9})})[0]) == Numbers{9, 1, 8});
}

TEST_CASE("4-bit elements are gathered and scattered as others are") {
  for (DataType type : {DataType::kInt4, DataType::kUint4}) {
    const Tensor data = TensorOf(type, {5}, {1, 2, 3, 4, 5});
    const Tensor three = Indices({3}, {4, 0, 2});
    CHECK(ValuesOf(RunOp("gather", {data, three})[0]) == Numbers{5, 1, 3});
    CHECK(ValuesOf(RunOp("gatherElements", {data, three})[0]) == Numbers{5, 1, 3});
    CHECK(ValuesOf(RunOp("gatherND", {data, Indices({3, 1}, {4, 0, 2})})[0]) == Numbers{5, 1, 3});
    const Tensor updates = TensorOf(type, {3}, {7, 6, 0});
    CHECK(ValuesOf(RunOp("scatterElements", {data, three, updates})[0]) == Numbers{6, 2, 0, 4, 7});
    CHECK(ValuesOf(RunOp("scatterND", {data, Indices({3, 1}, {4, 0, 2}), updates})[0]) ==
          Numbers{6, 2, 0, 4, 7});
  }
}

TEST_CASE("gatherElements of what scatterElements wrote gives the updates back") {
  const uint32_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    Shape shape(1 + random() % 4);
    for (uint32_t& size : shape) size = 1 + random() % 4;
    const uint32_t axis = random() % shape.size();
    size_t count = 1;
    for (uint32_t size : shape) count *= size;
    // Along the axis every index once, some of them counted from the end.
    size_t inner = 1;
    for (size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
    const uint32_t rotation = random() % 4;
    Numbers indices(count);
    for (size_t i = 0; i < count; ++i) {
      indices[i] = static_cast<double>((i / inner + rotation) % shape[axis]);
      if (random() % 2 == 0) indices[i] -= shape[axis];
    }
    const Attributes along = {{"axis", Int(axis)}};
    const Tensor places = Indices(shape, indices);
    const Tensor written = RunOp(
        "scatterElements",
        {TensorOf(kF32, shape, Numbers(count, -1)), places, TensorOf(kF32, shape, Iota(count))}, along)[0];
    CHECK(ValuesOf(RunOp("gatherElements", {written, places}, along)[0]) == Iota(count));
  }
}

}  // namespace
}  // namespace modeld
