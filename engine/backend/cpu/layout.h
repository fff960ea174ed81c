// How dense tensors lie in memory.
#ifndef MODELD_ENGINE_BACKEND_CPU_LAYOUT_H_
#define MODELD_ENGINE_BACKEND_CPU_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld::cpu {

// The dimensions of a tensor in the order in which they lie in memory, outermost first. Every layout is
// dense: no padding, no blocks, so whatever treats all elements alike can work on the flat bytes, and
// whatever treats all dimensions alike can work on the physical shape. {0,1,2} is row-major; {0,2,3,1} is
// channels-last for a [N,C,H,W] tensor.
using Layout = absl::InlinedVector<uint8_t, 8>;

// Row-major.
Layout PlainLayout(size_t rank);
// Channels-last for [N, C, H, W].
Layout ChannelsLast();

// The sizes of the dimensions in memory order. Requires: layout.size() == shape.size().
Shape PhysicalShape(std::span<const uint32_t> shape, const Layout& layout);
// Values given per (logical) dimension, in memory order.
template <typename T>
std::vector<T> ToPhysical(std::span<const T> per_dimension, const Layout& layout) {
  std::vector<T> physical;
  physical.reserve(layout.size());
  for (uint8_t dimension : layout) physical.push_back(per_dimension[dimension]);
  return physical;
}
// Where (logical) dimension `dimension` stands in memory order.
size_t PhysicalIndex(const Layout& layout, size_t dimension);

// Elements between neighbours, per (logical) dimension.
std::vector<int64_t> StridesOf(std::span<const uint32_t> shape, const Layout& layout);

// True when both layouts put the same element at the same byte: they differ at most in dimensions of size 1.
bool SameBytes(std::span<const uint32_t> shape, const Layout& a, const Layout& b);

// The layout of the transposed tensor over the same bytes: its dimension i is the source's permutation[i].
Layout TransposedLayout(const Layout& source, std::span<const uint32_t> permutation);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_LAYOUT_H_
