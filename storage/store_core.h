// What the parts of the store share: its state, and the steps that more than one of them takes.
#ifndef MODELD_STORAGE_STORE_CORE_H_
#define MODELD_STORAGE_STORE_CORE_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "storage/blob_files.h"
#include "storage/catalogue.h"
#include "storage/digest_locks.h"
#include "storage/index.h"
#include "storage/plan_files.h"
#include "storage/promises.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Lease;
class Reservation;

// The answer to everything that a partition does not have, whatever the reason.
absl::Status NoSuchModel();

// State and shared steps of a ModelStore. Thread-safe. Lock order: a digest's lock, then mu.
//
// Who keeps a blob's file: a model that names it (index), a finished upload (index), a pin (a lease that
// holds it, or a call that works on it), a mapping that lives. When the last of these goes, the digest
// becomes a candidate, and the collector looks again.
class StoreCore {
 public:
  struct FolderLock;
  // `clock_in` must outlive this.
  StoreCore(const StoreOptions& store_options, std::vector<FolderLock> locks,
            std::shared_ptr<FileSystem> cache, std::shared_ptr<Catalogue> catalogue_in,
            const Clock& clock_in);
  ~StoreCore();

  // --- Records ---

  // Makes `changes` durable, then visible; on error nothing is visible, and whether the disk has them is not
  // known: the next commit takes them back, durably. So a call that finds nothing to do commits nothing,
  // durably, before it says so: else a crash could bring back what it said is not there. Blobs that lose
  // a model or a finished upload become candidates.
  absl::Status Commit(const Transaction& changes, Durability durability) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Adds the partition's record to `changes` unless there is one.
  void AddPartition(const Partition& partition, const PartitionId& id, Transaction& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Writes the last-use times that changed since the last call.
  absl::Status FlushUses() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  int64_t NowMicros() const { return absl::ToUnixMicros(clock.Now()); }

  // --- Sight: what a partition may know of ---

  // The size of a blob that the partition sees by its models, its finished uploads or the lease; whole or
  // not.
  std::optional<uint64_t> SeenSize(const PartitionId& partition, const Digest& blob, const Lease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // See ModelStore::FindMissing().
  absl::StatusOr<std::vector<BlobRef>> FindMissing(const PartitionId& partition,
                                                   std::span<const BlobRef> refs, Lease& lease)
      ABSL_LOCKS_EXCLUDED(mu);
  // Makes the lease hold a blob for a partition.
  void Hold(Lease& lease, const PartitionId& partition, const BlobRef& blob)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Makes the lease let go of one blob for a partition.
  void LetGo(Lease& lease, const Owned& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Forgets what a lease holds. Its finished uploads age from now on.
  void Release(const Lease& lease) ABSL_LOCKS_EXCLUDED(mu);

  // Finds what a partition holds and makes the lease hold its blobs for `reader`; counts as a use of the
  // hold. NoSuchModel() when it is not held or its files have gone; DATA_LOSS when it is damaged.
  absl::StatusOr<StoredModel> OpenModel(const Owned& hold, const PartitionId& reader, Lease& lease)
      ABSL_LOCKS_EXCLUDED(mu);

  // --- Blobs ---

  // Keeps a blob's file while it lives. Not thread-safe.
  class Pin {
   public:
    Pin(StoreCore& core, const Digest& blob);
    ~Pin();
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;

   private:
    StoreCore& core_;
    const Digest blob_;
  };

  // Makes the synced staging file `name`, whose digest is verified, the blob's file; or discards it when
  // the blob's file is known to be good. Ends a damage mark. Requires: a Pin on the blob.
  absl::Status Place(const BlobRef& blob, const std::string& name) ABSL_LOCKS_EXCLUDED(mu);
  // Checks that the blob's file is there with its size. Marks the blob when not: DATA_LOSS.
  absl::Status CheckPresent(const BlobRef& blob) ABSL_LOCKS_EXCLUDED(mu);
  // Reads and hashes the blob's file. Marks it and moves it to quarantine when it is wrong or cannot be read:
  // DATA_LOSS.
  absl::Status Verify(const BlobRef& blob) ABSL_LOCKS_EXCLUDED(mu);
  // Verify() of each. A damaged one is no error: it is marked then. The first other error, after all.
  absl::Status VerifyEach(std::span<const BlobRef> blobs) ABSL_LOCKS_EXCLUDED(mu);
  // The shared mapping of a blob; verifies it the first time that this partition maps it in this process,
  // unless it is to be trusted by its size. DATA_LOSS as Verify(). Requires: a pin of any kind.
  absl::StatusOr<Region> Map(const PartitionId& reader, const BlobRef& blob, bool trust = false)
      ABSL_LOCKS_EXCLUDED(mu);
  // A call begins to send a blob for a partition, was sent bytes of it, ends.
  void BeginSending(const Owned& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void NoteBytes(const Owned& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  void EndSending(const Owned& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // An upload as listings show it.
  StagedInfo Describe(const Owned& blob, const record::UploadRecord& upload) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Adds the digests of a blob's chunks to `changes` unless they are known, or it has but one.
  void NoteChunks(const BlobRef& blob, std::span<const Digest> sums, Transaction& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // DamageRecord::right_chunks of the damaged blob that now lies at `path`; reads it.
  std::string RightBits(const BlobRef& blob, const std::string& path) ABSL_LOCKS_EXCLUDED(mu);
  // Whether nothing keeps the blob's file.
  bool IsGarbage(const Digest& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // --- Space (space_core.cc) ---

  // Promises `holder` room for all of `refs`, which the partition lacks, or none; see Space::Reserve().
  // RESOURCE_EXHAUSTED with a Shortage.
  absl::Status Promise(const PartitionId& partition, std::span<const BlobRef> refs, const void* holder)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Whether the limit allows `counted` bytes more and the disk's floor `unwritten` ones. RESOURCE_EXHAUSTED
  // with a Shortage; its message begins with `name`.
  absl::Status CheckDisk(absl::string_view name, uint64_t counted, uint64_t unwritten)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Promise() for one blob that the holder writes now, `anew` in another file than an upload that was begun;
  // room of its own where another writes the same blob, or wrote a part of it. Ends with promises.Release()
  // or Fulfil().
  absl::Status BeginWriting(const PartitionId& partition, const BlobRef& ref, const void* holder, bool anew)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // What the limit counts: files that are there or on their way. Blobs that models name, or that leases
  // alone keep, once each; uploads as declared; plans; and promises, but for what an unfinished upload counts
  // of them. So a promise to mend a blob counts although a model names it: dropping the model, whoever else
  // has it, makes no sum larger.
  uint64_t UsedBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // What the quota counts of a partition: plans, and each blob once, by whatever says most of model, upload,
  // promise and lease. So when one of these goes, the sum never grows.
  uint64_t UsedBytesOf(const PartitionId& partition) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // What records count of a blob that is promised, or may be.
  Promises::Counted CountedOf(const Owned& blob) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Whether the partition has the blob, and nothing is known to be wrong with it.
  bool HasWhole(const PartitionId& partition, const BlobRef& blob) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Adds to `changes` what takes a partition from a plan's causes, and the plan with the last one. False: it
  // was none.
  bool DropPlanCause(const PartitionId& partition, const Digest& plan_key, Transaction& changes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // See Space::ReserveFile().
  absl::StatusOr<std::unique_ptr<Reservation>> ReserveFile(absl::string_view name, uint64_t bytes)
      ABSL_LOCKS_EXCLUDED(mu);
  // The quota in force for a partition.
  uint64_t QuotaOf(const PartitionId& partition) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // What the partition's leases keep beyond its models, uploads and promises.
  uint64_t LeasedBytes(const PartitionId& partition) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Adds a decision of now to `changes`, and the removal of those that it pushes out. Returns what was added.
  record::DecisionRecord& AddDecision(const Digest& model, absl::string_view partition,
                                      absl::string_view what, absl::string_view text, Transaction& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // AddDecision() for models that a damaged blob is part of, for so many that the others' decisions stay.
  void AddDamageDecisions(const Digest& blob, bool wrong_bytes, Transaction& changes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // What the decision that took a model from a partition kept of its uses; nothing when there is none. Adds
  // to `changes` that it is kept no longer.
  std::optional<record::DecisionRecord::Uses> TakeUses(const Digest& model, absl::string_view partition,
                                                       Transaction& changes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // The name of a partition that has something or is bounded; made up from its hash when no record tells it.
  Partition NameOf(const PartitionId& id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // RESOURCE_EXHAUSTED when an upload of `blob` would pass the partition's staging limit.
  absl::Status CheckStagingLimit(const PartitionId& partition, const BlobRef& blob)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

  // --- Fixed at construction ---

  // A folder's lock. The last of the members to go, so that nobody else enters before all is closed.
  struct FolderLock {
    std::shared_ptr<FileSystem> folder;
    std::unique_ptr<FileLock> lock;
  };
  const std::vector<FolderLock> folder_locks;
  const StoreOptions options;
  const Clock& clock;
  const std::shared_ptr<Catalogue> catalogue;
  BlobFiles files;
  PlanFiles plan_files;
  DigestLocks digest_locks;
  RecoveryReport recovery;  // set before others see this
  // Authenticates plans; empty: none can be kept in this run. Set, too, before others see this. Fresh: what
  // was written before cannot be told from what others wrote.
  std::string plan_secret;
  bool plan_secret_is_fresh = false;

  // --- Under mu ---

  absl::Mutex mu;
  Index index ABSL_GUARDED_BY(mu);
  // The catalogue's records as they are to be, by key, where a failed commit may have left others.
  std::map<std::string, std::optional<std::string>> doubtful ABSL_GUARDED_BY(mu);
  // What the leases hold, with sizes.
  std::map<const Lease*, std::map<Owned, uint64_t>> leases ABSL_GUARDED_BY(mu);
  absl::flat_hash_map<Digest, uint64_t> pins ABSL_GUARDED_BY(mu);
  // Blobs whose files were hashed, or written, by this process, each with the partitions for which that was
  // done. A partition never gains from another's hashing: the time would tell that the other uses the blob.
  absl::flat_hash_map<Digest, absl::flat_hash_set<PartitionId>> verified ABSL_GUARDED_BY(mu);
  struct Mapping {
    std::weak_ptr<const void> owner;
    std::span<const std::byte> bytes;
  };
  absl::flat_hash_map<Digest, Mapping> mappings ABSL_GUARDED_BY(mu);
  // Uploads that an Upload object, or the collector, works on.
  std::set<Owned> open_uploads ABSL_GUARDED_BY(mu);
  // Who is sent bytes now: by how many calls, and when the last bytes came or the last call began.
  struct Sending {
    int calls = 0;
    absl::Time last_bytes;
  };
  std::map<Owned, Sending> sending ABSL_GUARDED_BY(mu);
  std::set<Digest> candidates ABSL_GUARDED_BY(mu);
  std::set<Owned> unflushed_uses ABSL_GUARDED_BY(mu);
  Promises promises ABSL_GUARDED_BY(mu);
  SpaceBounds bounds ABSL_GUARDED_BY(mu);
  uint64_t next_temp ABSL_GUARDED_BY(mu) = 0;
  // Blobs whose mending from their own right chunks failed for a partition, which then sends them whole.
  std::set<Owned> not_mendable ABSL_GUARDED_BY(mu);
  // Names beneath staging/ that a call works on and no record names.
  std::set<std::string> live_temps ABSL_GUARDED_BY(mu);
  // Blobs whose marks, or their ends, could not be written, with their sizes: the collector looks again.
  std::map<Digest, uint64_t> unmarked ABSL_GUARDED_BY(mu);
  // Blobs that this process found damaged or missing, and that were not marked before.
  uint64_t damages_found ABSL_GUARDED_BY(mu) = 0;
  // Plans whose files may be there without their records.
  std::set<Digest> plan_candidates ABSL_GUARDED_BY(mu);
  // What keeps the bytes of plans that were opened.
  absl::flat_hash_map<Digest, std::weak_ptr<const void>> plan_mappings ABSL_GUARDED_BY(mu);
  // When a partition last paid the time of a plan, in this run.
  absl::flat_hash_map<Owned, absl::Time> plan_payments ABSL_GUARDED_BY(mu);

 private:
  void Unpin(const Digest& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Notes that the blob's file was hashed and is right; ends a damage mark.
  absl::Status MarkGood(const BlobRef& blob) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
  // Notes what is wrong with a blob's file and moves a wrong one away. Under the digest's lock. Returns
  // `error` as DATA_LOSS.
  absl::Status MarkBad(const BlobRef& blob, const absl::Status& error) ABSL_LOCKS_EXCLUDED(mu);
  // Reads and hashes the blob's file, and notes the digests of its chunks when they are not known. Under the
  // digest's lock.
  absl::Status CheckWhole(const BlobRef& blob) ABSL_LOCKS_EXCLUDED(mu);
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_STORE_CORE_H_
