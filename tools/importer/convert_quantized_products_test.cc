#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "tools/importer/testing/test_model.h"

namespace modeld::importer {
namespace {

using absl::StatusCode;
using testing::TensorOf;
using Vector = std::vector<double>;

constexpr int kInt8 = onnx::TensorProto::INT8;
constexpr int kUint8 = onnx::TensorProto::UINT8;
constexpr int kInt32 = onnx::TensorProto::INT32;

// Whole numbers within [least, most].
Vector Random(size_t count, int least, int most, unsigned seed) {
  std::mt19937 engine(seed);
  Vector values(count);
  for (double& value : values)
    value = least + static_cast<int>(engine() % static_cast<unsigned>(most - least + 1));
  return values;
}

// [m, k] times [k, n], less the zero points.
Vector Product(const Vector& a, const Vector& b, size_t m, size_t k, size_t n, double zero_a, double zero_b) {
  Vector y(m * n, 0);
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t l = 0; l < k; ++l) y[i * n + j] += (a[i * k + l] - zero_a) * (b[l * n + j] - zero_b);
    }
  }
  return y;
}

TEST_CASE("sums of integers are exact, however long") {
  for (const size_t k : {7, 258, 259, 2000}) {
    INFO(k);
    // The greatest factors there are: a sum past 2^24 that float32 would round.
    Vector a = Random(2 * k, 250, 255, 1);
    Vector b = Random(k * 3, 0, 2, 2);
    TestModel model(13);
    model.Input("a", {2, static_cast<int64_t>(k)}, kUint8);
    model.Input("b", {static_cast<int64_t>(k), 3}, kUint8);
    model.Constant("za", {}, {0}, kUint8);
    model.Constant("zb", {}, {255}, kUint8);
    model.Node("MatMulInteger", {"a", "b", "za", "zb"}, {"y"});
    model.Output("y");
    const auto ku = static_cast<uint32_t>(k);
    const Vector y =
        Results(model, {TensorOf(DataType::kUint8, {2, ku}, a), TensorOf(DataType::kUint8, {ku, 3}, b)});
    CHECK(y == Product(a, b, 2, k, 3, 0, 255));
  }
}

TEST_CASE("vectors, batches and zero points by row and column multiply") {
  const auto multiply = [](const std::vector<int64_t>& a, const std::vector<int64_t>& b, bool zeros) {
    TestModel model(13);
    model.Input("a", a, kUint8);
    model.Input("b", b, kInt8);
    if (zeros) {
      model.Constant("za", {2}, {1, 2}, kUint8);
      model.Constant("zb", {3}, {1, 0, -1}, kInt8);
    }
    model.Node("MatMulInteger", {"a", "b", zeros ? "za" : "", zeros ? "zb" : ""}, {"y"});
    model.Output("y");
    const auto tensor = [](DataType type, const std::vector<int64_t>& shape) {
      size_t count = 1;
      for (int64_t size : shape) count *= static_cast<size_t>(size);
      Vector values(count);
      for (size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i + 1);
      return TensorOf(type, Shape(shape.begin(), shape.end()), values);
    };
    return Results(model, {tensor(DataType::kUint8, a), tensor(DataType::kInt8, b)});
  };
  CHECK(multiply({2}, {2, 3}, false) == Vector{9, 12, 15});
  CHECK(multiply({3, 2}, {2}, false) == Vector{5, 11, 17});
  CHECK(multiply({2}, {2}, false) == Vector{5});
  CHECK(multiply({2, 1, 2}, {2, 1}, false) == Vector{5, 11});
  // Rows (0, 1) and (1, 2); columns (0, 3), (2, 5), (4, 7).
  CHECK(multiply({2, 2}, {2, 3}, true) == Vector{3, 5, 7, 6, 12, 18});
}

TEST_CASE("a quantised product is scaled, rounded half to even and saturated") {
  TestModel model(13);
  model.Input("a", {2, 2}, kUint8);
  model.Constant("as", {}, {0.5});
  model.Constant("az", {}, {2}, kUint8);
  model.Constant("b", {2, 2}, {1, -1, 2, 100}, kInt8);
  model.Constant("bs", {2}, {0.5, 1});
  model.Constant("bz", {}, {0}, kInt8);
  model.Constant("ys", {}, {0.5});
  model.Constant("yz", {}, {3}, kUint8);
  model.Node("QLinearMatMul", {"a", "as", "az", "b", "bs", "bz", "ys", "yz"}, {"y"});
  model.Output("y");
  // Rows (1, 0), (1, 2): sums 1, -1; 5, 199; factors 0.5 and 1.
  const Vector y = Results(model, {TensorOf(DataType::kUint8, {2, 2}, {3, 2, 3, 4})});
  CHECK(y == Vector{3, 2, 5, 202});
}

// 3 x 3 windows over an image of one value per channel: a sum of 9 * channels terms inside.
TEST_CASE("convolutions of integers are exact, however many channels, also in groups") {
  for (const uint32_t groups : {1u, 2u}) {
    for (const uint32_t channels : {2u, 64u}) {
      INFO(channels << " channels in " << groups << " groups");
      const uint32_t per_group = channels / groups;
      TestModel model(13);
      model.Input("x", {1, channels, 3, 3}, kUint8);
      const Vector w = Random(2 * per_group * 9, 120, 127, 3);
      model.Constant("w", {2, per_group, 3, 3}, w, kInt8);
      model.Constant("xz", {}, {1}, kUint8);
      model.Constant("wz", {2}, {0, -128}, kInt8);
      model.Node("ConvInteger", {"x", "w", "xz", "wz"}, {"y"}).Int("group", groups);
      model.Output("y");
      const Vector x = Random(channels * 9, 250, 255, 4);
      Vector wanted;
      for (uint32_t m = 0; m < 2; ++m) {
        const uint32_t first = groups == 1 ? 0 : m * per_group;
        double sum = 0;
        for (uint32_t i = 0; i < per_group * 9; ++i) {
          sum += (x[first * 9 + i] - 1) * (w[m * per_group * 9 + i] + (m == 1 ? 128 : 0));
        }
        wanted.push_back(sum);
      }
      CHECK(Results(model, {TensorOf(DataType::kUint8, {1, channels, 3, 3}, x)}) == wanted);
    }
  }
}

TEST_CASE("padding of an integer convolution is the zero point") {
  TestModel model(13);
  model.Input("x", {1, 1, 2, 2}, kUint8);
  model.Constant("w", {1, 1, 2, 2}, {1, 1, 1, 1}, kUint8);
  model.Constant("xz", {}, {1}, kUint8);
  model.Node("ConvInteger", {"x", "w", "xz"}, {"y"}).Ints("pads", {1, 1, 0, 0});
  model.Output("y");
  CHECK(Results(model, {TensorOf(DataType::kUint8, {1, 1, 2, 2}, {2, 3, 4, 5})}) == Vector{1, 3, 4, 10});
}

TEST_CASE("a quantised convolution adds its bias before it is scaled") {
  TestModel model(13);
  model.Input("x", {1, 1, 1, 2}, kUint8);
  model.Constant("xs", {}, {0.5});
  model.Constant("xz", {}, {10}, kUint8);
  model.Constant("w", {2, 1, 1, 1}, {1, 3}, kInt8);
  model.Constant("ws", {2}, {1, 0.5});
  model.Constant("wz", {2}, {0, 1}, kInt8);
  model.Constant("ys", {}, {1});
  model.Constant("yz", {}, {0}, kInt8);
  model.Constant("b", {2}, {4, 100}, kInt32);
  model.Node("QLinearConv", {"x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"}, {"y"});
  model.Output("y");
  // Values 1, -10: sums 5, -6 times 0.5; 102, 80 times 0.25.
  const Vector y = Results(model, {TensorOf(DataType::kUint8, {1, 1, 1, 2}, {11, 0})});
  CHECK(y == Vector{2, -3, 26, 20});
}

TEST_CASE("QGemm gives integers or floats") {
  for (const bool quantised : {true, false}) {
    TestModel model(13);
    model.Input("a", {1, 2}, kUint8);
    model.Constant("as", {}, {0.5});
    model.Constant("az", {}, {1}, kUint8);
    model.Constant("b", {2, 2}, {1, 2, 3, 4}, kInt8);  // transposed
    model.Constant("bs", {2}, {1, 2});
    model.Constant("bz", {2}, {0, 1}, kInt8);
    model.Constant("c", {2}, {10, -10}, kInt32);
    model.Constant("ys", {}, {2});
    model.Constant("yz", {}, {5}, kUint8);
    model
        .Node("QGemm", {"a", "as", "az", "b", "bs", "bz", "c", quantised ? "ys" : "", quantised ? "yz" : ""},
              {"y"})
        .Microsoft()
        .Int("transB", 1);
    model.Output("y");
    // (2, 4) times (1, 2) and (2, 3): 10 + 10, 16 - 10; factors 0.5 and 1.
    const Vector y = Results(model, {TensorOf(DataType::kUint8, {1, 2}, {3, 5})});
    CHECK(y == (quantised ? Vector{10, 8} : Vector{10, 6}));
  }
}

TEST_CASE("a product quantised on the way is near the product of floats") {
  TestModel model(13);
  model.Input("a", {2, 3});
  model.Constant("b", {3, 2}, {1, 2, 3, 4, 5, 6}, kInt8);
  model.Constant("bs", {2}, {0.5, 0.25});
  model.Constant("bz", {}, {1}, kInt8);
  model.Constant("bias", {2}, {100, 200});
  model.Node("DynamicQuantizeMatMul", {"a", "b", "bs", "bz", "bias"}, {"y"}).Microsoft();
  model.Output("y");
  const Vector a = {0.1, -1, 0.7, 1, 0.3, -0.2};
  const Vector y = Results(model, {Floats({2, 3}, a)});
  Vector wanted = Product(a, {0, 0.25, 1, 0.75, 2, 1.25}, 2, 3, 2, 0, 0);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] += i % 2 == 0 ? 100 : 200;
  CheckClose(y, wanted, 0.02);
}

TEST_CASE("MatMulIntegerToFloat scales an exact sum") {
  TestModel model(13);
  model.Input("a", {1, 2}, kUint8);
  model.Constant("b", {2, 1}, {3, 4}, kUint8);
  model.Constant("as", {}, {0.5});
  model.Constant("bs", {}, {0.25});
  model.Constant("az", {}, {1}, kUint8);
  model.Constant("bz", {}, {2}, kUint8);
  model.Constant("bias", {1}, {1});
  model.Node("MatMulIntegerToFloat", {"a", "b", "as", "bs", "az", "bz", "bias"}, {"y"}).Microsoft();
  model.Output("y");
  CHECK(Results(model, {TensorOf(DataType::kUint8, {1, 2}, {5, 11})}) == Vector{4});
}

// B has 2 rows of K = 3 numbers in blocks of 2, so that the last number of each row is padding.
TEST_CASE("weights of 4 and 8 bits multiply by block") {
  for (const int64_t bits : {4, 8}) {
    for (const bool zeros : {false, true}) {
      INFO(bits << " bits, zero points " << zeros);
      TestModel model(13);
      model.Input("a", {1, 3});
      if (bits == 4) {
        model.Constant("b", {2, 2, 1}, {0x21, 0x03, 0xdc, 0x0e}, kUint8);
      } else {
        model.Constant("b", {2, 2, 2}, {1, 2, 3, 0, 12, 13, 14, 0}, kUint8);
      }
      model.Constant("scales", {4}, {1, 2, 0.5, 1});
      if (zeros && bits == 4) model.Constant("zeros", {2}, {0x10, 0x32}, kUint8);
      if (zeros && bits == 8) model.Constant("zeros", {4}, {0, 1, 2, 3}, kUint8);
      model.Node("MatMulNBits", {"a", "b", "scales", zeros ? "zeros" : ""}, {"y"})
          .Microsoft()
          .Int("K", 3)
          .Int("N", 2)
          .Int("bits", bits)
          .Int("block_size", 2);
      model.Output("y");
      const double middle = bits == 4 ? 8 : 128;
      const Vector zero = zeros ? Vector{0, 1, 2, 3} : Vector(4, middle);
      const Vector wanted = {(1 - zero[0]) + 10 * (2 - zero[0]) + 100 * 2 * (3 - zero[1]),
                             0.5 * (12 - zero[2]) + 10 * 0.5 * (13 - zero[2]) + 100 * (14 - zero[3])};
      CheckClose(Results(model, {Floats({1, 3}, {1, 10, 100})}), wanted, 1e-3);
    }
  }
}

TEST_CASE("quantised products that do not fit are refused, with the reason") {
  TestModel model(13);
  constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
  model.Output("y");
  SECTION("types") {
    model.Input("a", {2, 2}, kInt32);
    model.Node("MatMulInteger", {"a", "a"}, {"y"});
    CheckRefused(model, StatusCode::kUnimplemented, "other than int8 and uint8");
  }
  SECTION("a scalar") {
    model.Input("a", {}, kInt8);
    model.Node("MatMulInteger", {"a", "a"}, {"y"});
    CheckRefused(model, kInvalid, "a factor is a scalar");
  }
  SECTION("inner dimensions") {
    model.Input("a", {2, 1000}, kUint8);
    model.Input("b", {999, 2}, kUint8);
    model.Node("MatMulInteger", {"a", "b"}, {"y"});
    CheckRefused(model, kInvalid, "inner dimensions differ");
  }
  SECTION("a window too large for an exact sum") {
    model.Input("x", {1, 1, 100, 100}, kUint8);
    model.Input("w", {1, 1, 20, 20}, kUint8);
    model.Node("ConvInteger", {"x", "w"}, {"y"});
    CheckRefused(model, StatusCode::kUnimplemented, "a window of 400 elements");
  }
  SECTION("groups") {
    for (const int64_t group : {int64_t{2}, int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
      TestModel wrong(13);
      wrong.Input("x", {1, 90, 5, 5}, kUint8);
      wrong.Input("w", {2, 60, 3, 3}, kUint8);
      wrong.Node("ConvInteger", {"x", "w"}, {"y"}).Int("group", group);
      wrong.Output("y");
      CheckRefused(wrong, kInvalid, "do not fit the groups");
    }
  }
  SECTION("a missing scale") {
    model.Input("x", {1, 1, 2, 2}, kUint8);
    model.Node("QLinearConv", {"x"}, {"y"});
    CheckRefused(model, kInvalid, "input 3 is missing");
  }
  SECTION("claims of MatMulNBits that its bytes do not keep") {
    model.Input("a", {1, 3});
    model.Constant("b", {2, 2, 1}, {1, 2, 3, 4}, kUint8);
    model.Constant("s", {4}, {1, 1, 1, 1});
    model.Node("MatMulNBits", {"a", "b", "s"}, {"y"})
        .Microsoft()
        .Int("K", 1 << 30)
        .Int("N", 1 << 30)
        .Int("block_size", 16);
    CheckRefused(model, kInvalid, "input 1 does not hold");
  }
}

}  // namespace
}  // namespace modeld::importer
