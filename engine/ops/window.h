// What convolutions and pooling share: layouts and the arithmetic of sliding windows. Internal to engine/ops.
#ifndef MODELD_ENGINE_OPS_WINDOW_H_
#define MODELD_ENGINE_OPS_WINDOW_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/ops/op_context.h"

namespace modeld {

// A 4-D image's sizes by meaning.
struct ImageShape {
  uint32_t batches, channels, height, width;

  // Of a tensor of layout "nchw" or "nhwc". Requires: 4 dimensions.
  static ImageShape Of(const Shape& shape, const std::string& layout);
  Shape In(const std::string& layout) const;
  Shape Nchw() const { return {batches, channels, height, width}; }
};

// The value with its dimensions in "nchw" order, and back again.
core::ValueId ToNchw(core::CoreBuilder& b, core::ValueId x, const std::string& layout);
core::ValueId FromNchw(core::CoreBuilder& b, core::ValueId x, const std::string& layout);

// The permutation that brings a tensor of layout `from` to layout `to`: strings of the same distinct letters.
std::vector<uint32_t> LayoutPermutation(absl::string_view from, absl::string_view to);

// Beyond this nothing fits, and the sum of two such sizes cannot overflow.
inline constexpr int64_t kMaxReach = int64_t{1} << 61;
// (filter - 1) * dilation + 1, at most kMaxReach. Requires: filter >= 1.
int64_t EffectiveFilterSize(uint32_t filter, uint32_t dilation);

// The exact output size of a window that slides over padded input is 1 + room / stride with room >= 0, or
// there is no valid one (room < 0).
int64_t WindowRoom(uint32_t input, uint32_t filter, uint32_t before, uint32_t after, uint32_t dilation);

// The elements of an attribute of 2 or 4 unsigned integers.
template <size_t kSize>
std::array<uint32_t, kSize> ToArray(const std::vector<uint32_t>& values) {
  std::array<uint32_t, kSize> result;
  for (size_t i = 0; i < kSize; ++i) result[i] = values[i];
  return result;
}

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_WINDOW_H_
