#include "engine/graph/tensor_descriptor.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/checked_math.h"

namespace modeld {

uint64_t TensorDescriptor::ElementCount() const {
  uint64_t count = 1;
  for (uint32_t size : shape) count *= size;
  return count;
}

absl::StatusOr<uint64_t> TensorDescriptor::ByteSize() const {
  const uint32_t bits = ElementBits(data_type);
  if (bits == 0) {
    return absl::InvalidArgumentError(absl::StrCat("data type ", static_cast<int>(data_type), " is unknown"));
  }
  // In bytes, but for packed types: in elements.
  uint64_t bytes = IsPacked(data_type) ? 1 : bits / 8;
  for (uint32_t size : shape) {
    if (size == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeToString(shape), " has a dimension of size 0"));
    }
    const auto product = CheckedMul<uint64_t>(bytes, size);
    if (!product || *product > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return absl::InvalidArgumentError(absl::StrCat("shape ", ShapeToString(shape), " of ",
                                                     std::string(DataTypeName(data_type)),
                                                     " takes more bytes than can be addressed"));
    }
    bytes = *product;
  }
  return IsPacked(data_type) ? bytes / 2 + bytes % 2 : bytes;
}

std::string TensorDescriptor::ToString() const {
  return absl::StrCat(DataTypeName(data_type), ShapeToString(shape));
}

std::string ShapeToString(std::span<const uint32_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape.begin(), shape.end(), ","), "]");
}

std::vector<uint64_t> RowMajorStrides(std::span<const uint32_t> shape) {
  std::vector<uint64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i > 1; --i) strides[i - 2] = strides[i - 1] * shape[i - 1];
  return strides;
}

}  // namespace modeld
