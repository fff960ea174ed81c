// What an Upload does and holds, and how records describe it.
#ifndef MODELD_STORAGE_UPLOAD_H_
#define MODELD_STORAGE_UPLOAD_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/file_system.h"
#include "storage/chunks.h"
#include "storage/model_store.h"
#include "storage/store_core.h"

namespace modeld::storage {

// What an unfinished upload's record says is durable.
ChunkMap DurableOf(const record::UploadRecord& upload, uint64_t chunk_bytes);
// The reverse: sets durable_bytes and right_chunks.
void SetDurable(const ChunkMap& durable, record::UploadRecord& upload);

// What a partition may use of a damaged blob's own file: nothing unless it sees the blob.
struct Mendable {
  std::vector<Digest> digests;  // of all chunks; empty: nothing
  ChunkMap right{0, 1};         // those that were found right
};
Mendable FindMendable(const StoreCore& core, const PartitionId& partition, const BlobRef& blob,
                      const Lease& lease) ABSL_SHARED_LOCKS_REQUIRED(core.mu);

// Notes that a blob was placed for a partition: the lease holds it, and a finished upload keeps it for later
// sessions, unless a model of the partition does already. `sums`: of its chunks.
void FinishUpload(StoreCore& core, const Partition& partition, const Owned& id, uint64_t size_bytes,
                  std::span<const Digest> sums, Lease& lease) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu);

// An Upload's inside. Not thread-safe.
struct Upload::State {
  State(StoreCore& store_core, const Partition& partition_in, const BlobRef& ref_in, Lease& lease_in);
  ~State();

  // Opens the staging file with what `old` says is durable, and what a damaged blob's file can give.
  absl::Status Begin(const std::optional<record::UploadRecord>& old, std::span<const Digest> chunks,
                     Mendable mendable);
  absl::Status Append(uint64_t offset, absl::string_view bytes);
  absl::Status Commit();
  uint64_t position() const { return complete ? ref.size_bytes : held.position(); }
  std::string Name() const { return BlobName(ref.digest); }

  StoreCore& core;
  const Partition partition;
  const Owned id;
  const BlobRef ref;
  Lease& lease;
  bool claimed = false;   // stands among the core's open uploads
  bool complete = false;  // the partition has the blob; nothing is left to do
  bool ended = false;     // nothing more can be done
  std::unique_ptr<File> file;
  ChunkMap held;

  // Removes the file and the record.
  void Abandon();

 private:
  // Syncs what has arrived and notes it.
  absl::Status Checkpoint();
  // Writes `durable` to the record.
  absl::Status NoteDurable(Durability durability);
  // Ends the upload whose record was removed: its partition was cleared.
  absl::Status Cleared();
  // Goes back to the durable bytes, as nobody knows what a failed sync left of the others, and reads them
  // again. Ends the upload when even that fails.
  absl::Status Rewind();
  absl::Status Load();
  absl::Status LoadPartial(uint64_t filled);
  // Takes bytes that end at most where next() does.
  absl::Status TakePiece(absl::string_view piece);
  absl::Status DropChunk(uint64_t index);
  absl::StatusOr<Digest> WholeDigest();

  bool name_durable = false;
  std::vector<Digest> expected;  // as the client gave them; may be empty
  Mendable mendable;
  ChunkMap durable;
  std::vector<Digest> sums;  // of the held chunks
  Sha256 chunk_hasher;       // of what has come of held.next()
  Sha256 whole_hasher;       // of [0, position()) while in_order
  bool in_order = true;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_UPLOAD_H_
