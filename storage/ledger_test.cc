// Budgets and shares: durable, untouched by what happens to models, never believed when they are damaged.
#include "storage/ledger.h"

#include <catch2/catch.hpp>
#include <limits>

#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const Partition kOther = "app:two";
const std::string kSite = "https://a.example";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph b", {Bytes(2000, 2), Bytes(3000, 3)}};

SiteBudget SomeBudget() {
  SiteBudget budget;
  budget.probes = {{ModelTag(kB.id()), absl::FromUnixSeconds(7)},
                   {ModelTag(kA.id()), absl::FromUnixSeconds(8)}};
  budget.spendings = {{ModelTag(kA.id()), 3.5, absl::FromUnixSeconds(9)}};
  return budget;
}

std::string BudgetKey(absl::string_view site) {
  return "B" + std::string(Digest::Of(site).bytes());
}

void CrashAndStart(TestStore& store) {
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
}

TEST_CASE("a model's tag is the beginning of its id") {
  CHECK(ModelTag(kA.id()).size() == 16);
  CHECK(absl::string_view(ModelTag(kA.id())) == kA.id().bytes().substr(0, 16));
}

TEST_CASE("a budget is durable when it is set, and outlives clearing, removal and collection") {
  TestStore store;
  CHECK(store->ledger().Budget(kSite).probes.empty());
  CHECK_FALSE(store->ledger().Budget(kSite).unreadable);
  const SiteBudget set = SomeBudget();
  REQUIRE(store->ledger().SetBudget(kSite, set).ok());
  REQUIRE(store->ledger().SetBudget(kApp, set).ok());
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
  REQUIRE(store->RemovePartition(kApp).ok());
  store.Collect();
  CrashAndStart(store);
  for (const std::string& site : {kSite, kApp}) {
    const SiteBudget kept = store->ledger().Budget(site);
    CHECK(kept.probes == set.probes);
    CHECK(kept.spendings == set.spendings);
    CHECK(kept.spent_until == absl::InfinitePast());
    CHECK_FALSE(kept.unreadable);
  }
  CHECK(store->ledger().Budget("https://b.example").probes.empty());
}

TEST_CASE("a budget replaces the one before as a whole") {
  TestStore store;
  REQUIRE(store->ledger().SetBudget(kSite, SomeBudget()).ok());
  SiteBudget spent;
  spent.spent_until = absl::FromUnixSeconds(1000);
  REQUIRE(store->ledger().SetBudget(kSite, spent).ok());
  CrashAndStart(store);
  const SiteBudget kept = store->ledger().Budget(kSite);
  CHECK(kept.probes.empty());
  CHECK(kept.spendings.empty());
  CHECK(kept.spent_until == absl::FromUnixSeconds(1000));
}

TEST_CASE("a site has a name of bounded length") {
  TestStore store;
  CHECK(absl::IsInvalidArgument(store->ledger().SetBudget("", {})));
  CHECK(absl::IsInvalidArgument(store->ledger().SetBudget(std::string(4097, 'a'), {})));
  CHECK(store->ledger().SetBudget(std::string(4096, 'a'), {}).ok());
}

TEST_CASE("a budget that cannot be read, or is another site's, is no empty one, until it is replaced") {
  TestStore store;
  REQUIRE(store->ledger().SetBudget(kSite, SomeBudget()).ok());
  const std::string theirs = [&] {
    REQUIRE(store->ledger().SetBudget("https://b.example", {}).ok());
    return store.catalogue->Records().at(BudgetKey("https://b.example"));
  }();
  const std::string bad = GENERATE(std::string("\xff"), std::string());
  store.catalogue->Overwrite(BudgetKey(kSite), bad.empty() ? theirs : bad);
  store.Start();
  CHECK(store->ledger().Budget(kSite).unreadable);
  CHECK(store->ledger().Budget(kSite).probes.empty());
  CHECK_FALSE(store->ledger().Budget("https://b.example").unreadable);
  REQUIRE(store->ledger().SetBudget(kSite, SomeBudget()).ok());
  store.Start();
  CHECK_FALSE(store->ledger().Budget(kSite).unreadable);
  CHECK(store->ledger().Budget(kSite).probes == SomeBudget().probes);
}

TEST_CASE("a budget that cannot be written is the one before") {
  TestStore store;
  REQUIRE(store->ledger().SetBudget(kSite, SomeBudget()).ok());
  const int error = GENERATE(ENOSPC, EIO);
  store.plan.Arm({.at = 0, .error = error, .sticky = true, .crash = false});
  const absl::Status failed = store->ledger().SetBudget(kSite, {});
  CHECK(failed.code() ==
        (error == ENOSPC ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable));
  store.plan.Disarm();
  CHECK(store->ledger().Budget(kSite).probes == SomeBudget().probes);
  // Whatever reached the disk of the failed write, the next one takes it back.
  REQUIRE(store->ledger().SetBudget("https://b.example", {}).ok());
  store.Crash(FakeFileSystem::Survival::kAll);
  store.Start();
  CHECK(store->ledger().Budget(kSite).probes == SomeBudget().probes);
}

TEST_CASE("only what somebody has can be shared, with a commonness that is one") {
  TestStore store;
  CHECK(absl::IsNotFound(store->ledger().Share(kA.id(), "", std::nullopt)));
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  for (double commonness :
       {0.0, -0.5, 1.5, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CAPTURE(commonness);
    CHECK(absl::IsInvalidArgument(store->ledger().Share(kA.id(), "", commonness)));
  }
  CHECK(store->ledger().Shares().empty());
  CHECK_FALSE(store->ledger().FindShare(kA.id()));
  CHECK_FALSE(store->Holds(kSharedPartition, kA.id()));
  CHECK(absl::IsNotFound(store->ledger().Unshare(kA.id(), "")));
  CHECK(absl::IsNotFound(store->ledger().Unshare(kA.id(), kSite)));
}

TEST_CASE("shares add up, are durable, and are taken back one by one") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  store.clock.Advance(absl::Minutes(1));
  const absl::Time shared = store.clock.Now();
  REQUIRE(store->ledger().Share(kA.id(), kSite, 0.25).ok());
  store.clock.Advance(absl::Minutes(1));
  REQUIRE(store->ledger().Share(kA.id(), kOther, std::nullopt).ok());
  REQUIRE(store->ledger().Share(kA.id(), kOther, std::nullopt).ok());
  CrashAndStart(store);
  REQUIRE(store->ledger().Shares().size() == 1);
  ShareInfo info = store->ledger().Shares()[0];
  CHECK(info.model_id == kA.id());
  CHECK_FALSE(info.everybody);
  CHECK(info.with == std::vector<std::string>{kOther, kSite});
  CHECK(info.commonness == 0.25);
  CHECK(info.created == shared);
  CHECK(info.size_bytes == 3000 + kA.manifest.size());

  REQUIRE(store->ledger().Share(kA.id(), "", 0.5).ok());
  CHECK(store->ledger().FindShare(kA.id())->everybody);
  CHECK(store->ledger().FindShare(kA.id())->commonness == 0.5);
  REQUIRE(store->ledger().Unshare(kA.id(), kSite).ok());
  CHECK(absl::IsNotFound(store->ledger().Unshare(kA.id(), kSite)));
  CHECK(store->ledger().FindShare(kA.id())->with == std::vector<std::string>{kOther});
  REQUIRE(store->ledger().Unshare(kA.id(), "").ok());
  CrashAndStart(store);
  CHECK_FALSE(store->ledger().FindShare(kA.id()));
  CHECK_FALSE(store->Holds(kSharedPartition, kA.id()));
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store.Problems() == "");
}

TEST_CASE("the last one that a model is shared with ends the share") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(store->ledger().Share(kA.id(), kSite, std::nullopt).ok());
  REQUIRE(store->ledger().Unshare(kA.id(), kSite).ok());
  CHECK_FALSE(store->ledger().FindShare(kA.id()));
  CHECK_FALSE(store->Holds(kSharedPartition, kA.id()));
}

TEST_CASE("a shared model outlives those who stored it, and goes with its share") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(store->ledger().Share(kA.id(), "", std::nullopt).ok());
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  store.Collect();
  {
    auto lease = store->NewLease();
    const auto opened = store->ledger().OpenShared(kOther, kA.id(), *lease);
    REQUIRE(opened.ok());
    CHECK(opened->manifest.view() == absl::string_view(kA.manifest));
    CHECK(store->MapBlob(kOther, RefOf(kA.constants[0]).digest, *lease).ok());
    CHECK(absl::IsNotFound(store->MapBlob(kApp, RefOf(kA.constants[0]).digest, *lease).status()));
    CHECK(absl::IsNotFound(store->GetModel(kOther, kA.id(), *lease).status()));
    CHECK(absl::IsInvalidArgument(store->ledger().OpenShared("", kA.id(), *lease).status()));
  }
  CHECK_FALSE(*store->space().Evict(kSharedPartition, kA.id(), "evicted", ""));
  REQUIRE(*store->DeleteModel(kSharedPartition, kA.id()));
  CHECK(store->ledger().Shares().empty());
  store.Collect();
  CHECK(store.BlobFilePaths().empty());
  auto lease = store->NewLease();
  CHECK(absl::IsNotFound(store->ledger().OpenShared(kOther, kA.id(), *lease).status()));
}

TEST_CASE("a share whose record is damaged is none, and is taken back all the same") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  for (const TestModel& model : {kA, kB}) REQUIRE(store->ledger().Share(model.id(), "", 0.5).ok());
  store.catalogue->Overwrite("G" + std::string(kA.id().bytes()), "\xff");
  store.Start();
  CHECK(store->recovery().unreadable_records == 1);
  CHECK_FALSE(store->ledger().FindShare(kA.id()));
  CHECK(store->ledger().FindShare(kB.id()));
  CHECK(store->ledger().Shares().size() == 1);
  CHECK(absl::IsNotFound(store->ledger().Unshare(kA.id(), kSite)));
  REQUIRE(store->ledger().Unshare(kA.id(), "").ok());
  CHECK_FALSE(store->Holds(kSharedPartition, kA.id()));
  CHECK(store->Holds(kApp, kA.id()));
}

}  // namespace
}  // namespace modeld::storage
