// What the store finds out about blobs: who lacks them, whether they are whole, what of them is right.
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/salvage.h"
#include "storage/store_core.h"

namespace modeld::storage {

absl::StatusOr<std::vector<BlobRef>> StoreCore::FindMissing(const PartitionId& partition,
                                                            std::span<const BlobRef> refs, Lease& lease) {
  std::map<Digest, bool> present;
  {
    absl::MutexLock lock(&mu);
    for (const BlobRef& ref : refs) {
      std::optional<uint64_t> size = SeenSize(partition, ref.digest, lease);
      if (size && *size != ref.size_bytes) {
        return absl::InvalidArgumentError(
            absl::StrCat(BlobName(ref.digest), ": declared with ", ref.size_bytes, " bytes, it has ", *size));
      }
      bool here = size && index.HealthOfBlob(ref.digest) == Health::kWhole;
      if (here) Hold(lease, partition, ref);
      present.emplace(ref.digest, here);
    }
  }
  std::vector<BlobRef> missing;
  for (const BlobRef& ref : refs) {
    auto here = present.extract(ref.digest);
    if (here.empty()) continue;  // a duplicate
    absl::Status file = here.mapped() ? CheckPresent(ref) : absl::NotFoundError("");
    if (file.ok()) continue;
    if (here.mapped() && !absl::IsDataLoss(file)) return file;
    missing.push_back(ref);
  }
  return missing;
}

absl::Status StoreCore::CheckWhole(const BlobRef& blob) {
  bool wanted = blob.size_bytes > options.digest_chunk_bytes;
  if (wanted) {
    absl::MutexLock lock(&mu);
    auto known = index.records().chunks.find(blob.digest);
    wanted = known == index.records().chunks.end() ||
             ChunksOf(known->second, blob.size_bytes, options.digest_chunk_bytes).empty();
  }
  ChunkSums sums(options.digest_chunk_bytes);
  MODELD_RETURN_IF_ERROR(files.CheckDigest(blob, wanted ? &sums : nullptr));
  if (!wanted) return absl::OkStatus();
  absl::MutexLock lock(&mu);
  Transaction changes;
  NoteChunks(blob, sums.Finish(), changes);
  Commit(changes, Durability::kLazy).IgnoreError();  // the next check finds them again
  return absl::OkStatus();
}

void StoreCore::NoteChunks(const BlobRef& blob, std::span<const Digest> sums, Transaction& changes) {
  if (sums.size() <= 1) return;
  record::ChunksRecord chunks;
  chunks.set_chunk_bytes(options.digest_chunk_bytes);
  chunks.set_digests(JoinDigests(sums));
  auto known = index.records().chunks.find(blob.digest);
  const bool same = known != index.records().chunks.end() && known->second.digests() == chunks.digests() &&
                    known->second.chunk_bytes() == chunks.chunk_bytes();
  if (!same) changes.chunks[blob.digest] = std::move(chunks);
}

std::string StoreCore::RightBits(const BlobRef& blob, const std::string& path) {
  std::vector<Digest> digests;
  {
    absl::MutexLock lock(&mu);
    auto chunks = index.records().chunks.find(blob.digest);
    if (chunks == index.records().chunks.end()) return "";
    digests = ChunksOf(chunks->second, blob.size_bytes, options.digest_chunk_bytes);
  }
  if (digests.empty()) return "";
  return storage::RightBits(files.cache(), path, blob.size_bytes, options.digest_chunk_bytes, digests);
}

}  // namespace modeld::storage
