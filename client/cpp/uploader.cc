#include "client/cpp/uploader.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/cpp/memory_socket.h"
#include "client/cpp/status.h"
#include "modeld/v1/inference.grpc.pb.h"

namespace modeld::client::internal {
namespace {

// Constants begin at cache lines of the handed-over memory.
constexpr uint64_t kAlignment = 64;
// Where the daemon publishes no limit.
constexpr uint64_t kDefaultChunkBytes = 256 << 10;
// Another session may upload the same constant; it is soon done, or gone.
constexpr int kAttempts = 5;

uint64_t Aligned(uint64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

Uploader::Uploader(const Caller& caller, const modeld::Graph& graph, const CallScope& scope,
                   const std::function<void(const UploadProgress&)>& progress)
    : caller_(caller), scope_(scope), progress_(progress), shared_memory_(caller.shared_memory()) {
  for (const modeld::Operand& operand : graph.operands) {
    if (operand.kind == OperandKind::kConstant && !operand.bytes.empty()) {
      constants_.emplace(operand.digest, operand.bytes);
    }
  }
}

absl::StatusOr<std::vector<Uploader::Blob>> Uploader::Find(
    const google::protobuf::RepeatedPtrField<v1::BlobRef>& missing) const {
  std::vector<Blob> blobs;
  for (const v1::BlobRef& ref : missing) {
    auto digest = Digest::FromBytes(ref.sha256());
    auto it = digest.ok() ? constants_.find(*digest) : constants_.end();
    if (it == constants_.end() || it->second.size() != ref.size_bytes()) {
      return absl::FailedPreconditionError(
          absl::StrCat("constant ", absl::BytesToHexString(ref.sha256()),
                       ": the daemon lacks it, and the graph holds no bytes of it"));
    }
    blobs.push_back({ref, it->second});
  }
  return blobs;
}

absl::Status Uploader::Upload(const google::protobuf::RepeatedPtrField<v1::BlobRef>& missing) {
  MODELD_ASSIGN_OR_RETURN(const std::vector<Blob> blobs, Find(missing));
  for (const Blob& blob : blobs) state_.total_bytes += blob.bytes.size();
  std::span<const Blob> rest = blobs;
  while (!rest.empty()) {
    size_t count = 0;
    uint64_t batch_bytes = 0;
    while (count < rest.size() && (count == 0 || batch_bytes + rest[count].bytes.size() <= kBatchBytes)) {
      batch_bytes += Aligned(rest[count++].bytes.size());
    }
    const std::span<const Blob> batch = rest.first(count);
    if (shared_memory_) {
      absl::Status sent = SendBatch(batch);
      // The memory's way may be barred (a sandbox, a limit); what the daemon says of the bytes themselves is
      // final.
      shared_memory_ = sent.ok();
      if (absl::IsDataLoss(sent) || absl::IsCancelled(sent) || absl::IsDeadlineExceeded(sent)) return sent;
    }
    if (!shared_memory_) {
      for (const Blob& blob : batch) MODELD_RETURN_IF_ERROR(SendChunks(blob));
    }
    rest = rest.subspan(count);
  }
  return absl::OkStatus();
}

absl::Status Uploader::SendBatch(std::span<const Blob> batch) {
  uint64_t size = 0;
  v1::ImportConstantsRequest import;
  for (const Blob& blob : batch) {
    auto* range = import.add_ranges();
    *range->mutable_blob() = blob.ref;
    range->set_offset_bytes(size);
    size += Aligned(blob.bytes.size());
  }
  MODELD_ASSIGN_OR_RETURN(SealedMemory memory, SealedMemory::Create(size));
  for (size_t i = 0; i < batch.size(); ++i) {
    MODELD_RETURN_IF_ERROR(
        memory.Write(import.ranges(static_cast<int>(i)).offset_bytes(), batch[i].bytes.bytes()));
  }
  MODELD_RETURN_IF_ERROR(memory.Seal());
  v1::OpenMemoryRequest open;
  open.set_send_bytes(size);
  MODELD_ASSIGN_OR_RETURN(const v1::OpenMemoryResponse opened, caller_.Call(kOpenMemory, open, scope_));
  MODELD_RETURN_IF_ERROR(SendMemory(caller_.capabilities().memory_socket(), opened.ticket(), memory.fd()));
  import.set_memory_id(opened.memory_id());
  import.set_last(true);
  MODELD_RETURN_IF_ERROR(caller_.Call(kImportConstants, import, scope_).status());
  for (const Blob& blob : batch) done_bytes_ += blob.bytes.size();
  Report(0);
  return absl::OkStatus();
}

absl::Status Uploader::SendChunks(const Blob& blob) {
  const uint64_t size = blob.bytes.size();
  v1::QueryUploadRequest query;
  *query.mutable_blob() = blob.ref;
  for (int attempt = 1;; ++attempt) {
    MODELD_ASSIGN_OR_RETURN(const v1::QueryUploadResponse known, caller_.Call(kQueryUpload, query, scope_));
    uint64_t committed = std::min<uint64_t>(known.committed_bytes(), size);
    bool complete = known.complete();
    absl::Status failed;
    while (!complete) {
      Report(committed);
      absl::StatusOr<uint64_t> now = SendStream(blob, committed);
      if (!now.ok()) {
        failed = now.status();
        break;
      }
      if (*now <= committed && committed < size) {
        return absl::InternalError("constant: the daemon took no more bytes and gave no reason");
      }
      committed = *now;
      complete = committed >= size;
    }
    if (complete) {
      done_bytes_ += size;
      Report(0);
      return absl::OkStatus();
    }
    if (!absl::IsAborted(failed) || attempt == kAttempts) return failed;
    absl::SleepFor(absl::Milliseconds(20) * attempt * attempt);
  }
}

absl::StatusOr<uint64_t> Uploader::SendStream(const Blob& blob, uint64_t offset_bytes) {
  const uint64_t published = caller_.capabilities().max_chunk_bytes();
  const uint64_t chunk_bytes = published == 0 ? kDefaultChunkBytes : published;
  const uint64_t end = std::min<uint64_t>(blob.bytes.size(), offset_bytes + kStreamBytes);
  auto context = caller_.NewContext(scope_);
  CancelGuard guard(scope_, context);
  auto stub = v1::InferenceService::NewStub(caller_.session().channel());
  v1::UploadConstantResponse response;
  auto stream = stub->UploadConstant(context.get(), &response);
  v1::UploadConstantRequest request;
  *request.mutable_blob() = blob.ref;
  bool taken = true;
  while (taken && offset_bytes < end) {
    const uint64_t count = std::min(chunk_bytes, end - offset_bytes);
    request.set_offset_bytes(offset_bytes);
    request.set_data(blob.bytes.view().data() + offset_bytes, count);
    taken = stream->Write(request);
    request.clear_blob();
    offset_bytes += count;
  }
  stream->WritesDone();
  const absl::Status status = caller_.ErrorOf(FromGrpcStatus(stream->Finish()));
  if (!status.ok()) return status;
  return response.committed_bytes();
}

void Uploader::Report(uint64_t bytes) {
  const uint64_t committed = std::min(done_bytes_ + bytes, state_.total_bytes);
  if (!progress_ || committed <= state_.committed_bytes) return;
  state_.committed_bytes = committed;
  progress_(state_);
}

}  // namespace modeld::client::internal
