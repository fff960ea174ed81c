// Typed buffers: WebNN's MLTensor.
#ifndef MODELD_CLIENT_CPP_TENSOR_H_
#define MODELD_CLIENT_CPP_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/options.h"
#include "engine/graph/tensor_descriptor.h"

namespace modeld::client {

namespace internal {
struct TensorHandle;
}

// A tensor of a context: packed row-major bytes, zero at first, in memory that this process and the daemon
// share where the system lets them, else in the daemon only. Copies are the same tensor; the last one frees
// it. Thread-safe, but for the bytes: reading them while a dispatch writes them, or writing while one reads,
// gives undefined values. Every call is FAILED_PRECONDITION once the session has ended.
class Tensor {
 public:
  // For Context::CreateTensor.
  explicit Tensor(std::shared_ptr<const internal::TensorHandle> handle) : handle_(std::move(handle)) {}

  const TensorDescriptor& descriptor() const;
  uint64_t size_bytes() const;
  // The daemon's name for it, within this session.
  uint64_t id() const;

  // The tensor's memory, to be read and written in place while a copy of this handle lives. Any error: there
  // is no shared memory; Write and Read work all the same.
  absl::StatusOr<std::span<std::byte>> Map(const CallOptions& options = {}) const;

  // Copies bytes in, at `offset_bytes`. INVALID_ARGUMENT: they reach beyond the tensor.
  absl::Status Write(std::span<const std::byte> bytes, uint64_t offset_bytes = 0,
                     const CallOptions& options = {}) const;
  // Copies out.size() bytes out, from `offset_bytes`. INVALID_ARGUMENT: they reach beyond the tensor.
  absl::Status ReadInto(std::span<std::byte> out, uint64_t offset_bytes = 0,
                        const CallOptions& options = {}) const;
  // A copy of all bytes.
  absl::StatusOr<std::vector<std::byte>> Read(const CallOptions& options = {}) const;

  // The callback forms: they return at once; `done` is called once, from a thread of the library's. The bytes
  // written are copied.
  void WriteAsync(std::vector<std::byte> bytes, std::function<void(absl::Status)> done,
                  uint64_t offset_bytes = 0, const CallOptions& options = {}) const;
  void ReadAsync(std::function<void(absl::StatusOr<std::vector<std::byte>>)> done,
                 const CallOptions& options = {}) const;

 private:
  std::shared_ptr<const internal::TensorHandle> handle_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_TENSOR_H_
