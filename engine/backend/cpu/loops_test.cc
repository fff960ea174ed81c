// Layouts, strided walks and copies.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "engine/backend/cpu/copy.h"
#include "engine/backend/cpu/element.h"
#include "engine/backend/cpu/layout.h"

namespace modeld::cpu {
namespace {

TEST_CASE("strides follow the order of the dimensions in memory") {
  const Shape shape = {2, 3, 5, 7};
  CHECK(StridesOf(shape, PlainLayout(4)) == std::vector<int64_t>{105, 35, 7, 1});
  CHECK(StridesOf(shape, ChannelsLast()) == std::vector<int64_t>{105, 1, 21, 3});
  CHECK(PhysicalShape(shape, ChannelsLast()) == Shape{2, 5, 7, 3});
  CHECK(PhysicalIndex(ChannelsLast(), 1) == 3);
}

TEST_CASE("layouts that differ in dimensions of one element are the same bytes") {
  CHECK(SameBytes(Shape{4, 1, 5, 7}, PlainLayout(4), ChannelsLast()));
  CHECK(SameBytes(Shape{4, 9, 1, 1}, PlainLayout(4), ChannelsLast()));
  CHECK(!SameBytes(Shape{1, 2, 2, 1}, PlainLayout(4), ChannelsLast()));
}

TEST_CASE("a transposed layout describes the same bytes") {
  // [N, H, W, C] row-major, seen as [N, C, H, W].
  CHECK(TransposedLayout(PlainLayout(4), std::vector<uint32_t>{0, 3, 1, 2}) == ChannelsLast());
  CHECK(TransposedLayout(ChannelsLast(), std::vector<uint32_t>{0, 2, 3, 1}) == PlainLayout(4));
}

TEST_CASE("copies between any two layouts move every element to its place") {
  std::mt19937 random(5);
  for (int trial = 0; trial < 200; ++trial) {
    INFO("trial " << trial);
    Shape shape(1 + random() % 5);
    for (uint32_t& size : shape) size = 1 + random() % (trial % 10 == 0 ? 40 : 6);
    Layout from = PlainLayout(shape.size());
    Layout to = from;
    std::shuffle(from.begin(), from.end(), random);
    std::shuffle(to.begin(), to.end(), random);
    const std::vector<int64_t> in_strides = StridesOf(shape, from);
    const std::vector<int64_t> out_strides = StridesOf(shape, to);
    const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    std::vector<int32_t> in(count);
    std::iota(in.begin(), in.end(), 0);
    std::vector<int32_t> out(count, -1);
    StridedCopy(shape, {out_strides, 0}, {in_strides, 0}).Run(in.data(), out.data(), 1 + trial % 3);
    for (int64_t element = 0; element < count; ++element) {
      int64_t rest = element;
      int64_t in_at = 0;
      int64_t out_at = 0;
      for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
        in_at += rest % shape[d] * in_strides[d];
        out_at += rest % shape[d] * out_strides[d];
      }
      REQUIRE(out[out_at] == in[in_at]);
    }
  }
}

TEST_CASE("rows are cut into pieces that cover them once") {
  for (const int64_t length : {1, 100, 5000, 100'000}) {
    for (const uint32_t rows : {1u, 3u, 40u}) {
      std::vector<int> visits(rows * length);
      const auto nest = MakeNest<2>(std::vector<int64_t>{rows, length},
                                    {std::vector<int64_t>{2 * length, 1}, std::vector<int64_t>{length, 1}});
      ForEachRow(nest, 3, [&](const std::array<int64_t, 2>& at, int64_t count) {
        for (int64_t i = 0; i < count; ++i) ++visits[at[1] + i];
      });
      CHECK(visits == std::vector<int>(visits.size(), 1));
    }
  }
}

TEST_CASE("halves convert exactly and round to nearest even") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromHalf(Half{static_cast<uint16_t>(bits)});
    if (std::isnan(value)) {
      CHECK((ToHalf(value).bits & 0x7e00) == 0x7e00);
    } else {
      REQUIRE(ToHalf(value).bits == bits);
    }
  }
  CHECK(FromHalf(Half{0x3c00}) == 1.0f);
  CHECK(FromHalf(Half{0x0001}) == std::ldexp(1.0f, -24));
  CHECK(ToHalf(1.0f + std::ldexp(1.0f, -11)).bits == 0x3c00);
  CHECK(ToHalf(1.0f + 3 * std::ldexp(1.0f, -11)).bits == 0x3c02);
  CHECK(ToHalf(65519.0f).bits == 0x7bff);
  CHECK(ToHalf(65520.0f).bits == 0x7c00);
  CHECK(ToHalf(std::ldexp(1.0f, -25)).bits == 0);
  CHECK(ToHalf(std::ldexp(3.0f, -26)).bits == 1);
}

}  // namespace
}  // namespace modeld::cpu
