// The partitioned model cache on disk. FORMAT.md describes the files, the records and why a crash is
// harmless.
#ifndef MODELD_STORAGE_MODEL_STORE_H_
#define MODELD_STORAGE_MODEL_STORE_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "base/region.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Catalogue;
class Integrity;
class Ledger;
class ModelStore;
class PlanStore;
class Space;
class StoreCore;

// What a session holds: the blobs that it presented, fetched or mapped, each for the partition in whose name
// it did. They stay on disk and visible to that partition *through this lease* until the lease is destroyed,
// whether or not a stored model names them. A lease per session is the rule; a broker's long session does
// well with one per build, as only destruction lets go. Thread-safe. Must be destroyed before its store.
class Lease {
 public:
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

 private:
  friend class ModelStore;
  friend class StoreCore;
  explicit Lease(StoreCore& core) : core_(core) {}

  StoreCore& core_;
};

// One blob on its way in, owned by one partition. Destroying it keeps what has arrived: the next OpenUpload()
// of that partition and blob goes on from there, also after a restart. A blob that the partition sees and
// that was found damaged begins with those of its chunks that are right. Not thread-safe. Must be destroyed
// before its lease and its store.
class Upload {
 public:
  // Makes what has arrived durable (fsync), unless Commit() has succeeded.
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const BlobRef& ref() const;
  // How many bytes are here; they need not be the first ones.
  uint64_t committed_bytes() const;
  // What is still to come, in order: the next Append() goes on at the beginning of the first range. Empty
  // when all is here.
  std::vector<ByteRange> missing() const;

  // Takes the next bytes; `offset` must be where missing() begins, and they must not reach past that range.
  // Bytes sent before are never taken again: a client that does not know what arrived asks missing(). On
  // error the upload goes on from missing(), which a failed sync or a wrong chunk may have put back. Every 16
  // MiB are made durable on the way. An upload of a blob that the partition has got meanwhile has all its
  // bytes from the start. OUT_OF_RANGE: another offset, or more bytes than the range has. DATA_LOSS: these
  // bytes fill a chunk and do not hash to its digest; the chunk is dropped and comes anew.
  // RESOURCE_EXHAUSTED: the disk is full. FAILED_PRECONDITION: the cache folder is read-only, or the upload
  // has ended. UNAVAILABLE: the disk failed.
  absl::Status Append(uint64_t offset, absl::string_view bytes);

  // Ends the upload: verifies the digest and makes the blob visible to the partition through the lease. Takes
  // the same work and gives the same answer whether or not the store holds these bytes already. DATA_LOSS:
  // the bytes do not hash to the digest; they are removed, the client starts from zero. FAILED_PRECONDITION:
  // bytes are still to come. Others as Append(): the upload may be resumed.
  absl::Status Commit();

 private:
  friend class ModelStore;
  friend class StoreCore;
  struct State;
  explicit Upload(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// The store. Thread-safe: calls may overlap in any way. Holds locks on both folders while it lives. Leases
// and uploads must be gone before it; Regions may outlive it.
//
// Keeping: a partition keeps a model while it was stored by id (StoreModel() without a key) or at least one
// of its keys names it. Bytes stay while a model, a lease, a Region or an unexpired finished upload needs
// them. Privacy: no answer, and no amount of bytes to send, depends on what other partitions hold. Messages
// name blobs and models by digest, never by path. Errors that every writing call may give: RESOURCE_EXHAUSTED
// (disk full), FAILED_PRECONDITION (a folder is read-only), UNAVAILABLE (the disk failed), INVALID_ARGUMENT
// (a partition name that is empty or too long).
class ModelStore {
 public:
  // Opens or creates the store in the option's folders, finishes or undoes what a crash left (see
  // recovery()). FAILED_PRECONDITION: another process uses the folders, they are read-only, or a newer modeld
  // wrote the catalogue (then nothing is touched). DATA_LOSS: the catalogue cannot be read.
  static absl::StatusOr<std::unique_ptr<ModelStore>> Open(const StoreOptions& options, const Clock& clock);

  // Open() on given seams, for tests: `cache` and `state` stand for the two folders.
  static absl::StatusOr<std::unique_ptr<ModelStore>> OpenOn(const StoreOptions& options,
                                                            std::shared_ptr<FileSystem> cache,
                                                            std::shared_ptr<FileSystem> state,
                                                            std::shared_ptr<Catalogue> catalogue,
                                                            const Clock& clock);
  ~ModelStore();

  // What start-up repaired.
  const RecoveryReport& recovery() const;

  // A new lease, holding nothing.
  std::unique_ptr<Lease> NewLease();

  // --- Bytes in ---

  // Which of `refs` the partition still has to send: those that are neither in one of its stored models, nor
  // presented by it (through this lease, or finished lately), or whose bytes were found missing or damaged.
  // In the order given, each once. What it need not send is held by `lease` from now on. INVALID_ARGUMENT: a
  // blob of the partition's own is declared with another size.
  absl::StatusOr<std::vector<BlobRef>> FindMissing(const Partition& partition, std::span<const BlobRef> refs,
                                                   Lease& lease);

  // Starts or resumes an upload; see Upload::missing(). An upload that was begun with another size starts
  // anew. `chunks`: digests of the blob's chunks (StoreOptions::digest_chunk_bytes), or none; with them, each
  // chunk is verified as it fills. They are no name: the whole digest decides. ABORTED: this partition is
  // sending this blob in another open upload; retry when that has ended. INVALID_ARGUMENT: as many chunks as
  // given do not make the blob's size. RESOURCE_EXHAUSTED: the disk's floor or the partition's staging limit
  // would be passed.
  absl::StatusOr<std::unique_ptr<Upload>> OpenUpload(const Partition& partition, const BlobRef& ref,
                                                     Lease& lease, std::span<const Digest> chunks = {});

  // A whole upload from memory that never changes (a sealed memfd, a buffer of our own). May overlap an
  // upload of the same blob. INVALID_ARGUMENT: `bytes` has another size. DATA_LOSS: it does not hash to the
  // digest.
  absl::Status PutBlob(const Partition& partition, const BlobRef& ref, const Region& bytes, Lease& lease);

  // Makes `to` hold for a partition what `from` holds of `refs`.
  void HoldToo(const Partition& partition, std::span<const BlobRef> refs, const Lease& from, Lease& to);
  // Makes a lease let go of `refs` for a partition; of others it keeps what it holds. For blobs that a model
  // of the partition, or another lease, keeps from now on.
  void LetGo(const Partition& partition, std::span<const BlobRef> refs, Lease& lease);

  // --- Models ---

  // Keeps a model in the partition: all or nothing, durable when it returns. Every constant must be visible
  // to the partition through its models or `lease`. Storing again what is there is OK and repairs a damaged
  // manifest. Returns the model id. FAILED_PRECONDITION: a constant was not presented, or its bytes have
  // gone: FindMissing() tells which. INVALID_ARGUMENT: a constant's size is wrong, a text or the key breaks
  // its rules.
  absl::StatusOr<Digest> StoreModel(const Partition& partition, const StoreRequest& request, Lease& lease);

  // Finds a model of the partition and makes `lease` hold all of its blobs. No use by itself: see
  // Space::Use(). NOT_FOUND, always with the same message: the partition has no such model, or its files have
  // gone. DATA_LOSS: a blob or record of it is damaged, or a file was found missing just now.
  absl::StatusOr<StoredModel> GetModel(const Partition& partition, const Digest& model_id, Lease& lease);

  // Maps a blob that the partition sees, read-only; `lease` holds it. Maps of one digest share one mapping
  // while any of them lives. The first map of a blob in a run of the process reads and hashes it whole (about
  // a second per GB); later ones check that the file is there with its size. NOT_FOUND: as GetModel().
  // DATA_LOSS: wrong bytes (the file goes to quarantine) or a missing file; the partition repairs it by
  // sending the bytes again.
  absl::StatusOr<Region> MapBlob(const Partition& partition, const Digest& digest, Lease& lease);
  // MapBlob() that never hashes: the file's size alone is checked, and the bytes are believed to be those
  // that were verified when they were stored. For a compiled plan's constants, on whose path no weight is
  // read twice.
  absl::StatusOr<Region> MapTrusted(const Partition& partition, const Digest& digest, Lease& lease);

  // Whether the partition holds the model, whole or not.
  bool Holds(const Partition& partition, const Digest& model_id) const;

  // Forgets the partition's hold on a model with all keys that name it. Returns whether there was one. Bytes
  // that nothing needs any more go at the next Collect().
  absl::StatusOr<bool> DeleteModel(const Partition& partition, const Digest& model_id);

  // --- Keys: 1 to 1024 bytes of valid UTF-8, any characters; data, never file names ---

  // Names a model of the partition; replaces what the key named before (which is forgotten if that was all
  // that kept it). NOT_FOUND: as GetModel(). INVALID_ARGUMENT: the key breaks the rules.
  absl::Status SaveKey(const Partition& partition, absl::string_view key, const Digest& model_id);
  // The model that a key names. NOT_FOUND, always with the same message as GetModel().
  absl::StatusOr<Digest> LoadKey(const Partition& partition, absl::string_view key);
  // The partition's keys in bytewise order.
  std::vector<KeyInfo> ListKeys(const Partition& partition) const;
  // Forgets a key, and the model if that was all that kept it. Returns whether there was one.
  absl::StatusOr<bool> DeleteKey(const Partition& partition, absl::string_view key);

  // --- The user's view. A damaged record never hides the others: it is listed as damaged ---

  // All partitions that hold a model or an upload, or that the user has set limits for, by name.
  std::vector<PartitionInfo> ListPartitions() const;
  // All models, or one partition's, by partition and id. A model that several partitions hold is listed for
  // each.
  std::vector<ModelInfo> ListModels(const std::optional<Partition>& partition = std::nullopt) const;
  // All uploads and presented blobs that no stored model of their partition names.
  std::vector<StagedInfo> ListStaged() const;
  // Files set aside, by digest. Errors of reading their folder.
  absl::StatusOr<std::vector<QuarantinedInfo>> ListQuarantined() const;
  // How many blobs this process found damaged or missing, each once as long as it stays so.
  uint64_t DamagesFound() const;
  // Bytes that the disk would get back, now or when their last user is done, if all these holds went at once.
  // Duplicates and holds that are not there count for nothing.
  uint64_t FreedBy(std::span<const HoldName> holds) const;
  // Sums; reads the disk's free space. Zero free_bytes when that cannot be told.
  StoreUsage Usage() const;
  // Forgets a partition: models, keys, uploads that no session has open, its place among the causes of plans,
  // decisions about it. Wishes, limits, budgets and shares stay. Returns whether there was anything;
  // a place among the causes alone is nothing.
  absl::StatusOr<bool> RemovePartition(const Partition& partition);

  // Reads and hashes one blob of a stored model.
  // NOT_FOUND: no stored model names it. DATA_LOSS: wrong bytes (quarantined, marked) or missing; names the
  // models.
  absl::Status VerifyBlob(const Digest& digest);
  // VerifyBlob() of everything; calls `progress` (may be null) with done and total bytes after each blob.
  // CANCELLED when it returns false.
  absl::StatusOr<VerifyReport> VerifyAll(const std::function<bool(uint64_t, uint64_t)>& progress = nullptr);

  // Checks that catalogue, memory and files agree: every file is referenced or staged, every reference has a
  // file or is marked. Lists what does not, one sentence each, empty when all is well. Exact only while no
  // other call runs. Errors of reading the folders come back as status.
  absl::StatusOr<std::vector<std::string>> Audit();

  // --- Facets: parts of the store with headers of their own; they live as long as it ---

  // Budgets and shares.
  Ledger& ledger();
  // Room, quotas, eviction, the user's wishes, what fills the disk.
  Space& space();
  // Compiled plans.
  PlanStore& plans();
  // Checks, repairs, progress of uploads, moving the cache folder.
  Integrity& integrity();

  // --- Upkeep ---

  // Removes blobs that nothing needs, expired uploads and obsolete quarantine; writes pending last-use times.
  // Goes on after an error and returns the first. Safe at any time and in any thread; the daemon calls it
  // every minute or so.
  absl::StatusOr<CollectResult> Collect(absl::Time now);

 private:
  explicit ModelStore(std::unique_ptr<StoreCore> core);
  absl::StatusOr<Region> MapSeen(const Partition& partition, const Digest& digest, Lease& lease, bool trust);

  std::unique_ptr<StoreCore> core_;
  // They refer to core_.
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Space> space_;
  std::unique_ptr<PlanStore> plans_;
  std::unique_ptr<Integrity> integrity_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_MODEL_STORE_H_
