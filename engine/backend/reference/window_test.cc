// Convolutions and pools against values worked out by hand.
#include <cmath>

#include "engine/backend/reference/expect.h"

namespace modeld::reference {
namespace {

using core::Convolution;
using core::Pool;
using core::PoolFunction;
using testing::Tensor;
using testing::TensorOf;

constexpr DataType kF32 = DataType::kFloat32;

// 1 2 3
// 4 5 6
// 7 8 9
Tensor Square() {
  return TensorOf(kF32, {1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("a convolution slides without turning its filter") {
  const Tensor filter = TensorOf(kF32, {1, 1, 2, 2}, {1, 10, 100, 1000});
  Expect(Convolution{}, {Square(), filter}, {kF32, {1, 1, 2, 2}}, {5421, 6532, 8754, 9865});
}

TEST_CASE("a convolution with strides, dilations and padding on each side") {
  const Tensor filter = TensorOf(kF32, {1, 1, 2, 2}, {1, 10, 100, 1000});
  Expect(Convolution{.strides = {2, 2}, .padding = {1, 0, 1, 0}}, {Square(), filter}, {kF32, {1, 1, 2, 2}},
         {1000, 3200, 7040, 9865});
  Expect(Convolution{.dilations = {2, 2}}, {Square(), filter}, {kF32, {1, 1, 1, 1}}, {9731});
  Expect(Convolution{.padding = {0, 1, 0, 1}}, {Square(), filter}, {kF32, {1, 1, 3, 3}},
         {5421, 6532, 603, 8754, 9865, 906, 87, 98, 9});
}

TEST_CASE("a convolution sums over channels, by groups") {
  const Tensor image = TensorOf(kF32, {1, 2, 1, 2}, {1, 2, 3, 4});
  Expect(Convolution{}, {image, TensorOf(kF32, {2, 2, 1, 1}, {1, 10, 100, 1000})}, {kF32, {1, 2, 1, 2}},
         {31, 42, 3100, 4200});
  Expect(Convolution{.groups = 2}, {image, TensorOf(kF32, {2, 1, 1, 1}, {10, 100})}, {kF32, {1, 2, 1, 2}},
         {10, 20, 300, 400});
  Expect(Convolution{.groups = 2}, {image, TensorOf(kF32, {4, 1, 1, 1}, {1, 10, 100, 1000})},
         {kF32, {1, 4, 1, 2}}, {1, 2, 10, 20, 300, 400, 3000, 4000});
}

TEST_CASE("each image of a batch is convolved on its own") {
  const Tensor images = TensorOf(kF32, {2, 1, 1, 2}, {1, 2, 3, 4});
  Expect(Convolution{}, {images, TensorOf(kF32, {1, 1, 1, 2}, {1, 10})}, {kF32, {2, 1, 1, 1}}, {21, 43});
}

TEST_CASE("a transposed convolution spreads each element over its window") {
  const Tensor image = TensorOf(kF32, {1, 1, 1, 2}, {1, 2});
  const Tensor filter = TensorOf(kF32, {1, 1, 1, 3}, {1, 10, 100});
  Expect(Convolution{.transposed = true}, {image, filter}, {kF32, {1, 1, 1, 4}}, {1, 12, 120, 200});
  Expect(Convolution{.strides = {1, 2}, .transposed = true}, {image, filter}, {kF32, {1, 1, 1, 5}},
         {1, 10, 102, 20, 200});
  Expect(Convolution{.strides = {1, 2}, .padding = {0, 0, 1, 1}, .transposed = true}, {image, filter},
         {kF32, {1, 1, 1, 3}}, {10, 102, 20});
  // One more element than the window reaches.
  Expect(Convolution{.strides = {1, 2}, .padding = {0, 0, 1, 0}, .transposed = true}, {image, filter},
         {kF32, {1, 1, 1, 5}}, {10, 102, 20, 200, 0});
}

TEST_CASE("a transposed convolution's filter is [input channel, output channel of the group]") {
  const Tensor image = TensorOf(kF32, {1, 2, 1, 1}, {1, 2});
  Expect(Convolution{.transposed = true}, {image, TensorOf(kF32, {2, 2, 1, 1}, {1, 10, 100, 1000})},
         {kF32, {1, 2, 1, 1}}, {201, 2010});
  Expect(Convolution{.groups = 2, .transposed = true},
         {image, TensorOf(kF32, {2, 2, 1, 1}, {1, 10, 100, 1000})}, {kF32, {1, 4, 1, 1}}, {1, 10, 200, 2000});
}

TEST_CASE("pools over windows that lie inside") {
  const TensorDescriptor out = {kF32, {1, 1, 2, 2}};
  Expect(Pool{.function = PoolFunction::kMax, .window = {2, 2}}, {Square()}, out, {5, 6, 8, 9});
  Expect(Pool{.function = PoolFunction::kAverage, .window = {2, 2}}, {Square()}, out, {3, 4, 6, 7});
  Expect(Pool{.function = PoolFunction::kL2, .window = {2, 2}}, {Square()}, out,
         {std::sqrt(46), std::sqrt(74), std::sqrt(154), std::sqrt(206)});
}

TEST_CASE("padding never takes part in a pool") {
  const TensorDescriptor out = {kF32, {1, 1, 2, 2}};
  const Tensor negative = TensorOf(kF32, {1, 1, 3, 3}, {-1, -2, -3, -4, -5, -6, -7, -8, -9});
  const auto pool = [](PoolFunction function) {
    return Pool{.function = function, .window = {2, 2}, .strides = {2, 2}, .padding = {1, 0, 1, 0}};
  };
  Expect(pool(PoolFunction::kMax), {negative}, out, {-1, -2, -4, -5});
  Expect(pool(PoolFunction::kAverage), {negative}, out, {-1, -2.5, -5.5, -7});
  Expect(pool(PoolFunction::kL2), {negative}, out,
         {1, std::sqrt(13), std::sqrt(65), std::sqrt(206 + 16 - 16)});
}

TEST_CASE("a window may overhang the end, and one over nothing gives 0") {
  const Pool overhang = {.function = PoolFunction::kAverage, .window = {2, 2}, .strides = {2, 2}};
  Expect(overhang, {Square()}, {kF32, {1, 1, 2, 2}}, {3, 4.5, 7.5, 9});
  const Pool nothing = {.function = PoolFunction::kMax, .window = {1, 1}, .padding = {0, 0, 0, 1}};
  Expect(nothing, {TensorOf(kF32, {1, 1, 1, 1}, {-3})}, {kF32, {1, 1, 1, 2}}, {-3, 0});
}

TEST_CASE("a pool's dilation leaves elements out, and integers can be pooled by max") {
  Expect(Pool{.function = PoolFunction::kMax, .window = {2, 2}, .dilations = {2, 2}},
         {TensorOf(DataType::kInt8, {1, 1, 3, 3}, {-7, 99, -5, 99, 99, 99, -6, 99, -8})},
         {DataType::kInt8, {1, 1, 1, 1}}, {-5});
}

TEST_CASE("a pool of integers truncates the exact mean and the root, which saturates") {
  const auto pool = [](PoolFunction function, DataType type, const std::vector<double>& values,
                       double expected) {
    const auto width = static_cast<uint32_t>(values.size());
    Expect(Pool{.function = function, .window = {1, width}}, {TensorOf(type, {1, 1, 1, width}, values)},
           {type, {1, 1, 1, 1}}, {expected});
  };
  pool(PoolFunction::kAverage, DataType::kInt8, {-1, -2, -2}, -1);
  pool(PoolFunction::kAverage, DataType::kUint32, {4294967295, 4294967295}, 4294967295);
  pool(PoolFunction::kAverage, DataType::kInt64, {-0x1p63, -0x1p63, -0x1p63}, -0x1p63);
  pool(PoolFunction::kL2, DataType::kUint8, {3, 5}, 5);
  pool(PoolFunction::kL2, DataType::kInt8, {-128, 127}, 127);
}

TEST_CASE("a window far larger than the input takes no longer than the input") {
  const uint32_t huge = 1u << 31;
  Expect(Pool{.function = PoolFunction::kAverage, .window = {huge, huge}, .padding = {huge, 0, huge, 0}},
         {Square()}, {kF32, {1, 1, 4, 4}}, {0, 0, 0, 0, 0, 1, 1.5, 2, 0, 2.5, 3, 3.5, 0, 4, 4.5, 5});
}

}  // namespace
}  // namespace modeld::reference
