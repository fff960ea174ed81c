#include "client/cpp/tensor.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/cpp/handles.h"

namespace modeld::client {
namespace {

// Where the daemon publishes no limit.
constexpr uint64_t kDefaultChunkBytes = 256 << 10;

uint64_t ChunkBytes(const internal::TensorHandle& tensor) {
  const uint64_t published = tensor.caller().capabilities().max_chunk_bytes();
  return published == 0 ? kDefaultChunkBytes : published;
}

absl::Status CheckRange(const internal::TensorHandle& tensor, uint64_t offset, uint64_t size) {
  if (offset <= tensor.size_bytes && size <= tensor.size_bytes - offset) return tensor.caller().CheckAlive();
  return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.descriptor.ToString(), ": ", size,
                                                 " bytes from byte ", offset, " reach beyond its ",
                                                 tensor.size_bytes));
}

}  // namespace

const TensorDescriptor& Tensor::descriptor() const {
  return handle_->descriptor;
}
uint64_t Tensor::size_bytes() const {
  return handle_->size_bytes;
}
uint64_t Tensor::id() const {
  return handle_->id;
}

absl::StatusOr<std::span<std::byte>> Tensor::Map(const CallOptions& options) const {
  MODELD_RETURN_IF_ERROR(handle_->caller().CheckAlive());
  return handle_->Memory(handle_->caller().Scope(options));
}

absl::Status Tensor::Write(std::span<const std::byte> bytes, uint64_t offset_bytes,
                           const CallOptions& options) const {
  MODELD_RETURN_IF_ERROR(CheckRange(*handle_, offset_bytes, bytes.size()));
  const internal::CallScope scope = handle_->caller().Scope(options);
  if (auto memory = handle_->Memory(scope); memory.ok()) {
    if (!bytes.empty()) std::memcpy(memory->data() + offset_bytes, bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  const uint64_t chunk = ChunkBytes(*handle_);
  v1::WriteTensorRequest request;
  request.set_tensor_id(handle_->id);
  for (size_t done = 0; done < bytes.size(); done += request.data().size()) {
    const auto part = bytes.subspan(done, std::min<uint64_t>(chunk, bytes.size() - done));
    request.set_offset_bytes(offset_bytes + done);
    request.set_data(part.data(), part.size());
    MODELD_RETURN_IF_ERROR(handle_->caller().Call(internal::kWriteTensor, request, scope).status());
  }
  return absl::OkStatus();
}

absl::Status Tensor::ReadInto(std::span<std::byte> out, uint64_t offset_bytes,
                              const CallOptions& options) const {
  MODELD_RETURN_IF_ERROR(CheckRange(*handle_, offset_bytes, out.size()));
  const internal::CallScope scope = handle_->caller().Scope(options);
  if (auto memory = handle_->Memory(scope); memory.ok()) {
    if (!out.empty()) std::memcpy(out.data(), memory->data() + offset_bytes, out.size());
    return absl::OkStatus();
  }
  const uint64_t chunk = ChunkBytes(*handle_);
  v1::ReadTensorRequest request;
  request.set_tensor_id(handle_->id);
  for (size_t done = 0; done < out.size(); done += request.size_bytes()) {
    request.set_offset_bytes(offset_bytes + done);
    request.set_size_bytes(std::min<uint64_t>(chunk, out.size() - done));
    MODELD_ASSIGN_OR_RETURN(const v1::ReadTensorResponse response,
                            handle_->caller().Call(internal::kReadTensor, request, scope));
    if (response.data().size() != request.size_bytes()) {
      return absl::InternalError("tensor: the daemon sent another number of bytes than asked for");
    }
    std::memcpy(out.data() + done, response.data().data(), response.data().size());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::byte>> Tensor::Read(const CallOptions& options) const {
  std::vector<std::byte> bytes(size_bytes());
  MODELD_RETURN_IF_ERROR(ReadInto(bytes, 0, options));
  return bytes;
}

void Tensor::WriteAsync(std::vector<std::byte> bytes, std::function<void(absl::Status)> done,
                        uint64_t offset_bytes, const CallOptions& options) const {
  handle_->caller().session().worker().Post([tensor = *this, bytes = std::move(bytes), done = std::move(done),
                                             offset_bytes,
                                             options] { done(tensor.Write(bytes, offset_bytes, options)); });
}

void Tensor::ReadAsync(std::function<void(absl::StatusOr<std::vector<std::byte>>)> done,
                       const CallOptions& options) const {
  handle_->caller().session().worker().Post(
      [tensor = *this, done = std::move(done), options] { done(tensor.Read(options)); });
}

}  // namespace modeld::client
