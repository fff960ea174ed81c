// What goes when room is needed, and what never does: the keeper on a store of fakes.
#include "daemon/cache/space_keeper.h"

#include <catch2/catch.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "storage/plan_store.h"
#include "storage/test_store.h"

namespace modeld {
namespace {

using storage::BlobRef;
using storage::Bytes;
using storage::ReadWhole;
using storage::RefOf;
using storage::StoreWhole;
using storage::TestModel;
using storage::TestStore;

const std::string kApp = "app:one";
const std::string kOther = "app:two";

// A model of some 10,000 bytes of its own.
TestModel Model(int number) {
  return {absl::StrCat("graph ", number), {Bytes(10'000, number)}};
}

class Cache {
 public:
  explicit Cache(SpaceKeeper::Options options) {
    store_.cache->SetDiskBytes(1'000'000);
    options.wake = [this] { ++wakes; };
    keeper_.emplace(*store_, store_.clock, metrics, options);
  }

  // As the services do: room first, then the bytes, then the use.
  absl::Status Store(const std::string& partition, const TestModel& model) {
    auto lease = store_->NewLease();
    std::vector<BlobRef> refs = model.refs();
    refs.push_back(RefOf(model.manifest));
    if (auto room = keeper().Reserve(partition, refs, *lease, model.id()); !room.ok()) return room;
    if (auto stored = StoreWhole(*store_, partition, model); !stored.ok()) return stored;
    keeper().Used(partition, model.id());
    return absl::OkStatus();
  }
  std::set<int> Held(const std::string& partition) {
    std::set<int> held;
    for (int number = 0; number < 100; ++number) {
      if (ReadWhole(*store_, partition, Model(number)).ok()) held.insert(number);
    }
    return held;
  }
  std::string LastWhat(const TestModel& model) {
    const auto decisions = store_->space().DecisionsOf(model.id());
    return decisions.empty() ? "" : decisions[0].what;
  }

  SpaceKeeper& keeper() { return *keeper_; }
  TestStore& store() { return store_; }
  Metrics metrics;
  int wakes = 0;

 private:
  TestStore store_;
  std::optional<SpaceKeeper> keeper_;
};

SpaceKeeper::Options Options(uint64_t quota_bytes, uint64_t limit_bytes = 900'000) {
  SpaceKeeper::Options options;
  options.settings.quota_bytes = quota_bytes;
  options.settings.limit_bytes = limit_bytes;
  return options;
}

TEST_CASE("a full partition gives up its own least valuable models, and nobody else's") {
  Cache cache(Options(35'000));
  REQUIRE(cache.Store(kOther, Model(0)).ok());
  for (int number : {1, 2, 3}) {
    REQUIRE(cache.Store(kApp, Model(number)).ok());
    cache.store().clock.Advance(absl::Hours(1));
  }
  cache.keeper().Used(kApp, Model(1).id());  // used twice: worth more than 2
  REQUIRE(cache.Store(kApp, Model(4)).ok());
  CHECK(cache.Held(kApp) == std::set<int>{1, 3, 4});
  CHECK(cache.Held(kOther) == std::set<int>{0});
  CHECK(cache.LastWhat(Model(2)) == "evicted");
  CHECK(cache.metrics.counter(CounterName::kEvictions, {"quota"}).value() == 1);
  cache.store().Collect();
  CHECK(cache.store().Problems() == "");
}

TEST_CASE("that a pin kept a model is recorded, once until something else is decided about it") {
  Cache cache(Options(35'000));
  for (int number : {1, 2, 3}) {
    REQUIRE(cache.Store(kApp, Model(number)).ok());
    cache.store().clock.Advance(absl::Hours(1));
  }
  REQUIRE(cache.store()->space().SetWish(Model(1).id(), true, std::nullopt).ok());
  for (int number : {4, 5}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  CHECK(cache.Held(kApp) == std::set<int>{1, 4, 5});
  const auto decisions = cache.store()->space().DecisionsOf(Model(1).id());
  REQUIRE(decisions.size() == 2);
  CHECK(decisions[1].what == "stored");
  CHECK(decisions[0].what == "kept");
  CHECK(decisions[0].partition == kApp);
  CHECK(decisions[0].text.find("pinned by the user") == 0);
}

TEST_CASE("a model that was evicted is worth what it was when it comes again, also after a restart") {
  const bool restart = GENERATE(false, true);
  const bool cleared = GENERATE(false, true);
  CAPTURE(restart, cleared);
  TestStore store;
  store.cache->SetDiskBytes(1'000'000);
  Metrics metrics;
  std::optional<SpaceKeeper> keeper(std::in_place, *store, store.clock, metrics, Options(25'000));
  const auto put = [&](int number) {
    auto lease = store->NewLease();
    const TestModel model = Model(number);
    std::vector<BlobRef> refs = model.refs();
    refs.push_back(RefOf(model.manifest));
    REQUIRE(keeper->Reserve(kApp, refs, *lease, model.id()).ok());
    REQUIRE(StoreWhole(*store, kApp, model).ok());
    keeper->Used(kApp, model.id());
  };
  put(1);
  for (int use = 0; use < 4; ++use) keeper->Used(kApp, Model(1).id());
  REQUIRE(*store->space().Evict(kApp, Model(1).id(), "reclaimed", "the disk is full"));
  if (restart) {
    keeper.reset();
    store.Crash(FakeFileSystem::Survival::kSyncedOnly);
    store.Start();
    keeper.emplace(*store, store.clock, metrics, Options(25'000));
  }
  if (cleared) {
    store.clock.Advance(absl::Minutes(1));
    REQUIRE(store->space().Clear(kApp, store.clock.Now(), absl::InfiniteFuture()).ok());
  }
  put(1);
  store.clock.Advance(absl::Minutes(1));
  for (int use = 0; use < 2; ++use) use == 0 ? put(2) : keeper->Used(kApp, Model(2).id());
  put(3);
  // Used twice and lately, model 2 is worth more than a newcomer and less than model 1 was.
  CHECK(ReadWhole(*store, kApp, Model(1)).ok() == !cleared);
  CHECK(ReadWhole(*store, kApp, Model(2)).ok() == cleared);
}

TEST_CASE("a model that comes again after a long time is not too old at once, though its use was lost") {
  TestStore store;
  Metrics metrics;
  SpaceKeeper::Options options = Options(100'000);
  options.max_age = absl::Hours(24);
  SpaceKeeper keeper(*store, store.clock, metrics, options);
  REQUIRE(StoreWhole(*store, kApp, Model(1)).ok());
  keeper.Used(kApp, Model(1).id());
  store.clock.Advance(absl::Hours(25));
  CHECK(keeper.Tend() == 1);
  REQUIRE(StoreWhole(*store, kApp, Model(1)).ok());  // and the daemon is killed before the use is written
  CHECK(keeper.Tend() == 0);
  store.clock.Advance(absl::Hours(25));
  CHECK(keeper.Tend() == 1);
}

TEST_CASE("what is pinned or in use stays, and nothing is sacrificed in vain") {
  Cache cache(Options(35'000));
  for (int number : {1, 2, 3}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  REQUIRE(cache.store()->space().SetWish(Model(1).id(), true, std::nullopt).ok());
  auto lease = cache.store()->NewLease();
  REQUIRE(cache.store()->GetModel(kApp, Model(2).id(), *lease).ok());
  const TestModel big{"graph 50", {Bytes(20'000, 50)}};
  const absl::Status refused = cache.Store(kApp, big);
  REQUIRE(storage::ShortageOf(refused));
  CHECK(storage::ShortageOf(refused)->bound == storage::Bound::kQuota);
  CHECK(cache.Held(kApp) == std::set<int>{1, 2, 3});
  CHECK(cache.LastWhat(big) == "refused");
  CHECK(cache.metrics.counter(CounterName::kStoreRefusals, {"quota"}).value() == 1);
  CHECK(cache.wakes == 0);
  REQUIRE(cache.Store(kApp, Model(4)).ok());
  CHECK(cache.Held(kApp) == std::set<int>{1, 2, 4});
}

TEST_CASE("low priority goes before more valuable things, high priority after less valuable ones") {
  Cache cache(Options(35'000));
  for (int number : {1, 2, 3}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  for (int use = 0; use < 5; ++use) cache.keeper().Used(kApp, Model(3).id());
  REQUIRE(cache.store()->space().SetWish(Model(3).id(), std::nullopt, -1).ok());
  REQUIRE(cache.store()->space().SetWish(Model(1).id(), std::nullopt, 1).ok());
  REQUIRE(cache.Store(kApp, Model(4)).ok());
  CHECK(cache.Held(kApp) == std::set<int>{1, 2, 4});
  REQUIRE(cache.Store(kApp, Model(5)).ok());
  CHECK(cache.Held(kApp).contains(1));
  CHECK(cache.Held(kApp).size() == 3);
}

TEST_CASE("plans go before models") {
  Cache cache(Options(35'000));
  for (int number : {1, 2}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  storage::NewPlan plan{.key = Digest::Of("plan"),
                        .structure = Digest::Of("structure"),
                        .device = "cpu",
                        .fingerprint = "f",
                        .metadata = "m",
                        .segments = {Region::Copy(absl::string_view("segment"))},
                        .compile_time = absl::Seconds(1),
                        .partition = kApp,
                        .model_id = Model(1).id()};
  REQUIRE(cache.store()->plans().Write(plan).ok());
  CHECK(cache.store()->space().Snapshot(kApp).plan_bytes > 4096);
  REQUIRE(cache.Store(kApp, Model(3)).ok());
  CHECK(cache.Held(kApp) == std::set<int>{1, 2, 3});
  CHECK_FALSE(cache.store()->plans().IsCause(plan.key, kApp));
  CHECK(cache.store()->plans().List().empty());
}

TEST_CASE("a disk without room refuses, wakes the reclaimer, and takes nothing from anybody for it") {
  Cache cache(Options(100'000, 35'000));
  for (int number : {1, 2, 3}) REQUIRE(cache.Store(kOther, Model(number)).ok());
  const absl::Status refused = cache.Store(kApp, Model(4));
  REQUIRE(storage::ShortageOf(refused));
  CHECK(cache.Held(kOther) == std::set<int>{1, 2, 3});
  CHECK(cache.wakes == 1);
  CHECK(cache.LastWhat(Model(4)) == "refused");
}

TEST_CASE("reclaiming takes what was not used for long, and stops in time") {
  Cache cache(Options(1'000'000, 100'000));
  for (int number = 0; number < 9; ++number) {
    REQUIRE(cache.Store(number % 2 == 0 ? kApp : kOther, Model(number)).ok());
  }
  REQUIRE(cache.store()->space().SetWish(Model(0).id(), true, std::nullopt).ok());
  cache.store().clock.Advance(absl::Hours(24 * 40));
  for (int number : {2, 3, 4, 5, 6, 7, 8}) {
    cache.keeper().Used(number % 2 == 0 ? kApp : kOther, Model(number).id());
  }
  CHECK(cache.keeper().Tend() == 0);  // 90 % is no reason yet
  const TestModel more{"graph more", {Bytes(6'000, 70)}};
  REQUIRE(cache.Store(kApp, more).ok());
  CHECK(cache.keeper().Tend() > 0);
  CHECK(cache.store()->space().Totals().used_bytes <= 90'000);
  CHECK(cache.Held(kApp).contains(0));          // pinned
  CHECK_FALSE(cache.Held(kOther).contains(1));  // not used for a month
  CHECK(cache.LastWhat(Model(1)) == "reclaimed");
  CHECK(cache.metrics.counter(CounterName::kEvictions, {"reclaim"}).value() > 0);
  CHECK(cache.keeper().Tend() == 0);
  CHECK(cache.store().Problems() == "");
}

TEST_CASE("what is too old or too many goes in the background") {
  SpaceKeeper::Options options = Options(1'000'000);
  options.max_age = absl::Hours(48);
  Cache cache(options);
  for (int number : {1, 2, 3}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  REQUIRE(cache.Store(kOther, Model(1)).ok());
  cache.store().clock.Advance(absl::Hours(47));
  cache.keeper().Used(kApp, Model(2).id());
  CHECK(cache.keeper().Tend() == 0);
  cache.store().clock.Advance(absl::Hours(2));
  CHECK(cache.keeper().Tend() == 3);
  CHECK(cache.Held(kApp) == std::set<int>{2});
  CHECK(cache.Held(kOther).empty());
  CHECK(cache.LastWhat(Model(3)) == "expired");
  for (int number : {4, 5}) REQUIRE(cache.Store(kApp, Model(number)).ok());
  REQUIRE(cache.store()->space().SetLimits(kApp, {.keep_at_most = 1}).ok());
  CHECK(cache.keeper().Tend() == 2);
  CHECK(cache.Held(kApp).size() == 1);
}

TEST_CASE("what a partition loses does not depend on what others hold") {
  std::vector<std::set<int>> seen;
  for (bool twins : {false, true}) {
    Cache cache(Options(45'000));
    if (twins) {
      for (int number : {1, 2, 3}) REQUIRE(cache.Store(kOther, Model(number)).ok());
    }
    for (int number = 1; number <= 7; ++number) {
      cache.store().clock.Advance(absl::Hours(1));
      REQUIRE(cache.Store(kApp, Model(number)).ok());
      if (number % 2 == 0) cache.keeper().Used(kApp, Model(number).id());
    }
    seen.push_back(cache.Held(kApp));
  }
  CHECK(seen[0] == seen[1]);
  CHECK(seen[0].size() == 4);
}

TEST_CASE("shares follow the disk's size, and a partition's own quota the user's word") {
  SpaceKeeper::Options options;
  options.settings.quota_share = 0.02;
  options.settings.limit_share = 0.5;
  Cache cache(options);
  CHECK(cache.keeper().CurrentBounds().quota_bytes == 20'000);
  CHECK(cache.keeper().CurrentBounds().limit_bytes == 500'000);
  cache.store().cache->SetDiskBytes(2'000'000);
  cache.keeper().Tend();
  CHECK(cache.store()->space().QuotaOf(kApp) == 40'000);
  REQUIRE(cache.store()->space().SetLimits(kApp, {.quota_bytes = 5'000}).ok());
  CHECK_FALSE(cache.Store(kApp, Model(1)).ok());
  CHECK(cache.Store(kOther, Model(1)).ok());
}

TEST_CASE("the outlook has a sentence for each partition that has the model") {
  Cache cache(Options(100'000));
  REQUIRE(cache.Store(kApp, Model(1)).ok());
  REQUIRE(cache.Store(kOther, Model(1)).ok());
  REQUIRE(cache.Store(kOther, Model(2)).ok());
  const std::vector<std::string> outlook = cache.keeper().Outlook(Model(1).id());
  REQUIRE(outlook.size() == 2);
  CHECK(outlook[0].starts_with("app:one: may go for room, as number 1 of 1"));
  CHECK(outlook[1].starts_with("app:two: may go for room, as number"));
  REQUIRE(cache.store()->space().SetWish(Model(1).id(), true, std::nullopt).ok());
  CHECK(cache.keeper().Outlook(Model(1).id())[0] == "app:one: stays: pinned by the user");
  CHECK(cache.keeper().Outlook(Model(9).id()).empty());
}

}  // namespace
}  // namespace modeld
