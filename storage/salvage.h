// What a damaged blob's file still holds.
#ifndef MODELD_STORAGE_SALVAGE_H_
#define MODELD_STORAGE_SALVAGE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "storage/blob_files.h"
#include "storage/catalogue.pb.h"
#include "storage/chunks.h"
#include "storage/store_types.h"

namespace modeld::storage {

// A record's digests, when they are as many as the blob has chunks of `chunk_bytes`; else none.
std::vector<Digest> ChunksOf(const record::ChunksRecord& record, uint64_t size_bytes, uint64_t chunk_bytes);

// Reads a chunk into `buffer`, cut to it, and returns whether it has this digest. A file that is shorter, or
// cannot be read there, has no right chunk.
bool ReadRightChunk(const File& file, const ByteRange& range, const Digest& digest,
                    std::vector<std::byte>& buffer);

// Which chunks of the file hold what they should; none when it cannot be opened.
ChunkMap RightChunks(FileSystem& cache, const std::string& path, uint64_t size_bytes, uint64_t chunk_bytes,
                     std::span<const Digest> digests);

// RightChunks() as DamageRecord::right_chunks keeps them: empty when no chunk is right.
std::string RightBits(FileSystem& cache, const std::string& path, uint64_t size_bytes, uint64_t chunk_bytes,
                      std::span<const Digest> digests);

// Copies those chunks that `known` marks, and `held` lacks, from a quarantined blob into `into` and marks
// them there, unless they have become wrong since. Errors are those of writing.
absl::Status CopyRightChunks(BlobFiles& files, const BlobRef& blob, const ChunkMap& known,
                             std::span<const Digest> digests, File& into, ChunkMap& held);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_SALVAGE_H_
