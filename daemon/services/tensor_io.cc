#include "daemon/services/tensor_io.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"

namespace modeld {
namespace {

absl::Status CheckRange(uint64_t tensor_bytes, uint64_t offset, uint64_t size, absl::string_view size_field,
                        uint64_t max_chunk_bytes) {
  if (size > max_chunk_bytes) {
    return BadField(size_field,
                    absl::StrCat("has ", size, " bytes, at most ", max_chunk_bytes, " may be moved at once"));
  }
  // Written so that no sum can overflow.
  if (offset > tensor_bytes || size > tensor_bytes - offset) {
    return BadField("offset_bytes", absl::StrCat(size, " bytes from ", offset,
                                                 " are not within the tensor of ", tensor_bytes, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteTensorBytes(const Tensor& tensor, uint64_t offset_bytes, absl::string_view data,
                              uint64_t max_chunk_bytes) {
  const std::span<std::byte> bytes = tensor.memory->bytes();
  MODELD_RETURN_IF_ERROR(CheckRange(bytes.size(), offset_bytes, data.size(), "data", max_chunk_bytes));
  if (!data.empty()) std::memcpy(bytes.data() + offset_bytes, data.data(), data.size());
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadTensorBytes(const Tensor& tensor, uint64_t offset_bytes, uint64_t size_bytes,
                                            uint64_t max_chunk_bytes) {
  const std::span<std::byte> bytes = tensor.memory->bytes();
  if (size_bytes == 0 && offset_bytes < bytes.size()) size_bytes = bytes.size() - offset_bytes;
  MODELD_RETURN_IF_ERROR(CheckRange(bytes.size(), offset_bytes, size_bytes, "size_bytes", max_chunk_bytes));
  return std::string(reinterpret_cast<const char*>(bytes.data()) + offset_bytes, size_bytes);
}

}  // namespace modeld
