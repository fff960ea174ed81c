#include "storage/index.h"

#include <algorithm>

namespace modeld::storage {
namespace {

// Counts in a map that holds no zeros.
template <typename Key>
void Count(std::map<Key, uint64_t>& counts, const Key& key, int by) {
  uint64_t& count = counts[key];
  count += by;
  if (count == 0) counts.erase(key);
}

template <typename Key>
uint64_t CountOf(const std::map<Key, uint64_t>& counts, const Key& key) {
  auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

// The entries of a map by pairs whose first half is `partition`.
template <typename Map>
auto Begin(Map& map, const PartitionId& partition) {
  return map.lower_bound({partition, typename std::decay_t<Map>::key_type::second_type()});
}

// Puts or erases every entry of `changes` in `table`, telling `count` of each removal and addition.
template <typename Table, typename Changes, typename CountFn>
void ApplyTable(Table& table, const Changes& changes, CountFn count) {
  for (const auto& [key, value] : changes) {
    if (table.contains(key)) {
      count(key, -1);
      table.erase(key);
    }
    if (value) {
      table.emplace(key, *value);
      count(key, +1);
    }
  }
}

}  // namespace

const PartitionId& SharedPartitionId() {
  static const PartitionId id = Digest::Of(absl::string_view(kSharedPartition));
  return id;
}

std::vector<BlobRef> BlobsOf(const Digest& id, const record::ModelRecord& model) {
  std::vector<BlobRef> blobs = {{id, model.manifest_size_bytes()}};
  for (const record::BlobRecord& constant : model.constants()) {
    absl::StatusOr<Digest> digest = Digest::FromBytes(constant.digest());
    if (digest.ok() && *digest != id) blobs.push_back({*digest, constant.size_bytes()});
  }
  return blobs;
}

void Index::CountModel(const Digest& id, int by) {
  for (const BlobRef& blob : BlobsOf(id, records_.models.at(id))) {
    Reference& reference = references_[blob.digest];
    reference.size_bytes = blob.size_bytes;
    reference.models += by;
    if (reference.models == 0) references_.erase(blob.digest);
  }
  // Holds that were there without their model's record see its blobs from now on.
  if (!holders_.contains(id)) return;
  for (const auto& [hold, unused] : records_.holds) {
    if (hold.second == id) CountSight(hold, by);
  }
}

void Index::CountSight(const Owned& hold, int by) {
  for (const BlobRef& blob : BlobsOf(hold.second, records_.models.at(hold.second))) {
    Count(sight_, {hold.first, blob.digest}, by);
  }
}

void Index::CountHold(const Owned& hold, int by) {
  Count(holders_, hold.second, by);
  if (records_.models.contains(hold.second)) CountSight(hold, by);
}

void Index::CountUpload(const Owned& upload, int by) {
  if (records_.uploads.at(upload).finished()) Count(finished_, upload.second, by);
}

void Index::Apply(const Transaction& changes) {
  auto nothing = [](const auto&, int) {};
  // Each counter sees the record that comes or goes, and the models of the holds.
  ApplyTable(records_.models, changes.models, [&](const Digest& id, int by) { CountModel(id, by); });
  ApplyTable(records_.holds, changes.holds, [&](const Owned& hold, int by) { CountHold(hold, by); });
  ApplyTable(records_.uploads, changes.uploads,
             [&](const Owned& upload, int by) { CountUpload(upload, by); });
  ApplyTable(records_.partitions, changes.partitions, nothing);
  ApplyTable(records_.keys, changes.keys, nothing);
  ApplyTable(records_.damage, changes.damage, nothing);
  ApplyTable(records_.wishes, changes.wishes, nothing);
  ApplyTable(records_.limits, changes.limits, nothing);
  ApplyTable(records_.budgets, changes.budgets, nothing);
  ApplyTable(records_.shares, changes.shares, nothing);
  ApplyTable(records_.decisions, changes.decisions, nothing);
  ApplyTable(records_.plans, changes.plans, nothing);
  ApplyTable(records_.chunks, changes.chunks, nothing);
  ApplyTable(records_.moves, changes.moves, nothing);
}

uint64_t Index::References(const Digest& blob) const {
  auto found = references_.find(blob);
  return found == references_.end() ? 0 : found->second.models;
}

uint64_t Index::Holders(const Digest& model) const {
  return CountOf(holders_, model);
}

std::optional<uint64_t> Index::ReferencedSize(const Digest& blob) const {
  auto found = references_.find(blob);
  if (found == references_.end()) return std::nullopt;
  return found->second.size_bytes;
}

bool Index::Sees(const PartitionId& partition, const Digest& blob) const {
  return sight_.contains({partition, blob});
}

bool Index::HasFinishedUpload(const Digest& blob) const {
  return finished_.contains(blob);
}

std::vector<std::string> Index::KeysOf(const PartitionId& partition, const Digest& model) const {
  std::vector<std::string> keys;
  for (auto it = Begin(records_.keys, partition); it != records_.keys.end() && it->first.first == partition;
       ++it) {
    if (it->second.model_id() == std::string(model.bytes())) keys.push_back(it->first.second);
  }
  return keys;
}

uint64_t Index::LogicalBytes(const PartitionId& partition) const {
  uint64_t bytes = 0;
  for (auto it = Begin(sight_, partition); it != sight_.end() && it->first.first == partition; ++it) {
    bytes += ReferencedSize(it->first.second).value_or(0);
  }
  return bytes;
}

uint64_t Index::StagedBytes(const PartitionId& partition) const {
  uint64_t bytes = 0;
  const auto& uploads = records_.uploads;
  for (auto it = Begin(uploads, partition); it != uploads.end() && it->first.first == partition; ++it) {
    bytes += it->second.size_bytes();
  }
  return bytes;
}

bool Index::InUse(const PartitionId& partition) const {
  auto holds = Begin(records_.holds, partition);
  if (holds != records_.holds.end() && holds->first.first == partition) return true;
  auto uploads = Begin(records_.uploads, partition);
  return uploads != records_.uploads.end() && uploads->first.first == partition;
}

Health Index::HealthOfBlob(const Digest& blob) const {
  auto found = records_.damage.find(blob);
  if (found == records_.damage.end()) return Health::kWhole;
  return found->second.wrong_bytes() ? Health::kDamaged : Health::kMissing;
}

Health Index::HealthOf(const Digest& model) const {
  auto found = records_.models.find(model);
  if (found == records_.models.end()) return Health::kDamaged;
  Health worst = Health::kWhole;
  for (const BlobRef& blob : BlobsOf(model, found->second))
    worst = std::max(worst, HealthOfBlob(blob.digest));
  return worst;
}

void Index::DropHold(const Owned& hold, Transaction& changes) const {
  for (const std::string& key : KeysOf(hold.first, hold.second))
    changes.keys[{hold.first, key}] = std::nullopt;
  changes.holds[hold] = std::nullopt;
  if (hold.first == SharedPartitionId()) changes.shares[hold.second] = std::nullopt;
  if (Holders(hold.second) <= 1) changes.models[hold.second] = std::nullopt;
}

void Index::DropKey(const PartitionId& partition, const std::string& key, Transaction& changes) const {
  changes.keys[{partition, key}] = std::nullopt;
  absl::StatusOr<Digest> model = Digest::FromBytes(records_.keys.at({partition, key}).model_id());
  if (!model.ok()) return;
  auto hold = records_.holds.find({partition, *model});
  if (hold == records_.holds.end() || hold->second.stored_by_id()) return;
  if (KeysOf(partition, *model).size() <= 1) DropHold(hold->first, changes);
}

}  // namespace modeld::storage
