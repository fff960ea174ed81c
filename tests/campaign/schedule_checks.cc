// The full check: what the store shows is what the calls allow, and sums and files agree with that.
#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/ledger.h"
#include "storage/space.h"
#include "tests/campaign/schedule.h"
#include "tests/campaign/stored_models.h"

namespace modeld::campaign {
namespace {

using storage::BlobRef;

std::string PathOf(const Digest& blob) {
  const std::string hex = blob.ToHex();
  return absl::StrCat("blobs/", hex.substr(0, 2), "/", hex);
}

std::string StagingPathOf(const Partition& partition, const Digest& blob) {
  const std::string hash = Digest::Of(absl::string_view(partition)).ToHex();
  return absl::StrCat("staging/", blob.ToHex(), "-", hash.substr(0, 32));
}

}  // namespace

void Schedule::Check(bool idle) {
  ++totals_.checks;
  // What failed calls left behind is the collector's.
  if (!idle) CHECK(store_->Collect(store_.clock.Now()).ok());
  NoteRepairs();
  INFO(store_.Problems());
  CHECK(store_.Problems() == "");
  for (const Partition& partition : kPartitions) CheckPartition(partition);
  CheckLedger();
  CheckPlans();
  const bool verified = Chance(2);
  if (verified) CHECK(store_->VerifyAll().ok());
  CheckSums(idle, verified);
  if (idle) CHECK(store_->Collect(store_.clock.Now()).ok());
  CheckFiles(idle);
  CHECK(store_.Problems() == "");
}

void Schedule::CheckPartition(const Partition& partition) {
  CAPTURE(partition);
  Holdings seen;
  for (const storage::ModelInfo& info : store_->ListModels(partition)) {
    seen.models[NumberOf(info.model_id)] = {info.stored_by_id, absl::ToUnixMicros(info.created)};
  }
  for (const storage::KeyInfo& key : store_->ListKeys(partition)) {
    seen.keys[key.key] = {NumberOf(key.model_id), absl::ToUnixMicros(key.created)};
  }
  // Exactly what one course of the calls left: nothing lost, nothing of another partition's.
  CHECK(expected_[partition].Keep([&](const Holdings& holdings) { return holdings == seen; }));
  const Quota quota = store_->space().LimitsOf(partition).quota_bytes;
  CHECK(quotas_[partition].Keep([&](const Quota& state) { return state == quota; }));
  CheckModels(partition);
}

void Schedule::CheckModels(const Partition& partition) {
  for (size_t index = 0; index < Models().size(); ++index) {
    CAPTURE(index);
    const absl::Status read = storage::ReadWhole(*store_, partition, Models()[index]);
    INFO(read);
    if (!expected_[partition].MayHave(index)) {
      CHECK(absl::IsNotFound(read));
    } else if (!MayBeDamaged(index)) {
      CHECK(read.ok());
    } else {
      CHECK((read.ok() || absl::IsNotFound(read) || absl::IsDataLoss(read)));
    }
  }
}

void Schedule::CheckLedger() {
  std::set<Digest> shared;
  for (const storage::ShareInfo& share : store_->ledger().Shares()) shared.insert(share.model_id);
  std::set<Digest> held;
  for (const storage::ModelInfo& info : store_->ListModels(storage::kSharedPartition)) {
    held.insert(info.model_id);
  }
  CHECK(shared == held);
  for (size_t model = 0; model < Models().size(); ++model) {
    CAPTURE(model);
    const Digest id = Models()[model].id();
    ShareState seen;
    if (const auto share = store_->ledger().FindShare(id)) {
      seen = {share->everybody, {share->with.begin(), share->with.end()}};
    }
    CHECK(shares_[model].Keep([&](const ShareState& state) { return state == seen; }));
    CHECK(seen.shared() == shared.contains(id));
    const auto lease = store_->NewLease();
    const absl::Status opened = store_->ledger().OpenShared(kPartitions[1], id, *lease).status();
    if (!seen.shared()) CHECK(absl::IsNotFound(opened));
    if (seen.shared() && !MayBeDamaged(model)) CHECK(opened.ok());
    const storage::Wish wish = store_->space().WishOf(id);
    const WishState wished{wish.pinned, wish.priority};
    CHECK(wishes_[model].Keep([&](const WishState& state) { return state == wished; }));
  }
  for (const std::string site : kSites) {
    Tags tags;
    const storage::SiteBudget budget = store_->ledger().Budget(site);
    CHECK_FALSE(budget.unreadable);
    for (const auto& probe : budget.probes) tags.push_back(probe.model);
    CHECK(budgets_[site].Keep([&](const Tags& state) { return state == tags; }));
  }
}

std::map<Digest, uint64_t> Schedule::BlobsOfPartition(const Partition& partition) const {
  std::map<Digest, uint64_t> blobs;
  for (size_t model = 0; model < Models().size(); ++model) {
    bool has = false;
    if (partition == storage::kSharedPartition) {
      const auto share = shares_.find(model);
      has = share != shares_.end() && share->second.Any([](const auto& state) { return state.shared(); });
    } else {
      const auto expected = expected_.find(partition);
      has = expected != expected_.end() && expected->second.MayHave(model);
    }
    if (!has) continue;
    for (const BlobRef& blob : BlobsOf(model)) blobs.emplace(blob.digest, blob.size_bytes);
  }
  return blobs;
}

void Schedule::CheckSums(bool idle, bool verified) {
  std::vector<Partition> partitions(std::begin(kPartitions), std::end(kPartitions));
  partitions.push_back(storage::kSharedPartition);
  uint64_t logical = 0;
  std::map<Digest, uint64_t> distinct;
  for (const Partition& partition : partitions) {
    CAPTURE(partition);
    std::map<Digest, uint64_t> own = BlobsOfPartition(partition);
    uint64_t sum = 0;
    for (const auto& [digest, size] : own) sum += size;
    const storage::PartitionSnapshot snapshot = store_->space().Snapshot(partition);
    CHECK(snapshot.logical_bytes == sum);
    if (idle) CHECK(snapshot.reserved_bytes == 0);
    uint64_t plan_bytes = 0;
    for (const storage::PlanInfo& plan : store_->plans().List()) {
      if (store_->plans().IsCause(plan.key, partition)) plan_bytes += plan.size_bytes;
    }
    CHECK(snapshot.plan_bytes == plan_bytes);
    logical += sum;
    distinct.merge(own);
  }
  const storage::StoreUsage usage = store_->Usage();
  CHECK(usage.logical_bytes == logical);
  // A file that is damaged counts until that is found; then it has been moved away.
  uint64_t right = 0, there = 0;
  for (const auto& [digest, size] : distinct) {
    const auto info = store_.cache->Stat(PathOf(digest));
    there += info.ok() && info->size_bytes == size ? size : 0;
    right += IsRight(digest) ? size : 0;
  }
  CAPTURE(verified, ever_damaged_);
  CHECK(usage.physical_bytes >= right);
  CHECK(usage.physical_bytes <= (verified || !ever_damaged_ ? right : there));
}

void Schedule::CheckFiles(bool idle) {
  std::map<Digest, uint64_t> needed;
  std::set<std::string> staged, sending;
  for (const auto& client : clients_) {
    // One whose record was cleared goes with its session.
    if (client->upload) sending.insert(StagingPathOf(client->partition, client->upload->ref().digest));
  }
  for (const Partition& partition : kPartitions) needed.merge(BlobsOfPartition(partition));
  needed.merge(BlobsOfPartition(storage::kSharedPartition));
  const std::map<Digest, uint64_t> named = needed;
  for (const storage::StagedInfo& upload : store_->ListStaged()) {
    if (upload.finished) {
      needed.emplace(upload.blob.digest, upload.blob.size_bytes);
    } else {
      staged.insert(StagingPathOf(upload.partition, upload.blob.digest));
    }
  }
  std::map<std::string, uint64_t> sums;
  uint64_t named_bytes = 0;
  for (const std::string& path : store_.cache->Files()) {
    CAPTURE(path);
    const auto info = store_.cache->Stat(path);
    REQUIRE(info.ok());
    const std::string folder = path.substr(0, path.find('/'));
    sums[folder] += info->size_bytes;
    const auto digest = Digest::FromHex(path.substr(path.rfind('/') + 1));
    if (folder == "staging") CHECK(staged.erase(path) + sending.count(path) > 0);
    if (folder != "blobs") continue;
    REQUIRE(digest.ok());
    if (named.contains(*digest)) named_bytes += info->size_bytes;
    if (idle) CHECK(needed.contains(*digest));  // no orphan
  }
  CHECK(staged.empty());
  const auto usage = store_->space().Usage();
  REQUIRE(usage.ok());
  CHECK(usage->blob_bytes == named_bytes);
  CHECK(usage->unreferenced_bytes == sums["blobs"] - named_bytes);
  CHECK(usage->plan_bytes == sums["plans"]);
  CHECK(usage->plan_bytes == store_->plans().Bytes());
  CHECK(usage->staging_bytes == sums["staging"]);
  CHECK(usage->quarantine_bytes == sums["quarantine"]);
  CHECK(usage->physical_bytes == sums["blobs"] + sums["plans"] + sums["staging"] + sums["quarantine"]);
  if (idle) CHECK(usage->reserved_bytes == 0);
  uint64_t shares = 0;
  for (const auto& share : usage->partitions) shares += share.physical_bytes;
  CHECK(shares == named_bytes);
}

void Schedule::CheckForgotten(const Partition& partition) {
  CAPTURE(partition);
  CHECK(store_->ListModels(partition).empty());
  CHECK(store_->ListKeys(partition).empty());
  for (const storage::StagedInfo& upload : store_->ListStaged()) {
    CHECK((upload.partition != partition || upload.open));
  }
  for (const storage::PlanInfo& plan : store_->plans().List()) {
    CHECK_FALSE(store_->plans().IsCause(plan.key, partition));
  }
  for (const storage::TestModel& model : Models()) {
    for (const storage::Decision& decision : store_->space().DecisionsOf(model.id())) {
      CHECK(decision.partition != partition);
    }
  }
}

bool Schedule::MayBeDamaged(size_t model) const {
  const std::vector<BlobRef> blobs = BlobsOf(model);
  return std::any_of(blobs.begin(), blobs.end(),
                     [&](const BlobRef& blob) { return damaged_.contains(blob.digest); });
}

bool Schedule::IsRight(const Digest& blob) const {
  const auto file = store_.cache->Open(PathOf(blob), FileSystem::Access::kRead);
  if (!file.ok()) return false;
  std::string bytes((*file)->Size().value_or(0), '\0');
  const auto count = (*file)->ReadAt(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return count.ok() && Digest::Of(absl::string_view(bytes)) == blob;
}

void Schedule::NoteRepairs() {
  std::erase_if(damaged_, [&](const Digest& blob) {
    if (!IsRight(blob)) return false;
    // Its new file may go with the next crash, while models named it all the time.
    if (Lied()) suspects_.insert(blob);
    return true;
  });
}

}  // namespace modeld::campaign
