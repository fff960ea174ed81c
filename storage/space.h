// Room on the disk: who has promised to use how much, what fills it, and what may be taken away.
#ifndef MODELD_STORAGE_SPACE_H_
#define MODELD_STORAGE_SPACE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "storage/store_types.h"

namespace modeld::storage {

class Lease;
class StoreCore;

// Which bound stands in a store's way.
enum class Bound {
  kQuota,  // the partition's own: removing things of this partition makes room
  kLimit,  // all of the cache's files together
  kFloor,  // the free space that the disk keeps
};

// How much room there was not.
struct Shortage {
  Bound bound = Bound::kQuota;
  uint64_t need_bytes = 0;  // what was asked for beyond what was promised before
  uint64_t have_bytes = 0;  // what could have been given
};

// What a RESOURCE_EXHAUSTED of the store lacked; nothing for other statuses, and for a disk that was full
// although there should have been room. The status' text holds no numbers. Pure; thread-safe.
std::optional<Shortage> ShortageOf(const absl::Status& status);

// Room for one file of `bytes` that no partition pays for (a plan, a copy under repair); given back when
// destroyed. Thread-safe. Must be destroyed before its store.
class Reservation {
 public:
  ~Reservation();
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  // Says that `bytes` more are on the disk now and count there; never more than were reserved.
  void Wrote(uint64_t bytes);

 private:
  friend class StoreCore;
  explicit Reservation(StoreCore& core) : core_(core) {}

  StoreCore& core_;
};

// What a hold tells of its model's value. Opaque numbers to the store: policy makes them.
struct UseFigures {
  double frequency = 0;
  double credit = 0;
  absl::Duration compile_time;
  absl::Time last_used;
};

// The user's word on a model.
struct Wish {
  bool pinned = false;
  int priority = 0;  // -1 low, 0 normal, 1 high
  absl::Time changed;
};

// The user's bounds for one partition. Unset: the options' defaults.
struct PartitionLimits {
  std::optional<uint64_t> quota_bytes;
  std::optional<uint32_t> keep_at_most;  // models
  std::optional<absl::Duration> max_age;

  bool empty() const { return !quota_bytes && !keep_at_most && !max_age; }
};

// One partition's hold on a model, as eviction sees it.
struct HeldModel {
  Digest model_id;
  // Its distinct blobs as positions in PartitionSnapshot::blob_bytes.
  std::vector<uint32_t> blobs;
  uint64_t logical_bytes = 0;  // their sum
  uint64_t own_bytes = 0;      // of these, what no other model of the partition names
  absl::Time created;
  UseFigures figures;
  Wish wish;
  // The user shares it: the system's own hold, which never goes by itself.
  bool shared = false;
  // A lease of this partition holds it (its graph is loaded, or it is being stored), or an upload of one of
  // its blobs is open.
  bool in_use = false;
};

// A plan, as eviction sees it.
struct HeldPlan {
  Digest key;
  uint64_t size_bytes = 0;
  std::vector<Digest> models;
  uint64_t causes = 0;  // partitions that paid its compilation
  absl::Duration compile_time;
  absl::Time created;
  absl::Time last_used;
  uint64_t uses = 0;
};

// All that decides on one partition. Nothing in it depends on what other partitions hold.
struct PartitionSnapshot {
  Partition partition;
  double inflation = 0;  // GreedyDual's clock
  uint64_t quota_bytes = 0;
  uint32_t keep_at_most = 0;  // 0: any number
  absl::Duration max_age = absl::InfiniteDuration();
  uint64_t logical_bytes = 0;   // distinct blobs of its models
  uint64_t staged_bytes = 0;    // its uploads by their declared sizes, and what only its leases hold, beyond
                                // the models' blobs
  uint64_t reserved_bytes = 0;  // promised to it beyond these
  uint64_t plan_bytes = 0;      // plans that it is a cause of
  uint64_t used_bytes() const { return logical_bytes + staged_bytes + reserved_bytes + plan_bytes; }
  // What the logical bytes fall by when the last of its models that names a blob goes, or nothing: for one
  // that stays with a lease or a finished upload of the partition.
  std::vector<uint64_t> blob_bytes;
  std::vector<HeldModel> models;  // by model id
  std::vector<HeldPlan> plans;    // that it is a cause of, by key
};

// What the whole cache takes, and its bounds.
struct StoreTotals {
  uint64_t used_bytes = 0;  // files and what is promised, as the limit counts them
  uint64_t limit_bytes = 0;
  uint64_t free_bytes = 0;      // of the disk, less what is promised
  uint64_t min_free_bytes = 0;  // the floor
};

// All that decides on the whole cache.
struct StoreSnapshot {
  std::vector<PartitionSnapshot> partitions;  // by name
  std::vector<HeldPlan> plans;                // all, by key
  StoreTotals totals;
};

// Something that was decided about a model. `what` and `text`: WhyResponse.Decision of admin.proto.
struct Decision {
  Digest model_id;
  Partition partition;
  std::string what;
  std::string text;
  absl::Time at;
};

// What Clear() removed.
struct ClearResult {
  uint64_t models = 0;
  uint64_t keys = 0;
  uint64_t uploads = 0;
  uint64_t plans = 0;  // files that had no other cause
  uint64_t decisions = 0;
  std::vector<Digest> model_ids;  // whose hold went
};

// What fills the disk, read from its files. All sizes in bytes.
struct SpaceUsage {
  struct ByPartition {
    Partition partition;
    uint64_t logical_bytes = 0;    // distinct blobs of its models
    uint64_t exclusive_bytes = 0;  // files of its models that no other partition's models name
    // Its share of the models' files: one that n partitions have counts an n-th for each, the remainder for
    // the first ones by name. Adds up to blob_bytes.
    uint64_t physical_bytes = 0;
    uint64_t staged_bytes = 0;
    uint64_t models = 0;
    uint64_t quota_bytes = 0;
  };
  std::vector<ByPartition> partitions;  // by name
  uint64_t blob_bytes = 0;              // files that models name
  uint64_t unreferenced_bytes = 0;      // files among the blobs that no model names
  uint64_t plan_bytes = 0;
  uint64_t staging_bytes = 0;
  uint64_t quarantine_bytes = 0;
  uint64_t physical_bytes = 0;  // the sum of the five
  uint64_t disk_bytes = 0;      // the same files by their blocks
  uint64_t logical_bytes = 0;   // the partitions' sum
  uint64_t reserved_bytes = 0;  // promised, not written
  uint64_t free_bytes = 0;
  uint64_t limit_bytes = 0;
  uint64_t min_free_bytes = 0;
};

// The part of the store that counts and gives room. Handed out by ModelStore::space(). Thread-safe.
//
// Every byte is promised before it moves. A promise is for one blob of one partition: Reserve() makes it for
// a lease, ModelStore's writing calls make their own where there is none; it ends when the blob is there,
// with the lease, or with the call. Promises live in memory alone: what an upload has got counts by its
// record, also after a crash. Checks are in this order: the partition's quota (its models, uploads, promises
// and plans), the global limit, the disk's floor. Errors that changing calls give: ModelStore's.
class Space {
 public:
  explicit Space(StoreCore& core) : core_(core) {}

  // What bounds stores from now on; until then StoreOptions' bounds do.
  void SetBounds(const SpaceBounds& bounds);
  SpaceBounds bounds() const;
  // The size of the disk that holds the cache folder. Errors: FileSystem's.
  absl::StatusOr<uint64_t> DiskBytes() const;

  // Promises room for all of `refs` or none. What the partition has whole needs none and gets none. What the
  // lease, or another one of the partition, was promised before costs nothing more; nor does what an
  // unfinished upload has got. Mending a blob of the partition's own costs no quota, but counts for the limit
  // and the floor like any other bytes that come. RESOURCE_EXHAUSTED: see ShortageOf().
  absl::Status Reserve(const Partition& partition, std::span<const BlobRef> refs, Lease& lease);
  // Room that no partition pays for. RESOURCE_EXHAUSTED: limit or floor.
  absl::StatusOr<std::unique_ptr<Reservation>> ReserveFile(uint64_t bytes);

  // What decides on a partition; empty but for its bounds when it has nothing.
  PartitionSnapshot Snapshot(const Partition& partition) const;
  StoreTotals Totals() const;
  // What decides on everything.
  StoreSnapshot SnapshotAll() const;

  // Notes a use of a model: replaces its figures by what `value` makes of them and of the model's logical
  // bytes. A model that comes again after Evict() begins with the figures that it had, as long as that
  // decision stays and its partition is not cleared. `value` is called once, under the store's lock: it must
  // be quick and call nothing of the store. Written lazily. False: the partition does not hold the model.
  bool Use(const Partition& partition, const Digest& model_id,
           absl::FunctionRef<UseFigures(const UseFigures& before, uint64_t bytes)> value);

  // Takes a model away from a partition, unless it is pinned, shared, in use, or not held: false. One synced
  // batch: hold, keys, a decision that keeps its figures, and the partition's inflation when given. Its bytes
  // go at the next Collect().
  absl::StatusOr<bool> Evict(const Partition& partition, const Digest& model_id, absl::string_view what,
                             absl::string_view text, std::optional<double> inflation = std::nullopt);
  // Takes a partition from a plan's causes; with the last cause, the plan and its file go. False: it was
  // none.
  absl::StatusOr<bool> DropPlanCause(const Partition& partition, const Digest& plan_key);

  // Notes a decision, lazily; the newest 4,096 stay. `at` is set to now.
  absl::Status Record(Decision decision);
  // Newest first.
  std::vector<Decision> DecisionsOf(const Digest& model_id) const;

  // Changes what is given. NOT_FOUND: no partition holds the model and there is no wish.
  absl::Status SetWish(const Digest& model_id, std::optional<bool> pinned, std::optional<int> priority);
  Wish WishOf(const Digest& model_id) const;

  // Replaces a partition's bounds; empty ones go. INVALID_ARGUMENT: the name breaks the rules.
  absl::Status SetLimits(const Partition& partition, const PartitionLimits& limits);
  PartitionLimits LimitsOf(const Partition& partition) const;
  // The quota in force.
  uint64_t QuotaOf(const Partition& partition) const;

  // All partitions of which anything is known that Clear() forgets, in bytewise order.
  std::vector<Partition> PartitionNames() const;

  // Forgets what a partition got from `from` up to, not including, `to`: models that it stored, keys that it
  // saved, uploads that it began, decisions about it, its place among the causes of plans made, all in one
  // synced batch. An upload that a session is sending ends with FAILED_PRECONDITION. What is leased stays
  // with its lease. Wishes, limits, budgets and shares stay.
  absl::StatusOr<ClearResult> Clear(const Partition& partition, absl::Time from, absl::Time to);

  // Reads the sizes of all files.
  absl::StatusOr<SpaceUsage> Usage() const;
  // What counting anew from the records finds different from the counters, one sentence each; empty when all
  // is well.
  std::vector<std::string> Recount() const;

 private:
  StoreCore& core_;
};

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_SPACE_H_
