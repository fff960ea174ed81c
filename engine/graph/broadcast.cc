#include "engine/graph/broadcast.h"

#include <algorithm>

namespace modeld {
namespace {

// The size of the dimension that is `i`-th from the end.
uint32_t SizeFromEnd(std::span<const uint32_t> shape, size_t i) {
  return i < shape.size() ? shape[shape.size() - 1 - i] : 1;
}

}  // namespace

std::optional<Shape> BroadcastShapes(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  Shape result(std::max(a.size(), b.size()));
  for (size_t i = 0; i < result.size(); ++i) {
    const uint32_t size_a = SizeFromEnd(a, i);
    const uint32_t size_b = SizeFromEnd(b, i);
    if (size_a != size_b && size_a != 1 && size_b != 1) return std::nullopt;
    result[result.size() - 1 - i] = std::max(size_a, size_b);
  }
  return result;
}

bool CanBroadcastTo(std::span<const uint32_t> from, std::span<const uint32_t> to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const uint32_t size = SizeFromEnd(from, i);
    if (size != 1 && size != SizeFromEnd(to, i)) return false;
  }
  return true;
}

}  // namespace modeld
