// Operations that only move elements, against values worked out by hand.
#include "engine/backend/reference/expect.h"

namespace modeld::reference {
namespace {

using core::PadMode;
using testing::Tensor;
using testing::TensorOf;

constexpr DataType kEveryType[] = {DataType::kFloat32, DataType::kFloat16, DataType::kInt32,
                                   DataType::kUint32,  DataType::kInt64,   DataType::kUint64,
                                   DataType::kInt8,    DataType::kUint8};

// 1 2 3
// 4 5 6
Tensor Matrix(DataType type) {
  return TensorOf(type, {2, 3}, {1, 2, 3, 4, 5, 6});
}

TEST_CASE("movements of every element type") {
  for (DataType type : kEveryType) {
    const Tensor x = Matrix(type);
    Expect(core::Transpose{{1, 0}}, {x}, {type, {3, 2}}, {1, 4, 2, 5, 3, 6});
    Expect(core::Reshape{}, {x}, {type, {3, 1, 2}}, {1, 2, 3, 4, 5, 6});
    Expect(core::Slice{{0, 1}, {1, 1}}, {x}, {type, {2, 2}}, {2, 3, 5, 6});
    Expect(core::Slice{{1, 0}, {1, 2}}, {x}, {type, {1, 2}}, {4, 6});
    Expect(core::Broadcast{}, {TensorOf(type, {2, 1}, {7, 8})}, {type, {2, 2, 3}},
           {7, 7, 7, 8, 8, 8, 7, 7, 7, 8, 8, 8});
    Expect(core::Broadcast{}, {TensorOf(type, {}, {9})}, {type, {3}}, {9, 9, 9});
    Expect(core::Concat{1}, {x, TensorOf(type, {2, 1}, {7, 8})}, {type, {2, 4}}, {1, 2, 3, 7, 4, 5, 6, 8});
    Expect(core::Concat{0}, {x, TensorOf(type, {1, 3}, {7, 8, 9})}, {type, {3, 3}},
           {1, 2, 3, 4, 5, 6, 7, 8, 9});
    Expect(core::Pad{PadMode::kConstant, {0, 1}, {1, 0}, 9}, {x}, {type, {3, 4}},
           {9, 1, 2, 3, 9, 4, 5, 6, 9, 9, 9, 9});
  }
}

TEST_CASE("a transpose of three dimensions") {
  const Tensor x = TensorOf(DataType::kInt32, {2, 1, 3}, {1, 2, 3, 4, 5, 6});
  Expect(core::Transpose{{2, 0, 1}}, {x}, {DataType::kInt32, {3, 2, 1}}, {1, 4, 2, 5, 3, 6});
}

TEST_CASE("paddings by edge and by reflection") {
  const Tensor x = TensorOf(DataType::kFloat32, {3}, {1, 2, 3});
  Expect(core::Pad{PadMode::kEdge, {2}, {4}, 0}, {x}, {DataType::kFloat32, {9}}, {1, 1, 1, 2, 3, 3, 3, 3, 3});
  Expect(core::Pad{PadMode::kReflection, {2}, {2}, 0}, {x}, {DataType::kFloat32, {7}}, {3, 2, 1, 2, 3, 2, 1});
  Expect(core::Pad{PadMode::kReflection, {1, 2}, {0, 0}, 0}, {Matrix(DataType::kInt8)},
         {DataType::kInt8, {3, 5}}, {6, 5, 4, 5, 6, 3, 2, 1, 2, 3, 6, 5, 4, 5, 6});
  Expect(core::Pad{PadMode::kSymmetric, {3}, {2}, 0}, {x}, {DataType::kFloat32, {8}},
         {3, 2, 1, 1, 2, 3, 3, 2});
  Expect(core::Pad{PadMode::kSymmetric, {1, 0}, {0, 1}, 0}, {Matrix(DataType::kInt64)},
         {DataType::kInt64, {3, 4}}, {1, 2, 3, 3, 1, 2, 3, 3, 4, 5, 6, 6});
  Expect(core::Pad{PadMode::kConstant, {1}, {0}, 300}, {TensorOf(DataType::kUint8, {1}, {1})},
         {DataType::kUint8, {2}}, {255, 1});
}

TEST_CASE("a gather's indices count from either end and are clamped") {
  const Tensor x = Matrix(DataType::kFloat32);
  Expect(core::Gather{1}, {x, TensorOf(DataType::kInt32, {5}, {0, -1, 99, -99, 1})},
         {DataType::kFloat32, {2, 5}}, {1, 3, 3, 1, 2, 4, 6, 6, 4, 5});
  Expect(core::Gather{0}, {x, TensorOf(DataType::kInt64, {2}, {-9223372036854775808.0, -1})},
         {DataType::kFloat32, {2, 3}}, {1, 2, 3, 4, 5, 6});
  Expect(core::Gather{1}, {x, TensorOf(DataType::kUint32, {1, 2}, {4294967295.0, 0})},
         {DataType::kFloat32, {2, 1, 2}}, {3, 1, 6, 4});
  Expect(core::Gather{0}, {x, TensorOf(DataType::kInt32, {}, {1})}, {DataType::kFloat32, {3}}, {4, 5, 6});
}

TEST_CASE("a scatter replaces rows, the last of equal indices wins") {
  const Tensor x = TensorOf(DataType::kInt8, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor updates = TensorOf(DataType::kInt8, {3, 2}, {10, 11, 20, 21, 30, 31});
  Expect(core::Scatter{}, {x, TensorOf(DataType::kInt32, {3}, {2, 0, 2}), updates}, x.descriptor,
         {20, 21, 3, 4, 30, 31, 7, 8});
  Expect(core::Scatter{}, {x, TensorOf(DataType::kInt64, {3}, {-1, -99, 99}), updates}, x.descriptor,
         {20, 21, 3, 4, 5, 6, 30, 31});
  Expect(core::Scatter{}, {x, TensorOf(DataType::kUint32, {3}, {1, 4294967295.0, 1}), updates}, x.descriptor,
         {1, 2, 30, 31, 5, 6, 20, 21});
  const Tensor list = TensorOf(DataType::kFloat32, {3}, {1, 2, 3});
  Expect(core::Scatter{},
         {list, TensorOf(DataType::kInt32, {1}, {1}), TensorOf(DataType::kFloat32, {1}, {9})},
         list.descriptor, {1, 9, 3});
}

}  // namespace
}  // namespace modeld::reference
