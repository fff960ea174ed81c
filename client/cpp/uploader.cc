#include "client/cpp/uploader.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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

// Checks and completes what the daemon says it lacks of a constant: the ranges are for indexing with, and a
// daemon that names none means the rest.
template <typename Response>
absl::Status SettleMissing(uint64_t size, Response& response) {
  uint64_t at = 0;
  for (const v1::ByteRange& range : response.missing()) {
    if (range.begin_bytes() < at || range.end_bytes() <= range.begin_bytes() || range.end_bytes() > size) {
      return absl::InternalError("constant: the daemon asks for ranges of bytes that cannot be");
    }
    at = range.end_bytes();
  }
  if (response.missing().empty() && response.committed_bytes() < size) {
    v1::ByteRange& rest = *response.add_missing();
    rest.set_begin_bytes(response.committed_bytes());
    rest.set_end_bytes(size);
  }
  return absl::OkStatus();
}

}  // namespace

Uploader::Uploader(const Caller& caller, const modeld::Graph& graph, const CallScope& scope,
                   const std::function<void(const UploadProgress&)>& progress, bool uncacheable)
    : caller_(caller),
      scope_(scope),
      progress_(progress),
      uncacheable_(uncacheable),
      shared_memory_(caller.shared_memory()) {
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
  {
    absl::MutexLock lock(&mu_);
    for (const Blob& blob : blobs) state_.total_bytes += blob.bytes.size();
  }
  if (uncacheable_) return UploadToMemory(blobs);
  if (!progress_) return UploadAll(blobs);
  // The daemon tells what it has kept while the calls below are still sending.
  v1::WatchUploadsRequest request;
  for (const Blob& blob : blobs) *request.add_blobs() = blob.ref;
  const std::shared_ptr<grpc::ClientContext> context = caller_.NewContext(scope_);
  std::thread watcher([&] {
    const auto stub = v1::InferenceService::NewStub(caller_.session().channel());
    const auto reader = stub->WatchUploads(context.get(), request);
    v1::UploadProgress news;
    while (reader->Read(&news)) {
      // What is interrupted is only between two calls: this is the sender.
      const bool stalled = news.state() == v1::UPLOAD_STATE_STALLED;
      Report(news.committed_bytes(), absl::Seconds(stalled ? news.quiet_seconds() : 0));
    }
    // A daemon that cannot tell costs the finer steps alone.
    reader->Finish();
  });
  const absl::Status sent = UploadAll(blobs);
  context->TryCancel();
  watcher.join();
  return sent;
}

absl::Status Uploader::UploadAll(std::span<const Blob> blobs) {
  std::vector<Blob> rest;
  for (const Blob& blob : blobs) {
    if (!shared_memory_ || blob.bytes.size() <= caller_.capabilities().digest_chunk_bytes()) {
      rest.push_back(blob);
      continue;
    }
    // Of a large one that was begun, or is damaged, only the rest goes.
    const absl::StatusOr<v1::QueryUploadResponse> known = Query(blob);
    if (known.ok() && known->committed_bytes() > 0) {
      MODELD_RETURN_IF_ERROR(SendChunks(blob, &*known));
    } else {
      rest.push_back(blob);
    }
  }
  for (std::span<const Blob> left = rest; !left.empty();) {
    size_t count = 0;
    uint64_t batch_bytes = 0;
    while (count < left.size() && (count == 0 || batch_bytes + left[count].bytes.size() <= kBatchBytes)) {
      batch_bytes += Aligned(left[count++].bytes.size());
    }
    const std::span<const Blob> batch = left.first(count);
    if (shared_memory_) {
      absl::Status sent = SendBatch(batch);
      // The memory's way may be barred (a sandbox, a limit); what the daemon says of the bytes themselves is
      // final.
      shared_memory_ = sent.ok();
      if (absl::IsDataLoss(sent) || absl::IsCancelled(sent) || absl::IsDeadlineExceeded(sent)) return sent;
    }
    if (!shared_memory_) {
      for (const Blob& blob : batch) MODELD_RETURN_IF_ERROR(SendChunks(blob, nullptr));
    }
    left = left.subspan(count);
  }
  return absl::OkStatus();
}

absl::Status Uploader::UploadToMemory(std::span<const Blob> blobs) {
  for (const Blob& blob : blobs) {
    const uint64_t size = blob.bytes.size();
    google::protobuf::RepeatedPtrField<v1::ByteRange> whole;
    if (size != 0) whole.Add()->set_end_bytes(size);
    MODELD_ASSIGN_OR_RETURN(const auto sent, SendStream(blob, whole, size));
    if (sent.committed_bytes() != size) {
      return absl::InternalError("constant: the daemon took no more bytes and gave no reason");
    }
    done_bytes_ += size;
    Report(done_bytes_);
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
  Report(done_bytes_);
  return absl::OkStatus();
}

absl::StatusOr<v1::QueryUploadResponse> Uploader::Query(const Blob& blob) const {
  v1::QueryUploadRequest query;
  *query.mutable_blob() = blob.ref;
  MODELD_ASSIGN_OR_RETURN(v1::QueryUploadResponse known, caller_.Call(kQueryUpload, query, scope_));
  if (!known.complete()) MODELD_RETURN_IF_ERROR(SettleMissing(blob.bytes.size(), known));
  return known;
}

absl::Status Uploader::SendChunks(const Blob& blob, const v1::QueryUploadResponse* begin) {
  const uint64_t size = blob.bytes.size();
  uint64_t limit = kStreamBytes;
  absl::Status failed;
  std::string failed_at;
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<v1::QueryUploadResponse> known =
        begin != nullptr ? *std::exchange(begin, nullptr) : Query(blob);
    MODELD_RETURN_IF_ERROR(known.status());
    const std::string state = known->SerializeAsString();
    // Another session may be sending it; a wrong piece, or one for another place, is worth a new try where
    // the daemon has said meanwhile that it lacks something else.
    const bool moved = state != failed_at;
    const bool again = failed.ok() || absl::IsAborted(failed) ||
                       (moved && (absl::IsDataLoss(failed) || absl::IsInvalidArgument(failed)));
    if (!again || attempt > kAttempts) return failed;
    failed = absl::OkStatus();
    while (!known->complete() && failed.ok()) {
      Report(done_bytes_ + std::min<uint64_t>(known->committed_bytes(), size));
      auto now = SendStream(blob, known->missing(), limit);
      if (!now.ok()) {
        failed = now.status();
        failed_at = state;
        break;
      }
      if (now->committed_bytes() <= known->committed_bytes() && now->committed_bytes() < size) {
        return absl::InternalError("constant: the daemon took no more bytes and gave no reason");
      }
      limit = limit <= size ? 2 * limit : limit;
      known->set_committed_bytes(now->committed_bytes());
      known->set_complete(now->committed_bytes() >= size);
      *known->mutable_missing() = now->missing();
    }
    if (failed.ok()) {
      done_bytes_ += size;
      Report(done_bytes_);
      return absl::OkStatus();
    }
    if (absl::IsAborted(failed)) absl::SleepFor(absl::Milliseconds(20) * attempt * attempt);
  }
}

const v1::ChunkDigests* Uploader::DigestsOf(const Blob& blob) {
  const uint64_t chunk_bytes = caller_.capabilities().digest_chunk_bytes();
  if (chunk_bytes == 0 || blob.bytes.size() <= chunk_bytes) return nullptr;
  const auto name = Digest::FromBytes(blob.ref.sha256());
  if (!name.ok()) return nullptr;
  if (digests_of_ == *name) return &digests_;
  digests_.Clear();
  digests_.set_chunk_bytes(chunk_bytes);
  for (uint64_t at = 0; at < blob.bytes.size(); at += chunk_bytes) {
    const Digest digest = Digest::Of(blob.bytes.view().substr(at, chunk_bytes));
    digests_.add_sha256(std::string(digest.bytes()));
  }
  digests_of_ = *name;
  return &digests_;
}

absl::StatusOr<v1::UploadConstantResponse> Uploader::SendStream(
    const Blob& blob, const google::protobuf::RepeatedPtrField<v1::ByteRange>& missing, uint64_t limit) {
  const uint64_t published = caller_.capabilities().max_chunk_bytes();
  const uint64_t chunk_bytes = published == 0 ? kDefaultChunkBytes : published;
  auto context = caller_.NewContext(scope_);
  CancelGuard guard(scope_, context);
  auto stub = v1::InferenceService::NewStub(caller_.session().channel());
  v1::UploadConstantResponse response;
  auto stream = stub->UploadConstant(context.get(), &response);
  v1::UploadConstantRequest request;
  *request.mutable_blob() = blob.ref;
  request.set_uncacheable(uncacheable_);
  const v1::ChunkDigests* digests = uncacheable_ ? nullptr : DigestsOf(blob);
  if (digests != nullptr) *request.mutable_chunks() = *digests;
  // A constant without bytes, too, takes one message.
  bool taken = !missing.empty() || stream->Write(request);
  for (const v1::ByteRange& range : missing) {
    for (uint64_t at = range.begin_bytes(); taken && limit > 0 && at < range.end_bytes();) {
      const uint64_t count = std::min({chunk_bytes, range.end_bytes() - at, limit});
      request.set_offset_bytes(at);
      request.set_data(blob.bytes.view().data() + at, count);
      taken = stream->Write(request);
      request.clear_blob();
      request.clear_chunks();
      at += count;
      limit -= count;
    }
  }
  stream->WritesDone();
  const absl::Status status = caller_.ErrorOf(FromGrpcStatus(stream->Finish()));
  if (!status.ok()) return status;
  MODELD_RETURN_IF_ERROR(SettleMissing(blob.bytes.size(), response));
  return response;
}

void Uploader::Report(uint64_t bytes, absl::Duration stalled) {
  if (!progress_) return;
  absl::MutexLock lock(&mu_);
  UploadProgress now = state_;
  now.committed_bytes = std::max(state_.committed_bytes, std::min(bytes, state_.total_bytes));
  // What the daemon said may be older than what is known here.
  const bool outdated = bytes < state_.committed_bytes || now.committed_bytes == state_.total_bytes;
  now.stalled = outdated ? absl::ZeroDuration() : stalled;
  if (now.committed_bytes == state_.committed_bytes && now.stalled == state_.stalled) return;
  state_ = now;
  progress_(state_);
}

}  // namespace modeld::client::internal
