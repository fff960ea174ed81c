#include "engine/backend/cpu/layout.h"

#include <algorithm>
#include <numeric>

namespace modeld::cpu {

Layout PlainLayout(size_t rank) {
  Layout layout(rank);
  std::iota(layout.begin(), layout.end(), uint8_t{0});
  return layout;
}

Layout ChannelsLast() {
  return {0, 2, 3, 1};
}

Shape PhysicalShape(std::span<const uint32_t> shape, const Layout& layout) {
  return ToPhysical<uint32_t>(shape, layout);
}

size_t PhysicalIndex(const Layout& layout, size_t dimension) {
  return std::find(layout.begin(), layout.end(), dimension) - layout.begin();
}

std::vector<int64_t> StridesOf(std::span<const uint32_t> shape, const Layout& layout) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = layout.size(); i-- > 0;) {
    strides[layout[i]] = stride;
    stride *= shape[layout[i]];
  }
  return strides;
}

bool SameBytes(std::span<const uint32_t> shape, const Layout& a, const Layout& b) {
  const auto significant = [&](const Layout& layout) {
    Layout kept;
    std::copy_if(layout.begin(), layout.end(), std::back_inserter(kept),
                 [&](uint8_t dimension) { return shape[dimension] != 1; });
    return kept;
  };
  return significant(a) == significant(b);
}

Layout TransposedLayout(const Layout& source, std::span<const uint32_t> permutation) {
  Layout inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i) inverse[permutation[i]] = static_cast<uint8_t>(i);
  Layout result(source.size());
  for (size_t i = 0; i < source.size(); ++i) result[i] = inverse[source[i]];
  return result;
}

}  // namespace modeld::cpu
