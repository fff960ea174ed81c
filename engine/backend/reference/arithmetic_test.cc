// Elementwise operations, reductions and products against values worked out by hand.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/backend/reference/expect.h"

namespace modeld::reference {
namespace {

using core::BinaryFunction;
using core::Comparison;
using core::ReduceFunction;
using core::UnaryFunction;
using testing::Tensor;
using testing::TensorOf;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr DataType kF32 = DataType::kFloat32;
constexpr DataType kF16 = DataType::kFloat16;
constexpr DataType kU8 = DataType::kUint8;

// A list of values as a one-dimensional tensor.
Tensor List(DataType type, const std::vector<double>& values) {
  return TensorOf(type, {static_cast<uint32_t>(values.size())}, values);
}

struct UnaryRow {
  UnaryFunction function;
  std::vector<double> x;
  std::vector<double> y;
};

TEST_CASE("unary functions of floats") {
  const std::vector<UnaryRow> rows = {
      {UnaryFunction::kIdentity, {1.5, -kInf, kNaN}, {1.5, -kInf, kNaN}},
      {UnaryFunction::kAbs, {-1.5, 2, -kInf}, {1.5, 2, kInf}},
      {UnaryFunction::kNeg, {-1.5, 2, kInf}, {1.5, -2, -kInf}},
      {UnaryFunction::kSign, {-1.5, 0, 7, kNaN}, {-1, 0, 1, kNaN}},
      {UnaryFunction::kCeil, {-1.5, 1.25}, {-1, 2}},
      {UnaryFunction::kFloor, {-1.5, 1.25}, {-2, 1}},
      {UnaryFunction::kRoundEven, {-2.5, -1.5, 0.5, 1.5, 2.5, 2.75}, {-2, -2, 0, 2, 2, 3}},
      {UnaryFunction::kSqrt, {0, 4, 2.25, -1}, {0, 2, 1.5, kNaN}},
      {UnaryFunction::kReciprocal, {4, -0.5, 0}, {0.25, -2, kInf}},
      {UnaryFunction::kExp, {0, 1, -kInf}, {1, M_E, 0}},
      {UnaryFunction::kLog, {1, M_E * M_E, 0, -1}, {0, 2, -kInf, kNaN}},
      {UnaryFunction::kTanh, {0, 40, -40}, {0, 1, -1}},
      {UnaryFunction::kErf, {0, 10, -10}, {0, 1, -1}},
      {UnaryFunction::kSigmoid, {0, 100, -1000}, {0.5, 1, 0}},
  };
  for (const UnaryRow& row : rows) {
    for (DataType type : {kF32, kF16}) {
      // e squared is not exact in either type.
      if (row.function == UnaryFunction::kLog && type == kF16) continue;
      const Tensor x = List(type, row.x);
      Expect(core::Unary{row.function}, {x}, x.descriptor, row.y);
    }
  }
  const Tensor angles = List(kF32, {0});
  Expect(core::Unary{UnaryFunction::kSin}, {angles}, angles.descriptor, {0});
  Expect(core::Unary{UnaryFunction::kCos}, {angles}, angles.descriptor, {1});
  Expect(core::Unary{UnaryFunction::kTan}, {angles}, angles.descriptor, {0});
}

TEST_CASE("tests of floats give 0 or 1 of uint8") {
  const Tensor x = List(kF32, {1, kNaN, kInf, -kInf, 0});
  Expect(core::Unary{UnaryFunction::kIsNaN}, {x}, {kU8, {5}}, {0, 1, 0, 0, 0});
  Expect(core::Unary{UnaryFunction::kIsInfinite}, {x}, {kU8, {5}}, {0, 0, 1, 1, 0});
  const Tensor b = List(kU8, {0, 1, 2, 255});
  Expect(core::Unary{UnaryFunction::kLogicalNot}, {b}, b.descriptor, {1, 0, 0, 0});
}

TEST_CASE("unary functions of integers wrap") {
  const Tensor x = List(DataType::kInt8, {-128, -1, 0, 127});
  Expect(core::Unary{UnaryFunction::kAbs}, {x}, x.descriptor, {-128, 1, 0, 127});
  Expect(core::Unary{UnaryFunction::kNeg}, {x}, x.descriptor, {-128, 1, 0, -127});
  Expect(core::Unary{UnaryFunction::kSign}, {x}, x.descriptor, {-1, -1, 0, 1});
  const Tensor wide = List(DataType::kInt64, {-9223372036854775808.0, 5});
  Expect(core::Unary{UnaryFunction::kNeg}, {wide}, wide.descriptor, {-9223372036854775808.0, -5});
}

struct BinaryRow {
  BinaryFunction function;
  DataType type;
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> result;
};

TEST_CASE("binary functions of floats and integers") {
  constexpr DataType kI8 = DataType::kInt8;
  constexpr DataType kI32 = DataType::kInt32;
  constexpr DataType kU32 = DataType::kUint32;
  const std::vector<BinaryRow> rows = {
      {BinaryFunction::kAdd, kF32, {1, kInf}, {2.5, -kInf}, {3.5, kNaN}},
      {BinaryFunction::kAdd, kF16, {60000, 1}, {60000, 2}, {kInf, 3}},
      {BinaryFunction::kAdd, kI8, {127, -128}, {1, -1}, {-128, 127}},
      {BinaryFunction::kAdd, kU8, {255}, {2}, {1}},
      {BinaryFunction::kSub, kF32, {1}, {2.5}, {-1.5}},
      {BinaryFunction::kSub, kU32, {1}, {2}, {4294967295.0}},
      {BinaryFunction::kMul, kF32, {3}, {-2.5}, {-7.5}},
      {BinaryFunction::kMul, kI32, {65536, -3}, {65536, 7}, {0, -21}},
      {BinaryFunction::kDiv, kF32, {1, 0}, {4, 0}, {0.25, kNaN}},
      {BinaryFunction::kDiv, kI32, {7, -7, 5, -2147483648.0}, {2, 2, 0, -1}, {3, -3, 0, -2147483648.0}},
      {BinaryFunction::kMax, kF32, {1, kNaN, 2}, {3, 1, kNaN}, {3, kNaN, kNaN}},
      {BinaryFunction::kMin, kF32, {1, kNaN, 2}, {3, 1, kNaN}, {1, kNaN, kNaN}},
      {BinaryFunction::kMax, kI8, {-5}, {4}, {4}},
      {BinaryFunction::kMin, kU8, {200}, {4}, {4}},
      {BinaryFunction::kPow, kF32, {2, 9, -2}, {10, 0.5, 3}, {1024, 3, -8}},
      {BinaryFunction::kPow,
       kI32,
       {3, -1, -1, 2, 0, 0, 3},
       {4, -3, -2, -1, -1, 0, 40},
       {81, -1, 1, 0, 0, 1, 689956897}},
      {BinaryFunction::kLogicalAnd, kU8, {0, 2, 3}, {1, 1, 0}, {0, 1, 0}},
      {BinaryFunction::kLogicalOr, kU8, {0, 2, 0}, {1, 1, 0}, {1, 1, 0}},
      {BinaryFunction::kLogicalXor, kU8, {0, 2, 0}, {1, 1, 0}, {1, 0, 0}},
  };
  for (const BinaryRow& row : rows) {
    const Tensor a = List(row.type, row.a);
    Expect(core::Binary{row.function}, {a, List(row.type, row.b)}, a.descriptor, row.result);
  }
}

TEST_CASE("comparisons; NaN is unequal to everything") {
  const Tensor a = List(kF32, {1, 2, 3, kNaN});
  const Tensor b = List(kF32, {2, 2, 2, kNaN});
  const TensorDescriptor out = {kU8, {4}};
  Expect(core::Compare{Comparison::kEqual}, {a, b}, out, {0, 1, 0, 0});
  Expect(core::Compare{Comparison::kNotEqual}, {a, b}, out, {1, 0, 1, 1});
  Expect(core::Compare{Comparison::kGreater}, {a, b}, out, {0, 0, 1, 0});
  Expect(core::Compare{Comparison::kGreaterOrEqual}, {a, b}, out, {0, 1, 1, 0});
  Expect(core::Compare{Comparison::kLesser}, {a, b}, out, {1, 0, 0, 0});
  Expect(core::Compare{Comparison::kLesserOrEqual}, {a, b}, out, {1, 1, 0, 0});
  // Neighbours that one float32 could not tell apart.
  Expect(core::Compare{Comparison::kLesser},
         {List(DataType::kInt32, {16777216}), List(DataType::kInt32, {16777217})}, {kU8, {1}}, {1});
}

TEST_CASE("select takes the first where the condition is not zero") {
  Expect(core::Select{}, {List(kU8, {0, 1, 7}), List(kF32, {1, 2, 3}), List(kF32, {4, 5, 6})}, {kF32, {3}},
         {4, 2, 3});
}

TEST_CASE("packed elements are widened with their sign, and narrowed to their low four bits") {
  const std::vector<double> odd = {-8, 7, -1, 0, 3};
  Expect(core::Cast{}, {List(DataType::kInt4, odd)}, {DataType::kInt8, {5}}, odd);
  Expect(core::Cast{}, {List(DataType::kUint4, {15, 0, 8, 7})}, {kU8, {4}}, {15, 0, 8, 7});
  Expect(core::Cast{}, {List(DataType::kInt8, {-8, 7, 9, -9, 100})}, {DataType::kInt4, {5}},
         {-8, 7, -7, 7, 4});
  Expect(core::Cast{}, {List(kU8, {255, 16, 3})}, {DataType::kUint4, {3}}, {15, 0, 3});
  Expect(core::Reshape{}, {List(DataType::kInt4, odd)}, {DataType::kInt4, {5, 1}}, odd);
  // The first element lies in the low bits; what is left over at the end is 0.
  const std::vector<Tensor> inputs = {List(kU8, {0xFA, 0xB, 0xC})};
  const auto packed = testing::RunGraph(
      ReferenceBackend(), testing::GraphOf(core::Cast{}, inputs, {DataType::kUint4, {3}}), inputs);
  REQUIRE(packed.ok());
  CHECK(packed->at(0).bytes == std::vector<std::byte>{std::byte{0xBA}, std::byte{0x0C}});
}

TEST_CASE("running sums along an axis, from either end, with and without the element itself") {
  const Tensor x = TensorOf(kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
  Expect(core::Scan{.axis = 1}, {x}, x.descriptor, {1, 3, 6, 4, 9, 15});
  Expect(core::Scan{.axis = 0}, {x}, x.descriptor, {1, 2, 3, 5, 7, 9});
  Expect(core::Scan{.axis = 1, .exclusive = true}, {x}, x.descriptor, {0, 1, 3, 0, 4, 9});
  Expect(core::Scan{.axis = 1, .reversed = true}, {x}, x.descriptor, {6, 5, 3, 15, 11, 6});
  Expect(core::Scan{.axis = 1, .exclusive = true, .reversed = true}, {x}, x.descriptor, {5, 3, 0, 11, 6, 0});
  Expect(core::Scan{.axis = 0}, {List(DataType::kInt32, {2147483647, 1, 1})}, {DataType::kInt32, {3}},
         {2147483647, -2147483648.0, -2147483647});
  Expect(core::Scan{.axis = 0}, {List(kF32, {1, kInf, -kInf, 1})}, {kF32, {4}}, {1, kInf, kNaN, kNaN});
  // In float16 alone 2048 + 1 would stay 2048.
  Expect(core::Scan{.axis = 0}, {List(kF16, {2048, 1, 1})}, {kF16, {3}}, {2048, 2048, 2050});
}

TEST_CASE("casts truncate, saturate, wrap and round") {
  Expect(core::Cast{}, {List(kF32, {-1.9, 1.9, 300, -300, kNaN, kInf, -kInf})}, {DataType::kInt8, {7}},
         {-1, 1, 127, -128, 0, 127, -128});
  Expect(core::Cast{}, {List(kF32, {-1, 1e30, 255.9})}, {kU8, {3}}, {0, 255, 255});
  Expect(core::Cast{}, {List(kF32, {-1e30})}, {DataType::kInt64, {1}}, {-9223372036854775808.0});
  Expect(core::Cast{}, {List(DataType::kInt32, {300, -1})}, {kU8, {2}}, {44, 255});
  Expect(core::Cast{}, {List(DataType::kInt8, {-1})}, {DataType::kUint32, {1}}, {4294967295.0});
  Expect(core::Cast{}, {List(DataType::kInt32, {16777217, 16777219})}, {kF32, {2}}, {16777216, 16777220});
  Expect(core::Cast{}, {List(kF32, {1e6, 2049, 2051})}, {kF16, {3}}, {kInf, 2048, 2052});
}

TEST_CASE("a cast saturates at the greatest 64-bit integers, which no float holds") {
  const std::vector<Tensor> x = {List(kF32, {1e30})};
  const auto greatest = [&](DataType type) {
    const auto results =
        testing::RunGraph(ReferenceBackend(), testing::GraphOf(core::Cast{}, x, {type, {1}}), x);
    REQUIRE(results.ok());
    uint64_t bits = 0;
    std::memcpy(&bits, results->at(0).bytes.data(), sizeof(bits));
    return bits;
  };
  CHECK(greatest(DataType::kInt64) == std::numeric_limits<int64_t>::max());
  CHECK(greatest(DataType::kUint64) == std::numeric_limits<uint64_t>::max());
}

TEST_CASE("reductions along one, several and all dimensions") {
  const Tensor x = TensorOf(kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
  Expect(core::Reduce{ReduceFunction::kSum, {0}}, {x}, {kF32, {1, 3}}, {5, 7, 9});
  Expect(core::Reduce{ReduceFunction::kSum, {1}}, {x}, {kF32, {2, 1}}, {6, 15});
  Expect(core::Reduce{ReduceFunction::kProduct, {0, 1}}, {x}, {kF32, {1, 1}}, {720});
  Expect(core::Reduce{ReduceFunction::kMax, {1}}, {x}, {kF32, {2, 1}}, {3, 6});
  Expect(core::Reduce{ReduceFunction::kMin, {0}}, {x}, {kF32, {1, 3}}, {1, 2, 3});
  const Tensor cube = TensorOf(kF32, {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  Expect(core::Reduce{ReduceFunction::kSum, {0, 2}}, {cube}, {kF32, {1, 2, 1}}, {14, 22});
  Expect(core::Reduce{ReduceFunction::kMax, {0}}, {List(kF32, {1, kNaN, 3})}, {kF32, {1}}, {kNaN});
  Expect(core::Reduce{ReduceFunction::kSum, {0}}, {List(kU8, {200, 100})}, {kU8, {1}}, {44});
  // Half of these ones would be lost in a float16 sum.
  Expect(core::Reduce{ReduceFunction::kSum, {0}}, {List(kF16, std::vector<double>(4000, 1))}, {kF16, {1}},
         {4000});
}

TEST_CASE("a contraction multiplies matrices, batch by batch") {
  const Tensor a = TensorOf(kF32, {2, 2, 3}, {1, 2, 3, 4, 5, 6, 1, 0, 0, 0, 1, 0});
  const Tensor b = TensorOf(kF32, {2, 3, 1}, {1, 10, 100, 7, 8, 9});
  Expect(core::Contraction{}, {a, b}, {kF32, {2, 2, 1}}, {321, 654, 7, 8});
  const Tensor row = TensorOf(kF16, {1, 2}, {2, 3});
  const Tensor square = TensorOf(kF16, {2, 2}, {1, 2, 3, 4});
  Expect(core::Contraction{}, {row, square}, {kF16, {1, 2}}, {11, 16});
}

}  // namespace
}  // namespace modeld::reference
