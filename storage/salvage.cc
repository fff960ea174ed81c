#include "storage/salvage.h"

#include <memory>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace modeld::storage {

std::vector<Digest> ChunksOf(const record::ChunksRecord& record, uint64_t size_bytes, uint64_t chunk_bytes) {
  if (record.chunk_bytes() != chunk_bytes) return {};
  std::vector<Digest> digests = SplitDigests(record.digests());
  if (digests.size() != ChunkCount(size_bytes, chunk_bytes)) return {};
  return digests;
}

bool ReadRightChunk(const File& file, const ByteRange& range, const Digest& digest,
                    std::vector<std::byte>& buffer) {
  buffer.resize(range.end_bytes - range.begin_bytes);
  const absl::StatusOr<size_t> count = file.ReadAt(range.begin_bytes, buffer);
  return count.ok() && *count == buffer.size() && Digest::Of(buffer) == digest;
}

ChunkMap RightChunks(FileSystem& cache, const std::string& path, uint64_t size_bytes, uint64_t chunk_bytes,
                     std::span<const Digest> digests) {
  ChunkMap right(size_bytes, chunk_bytes);
  const absl::StatusOr<std::unique_ptr<File>> file = cache.Open(path, FileSystem::Access::kRead);
  if (!file.ok() || digests.size() != right.count()) return right;
  std::vector<std::byte> buffer;
  for (uint64_t index = 0; index < right.count(); ++index) {
    if (ReadRightChunk(**file, right.range(index), digests[index], buffer)) right.Hold(index);
  }
  return right;
}

std::string RightBits(FileSystem& cache, const std::string& path, uint64_t size_bytes, uint64_t chunk_bytes,
                      std::span<const Digest> digests) {
  const ChunkMap right = RightChunks(cache, path, size_bytes, chunk_bytes, digests);
  return right.held_bytes() == 0 ? "" : right.bits();
}

absl::Status CopyRightChunks(BlobFiles& files, const BlobRef& blob, const ChunkMap& known,
                             std::span<const Digest> digests, File& into, ChunkMap& held) {
  absl::StatusOr<std::unique_ptr<File>> from =
      files.cache().Open(BlobFiles::QuarantinePath(blob.digest), FileSystem::Access::kRead);
  // It stays in its place where it could not be moved.
  if (!from.ok()) from = files.cache().Open(BlobFiles::BlobPath(blob.digest), FileSystem::Access::kRead);
  if (!from.ok()) return absl::OkStatus();
  std::vector<std::byte> buffer;
  for (uint64_t index = 0; index < known.count(); ++index) {
    if (!known.holds(index) || held.holds(index)) continue;
    if (!ReadRightChunk(**from, known.range(index), digests[index], buffer)) continue;
    MODELD_RETURN_IF_ERROR(
        into.WriteAt(known.range(index).begin_bytes,
                     absl::string_view(reinterpret_cast<const char*>(buffer.data()), buffer.size())));
    held.Hold(index);
  }
  return absl::OkStatus();
}

}  // namespace modeld::storage
