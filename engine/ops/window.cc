#include "engine/ops/window.h"

#include <algorithm>

namespace modeld {

ImageShape ImageShape::Of(const Shape& shape, const std::string& layout) {
  if (layout == "nhwc") return {shape[0], shape[3], shape[1], shape[2]};
  return {shape[0], shape[1], shape[2], shape[3]};
}

Shape ImageShape::In(const std::string& layout) const {
  if (layout == "nhwc") return {batches, height, width, channels};
  return Nchw();
}

std::vector<uint32_t> LayoutPermutation(absl::string_view from, absl::string_view to) {
  std::vector<uint32_t> permutation;
  for (char dimension : to) permutation.push_back(static_cast<uint32_t>(from.find(dimension)));
  return permutation;
}

core::ValueId ToNchw(core::CoreBuilder& b, core::ValueId x, const std::string& layout) {
  return b.TransposeBy(x, LayoutPermutation(layout, "nchw"));
}

core::ValueId FromNchw(core::CoreBuilder& b, core::ValueId x, const std::string& layout) {
  return b.TransposeBy(x, LayoutPermutation("nchw", layout));
}

int64_t EffectiveFilterSize(uint32_t filter, uint32_t dilation) {
  // Both are below 2^32, and a filter has a size: the product fits 64 bits, but not 63.
  const uint64_t size = (uint64_t{filter} - 1) * dilation + 1;
  return static_cast<int64_t>(std::min(size, uint64_t{kMaxReach}));
}

int64_t WindowRoom(uint32_t input, uint32_t filter, uint32_t before, uint32_t after, uint32_t dilation) {
  return static_cast<int64_t>(input) - EffectiveFilterSize(filter, dilation) + before + after;
}

}  // namespace modeld
