// Tensors as the command line holds them: in memory, of known type and shape.
#ifndef MODELD_TOOLS_DATA_ARRAY_H_
#define MODELD_TOOLS_DATA_ARRAY_H_

#include <cstddef>
#include <vector>

#include "engine/graph/tensor_descriptor.h"

namespace modeld::tools {

// A tensor's type, shape and packed row-major bytes. A plain value; what makes one states that
// bytes.size() equals descriptor.ByteSize(). The buffer is aligned for any element type.
struct Array {
  TensorDescriptor descriptor;
  std::vector<std::byte> bytes = {};
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_ARRAY_H_
