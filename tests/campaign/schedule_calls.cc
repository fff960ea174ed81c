// What the clients and the user of a schedule do, and what that makes of the expectations.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/integrity.h"
#include "storage/ledger.h"
#include "storage/space.h"
#include "tests/campaign/schedule.h"
#include "tests/campaign/stored_models.h"

namespace modeld::campaign {

using storage::RefOf;
using storage::TestModel;

void Schedule::Begin(Client& client) {
  const size_t model = Random(Models().size());
  switch (Random(18)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      client.storing = true;
      client.model = model;
      client.key = Chance(2) ? OneOf(kKeys) : "";
      return;
    case 5:
    case 6:
      return Read(client);
    case 7:
    case 8:
    case 9:
      return Rename(client);
    case 10: {
      size_t held = model;
      for (size_t i = 0; i < Models().size() && !expected_[client.partition].MayHave(held); ++i) {
        held = (held + 1) % Models().size();
      }
      return Evict(client.partition, held);
    }
    case 11:
      return Chance(2) ? Clear(client.partition) : Read(client);
    case 12:
    case 13:
      return WritePlan(client.partition, model);
    case 14:
      return UsePlan(client.partition, model);
    case 15:
      return Wish();
    case 16:
      return Share();
    default:
      return Chance(2) ? Bound() : Spend();
  }
}

void Schedule::Continue(Client& client) {
  if (client.upload == nullptr) return ContinueStore(client);
  storage::Upload& upload = *client.upload;
  const Digest digest = upload.ref().digest;
  const std::string& bytes = ContentOf(Models()[client.model], digest);
  const uint64_t at = upload.committed_bytes();
  Outcome outcome;
  if (at < bytes.size()) {
    const uint64_t count = 1 + Random(bytes.size() - at);
    outcome = Called(upload.Append(at, absl::string_view(bytes).substr(at, count)));
  } else {
    const absl::Status committed = upload.Commit();
    outcome = Called(committed);
    // What was sent is what the digest says: only a disk that dropped what it said it had may spoil it.
    const std::pair own(client.partition, digest);
    if (!suspect_uploads_.contains(own)) CHECK_FALSE(absl::IsDataLoss(committed));
    // Wrong bytes are dropped, unless a fault keeps them from it.
    if (committed.ok() || (absl::IsDataLoss(committed) && !armed_)) suspect_uploads_.erase(own);
    if (Lied()) suspects_.insert(digest);
    client.upload.reset();
  }
  if (outcome == Outcome::kFailed && Chance(2)) client.upload.reset();
}

void Schedule::ContinueStore(Client& client) {
  const TestModel& model = Models()[client.model];
  storage::Space& space = store_->space();
  const uint64_t used = space.Snapshot(client.partition).used_bytes();
  const uint64_t allowed = std::max(used, space.QuotaOf(client.partition));
  const auto missing = store_->FindMissing(client.partition, model.refs(), *client.lease);
  if (Called(missing.status()) == Outcome::kFailed) return;
  if (!missing->empty()) {
    if (const absl::Status reserved = space.Reserve(client.partition, *missing, *client.lease);
        Called(reserved) == Outcome::kFailed) {
      return MakeRoom(client, reserved);
    }
    auto upload = store_->OpenUpload(client.partition, missing->front(), *client.lease);
    if (Called(upload.status()) != Outcome::kFailed) client.upload = *std::move(upload);
    CHECK(space.Snapshot(client.partition).used_bytes() <= allowed);
    return;
  }
  storage::StoreRequest request{.manifest = model.manifest,
                                .constants = model.refs(),
                                .display_name = "",
                                .source = "",
                                .key = std::nullopt};
  if (!client.key.empty()) request.key = client.key;
  const auto stored = store_->StoreModel(client.partition, request, *client.lease);
  const Outcome outcome = Called(stored.status());
  const int64_t now_us = NowMicros();
  expected_[client.partition].Apply(
      outcome, [&](Holdings& holdings) { holdings.Store(client.model, client.key, now_us); });
  PrunePlanCauses(client.partition);  // of what the key named before
  if (stored.ok()) CHECK(*stored == model.id());
  if (stored.ok()) client.loaded.insert(client.model);
  if (Lied()) suspects_.insert(model.id());
  CHECK(space.Snapshot(client.partition).used_bytes() <= allowed);
  client.storing = false;
  if (!stored.ok()) MakeRoom(client, stored.status());
}

void Schedule::MakeRoom(Client& client, const absl::Status& status) {
  const auto shortage = storage::ShortageOf(status);
  if (!shortage) return;
  CHECK(shortage->need_bytes > shortage->have_bytes);
  CHECK(shortage->bound == storage::Bound::kQuota);
  client.storing = false;
  for (size_t model = 0; model < Models().size() && Chance(2); ++model) Evict(client.partition, model);
}

void Schedule::Read(Client& client) {
  const size_t index = Random(Models().size());
  const TestModel& model = Models()[index];
  const absl::Status read = storage::ReadWhole(*store_, client.partition, model);
  Called(read);
  INFO(read);
  CHECK_FALSE(absl::IsInternal(read));  // wrong bytes
  if (read.ok()) {
    CHECK(expected_[client.partition].MayHave(index));
    if (!model.constants.empty() && Chance(3)) {
      auto region = store_->MapBlob(client.partition, RefOf(model.constants[0]).digest, *client.lease);
      if (region.ok()) held_.emplace_back(*std::move(region), model.constants[0]);
    }
  } else if (absl::IsNotFound(read)) {
    CHECK((!expected_[client.partition].MustHave(index) || MayBeDamaged(index)));
  } else if (absl::IsDataLoss(read) && !armed_) {
    CHECK(MayBeDamaged(index));
  }
}

void Schedule::Rename(Client& client) {
  Expectation& expected = expected_[client.partition];
  const size_t model = Random(Models().size());
  const std::string key = OneOf(kKeys);
  const Digest id = Models()[model].id();
  const int64_t now_us = NowMicros();
  switch (Random(3)) {
    case 0: {
      const absl::Status saved = store_->SaveKey(client.partition, key, id);
      expected.Apply(Called(saved), [&](Holdings& holdings) { holdings.SaveKey(key, model, now_us); });
      if (absl::IsNotFound(saved)) CHECK((!expected.MustHave(model) || MayBeDamaged(model)));
      break;
    }
    case 1: {
      const auto deleted = store_->DeleteKey(client.partition, key);
      const auto has = [&](const Holdings& holdings) { return holdings.keys.contains(key); };
      if (deleted.ok()) CHECK((*deleted ? expected.Any(has) : !expected.All(has)));
      expected.Apply(Called(deleted.status()), [&](Holdings& holdings) { holdings.DeleteKey(key); });
      break;
    }
    default: {
      const auto deleted = store_->DeleteModel(client.partition, id);
      if (deleted.ok()) CHECK((*deleted ? expected.MayHave(model) : !expected.MustHave(model)));
      expected.Apply(Called(deleted.status()), [&](Holdings& holdings) { holdings.DeleteModel(model); });
    }
  }
  PrunePlanCauses(client.partition);
}

bool Schedule::IsInUse(const Partition& partition, std::optional<size_t> model) const {
  return std::any_of(clients_.begin(), clients_.end(), [&](const auto& client) {
    return client->partition == partition && client->lease && (!model || client->loaded.contains(*model));
  });
}

void Schedule::Evict(const Partition& partition, size_t model) {
  Expectation& expected = expected_[partition];
  const auto pinned = [](const WishState& wish) { return wish.pinned; };
  const auto inflation = Chance(2) ? std::optional<double>(Random(100)) : std::nullopt;
  const auto evicted =
      store_->space().Evict(partition, Models()[model].id(), "evicted", "the campaign says so", inflation);
  const Outcome outcome = Called(evicted.status());
  if (evicted.ok() && *evicted) {
    ++totals_.evictions;
    CHECK(expected.MayHave(model));
    CHECK_FALSE(wishes_[model].All(pinned));
    CHECK_FALSE(IsInUse(partition, model));
  } else if (evicted.ok()) {
    const bool kept = wishes_[model].Any(pinned) || IsInUse(partition, std::nullopt);
    CHECK((kept || !expected.MustHave(model)));
  }
  if (!evicted.ok() || *evicted) {
    expected.Apply(outcome, [&](Holdings& holdings) { holdings.DeleteModel(model); });
    PrunePlanCauses(partition);
  }
  const auto shared = store_->space().Evict(storage::kSharedPartition, Models()[model].id(), "evicted", "");
  CHECK((shared.ok() && !*shared));
}

void Schedule::Clear(const Partition& partition) {
  ++totals_.clears;
  const bool all = Chance(3), whole = Chance(2);
  absl::Time from = absl::InfinitePast(), to = absl::InfiniteFuture();
  Outcome outcome;
  if (all && whole) {
    outcome = Called(store_->RemovePartition(partition).status());
  } else {
    if (!all) from = store_.clock.Now() - absl::Seconds(Random(60));
    if (!all && Chance(2)) to = from + absl::Seconds(Random(60));
    outcome = Called(store_->space().Clear(partition, from, to).status());
  }
  expected_[partition].Apply(
      outcome, [&](Holdings& holdings) { holdings.Clear(absl::ToUnixMicros(from), absl::ToUnixMicros(to)); });
  PrunePlanCauses(partition);
  ForgetPlanCauses(partition, outcome, all);
  if (all && outcome != Outcome::kFailed) CheckForgotten(partition);
}

void Schedule::Wish() {
  const size_t model = Random(Models().size());
  const auto pinned = Chance(2) ? std::optional(Chance(3)) : std::nullopt;
  const auto priority = Chance(2) ? std::optional(static_cast<int>(Random(3)) - 1) : std::nullopt;
  const absl::Status wished = store_->space().SetWish(Models()[model].id(), pinned, priority);
  if (absl::IsNotFound(wished)) {
    for (const Partition& partition : kPartitions) CHECK_FALSE(expected_[partition].MustHave(model));
  }
  wishes_[model].Apply(Called(wished), [&](WishState& wish) {
    wish.pinned = pinned.value_or(wish.pinned);
    wish.priority = priority.value_or(wish.priority);
  });
}

void Schedule::Share() {
  const size_t model = Random(Models().size());
  const std::string with = OneOf(kSharedWith);
  const auto shared = [](const ShareState& share) { return share.shared(); };
  Possible<ShareState>& share = shares_[model];
  if (Chance(2)) {
    const absl::Status done = store_->ledger().Share(Models()[model].id(), with, std::nullopt);
    bool somewhere = share.Any(shared), everywhere = share.All(shared);
    for (const Partition& partition : kPartitions) {
      somewhere = somewhere || expected_[partition].MayHave(model);
      everywhere = everywhere || expected_[partition].MustHave(model);
    }
    if (done.ok()) CHECK(somewhere);
    if (absl::IsNotFound(done)) CHECK_FALSE(everywhere);
    share.Apply(Called(done), [&](ShareState& state) {
      if (with.empty()) {
        state.everybody = true;
      } else {
        state.with.insert(with);
      }
    });
  } else {
    const absl::Status done = store_->ledger().Unshare(Models()[model].id(), with);
    const auto so = [&](const ShareState& state) {
      return with.empty() ? state.shared() : state.with.contains(with);
    };
    if (done.ok()) CHECK(share.Any(so));
    if (absl::IsNotFound(done)) CHECK_FALSE(share.All(so));
    share.Apply(Called(done), [&](ShareState& state) {
      if (with.empty()) state = {};
      state.with.erase(with);
    });
  }
}

void Schedule::Bound() {
  const std::string partition = OneOf(kPartitions);
  const Quota quotas[] = {std::nullopt, 600, 2000, 12000};
  const Quota quota = OneOf(quotas);
  const absl::Status set = store_->space().SetLimits(partition, {.quota_bytes = quota});
  quotas_[partition].Apply(Called(set), [&](Quota& state) { state = quota; });
}

void Schedule::Spend() {
  const std::string site = OneOf(kSites);
  const std::string tag = storage::ModelTag(Models()[Random(Models().size())].id());
  storage::SiteBudget budget = store_->ledger().Budget(site);
  budget.probes.push_back({tag, store_.clock.Now()});
  const absl::Status set = store_->ledger().SetBudget(site, budget);
  budgets_[site].Apply(Called(set), [&](Tags& tags) { tags.push_back(tag); });
}

void Schedule::DoUpkeep() {
  storage::Integrity& integrity = store_->integrity();
  const auto go_on = [](const auto&) { return true; };
  switch (Random(8)) {
    case 0:
    case 1:
      store_.clock.Advance(absl::Minutes(Random(50)));
      Called(store_->Collect(store_.clock.Now()).status());
      return;
    case 2:
      Called(store_->VerifyAll().status());
      return;
    case 3:
      Called(integrity.VerifyAll({.rehash = Chance(2), .repair = Chance(2)}, go_on));
      return;
    case 4:
      Called(integrity.Scrub([](uint64_t) { return true; }).status());
      return;
    case 5:
      Called(integrity.PrunePartials({.older_than = absl::Minutes(Random(30))}).status());
      return;
    case 6:
      Called(store_->VerifyBlob(RefOf(OneOf(Models()).manifest).digest));
      return;
    default:
      for (const auto& [region, bytes] : held_) CHECK(region.view() == absl::string_view(bytes));
      if (Chance(2)) held_.clear();
  }
}

}  // namespace modeld::campaign
