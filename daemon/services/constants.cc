#include "daemon/services/constants.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"

namespace modeld {
namespace {

absl::Status CheckChunk(const Constants::Chunk& chunk, const storage::BlobRef& blob, uint64_t committed,
                        uint64_t max_chunk_bytes) {
  if (chunk.data.size() > max_chunk_bytes) {
    return BadField("data",
                    absl::StrCat("has ", chunk.data.size(), " bytes, a chunk has at most ", max_chunk_bytes));
  }
  if (chunk.offset_bytes != committed) {
    return BadField("offset_bytes", absl::StrCat("is ", chunk.offset_bytes, ", committed are ", committed));
  }
  if (chunk.data.size() > blob.size_bytes - committed) {
    return BadField("data", absl::StrCat("has ", chunk.data.size(), " bytes, the constant lacks ",
                                         blob.size_bytes - committed));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> Constants::IsComplete(Call& call, const storage::BlobRef& blob, storage::Lease& lease) {
  auto missing = store_.FindMissing(call.partition(), std::span(&blob, 1), lease);
  if (!missing.ok()) return FromStorage(missing.status());
  return missing->empty();
}

absl::StatusOr<uint64_t> Constants::Upload(Call& call, const storage::BlobRef& blob, const NextChunk& next) {
  MODELD_ASSIGN_OR_RETURN(const std::shared_ptr<void> place, call.objects().EnterUpload());
  const auto lease = call.lease();
  MODELD_ASSIGN_OR_RETURN(const bool complete, IsComplete(call, blob, *lease));
  if (complete) return blob.size_bytes;
  auto opened = store_.OpenUpload(call.partition(), blob, *lease);
  if (!opened.ok()) return FromStorage(opened.status());
  storage::Upload& upload = **opened;
  while (upload.committed_bytes() < blob.size_bytes) {
    const std::optional<Chunk> chunk = next();
    if (!chunk) {
      MODELD_RETURN_IF_ERROR(call.cancellation().Check());
      return upload.committed_bytes();
    }
    MODELD_RETURN_IF_ERROR(CheckChunk(*chunk, blob, upload.committed_bytes(), limits_.max_chunk_bytes));
    if (auto status = upload.Append(chunk->offset_bytes, chunk->data); !status.ok())
      return FromStorage(status);
  }
  if (auto status = upload.Commit(); !status.ok()) return FromStorage(status);
  return blob.size_bytes;
}

absl::StatusOr<Constants::Progress> Constants::Query(Call& call, const storage::BlobRef& blob) {
  const auto lease = call.lease();
  MODELD_ASSIGN_OR_RETURN(const bool complete, IsComplete(call, blob, *lease));
  if (complete) return Progress{blob.size_bytes, true};
  // Not by opening the upload: a question must neither begin one nor collide with one.
  for (const storage::StagedInfo& staged : store_.ListStaged()) {
    if (staged.partition == call.partition() && staged.blob == blob)
      return Progress{staged.committed_bytes, false};
  }
  return Progress{};
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
    auto status = store_.PutBlob(call.partition(), range.blob, slice, *lease);
    if (!status.ok()) return FromStorage(status);
  }
  return absl::OkStatus();
}

}  // namespace modeld
