// The catalogue's records in memory, and what follows from them.
#ifndef MODELD_STORAGE_INDEX_H_
#define MODELD_STORAGE_INDEX_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "storage/catalogue.pb.h"
#include "storage/store_types.h"

namespace modeld::storage {

// SHA-256 of a partition's name: what stands in record keys and staging names.
using PartitionId = Digest;
// That of kSharedPartition. Pure; thread-safe.
const PartitionId& SharedPartitionId();
// A partition and a model or blob.
using Owned = std::pair<PartitionId, Digest>;

// One table per kind of record. Wrap is the identity for records, std::optional for changes (nothing =
// removal).
template <template <typename> class Wrap>
struct Tables {
  std::map<Digest, Wrap<record::ModelRecord>> models;
  std::map<PartitionId, Wrap<record::PartitionRecord>> partitions;
  std::map<Owned, Wrap<record::HoldRecord>> holds;
  std::map<std::pair<PartitionId, std::string>, Wrap<record::KeyRecord>> keys;
  std::map<Owned, Wrap<record::UploadRecord>> uploads;
  std::map<Digest, Wrap<record::DamageRecord>> damage;
  std::map<Digest, Wrap<record::WishRecord>> wishes;  // by model
  std::map<PartitionId, Wrap<record::LimitsRecord>> limits;
  std::map<Digest, Wrap<record::BudgetRecord>> budgets;        // by SHA-256 of the site
  std::map<Digest, Wrap<record::ShareRecord>> shares;          // by model
  std::map<uint64_t, Wrap<record::DecisionRecord>> decisions;  // by number, in order of time
  std::map<Digest, Wrap<record::PlanRecord>> plans;            // by plan key
  std::map<Digest, Wrap<record::ChunksRecord>> chunks;         // by blob
  std::map<uint64_t, Wrap<record::MoveRecord>> moves;          // one, of number 0, or none
  std::map<uint64_t, Wrap<record::ScrubRecord>> scrubs;        // one, of number 0, or none
};

// Calls `visit` for every kind of record with the letter that begins its keys (FORMAT.md) and that kind's
// table of each of `tables`.
template <typename Visit, typename... Kinds>
void ForEachTable(Visit visit, Kinds&... tables) {
  visit('M', tables.models...);
  visit('P', tables.partitions...);
  visit('H', tables.holds...);
  visit('K', tables.keys...);
  visit('U', tables.uploads...);
  visit('D', tables.damage...);
  visit('W', tables.wishes...);
  visit('Q', tables.limits...);
  visit('B', tables.budgets...);
  visit('G', tables.shares...);
  visit('N', tables.decisions...);
  visit('X', tables.plans...);
  visit('C', tables.chunks...);
  visit('V', tables.moves...);
  visit('Y', tables.scrubs...);
}

// Changes that become durable and visible together.
using Transaction = Tables<std::optional>;

// All records, and counts that are derived from them and so cannot disagree with them after a start. Not
// thread-safe.
class Index {
 public:
  // Replaces, adds and removes records. A model's list of blobs may not change while it is there.
  void Apply(const Transaction& changes);

  const Tables<std::type_identity_t>& records() const { return records_; }
  // What the records that `changes` touches are now: applied, it takes them back.
  Transaction Before(const Transaction& changes) const;
  // Replaces a hold's record in memory alone: its uses. Requires: the hold exists.
  void SetUses(const Owned& hold, record::HoldRecord uses) { records_.holds.at(hold) = std::move(uses); }

  // How many models name a blob (as manifest or constant). Zero when none does.
  uint64_t References(const Digest& blob) const;
  // How many partitions hold a model.
  uint64_t Holders(const Digest& model) const;
  // The size of a blob that a model names.
  std::optional<uint64_t> ReferencedSize(const Digest& blob) const;
  // Whether one of the partition's models names the blob.
  bool Sees(const PartitionId& partition, const Digest& blob) const;
  // Whether any partition has a finished upload of the blob.
  bool HasFinishedUpload(const Digest& blob) const;
  // The blobs that models name, with their number of models.
  struct Reference {
    uint64_t size_bytes = 0;
    uint64_t models = 0;

    friend bool operator==(const Reference&, const Reference&) = default;
  };
  const std::map<Digest, Reference>& references() const { return references_; }

  // Keys of the partition that name the model, in bytewise order.
  std::vector<std::string> KeysOf(const PartitionId& partition, const Digest& model) const;
  // What a partition has.
  struct Sums {
    uint64_t logical_bytes = 0;  // of the distinct blobs of its models
    uint64_t staged_bytes = 0;   // of its uploads, as declared
    uint64_t both_bytes = 0;     // what logical and staged bytes both count: uploads that mend its models
    uint64_t plan_bytes = 0;     // of the plans that it is a cause of
    uint64_t models = 0;
    uint64_t keys = 0;

    friend bool operator==(const Sums&, const Sums&) = default;
  };
  Sums SumsOf(const PartitionId& partition) const;
  uint64_t LogicalBytes(const PartitionId& partition) const { return SumsOf(partition).logical_bytes; }
  uint64_t StagedBytes(const PartitionId& partition) const { return SumsOf(partition).staged_bytes; }
  // What all partitions together take: blobs that models name, each once; uploads as declared; plans.
  uint64_t referenced_bytes() const { return totals_.logical_bytes; }
  uint64_t staged_bytes() const { return totals_.staged_bytes; }
  uint64_t plan_bytes() const { return totals_.plan_bytes; }
  // Counts everything anew from the records and tells what the counters say otherwise, one sentence each.
  std::vector<std::string> Recount() const;
  // Whether anything but its own record names the partition.
  bool InUse(const PartitionId& partition) const;
  // The worst health among the model's blobs; kDamaged without a record.
  Health HealthOf(const Digest& model) const;
  Health HealthOfBlob(const Digest& blob) const;

  // Adds to `changes` what takes a partition's hold on a model away: the hold, its keys, and the model itself
  // when nobody else holds it. A hold of kSharedPartition takes the share along. The partition is no cause
  // any more of plans of which it then holds no model.
  void DropHold(const Owned& hold, Transaction& changes) const;
  // Adds to `changes` that the partition is no cause of a plan any more, and the plan's removal when it was
  // the last one. Nothing when it is none.
  void DropCause(const Digest& plan, const PartitionId& partition, Transaction& changes) const;
  // Whether the partition holds one of a plan's models. `changes`, when given, count as done.
  bool HoldsModelOf(const PartitionId& partition, const record::PlanRecord& plan,
                    const Transaction* changes = nullptr) const;
  // Adds to `changes` what takes a key away: the key, and the hold when that was all that kept it.
  void DropKey(const PartitionId& partition, const std::string& key, Transaction& changes) const;

 private:
  // Adds (+1) or takes (-1) what a model, or a hold on a model that is there, contributes.
  void CountModel(const Digest& id, int by);
  void CountSight(const Owned& hold, int by);
  void CountHold(const Owned& hold, int by);
  void CountUpload(const Owned& upload, int by);
  void CountKey(const std::pair<PartitionId, std::string>& key, int by);
  void CountPlan(const Digest& key, int by);
  // Changes a partition's sums by `change`, which gets them; forgets sums that are all zero.
  template <typename Change>
  void ChangeSums(const PartitionId& partition, Change change);

  Tables<std::type_identity_t> records_;
  std::map<Digest, Reference> references_;
  std::map<Digest, uint64_t> holders_;
  std::map<Owned, uint64_t> sight_;
  std::map<Digest, uint64_t> finished_;
  std::map<PartitionId, Sums> sums_;
  Sums totals_;  // logical_bytes: of references_
};

// The distinct blobs that a model record names: the manifest first, then constants.
std::vector<BlobRef> BlobsOf(const Digest& id, const record::ModelRecord& model);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_INDEX_H_
