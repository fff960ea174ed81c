// Type and shape of a tensor.
#ifndef MODELD_ENGINE_GRAPH_TENSOR_DESCRIPTOR_H_
#define MODELD_ENGINE_GRAPH_TENSOR_DESCRIPTOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/graph/data_type.h"

namespace modeld {

// Sizes of the dimensions, outermost first (row-major). Empty: a scalar.
using Shape = std::vector<uint32_t>;

// Type and shape. A plain value: it may hold anything until ByteSize has been asked.
struct TensorDescriptor {
  DataType data_type = DataType::kFloat32;
  Shape shape;

  // The number of elements; 1 for a scalar. Requires: ByteSize() succeeded once for this descriptor.
  uint64_t ElementCount() const;
  // Bytes of the dense row-major buffer. INVALID_ARGUMENT when the type is none, a dimension is 0, or the
  // size does not fit int64.
  absl::StatusOr<uint64_t> ByteSize() const;
  // "float32[1,3,224,224]", for messages.
  std::string ToString() const;

  friend bool operator==(const TensorDescriptor&, const TensorDescriptor&) = default;
};

// "[1,3,224,224]".
std::string ShapeToString(std::span<const uint32_t> shape);
// Row-major strides in elements: the last is 1. Requires: the product fits (see ByteSize).
std::vector<uint64_t> RowMajorStrides(std::span<const uint32_t> shape);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_TENSOR_DESCRIPTOR_H_
