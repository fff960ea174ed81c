// The course of a schedule, and its faults.
#include "tests/campaign/schedule.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "storage/integrity.h"
#include "storage/space.h"
#include "tests/campaign/stored_models.h"

namespace modeld::campaign {
namespace {

constexpr int kClients = 5;

}  // namespace

Schedule::Schedule(uint64_t seed, Totals& totals) : random_(seed), totals_(totals) {
  for (int i = 0; i < kClients; ++i) {
    auto client = std::make_unique<Client>();
    client->partition = kPartitions[i % std::size(kPartitions)];
    clients_.push_back(std::move(client));
  }
}

Schedule::~Schedule() {
  DropClients();
  totals_.dropped_syncs += store_.plan.dropped_syncs();
}

void Schedule::DropClients() {
  for (auto& client : clients_) client->Drop();
  held_.clear();
}

Outcome Schedule::Called(const absl::Status& status) {
  ++totals_.calls;
  if (!status.ok()) {
    ++totals_.failed_calls;
    const bool refused = absl::IsResourceExhausted(status) && storage::ShortageOf(status).has_value();
    const bool explained = refused || absl::IsNotFound(status) || absl::IsDataLoss(status) ||
                           absl::IsFailedPrecondition(status) || absl::IsAborted(status);
    INFO(status);
    if (!armed_) CHECK(explained);
    return Outcome::kFailed;
  }
  return Lied() ? Outcome::kUnsure : Outcome::kDone;
}

void Schedule::Run(int calls) {
  for (int i = 0; i < calls; ++i) Step();
  Crash();
  DoUpkeep();
  Check(true);
  StoreEverything();
}

// Life goes on: what was found missing or damaged comes back by being stored.
void Schedule::StoreEverything() {
  CHECK(store_->VerifyAll().ok());
  CHECK(store_->space().SetLimits(kPartitions[0], {}).ok());
  for (const storage::TestModel& model : Models()) {
    absl::Status read;
    // Damage of bytes that were sent and belong to no model yet is found when they are first read.
    for (int attempt = 0; attempt == 0 || (absl::IsDataLoss(read) && attempt < 6); ++attempt) {
      read = storage::StoreWhole(*store_, kPartitions[0], model);
      if (read.ok()) read = storage::ReadWhole(*store_, kPartitions[0], model);
    }
    INFO(read);
    CHECK(read.ok());
  }
  const auto ignore = [](const storage::VerifyNews&) { return true; };
  CHECK(store_->integrity().VerifyAll({.rehash = true, .repair = true}, ignore).ok());
  const absl::Status verified = store_->integrity().VerifyAll({.rehash = true}, [](const auto& news) {
    CHECK(news.problem == "");
    return true;
  });
  CHECK(verified.ok());
}

void Schedule::Step() {
  store_.clock.Advance(absl::Seconds(1));
  if (!armed_ && Chance(8)) ArmFault();
  if (Chance(60)) store_.plan.DropSyncs(Chance(2) ? UINT64_MAX : 1 + Random(4));
  if (store_.plan.crashed() || Chance(25)) return Crash();
  if (Chance(12)) return DoUpkeep();
  if (!armed_ && Chance(30)) return Check(false);
  Client& client = *clients_[Random(clients_.size())];
  if (!client.lease) client.lease = store_->NewLease();
  if (client.storing) {
    Continue(client);
  } else {
    Begin(client);
  }
  if (Chance(10)) client.Drop();  // the session ends, whatever it is doing
  if (armed_ && !store_.plan.crashed() && Chance(3)) {
    store_.plan.Disarm();
    armed_ = false;
  }
}

void Schedule::ArmFault() {
  ++totals_.faults;
  const int errors[] = {ENOSPC, EIO, EDQUOT};
  store_.plan.Arm({.at = Random(12), .error = OneOf(errors), .sticky = Chance(3), .crash = Chance(6)});
  armed_ = true;
}

void Schedule::Crash() {
  ++totals_.crashes;
  if (Chance(2)) {
    // Killed: no destructor of the dead process reaches the disk.
    store_.plan.Arm({.at = 0, .error = EIO, .sticky = true, .crash = true});
    store_.plan.Step();
  }
  DropClients();
  if (Lied()) NoteSuspects();
  suspects_.clear();
  using Survival = FakeFileSystem::Survival;
  const Survival survivals[] = {Survival::kAll, Survival::kSyncedOnly, Survival::kRandom};
  store_.Crash(OneOf(survivals), random_());
  store_.plan.DropSyncs(0);
  dropped_before_ = store_.plan.dropped_syncs();
  armed_ = false;
  for (auto& [partition, expected] : expected_) expected.Crash();
  for (auto& [model, wish] : wishes_) wish.Crash();
  for (auto& [model, share] : shares_) share.Crash();
  for (auto& [partition, quota] : quotas_) quota.Crash();
  for (auto& [site, budget] : budgets_) budget.Crash();
  if (Chance(3)) DamageSomeFile();
  store_.Start();
  Check(true);
}

void Schedule::NoteSuspects() {
  ever_damaged_ = true;
  damaged_.insert(suspects_.begin(), suspects_.end());
  for (size_t model = 0; model < Models().size(); ++model) {
    for (const storage::BlobRef& blob : BlobsOf(model)) {
      for (const Partition& partition : kPartitions) suspect_uploads_.emplace(partition, blob.digest);
    }
  }
  for (size_t model = 0; model < Models().size(); ++model) {
    const auto has = [&](const Holdings& holdings) { return holdings.Has(model); };
    bool kept = shares_[model].AllForGood([](const ShareState& share) { return share.shared(); });
    for (const Partition& partition : kPartitions) {
      kept = kept || expected_[partition].AllForGood(has);
    }
    // Somebody had it all the time: its files were not touched.
    if (kept) continue;
    for (const storage::BlobRef& blob : BlobsOf(model)) damaged_.insert(blob.digest);
  }
}

void Schedule::DamageSomeFile() {
  std::vector<std::string> paths;
  for (const std::string& path : store_.cache->Files()) {
    if (absl::StartsWith(path, "blobs/") || absl::StartsWith(path, "plans/")) paths.push_back(path);
  }
  if (paths.empty()) return;
  const std::string path = OneOf(paths);
  const auto digest = Digest::FromHex(path.substr(path.rfind('/') + 1));
  const auto info = store_.cache->Stat(path);
  if (!digest.ok() || !info.ok() || info->size_bytes == 0) return;
  ++totals_.damaged_files;
  DamageFile(path, info->size_bytes);
  if (absl::StartsWith(path, "plans/")) {
    plans_[*digest].damaged = true;
    plans_[*digest].rewritten = false;
  } else {
    ever_damaged_ = true;
    damaged_.insert(*digest);
  }
}

void Schedule::DamageFile(const std::string& path, uint64_t size_bytes) {
  switch (Random(5)) {
    case 0:
      return store_.cache->CutTo(path, Random(size_bytes));
    case 1:
      return store_.cache->RemoveBehind(path);
    case 2:
      return store_.cache->SetUnreadable(path, Random(size_bytes));
    default:
      return store_.cache->FlipBit(path, Random(size_bytes));
  }
}

}  // namespace modeld::campaign
