#include "daemon/cache/budget_keeper.h"

#include <catch2/catch.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "storage/test_store.h"

namespace modeld {
namespace {

constexpr char kA1[] = "web:https://a.example|https://one.example";
constexpr char kA2[] = "web:https://a.example|https://two.example";
constexpr char kB[] = "web:https://b.example|https://one.example";

Digest Model(int i) {
  return Digest::Of(absl::StrCat("model ", i));
}

// A keeper on a store of fakes, which can start again and crash.
struct Kept {
  explicit Kept(PrivacyOptions given = {.probe_budget = 3}) : options(std::move(given)) { Make(); }
  void Make() {
    keeper = std::make_unique<BudgetKeeper>(store->ledger(), options, CommonnessTable{{Model(7), 0.5}},
                                            store.clock, metrics);
  }
  void Restart(bool crash = true) {
    keeper.reset();
    if (crash) store.Crash(FakeFileSystem::Survival::kSyncedOnly);
    store.Start();
    Make();
  }
  storage::ShareInfo Share(int i, std::optional<double> commonness = std::nullopt) {
    storage::ShareInfo share;
    share.model_id = Model(i);
    share.everybody = true;
    share.commonness = commonness;
    return share;
  }

  PrivacyOptions options;
  storage::TestStore store;
  Metrics metrics;
  std::unique_ptr<BudgetKeeper> keeper;
};

TEST_CASE("a site may ask for so many distinct models, over all of its partitions, and no more") {
  Kept kept;
  CHECK(kept.keeper->MayLookUp(kA1, Model(1)));
  CHECK(kept.keeper->MayLookUp(kA2, Model(2)));
  CHECK(kept.keeper->MayLookUp(kA1, Model(1)));
  CHECK(kept.keeper->MayLookUp(kA1, Model(3)));
  CHECK_FALSE(kept.keeper->MayLookUp(kA1, Model(4)));
  CHECK_FALSE(kept.keeper->MayLookUp(kA2, Model(4)));
  // What was asked for stays free, another site has its own budget.
  CHECK(kept.keeper->MayLookUp(kA2, Model(1)));
  CHECK(kept.keeper->MayLookUp(kB, Model(4)));
  CHECK(kept.keeper->MayLookUp("app:org.x", Model(4)));
  CHECK(kept.metrics.counter(CounterName::kProbeRefusals, {"probes"}).value() == 2);
}

TEST_CASE("what was charged survives a power cut, and comes back after the window") {
  Kept kept;
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(kept.keeper->MayLookUp(kA1, Model(i)));
    kept.Restart();
  }
  CHECK_FALSE(kept.keeper->MayLookUp(kA1, Model(4)));
  kept.store.clock.Advance(kept.options.probe_window);
  CHECK(kept.keeper->MayLookUp(kA1, Model(4)));
  CHECK(kept.store->ledger().Budget("https://a.example").probes.size() == 1);
}

TEST_CASE("what cannot be charged durably is not looked up") {
  Kept kept;
  kept.store.plan.Arm({.at = 0, .error = ENOSPC, .sticky = true});
  CHECK_FALSE(kept.keeper->MayLookUp(kA1, Model(1)));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(1)));
  kept.store.plan.Disarm();
  CHECK(kept.keeper->MayLookUp(kA1, Model(1)));
}

TEST_CASE("a hit costs its bits once, and one that does not fit is refused") {
  Kept kept({.bits_budget = 8});
  CHECK(kept.keeper->MayConfirm(kA1, kept.Share(1)));  // 6.64 of 8
  CHECK(kept.keeper->MayConfirm(kA2, kept.Share(1)));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(2)));
  CHECK(kept.keeper->MayConfirm(kA1, kept.Share(3, 0.5)));  // 7.64
  CHECK(kept.keeper->MayConfirm(kA1, kept.Share(4, 1.0)));  // free
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(5, 0.5)));
  CHECK(kept.keeper->MayConfirm(kB, kept.Share(2)));
  kept.Restart();
  CHECK(kept.keeper->MayConfirm(kA1, kept.Share(1)));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(2)));
  kept.store.clock.Advance(absl::Hours(24 * 365));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(2)));
}

TEST_CASE("the user's word on commonness goes before the lists', and that before the default") {
  Kept kept;
  CHECK(kept.keeper->CommonnessOf(kept.Share(7, 0.1)).value == 0.1);
  CHECK(kept.keeper->CommonnessOf(kept.Share(7, 0.1)).from == "user");
  CHECK(kept.keeper->CommonnessOf(kept.Share(7)).value == 0.5);
  CHECK(kept.keeper->CommonnessOf(kept.Share(7)).from == "list");
  CHECK(kept.keeper->CommonnessOf(kept.Share(8)).value == 0.01);
  CHECK(kept.keeper->CommonnessOf(kept.Share(8)).from == "default");
}

TEST_CASE("a share is for everybody, or for those that it names") {
  storage::ShareInfo share;
  CHECK_FALSE(BudgetKeeper::IsSharedWith(share, kA1));
  share.with = {"https://one.example", "app:org.x"};
  CHECK(BudgetKeeper::IsSharedWith(share, kA1));
  CHECK(BudgetKeeper::IsSharedWith(share, kB));
  CHECK(BudgetKeeper::IsSharedWith(share, "app:org.x"));
  CHECK_FALSE(BudgetKeeper::IsSharedWith(share, kA2));
  share.with = {"https://a.example"};
  CHECK(BudgetKeeper::IsSharedWith(share, kA2));
  CHECK_FALSE(BudgetKeeper::IsSharedWith(share, kB));
  share.everybody = true;
  CHECK(BudgetKeeper::IsSharedWith(share, kB));
}

TEST_CASE("a budget that cannot be read counts as spent for a whole window") {
  Kept kept({.probe_budget = 3, .bits_window = absl::Hours(24 * 60)});
  REQUIRE(kept.keeper->MayLookUp(kA1, Model(1)));
  const Digest site = Digest::Of("https://a.example");
  const storage::CatalogueChange damage{"B" + std::string(site.bytes()), "\xff\xff not a record"};
  REQUIRE(kept.store.catalogue->Commit({&damage, 1}, storage::Durability::kSynced).ok());
  kept.Restart();
  CHECK(kept.store->ledger().Budget("https://a.example").unreadable);
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(1, 0.9)));
  CHECK_FALSE(kept.keeper->MayLookUp(kA1, Model(1)));
  CHECK_FALSE(kept.store->ledger().Budget("https://a.example").unreadable);
  kept.Restart();
  kept.store.clock.Advance(kept.options.probe_window - absl::Seconds(1));
  CHECK_FALSE(kept.keeper->MayLookUp(kA1, Model(2)));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(1, 0.9)));
  CHECK(kept.keeper->MayLookUp(kB, Model(2)));
  kept.store.clock.Advance(absl::Seconds(1));
  CHECK(kept.keeper->MayLookUp(kA1, Model(2)));
  CHECK_FALSE(kept.keeper->MayConfirm(kA1, kept.Share(1, 0.9)));
  kept.store.clock.Advance(absl::Hours(24 * 30));
  CHECK(kept.keeper->MayConfirm(kA1, kept.Share(1, 0.9)));
}

TEST_CASE("a partition stores as often as its allowance says, each on its own") {
  Kept kept({.stores_per_hour = 60, .store_burst = 2});
  CHECK(kept.keeper->TakeStore(kA1));
  CHECK(kept.keeper->TakeStore(kA1));
  CHECK_FALSE(kept.keeper->TakeStore(kA1));
  CHECK(kept.keeper->TakeStore(kA2));
  kept.store.clock.Advance(absl::Minutes(1));
  CHECK(kept.keeper->TakeStore(kA1));
  CHECK_FALSE(kept.keeper->TakeStore(kA1));
  // However many others store meanwhile: an empty allowance is not forgotten.
  for (int i = 0; i < 3'000; ++i) REQUIRE(kept.keeper->TakeStore(absl::StrCat("app:", i)));
  CHECK_FALSE(kept.keeper->TakeStore(kA1));
}

}  // namespace
}  // namespace modeld
