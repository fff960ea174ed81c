#include "storage/index.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

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
    if (reference.models == 0) totals_.logical_bytes += blob.size_bytes;
    reference.models += by;
    if (reference.models > 0) continue;
    totals_.logical_bytes -= blob.size_bytes;
    references_.erase(blob.digest);
  }
  // Holds that were there without their model's record see its blobs from now on.
  if (!holders_.contains(id)) return;
  for (const auto& [hold, unused] : records_.holds) {
    if (hold.second == id) CountSight(hold, by);
  }
}

void Index::CountSight(const Owned& hold, int by) {
  for (const BlobRef& blob : BlobsOf(hold.second, records_.models.at(hold.second))) {
    const Owned sight(hold.first, blob.digest);
    const bool saw = sight_.contains(sight);
    Count(sight_, sight, by);
    if (sight_.contains(sight) == saw) continue;
    auto upload = records_.uploads.find(sight);
    const uint64_t staged = upload == records_.uploads.end() ? 0 : upload->second.size_bytes();
    ChangeSums(hold.first, [&](Sums& sums) {
      sums.logical_bytes += by * blob.size_bytes;
      sums.both_bytes += by * std::min(blob.size_bytes, staged);
    });
  }
}

void Index::CountHold(const Owned& hold, int by) {
  Count(holders_, hold.second, by);
  ChangeSums(hold.first, [&](Sums& sums) { sums.models += by; });
  if (records_.models.contains(hold.second)) CountSight(hold, by);
}

void Index::CountUpload(const Owned& upload, int by) {
  const record::UploadRecord& record = records_.uploads.at(upload);
  if (record.finished()) Count(finished_, upload.second, by);
  totals_.staged_bytes += by * record.size_bytes();
  const uint64_t seen = Sees(upload.first, upload.second) ? ReferencedSize(upload.second).value_or(0) : 0;
  ChangeSums(upload.first, [&](Sums& sums) {
    sums.staged_bytes += by * record.size_bytes();
    sums.both_bytes += by * std::min(seen, record.size_bytes());
  });
}

void Index::CountKey(const std::pair<PartitionId, std::string>& key, int by) {
  ChangeSums(key.first, [&](Sums& sums) { sums.keys += by; });
}

void Index::CountPlan(const Digest& key, int by) {
  const record::PlanRecord& plan = records_.plans.at(key);
  totals_.plan_bytes += by * plan.size_bytes();
  for (const std::string& cause : plan.causes()) {
    absl::StatusOr<Digest> partition = Digest::FromBytes(cause);
    if (!partition.ok()) continue;
    ChangeSums(*partition, [&](Sums& sums) { sums.plan_bytes += by * plan.size_bytes(); });
  }
}

template <typename Change>
void Index::ChangeSums(const PartitionId& partition, Change change) {
  Sums& sums = sums_[partition];
  change(sums);
  if (sums == Sums()) sums_.erase(partition);
}

void Index::Apply(const Transaction& changes) {
  auto nothing = [](const auto&, int) {};
  // Each counter sees the record that comes or goes, and the models of the holds.
  ApplyTable(records_.models, changes.models, [&](const Digest& id, int by) { CountModel(id, by); });
  ApplyTable(records_.holds, changes.holds, [&](const Owned& hold, int by) { CountHold(hold, by); });
  ApplyTable(records_.uploads, changes.uploads,
             [&](const Owned& upload, int by) { CountUpload(upload, by); });
  ApplyTable(records_.partitions, changes.partitions, nothing);
  ApplyTable(records_.keys, changes.keys, [&](const auto& key, int by) { CountKey(key, by); });
  ApplyTable(records_.damage, changes.damage, nothing);
  ApplyTable(records_.wishes, changes.wishes, nothing);
  ApplyTable(records_.limits, changes.limits, nothing);
  ApplyTable(records_.budgets, changes.budgets, nothing);
  ApplyTable(records_.shares, changes.shares, nothing);
  ApplyTable(records_.decisions, changes.decisions, nothing);
  ApplyTable(records_.plans, changes.plans, [&](const Digest& key, int by) { CountPlan(key, by); });
  ApplyTable(records_.chunks, changes.chunks, nothing);
  ApplyTable(records_.moves, changes.moves, nothing);
  ApplyTable(records_.scrubs, changes.scrubs, nothing);
}

Transaction Index::Before(const Transaction& changes) const {
  Transaction before;
  ForEachTable(
      [](char, const auto& table, const auto& touched, auto& old) {
        for (const auto& [key, unused] : touched) {
          const auto found = table.find(key);
          if (found == table.end()) {
            old[key] = std::nullopt;
          } else {
            old[key] = found->second;
          }
        }
      },
      records_, changes, before);
  return before;
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

Index::Sums Index::SumsOf(const PartitionId& partition) const {
  auto found = sums_.find(partition);
  return found == sums_.end() ? Sums() : found->second;
}

std::vector<std::string> Index::Recount() const {
  Transaction all;
  all.models.insert(records_.models.begin(), records_.models.end());
  all.holds.insert(records_.holds.begin(), records_.holds.end());
  all.keys.insert(records_.keys.begin(), records_.keys.end());
  all.uploads.insert(records_.uploads.begin(), records_.uploads.end());
  all.plans.insert(records_.plans.begin(), records_.plans.end());
  Index fresh;
  fresh.Apply(all);
  std::vector<std::string> problems;
  const auto expect = [&](bool same, absl::string_view what) {
    if (!same)
      problems.push_back(absl::StrCat("the accounting: ", what, " differ from what the records say"));
  };
  expect(references_ == fresh.references_, "the models of blobs");
  expect(holders_ == fresh.holders_, "the holders of models");
  expect(sight_ == fresh.sight_, "the blobs of partitions");
  expect(finished_ == fresh.finished_, "the finished uploads");
  expect(sums_ == fresh.sums_, "the sums of partitions");
  expect(totals_ == fresh.totals_, "the sums of all");
  return problems;
}

bool Index::InUse(const PartitionId& partition) const {
  auto holds = Begin(records_.holds, partition);
  if (holds != records_.holds.end() && holds->first.first == partition) return true;
  auto uploads = Begin(records_.uploads, partition);
  if (uploads != records_.uploads.end() && uploads->first.first == partition) return true;
  const std::string cause(partition.bytes());
  return std::any_of(records_.plans.begin(), records_.plans.end(), [&](const auto& plan) {
    const auto& causes = plan.second.causes();
    return std::find(causes.begin(), causes.end(), cause) != causes.end();
  });
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

bool Index::HoldsModelOf(const PartitionId& partition, const record::PlanRecord& plan,
                         const Transaction* changes) const {
  return std::any_of(plan.models().begin(), plan.models().end(), [&](const std::string& bytes) {
    absl::StatusOr<Digest> model = Digest::FromBytes(bytes);
    if (!model.ok()) return false;
    const Owned hold(partition, *model);
    if (changes != nullptr) {
      if (auto change = changes->holds.find(hold); change != changes->holds.end())
        return change->second.has_value();
    }
    return records_.holds.contains(hold);
  });
}

void Index::DropCause(const Digest& plan, const PartitionId& partition, Transaction& changes) const {
  auto found = records_.plans.find(plan);
  if (found == records_.plans.end()) return;
  auto changed = changes.plans.try_emplace(plan, found->second).first;
  if (!changed->second) return;  // goes already
  auto& causes = *changed->second->mutable_causes();
  auto cause = std::find(causes.begin(), causes.end(), std::string(partition.bytes()));
  if (cause != causes.end()) causes.erase(cause);
  if (causes.empty()) changed->second.reset();
}

void Index::DropHold(const Owned& hold, Transaction& changes) const {
  for (const std::string& key : KeysOf(hold.first, hold.second))
    changes.keys[{hold.first, key}] = std::nullopt;
  changes.holds[hold] = std::nullopt;
  if (hold.first == SharedPartitionId()) changes.shares[hold.second] = std::nullopt;
  const std::string model(hold.second.bytes());
  for (const auto& [key, plan] : records_.plans) {
    const bool names = std::find(plan.models().begin(), plan.models().end(), model) != plan.models().end();
    if (names && !HoldsModelOf(hold.first, plan, &changes)) DropCause(key, hold.first, changes);
  }
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
