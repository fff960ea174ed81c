// What the store keeps of the uses of models that were evicted, and when it lets go of it.
#include <catch2/catch.hpp>

#include "storage/catalogue.pb.h"
#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "web:a.example|https://a.example";
const Partition kOther = "app:two";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph b", {Bytes(2000, 2), Bytes(3000, 3)}};

constexpr double kFrequency = 5.25;

// A store in which kApp used kA and lost it.
struct Evicted : TestStore {
  Evicted() {
    REQUIRE(StoreWhole(**this, kApp, kA, "key").ok());
    used = clock.Now();
    REQUIRE((*this)->space().Use(kApp, kA.id(), [&](const UseFigures&, uint64_t) {
      return UseFigures{kFrequency, 7.5, absl::Milliseconds(80), used};
    }));
    clock.Advance(absl::Hours(1));
    REQUIRE(*(*this)->space().Evict(kApp, kA.id(), "evicted", "least credit", 2.5));
    clock.Advance(absl::Hours(1));
  }
  // What the partition knows of kA after it stored it again.
  UseFigures Again(const Partition& partition = kApp) {
    REQUIRE(StoreWhole(**this, partition, kA).ok());
    return (*this)->space().Snapshot(partition).models.at(0).figures;
  }
  // Whether a decision in the catalogue tells of uses.
  bool CatalogueHasUses() const {
    for (const auto& [key, value] : catalogue->Records()) {
      record::DecisionRecord decision;
      if (key[0] == 'N' && decision.ParseFromString(value) && decision.has_uses()) return true;
    }
    return false;
  }

  absl::Time used;
};

TEST_CASE("a model that comes again goes on from the figures that its eviction kept, durably") {
  Evicted store;
  SECTION("in the same run") {}
  SECTION("after a crash") {
    store.Crash(FakeFileSystem::Survival::kSyncedOnly);
    store.Start();
  }
  SECTION("after many other decisions") {
    for (int i = 0; i < 4000; ++i) {
      REQUIRE(store->space().Record({kB.id(), kApp, "refused", "no room", {}}).ok());
    }
  }
  CHECK(store.CatalogueHasUses());
  const UseFigures again = store.Again();
  CHECK(again.frequency == kFrequency);
  CHECK(again.credit == 7.5);
  CHECK(again.compile_time == absl::Milliseconds(80));
  CHECK(again.last_used == store.used);
  CHECK_FALSE(store.CatalogueHasUses());
  CHECK(store->space().DecisionsOf(kA.id()).size() == 3);
  CHECK(store.Problems() == "");
}

TEST_CASE("figures serve their own partition, once") {
  Evicted store;
  CHECK(store.Again(kOther).frequency == 0);
  CHECK(store.Again().frequency == kFrequency);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  const UseFigures after = store.Again();
  CHECK(after.frequency == 0);
  CHECK(after.last_used == store.clock.Now());
}

TEST_CASE("of two evictions the later one counts") {
  Evicted store;
  store.Again();
  REQUIRE(store->space().Use(kApp, kA.id(), [&](const UseFigures& before, uint64_t) {
    return UseFigures{before.frequency + 1, 1, absl::ZeroDuration(), store.clock.Now()};
  }));
  REQUIRE(*store->space().Evict(kApp, kA.id(), "expired", "too old"));
  CHECK(store.Again().frequency == kFrequency + 1);
}

TEST_CASE("a store that fails keeps the figures for the next one") {
  Evicted store;
  auto lease = store->NewLease();
  for (const std::string& bytes : kA.constants) {
    REQUIRE(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  }
  REQUIRE(
      store->PutBlob(kApp, RefOf(kA.manifest), Region::Copy(absl::string_view(kA.manifest)), *lease).ok());
  store.plan.Arm({.at = 0, .error = EIO, .sticky = true, .crash = false});
  CHECK_FALSE(store->StoreModel(kApp, {.manifest = kA.manifest, .constants = kA.refs()}, *lease).ok());
  store.plan.Disarm();
  CHECK(store.CatalogueHasUses());
  CHECK(store.Again().frequency == kFrequency);
}

TEST_CASE("clearing and removing a partition leave nothing of evicted models' uses") {
  Evicted store;
  SECTION("a span that holds the eviction") {
    REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
    CHECK(store->space().DecisionsOf(kA.id()).empty());
  }
  SECTION("a span after it, too: nobody knows when the uses were") {
    REQUIRE(store->space().Clear(kApp, store.clock.Now(), absl::InfiniteFuture()).ok());
    CHECK(store->space().DecisionsOf(kA.id()).size() == 2);
  }
  SECTION("removal") {
    CHECK(store->RemovePartition(kApp).value());
    CHECK(store->space().DecisionsOf(kA.id()).empty());
  }
  CHECK_FALSE(store.CatalogueHasUses());
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  CHECK_FALSE(store.CatalogueHasUses());
  CHECK(store.Again().frequency == 0);
}

TEST_CASE("clearing another partition takes nothing") {
  Evicted store;
  REQUIRE(store->space().Clear(kOther, absl::InfinitePast(), absl::InfiniteFuture()).ok());
  CHECK_FALSE(store->RemovePartition(kOther).value());
  CHECK(store.Again().frequency == kFrequency);
}

TEST_CASE("the figures go with a decision that newer ones push out, and never bring it back") {
  Evicted store;
  for (int i = 0; i < 4094; ++i) {
    REQUIRE(store->space().Record({kB.id(), kOther, "refused", "no room", {}}).ok());
  }
  REQUIRE(store->space().DecisionsOf(kA.id()).size() == 2);
  REQUIRE(store->space().Record({kB.id(), kOther, "refused", "no room", {}}).ok());
  REQUIRE(store->space().DecisionsOf(kA.id()).size() == 1);  // the eviction is the oldest now
  store.Again();                                             // its own decision pushes it out
  const std::vector<Decision> decisions = store->space().DecisionsOf(kA.id());
  REQUIRE(decisions.size() == 1);
  CHECK(decisions[0].what == "stored");
  CHECK(store->space().DecisionsOf(kB.id()).size() == 4095);
  CHECK_FALSE(store.CatalogueHasUses());
}

TEST_CASE("decisions of an older modeld, without figures, are read and start the model anew") {
  Evicted store;
  for (const auto& [key, value] : store.catalogue->Records()) {
    record::DecisionRecord decision;
    if (key[0] != 'N') continue;
    REQUIRE(decision.ParseFromString(value));
    decision.clear_uses();
    store.catalogue->Overwrite(key, decision.SerializeAsString());
  }
  store.Start();
  CHECK(store->recovery().unreadable_records == 0);
  CHECK(store->space().DecisionsOf(kA.id()).size() == 2);
  CHECK(store.Again().frequency == 0);
}

}  // namespace
}  // namespace modeld::storage
