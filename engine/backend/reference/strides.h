// Offsets of elements in row-major and strided layouts.
#ifndef MODELD_ENGINE_BACKEND_REFERENCE_STRIDES_H_
#define MODELD_ENGINE_BACKEND_REFERENCE_STRIDES_H_

#include <cstdint>
#include <vector>

#include "engine/graph/tensor_descriptor.h"

namespace modeld::reference {

// A box of elements that lie `strides` elements apart.
struct StridedBox {
  Shape shape;
  std::vector<uint64_t> strides;

  uint64_t ElementCount() const {
    uint64_t count = 1;
    for (uint32_t size : shape) count *= size;
    return count;
  }

  // Offset, in elements, of the box's element number `i` in row-major order.
  uint64_t OffsetOf(uint64_t i) const {
    uint64_t offset = 0;
    for (size_t d = shape.size(); d-- > 0; i /= shape[d]) offset += i % shape[d] * strides[d];
    return offset;
  }
};

}  // namespace modeld::reference

#endif  // MODELD_ENGINE_BACKEND_REFERENCE_STRIDES_H_
