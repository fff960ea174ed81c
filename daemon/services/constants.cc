#include "daemon/services/constants.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "daemon/services/errors.h"

namespace modeld {
namespace {

// How often Watch() looks, and the slices of its sleep.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(100);
constexpr absl::Duration kSlice = absl::Milliseconds(20);
// Of an import, after which a cancellation is seen.
constexpr uint64_t kImportBytes = uint64_t{4} << 20;

// `lacking`: where the next bytes go.
absl::Status CheckChunk(const Constants::Chunk& chunk, const storage::ByteRange& lacking,
                        uint64_t max_chunk_bytes) {
  if (chunk.data.size() > max_chunk_bytes) {
    return BadField("data",
                    absl::StrCat("has ", chunk.data.size(), " bytes, a chunk has at most ", max_chunk_bytes));
  }
  if (chunk.offset_bytes != lacking.begin_bytes) {
    return BadField("offset_bytes", absl::StrCat("is ", chunk.offset_bytes, ", the first missing byte is ",
                                                 lacking.begin_bytes));
  }
  const uint64_t room = lacking.end_bytes - lacking.begin_bytes;
  if (chunk.data.size() > room) {
    return BadField("data", absl::StrCat("has ", chunk.data.size(), " bytes, missing there are ", room));
  }
  return absl::OkStatus();
}

double FractionOf(const Constants::Progress& progress, bool complete) {
  if (complete) return 1.0;
  const double share = progress.total_bytes == 0 ? 0.0
                                                 : static_cast<double>(progress.committed_bytes) /
                                                       static_cast<double>(progress.total_bytes);
  // Bytes that are all here are not complete before they are verified.
  return std::min(share, std::nextafter(1.0, 0.0));
}

// Whether a watcher that was told `before` is to be told `now`.
bool IsNews(const Constants::Progress& now, const Constants::Progress& before) {
  if (now.committed_bytes > before.committed_bytes || now.verdict.state != before.verdict.state) return true;
  return now.verdict.state == policy::TransferState::kStalled &&
         absl::ToInt64Seconds(now.verdict.quiet) != absl::ToInt64Seconds(before.verdict.quiet);
}

}  // namespace

absl::StatusOr<storage::UploadState> Constants::Upload(Call& call, const storage::BlobRef& blob,
                                                       std::span<const Digest> digests,
                                                       const NextChunk& next) {
  MODELD_ASSIGN_OR_RETURN(const std::shared_ptr<void> place, call.objects().EnterUpload());
  const auto lease = call.lease();
  auto opened = space_.WithRoom(call.partition(), blob, *lease, std::nullopt,
                                [&] { return store_.OpenUpload(call.partition(), blob, *lease, digests); });
  if (!opened.ok()) return FromStorage(opened.status(), call.objects().session().identity().role);
  storage::Upload& upload = **opened;
  while (upload.committed_bytes() < blob.size_bytes) {
    const std::optional<Chunk> chunk = next();
    if (!chunk) {
      MODELD_RETURN_IF_ERROR(call.cancellation().Check());
      opened->reset();  // makes durable what came
      return Query(call, blob);
    }
    MODELD_RETURN_IF_ERROR(CheckChunk(*chunk, upload.missing().front(), limits_.max_chunk_bytes));
    if (auto status = upload.Append(chunk->offset_bytes, chunk->data); !status.ok())
      return FromStorage(status);
  }
  if (auto status = upload.Commit(); !status.ok()) return FromStorage(status);
  return storage::UploadState{blob.size_bytes, true, {}};
}

absl::StatusOr<uint64_t> Constants::UploadToMemory(Call& call, const storage::BlobRef& blob,
                                                   const NextChunk& next) {
  MODELD_ASSIGN_OR_RETURN(const std::shared_ptr<void> place, call.objects().EnterUpload());
  std::optional<Chunk> chunk = next();
  if (!chunk) return BadField("blob", "is missing, the stream is empty");
  MODELD_ASSIGN_OR_RETURN(const auto upload, call.objects().memory_constants().Open(
                                                 call.partition(), blob, chunk->offset_bytes == 0));
  while (upload->committed_bytes() < blob.size_bytes) {
    if (!chunk) {
      MODELD_RETURN_IF_ERROR(call.cancellation().Check());
      return upload->committed_bytes();
    }
    MODELD_RETURN_IF_ERROR(
        CheckChunk(*chunk, {upload->committed_bytes(), blob.size_bytes}, limits_.max_chunk_bytes));
    MODELD_RETURN_IF_ERROR(upload->Append(chunk->data));
    if (upload->committed_bytes() < blob.size_bytes) chunk = next();
  }
  if (auto status = upload->Commit(); !status.ok()) return FromStorage(status);
  return blob.size_bytes;
}

absl::StatusOr<storage::UploadState> Constants::Query(Call& call, const storage::BlobRef& blob) {
  const auto lease = call.lease();
  auto state = store_.integrity().StateOf(call.partition(), blob, *lease);
  if (!state.ok()) return FromStorage(state.status());
  return *std::move(state);
}

absl::Status Constants::Watch(Call& call, std::vector<storage::BlobRef> blobs,
                              const std::function<bool(const Progress&)>& send) {
  std::sort(blobs.begin(), blobs.end());
  blobs.erase(std::unique(blobs.begin(), blobs.end()), blobs.end());
  Progress progress;
  for (const storage::BlobRef& blob : blobs) {
    const auto sum = CheckedAdd(progress.total_bytes, blob.size_bytes);
    if (!sum) return BadField("blobs", "have more bytes than can be counted");
    progress.total_bytes = *sum;
  }
  uint64_t finished_bytes = 0;
  for (bool first = true;; first = false) {
    uint64_t committed = finished_bytes;
    std::vector<storage::BlobRef> rest;
    std::vector<policy::Transfer> transfers;
    for (const storage::BlobRef& blob : blobs) {
      MODELD_ASSIGN_OR_RETURN(const storage::UploadState state, Query(call, blob));
      committed += state.committed_bytes;
      if (state.complete) {
        finished_bytes += blob.size_bytes;
      } else {
        rest.push_back(blob);
        transfers.push_back({.open = state.open, .last_bytes = state.last_bytes});
      }
    }
    blobs = std::move(rest);
    Progress now = progress;
    now.committed_bytes = std::max(progress.committed_bytes, committed);
    now.fraction = FractionOf(now, blobs.empty());
    now.verdict = policy::JudgeTransfer(policy::TogetherAsOne(transfers), stall_after_, clock_.Now());
    if (first || IsNews(now, progress)) {
      progress = now;
      if (!send(progress)) return absl::CancelledError("the call: cancelled");
    }
    if (blobs.empty()) return absl::OkStatus();
    for (absl::Duration slept; slept < kWatchInterval; slept += kSlice) {
      MODELD_RETURN_IF_ERROR(call.cancellation().Check());
      absl::SleepFor(kSlice);
    }
  }
}

absl::Status Constants::Import(Call& call, uint64_t memory_id, const std::vector<Range>& ranges, bool last) {
  const absl::Status status = ImportAll(call, memory_id, ranges);
  if (last) call.objects().RemoveMemory(call.partition(), memory_id);
  return status;
}

absl::Status Constants::ImportAll(Call& call, uint64_t memory_id, const std::vector<Range>& ranges) {
  MODELD_ASSIGN_OR_RETURN(auto memory, call.objects().FindMemory(call.partition(), memory_id));
  MODELD_ASSIGN_OR_RETURN(const Region bytes, memory->Bytes());
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[i];
    if (range.offset_bytes > bytes.size() || range.blob.size_bytes > bytes.size() - range.offset_bytes) {
      return BadField(absl::StrCat("ranges[", i, "]"),
                      absl::StrCat(range.blob.size_bytes, " bytes from ", range.offset_bytes,
                                   " are not within the memory of ", bytes.size(), " bytes"));
    }
  }
  const auto lease = call.lease();
  for (const Range& range : ranges) {
    MODELD_RETURN_IF_ERROR(call.cancellation().Check());
    const Region slice(bytes.bytes().subspan(range.offset_bytes, range.blob.size_bytes), bytes.owner());
    const absl::Status status = space_.WithRoom(call.partition(), range.blob, *lease, std::nullopt,
                                                [&] { return ImportOne(call, range.blob, slice, *lease); });
    if (!status.ok()) return FromStorage(status, call.objects().session().identity().role);
  }
  return absl::OkStatus();
}

absl::Status Constants::ImportOne(Call& call, const storage::BlobRef& blob, const Region& bytes,
                                  storage::Lease& lease) {
  if (blob.size_bytes <= limits_.digest_chunk_bytes) {
    return store_.PutBlob(call.partition(), blob, bytes, lease);
  }
  auto upload = store_.OpenUpload(call.partition(), blob, lease);
  // Two may send the same constant at once.
  if (absl::IsAborted(upload.status())) return store_.PutBlob(call.partition(), blob, bytes, lease);
  MODELD_RETURN_IF_ERROR(upload.status());
  const bool fresh = (*upload)->committed_bytes() == 0;
  while ((*upload)->committed_bytes() < blob.size_bytes) {
    MODELD_RETURN_IF_ERROR(call.cancellation().Check());
    const storage::ByteRange lacking = (*upload)->missing().front();
    const uint64_t count = std::min(lacking.end_bytes - lacking.begin_bytes, kImportBytes);
    MODELD_RETURN_IF_ERROR(
        (*upload)->Append(lacking.begin_bytes, bytes.view().substr(lacking.begin_bytes, count)));
  }
  const absl::Status committed = (*upload)->Commit();
  if (fresh || !absl::IsDataLoss(committed)) return committed;
  // What an earlier upload left may have been wrong: all bytes are here.
  upload->reset();
  return store_.PutBlob(call.partition(), blob, bytes, lease);
}

}  // namespace modeld
