// Bytes in and out of tensors through messages.
#ifndef MODELD_DAEMON_SERVICES_TENSOR_IO_H_
#define MODELD_DAEMON_SERVICES_TENSOR_IO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/services/objects.h"

namespace modeld {

// Both are thread-safe as far as the tensor's bytes are not concerned. INVALID_ARGUMENT, naming the field:
// the range is not within the tensor, or longer than `max_chunk_bytes`.

absl::Status WriteTensorBytes(const Tensor& tensor, uint64_t offset_bytes, absl::string_view data,
                              uint64_t max_chunk_bytes);

// `size_bytes` 0: to the end of the tensor.
absl::StatusOr<std::string> ReadTensorBytes(const Tensor& tensor, uint64_t offset_bytes, uint64_t size_bytes,
                                            uint64_t max_chunk_bytes);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_TENSOR_IO_H_
