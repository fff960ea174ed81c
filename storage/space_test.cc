// What is promised, what may go, what the user says, and whether it all adds up.
#include "storage/space.h"

#include <catch2/catch.hpp>
#include <random>

#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const Partition kOther = "app:two";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph b", {Bytes(2000, 2), Bytes(3000, 3)}};  // shares a constant with kA

SpaceBounds Quota(uint64_t bytes) {
  SpaceBounds bounds;
  bounds.quota_bytes = bytes;
  return bounds;
}

Shortage MustLack(const absl::Status& status) {
  INFO(status);
  REQUIRE(absl::IsResourceExhausted(status));
  const auto shortage = ShortageOf(status);
  REQUIRE(shortage);
  return *shortage;
}

BlobRef RefOfSize(uint64_t bytes, int seed) {
  return {Digest::Of(absl::StrCat("blob ", seed)), bytes};
}

uint64_t ReservedOf(TestStore& store, const Partition& partition = kApp) {
  return store->space().Snapshot(partition).reserved_bytes;
}

TEST_CASE("room is promised before a byte moves, once for each blob, and ends with the lease") {
  TestStore store;
  store->space().SetBounds(Quota(10'000));
  const std::vector<BlobRef> refs = {RefOfSize(4000, 1), RefOfSize(2000, 2), RefOfSize(4000, 1)};
  auto lease = store->NewLease();
  REQUIRE(store->space().Reserve(kApp, refs, *lease).ok());
  CHECK(ReservedOf(store) == 6000);
  SECTION("the same again, by another lease too, costs nothing more") {
    auto second = store->NewLease();
    CHECK(store->space().Reserve(kApp, refs, *lease).ok());
    CHECK(store->space().Reserve(kApp, refs, *second).ok());
    CHECK(ReservedOf(store) == 6000);
    lease.reset();
    CHECK(ReservedOf(store) == 6000);
    second.reset();
    CHECK(ReservedOf(store) == 0);
  }
  SECTION("all or nothing") {
    const std::vector<BlobRef> more = {RefOfSize(100, 3), RefOfSize(4000, 4)};
    const Shortage lack = MustLack(store->space().Reserve(kApp, more, *lease));
    CHECK(lack.bound == Bound::kQuota);
    CHECK(lack.need_bytes == 4100);
    CHECK(lack.have_bytes == 4000);
    CHECK(ReservedOf(store) == 6000);
  }
  SECTION("another partition has its own quota") {
    CHECK(store->space().Reserve(kOther, refs, *lease).ok());
    CHECK(ReservedOf(store, kOther) == 6000);
  }
  SECTION("a larger size for the same digest costs the difference") {
    const BlobRef grown = RefOfSize(4500, 1);
    REQUIRE(store->space().Reserve(kApp, {&grown, 1}, *lease).ok());
    CHECK(ReservedOf(store) == 6500);
  }
  SECTION("a promise is a session's: a crash ends it") {
    lease.reset();
    store.Crash(FakeFileSystem::Survival::kAll);
    store.Start();
    CHECK(ReservedOf(store) == 0);
  }
}

TEST_CASE("a refusal holds no number in its text, whatever the bound") {
  TestStore store;
  store.cache->SetDiskBytes(8000);  // the floor is 1,000
  auto lease = store->NewLease();
  const BlobRef ref = RefOfSize(7001, 1);
  SpaceBounds bounds;
  std::vector<std::string> texts;
  for (Bound bound : {Bound::kFloor, Bound::kLimit, Bound::kQuota}) {
    if (bound == Bound::kLimit) bounds.limit_bytes = 7000;
    if (bound == Bound::kQuota) bounds.quota_bytes = 6999;
    store->space().SetBounds(bounds);
    const absl::Status refused = store->space().Reserve(kApp, {&ref, 1}, *lease);
    CHECK(MustLack(refused).bound == (bound == Bound::kLimit ? Bound::kQuota : bound));
    texts.push_back(std::string(refused.message()));
  }
  for (const std::string& text : texts) CHECK(text == "blob " + ref.digest.ToHex() + ": there is no room");
  CHECK_FALSE(ShortageOf(absl::OkStatus()));
  CHECK_FALSE(ShortageOf(absl::ResourceExhaustedError("the disk is full")));
}

TEST_CASE("two uploads at once cannot promise the disk's last room twice") {
  TestStore store;
  store.cache->SetDiskBytes(10'000);
  const uint64_t empty = store->space().Totals().free_bytes;
  auto lease = store->NewLease();
  const std::string one = Bytes(5000, 1), two = Bytes(5000, 2);
  auto first = store->OpenUpload(kApp, RefOf(one), *lease);
  REQUIRE(first.ok());
  CHECK(MustLack(store->OpenUpload(kOther, RefOf(two), *lease).status()).bound == Bound::kFloor);
  CHECK(MustLack(store->PutBlob(kOther, RefOf(two), Region::Copy(absl::string_view(two)), *lease)).bound ==
        Bound::kFloor);
  SECTION("what is written counts as free disk does, once") {
    REQUIRE((*first)->Append(0, one).ok());
    REQUIRE((*first)->Commit().ok());
    first->reset();
    CHECK(store->space().Totals().free_bytes == empty - 5000);
    const std::string small = Bytes(empty - 6000, 3);
    CHECK(store->PutBlob(kOther, RefOf(small), Region::Copy(absl::string_view(small)), *lease).ok());
  }
  SECTION("an upload that is given up gives its room back") {
    first->reset();
    CHECK(store->OpenUpload(kOther, RefOf(two), *lease).ok());
  }
}

TEST_CASE("an interrupted upload counts by its record, also after a crash") {
  TestStore store;
  store->space().SetBounds(Quota(10'000));
  {
    auto lease = store->NewLease();
    const std::string bytes = Bytes(6000, 1);
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE(upload.ok());
    REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, 2000)).ok());
  }
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  store->space().SetBounds(Quota(10'000));
  const PartitionSnapshot snapshot = store->space().Snapshot(kApp);
  CHECK(snapshot.staged_bytes == 6000);
  CHECK(snapshot.reserved_bytes == 0);
  auto lease = store->NewLease();
  const BlobRef ref = RefOfSize(5000, 2);
  CHECK(MustLack(store->space().Reserve(kApp, {&ref, 1}, *lease)).have_bytes == 4000);
  const BlobRef same = RefOf(Bytes(6000, 1));
  CHECK(store->space().Reserve(kApp, {&same, 1}, *lease).ok());
}

TEST_CASE("what a lease alone keeps counts for the partition whose it is") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  auto lease = store->NewLease();
  REQUIRE(store->GetModel(kApp, kA.id(), *lease).ok());
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  CHECK(store->space().Snapshot(kApp).used_bytes() == 3000 + kA.manifest.size());
  lease.reset();
  CHECK(store->space().Snapshot(kApp).used_bytes() == 0);
}

TEST_CASE("a repair of the partition's own damaged blob needs no quota") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  store->space().SetBounds(Quota(3000 + kA.manifest.size()));
  store.cache->FlipBit(BlobPathOf(kA.constants[0]), 3);
  REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[0]).digest)));
  CHECK(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("eviction takes what is free to go, with its decision, and nothing else") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "key").ok());
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  Space& space = store->space();
  SECTION("of nobody's") {
    CHECK_FALSE(*space.Evict(kApp, kB.id(), "evicted", "", std::nullopt));
    CHECK(space.DecisionsOf(kB.id()).empty());
  }
  SECTION("pinned") {
    REQUIRE(space.SetWish(kA.id(), true, std::nullopt).ok());
    CHECK_FALSE(*space.Evict(kApp, kA.id(), "evicted", "", 1.0));
    CHECK(space.Snapshot(kApp).models[0].wish.pinned);
  }
  SECTION("leased: by itself, not by another partition") {
    auto lease = store->NewLease();
    REQUIRE(store->GetModel(kApp, kA.id(), *lease).ok());
    CHECK(space.Snapshot(kApp).models[0].in_use);
    CHECK_FALSE(space.Snapshot(kOther).models[0].in_use);
    CHECK_FALSE(*space.Evict(kApp, kA.id(), "evicted", "", 1.0));
    CHECK(*space.Evict(kOther, kA.id(), "evicted", "", 1.0));
    CHECK(ReadWhole(*store, kApp, kA).ok());
  }
  SECTION("while one of its blobs is being sent") {
    store.cache->FlipBit(BlobPathOf(kA.constants[0]), 3);
    REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[0]).digest)));
    auto lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(kA.constants[0]), *lease);
    REQUIRE(upload.ok());
    CHECK_FALSE(*space.Evict(kApp, kA.id(), "evicted", "", 1.0));
  }
  SECTION("free") {
    store.clock.Advance(absl::Minutes(1));
    REQUIRE(*space.Evict(kApp, kA.id(), "evicted", "least credit", 2.5));
    CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
    CHECK(absl::IsNotFound(store->LoadKey(kApp, "key").status()));
    CHECK(ReadWhole(*store, kOther, kA).ok());
    CHECK(space.Snapshot(kApp).inflation == 2.5);
    const std::vector<Decision> decisions = space.DecisionsOf(kA.id());
    REQUIRE(decisions.size() == 3);  // stored twice
    CHECK(decisions[0].what == "evicted");
    CHECK(decisions[0].text == "least credit");
    CHECK(decisions[0].partition == kApp);
    CHECK(decisions[0].at == store.clock.Now());
    store.Collect();
    CHECK(store.Problems() == "");
  }
}

TEST_CASE("a snapshot counts what the partition would get back, by its own things alone") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  const auto figures = [](const PartitionSnapshot& snapshot) {
    std::vector<std::pair<Digest, uint64_t>> own;
    for (const HeldModel& model : snapshot.models) own.emplace_back(model.model_id, model.own_bytes);
    return std::tuple(own, snapshot.blob_bytes, snapshot.used_bytes());
  };
  const auto alone = figures(store->space().Snapshot(kApp));
  CHECK(std::get<2>(alone) == 6000 + kA.manifest.size() + kB.manifest.size());
  for (const HeldModel& model : store->space().Snapshot(kApp).models) {
    const bool is_a = model.model_id == kA.id();
    CHECK(model.own_bytes == (is_a ? 1000 + kA.manifest.size() : 3000 + kB.manifest.size()));
    CHECK(model.logical_bytes == (is_a ? 3000 + kA.manifest.size() : 5000 + kB.manifest.size()));
  }
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  auto lease = store->NewLease();
  REQUIRE(store->GetModel(kOther, kA.id(), *lease).ok());
  CHECK(figures(store->space().Snapshot(kApp)) == alone);
}

TEST_CASE("uses keep their figures over a restart, and only for what is held") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  const auto value = [&](const UseFigures& before, uint64_t bytes) {
    CHECK(bytes == 3000 + kA.manifest.size());
    return UseFigures{before.frequency + 1, 7.5, absl::Milliseconds(80), store.clock.Now()};
  };
  CHECK(store->space().Use(kApp, kA.id(), value));
  CHECK(store->space().Use(kApp, kA.id(), value));
  CHECK_FALSE(store->space().Use(kOther, kA.id(), value));
  CHECK(store.Problems() == "");
  store.Collect();
  store.Crash(FakeFileSystem::Survival::kAll);
  store.Start();
  const UseFigures kept = store->space().Snapshot(kApp).models.at(0).figures;
  CHECK(kept.frequency == 2);
  CHECK(kept.credit == 7.5);
  CHECK(kept.compile_time == absl::Milliseconds(80));
  CHECK(kept.last_used == store.clock.Now());
}

TEST_CASE(
    "a model that comes again after its eviction has the uses that it had; after a clearing it is new") {
  TestStore store;
  for (bool clear : {false, true}) {
    REQUIRE(StoreWhole(*store, kApp, kA).ok());
    const auto value = [&](const UseFigures&, uint64_t) {
      return UseFigures{5, 7.5, absl::Milliseconds(80), store.clock.Now()};
    };
    REQUIRE(store->space().Use(kApp, kA.id(), value));
    REQUIRE(*store->space().Evict(kApp, kA.id(), "evicted", "", 1.0));
    if (clear) REQUIRE(store->space().Clear(kApp, store.clock.Now(), absl::InfiniteFuture()).ok());
    REQUIRE(StoreWhole(*store, kApp, kA).ok());
    CHECK(store->space().Snapshot(kApp).models.at(0).figures.frequency == (clear ? 0 : 5));
    REQUIRE(*store->DeleteModel(kApp, kA.id()));
  }
}

TEST_CASE("wishes outlive the model and are for models that are known") {
  TestStore store;
  Space& space = store->space();
  CHECK(absl::IsNotFound(space.SetWish(kA.id(), true, std::nullopt)));
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(space.SetWish(kA.id(), true, std::nullopt).ok());
  REQUIRE(space.SetWish(kA.id(), std::nullopt, -1).ok());
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  CHECK(store->space().WishOf(kA.id()).pinned);
  CHECK(store->space().WishOf(kA.id()).priority == -1);
  REQUIRE(store->space().SetWish(kA.id(), false, 0).ok());
  CHECK(absl::IsNotFound(store->space().SetWish(kA.id(), true, std::nullopt)));
}

TEST_CASE("a partition's limits outlive it and bound it") {
  TestStore store;
  REQUIRE(store->space()
              .SetLimits(kApp, {.quota_bytes = 2000, .keep_at_most = 3, .max_age = absl::Hours(1)})
              .ok());
  CHECK(absl::IsInvalidArgument(store->space().SetLimits("", {})));
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  const PartitionSnapshot snapshot = store->space().Snapshot(kApp);
  CHECK(snapshot.quota_bytes == 2000);
  CHECK(snapshot.keep_at_most == 3);
  CHECK(snapshot.max_age == absl::Hours(1));
  CHECK(MustLack(StoreWhole(*store, kApp, kA)).bound == Bound::kQuota);
  CHECK(StoreWhole(*store, kOther, kA).ok());
  REQUIRE(store->space().SetLimits(kApp, {}).ok());
  CHECK(store->space().LimitsOf(kApp).empty());
  CHECK(StoreWhole(*store, kApp, kA).ok());
}

TEST_CASE("damage is noted once for each model that it is part of") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  store.cache->FlipBit(BlobPathOf(kA.constants[1]), 3);  // kB names it, too
  for (int look = 0; look < 2; ++look) {
    CHECK(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[1]).digest)));
  }
  for (const TestModel& model : {kA, kB}) {
    const std::vector<Decision> decisions = store->space().DecisionsOf(model.id());
    REQUIRE(decisions.size() == 2);
    CHECK(decisions[0].what == "damaged");
    CHECK(decisions[0].text ==
          "blob " + RefOf(kA.constants[1]).digest.ToHex() + " was found to have wrong bytes");
  }
}

TEST_CASE("of decisions the newest 4,096 stay") {
  TestStore store;
  const Digest first = Digest::Of("first"), others = Digest::Of("others");
  REQUIRE(store->space().Record({first, kApp, "refused", "no room", {}}).ok());
  for (int i = 0; i < 4095; ++i) {
    REQUIRE(store->space().Record({others, kApp, "kept", absl::StrCat(i), {}}).ok());
  }
  CHECK(store->space().DecisionsOf(first).size() == 1);
  REQUIRE(store->space().Record({others, kApp, "kept", "last", {}}).ok());
  CHECK(store->space().DecisionsOf(first).empty());
  const std::vector<Decision> kept = store->space().DecisionsOf(others);
  REQUIRE(kept.size() == 4096);
  CHECK(kept.front().text == "last");
  CHECK(kept.back().text == "0");
}

TEST_CASE("a partition has so many models and keys and no more") {
  TestStore store;
  store.options.max_models_per_partition = 2;
  store.options.max_keys_per_partition = 2;
  store.Start();
  const TestModel third{"graph c", {Bytes(10, 9)}};
  REQUIRE(StoreWhole(*store, kApp, kA, "a").ok());
  REQUIRE(StoreWhole(*store, kApp, kB, "b").ok());
  CHECK(absl::IsResourceExhausted(StoreWhole(*store, kApp, third)));
  CHECK(absl::IsResourceExhausted(store->SaveKey(kApp, "c", kA.id())));
  CHECK(absl::IsResourceExhausted(StoreWhole(*store, kApp, kA, "c")));
  CHECK(StoreWhole(*store, kApp, kA, "a").ok());
  CHECK(StoreWhole(*store, kOther, third).ok());
  REQUIRE(*store->DeleteKey(kApp, "b"));
  CHECK(StoreWhole(*store, kApp, third, "c").ok());
}

}  // namespace
}  // namespace modeld::storage
