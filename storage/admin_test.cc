#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <memory>

#include "absl/strings/match.h"
#include "storage/integrity.h"
#include "storage/ledger.h"
#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph BB", {Bytes(2000, 2), Bytes(3000, 3)}};
const Partition kOne = "app:one";
const Partition kTwo = "app:two";

TEST_CASE("listings tell sizes, keys and times") {
  TestStore store;
  absl::Time begin = store.clock.Now();
  REQUIRE(StoreWhole(*store, kOne, kA, "b").ok());
  REQUIRE(store->SaveKey(kOne, "a", kA.id()).ok());
  store.clock.Advance(absl::Minutes(1));
  REQUIRE(StoreWhole(*store, kTwo, kB).ok());
  std::string half = Bytes(500, 9);
  std::unique_ptr<Lease> lease = store->NewLease();
  auto upload = store->OpenUpload(kTwo, RefOf(half), *lease);
  REQUIRE((*upload)->Append(0, half.substr(0, 100)).ok());

  auto models = store->ListModels();
  REQUIRE(models.size() == 2);
  CHECK(models[0].partition == kOne);
  CHECK(models[0].model_id == kA.id());
  CHECK(models[0].display_name == "a model");
  CHECK(models[0].keys == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(models[0].stored_by_id);
  CHECK(models[0].logical_bytes == 3007);
  CHECK(models[0].exclusive_bytes == 1007);
  CHECK(models[0].constants == 2);
  CHECK(models[0].created == begin);
  CHECK(models[0].health == Health::kWhole);
  CHECK(models[1].stored_by_id);
  CHECK(models[1].created == begin + absl::Minutes(1));
  CHECK(store->ListModels(kTwo).size() == 1);
  CHECK(store->ListModels("app:none").empty());

  auto partitions = store->ListPartitions();
  REQUIRE(partitions.size() == 2);
  CHECK(partitions[0].partition == kOne);
  CHECK(partitions[0].models == 1);
  CHECK(partitions[0].keys == 2);
  CHECK(partitions[0].logical_bytes == 3007);
  CHECK(partitions[0].staged_bytes == 0);
  CHECK(partitions[1].staged_bytes == 500);

  auto staged = store->ListStaged();
  REQUIRE(staged.size() == 1);
  CHECK(staged[0].open);
  CHECK(staged[0].partition == kTwo);

  StoreUsage usage = store->Usage();
  CHECK(usage.logical_bytes == 3007 + 5008);
  CHECK(usage.physical_bytes == 6015);
  CHECK(usage.models == 2);
  CHECK(usage.partitions == 2);
  upload->reset();
  CHECK(store->Usage().staged_bytes == 100);
  CHECK_FALSE(store->ListStaged()[0].open);
}

TEST_CASE("a listing and the sender's own partition are told when an upload last got on") {
  TestStore store;
  const std::string bytes = Bytes(1000, 3);
  const BlobRef ref = RefOf(bytes);
  auto lease = store->NewLease();
  const auto state = [&](const Partition& partition) {
    return store->integrity().StateOf(partition, ref, *lease).value();
  };
  const auto check = [&](bool open, absl::Time last_bytes) {
    const std::vector<StagedInfo> staged = store->ListStaged();
    REQUIRE(staged.size() == 1);
    CHECK(staged[0].open == open);
    CHECK(staged[0].last_bytes == last_bytes);
    CHECK(state(kOne).open == open);
    CHECK(state(kOne).last_bytes == last_bytes);
    CHECK_FALSE(state(kTwo).open);
    CHECK(state(kTwo).last_bytes == absl::InfinitePast());
  };
  const auto later = [&] {
    store.clock.Advance(absl::Seconds(10));
    return store.clock.Now();
  };
  CHECK(state(kOne).last_bytes == absl::InfinitePast());
  absl::Time last = store.clock.Now();
  auto upload = store->OpenUpload(kOne, ref, *lease);
  REQUIRE(upload.ok());
  check(true, last);
  last = later();
  REQUIRE((*upload)->Append(0, bytes.substr(0, 100)).ok());
  check(true, last);
  later();
  // Neither nothing nor what is refused is a byte that came.
  REQUIRE((*upload)->Append(100, "").ok());
  CHECK(absl::IsOutOfRange((*upload)->Append(500, "x")));
  check(true, last);
  last = later();
  upload->reset();
  check(false, last);  // when the rest of what came was written down
  later();
  lease.reset();
  store.Start();
  lease = store->NewLease();
  check(false, last);
  later();
  REQUIRE(store->PutBlob(kOne, ref, Region::Copy(bytes), *lease).ok());
  CHECK(state(kOne).complete);
  CHECK_FALSE(store->ListStaged()[0].open);
}

// A cache folder that tells when a file beneath staging/ is opened.
struct WatchedFolder : FakeFileSystem {
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view path, Access access) override {
    if (staging_opened && absl::StartsWith(path, "staging/")) staging_opened();
    return FakeFileSystem::Open(path, access);
  }
  std::function<void()> staging_opened;
};

TEST_CASE("a blob that comes in one piece is being sent while it is written, and no longer") {
  TestStore store;
  const auto folder = std::make_shared<WatchedFolder>(store.plan, "the cache folder");
  store.cache = folder;
  store.Start();
  const std::string bytes = Bytes(1000, 3);
  const auto lease = store->NewLease();
  const auto state = [&](const Partition& partition) {
    return store->integrity().StateOf(partition, RefOf(bytes), *lease).value();
  };
  int looked = 0;
  folder->staging_opened = [&] {
    ++looked;
    CHECK(state(kOne).open);
    CHECK(state(kOne).last_bytes == store.clock.Now());
    CHECK_FALSE(state(kTwo).open);
  };
  store.plan.Arm({.at = 0, .error = EIO});
  REQUIRE_FALSE(store->PutBlob(kOne, RefOf(bytes), Region::Copy(bytes), *lease).ok());
  CHECK_FALSE(state(kOne).open);
  store.plan.Disarm();
  REQUIRE(store->PutBlob(kOne, RefOf(bytes), Region::Copy(bytes), *lease).ok());
  CHECK(looked == 2);
  CHECK(state(kOne).complete);
  CHECK_FALSE(state(kOne).open);
}

TEST_CASE("a partition's blobs are counted once in its logical size") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kOne, kA).ok());
  REQUIRE(StoreWhole(*store, kOne, kB).ok());
  CHECK(store->ListPartitions()[0].logical_bytes == 6015);
}

TEST_CASE("storing again keeps the first name unless a new one is given") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kOne, kA).ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE(store->StoreModel(kOne, {.manifest = kA.manifest, .constants = kA.refs(), .source = "web"}, *lease)
              .ok());
  CHECK(store->ListModels()[0].display_name == "a model");
  CHECK(store->ListModels()[0].source == "web");
}

TEST_CASE("a partition that the user bounds is listed by its name before it has anything, and after") {
  TestStore store;
  REQUIRE(store->space().SetLimits(kOne, {.quota_bytes = 10'000}).ok());
  const auto names = [&] {
    std::vector<Partition> names;
    for (const PartitionInfo& info : store->ListPartitions()) names.push_back(info.partition);
    return names;
  };
  CHECK(names() == std::vector<Partition>{kOne});
  CHECK(store->ListPartitions()[0].models == 0);
  CHECK(store->ListPartitions()[0].logical_bytes == 0);
  CHECK(store->Usage().partitions == 0);
  REQUIRE(StoreWhole(*store, kTwo, kB).ok());
  REQUIRE(StoreWhole(*store, kOne, kA).ok());
  std::vector<Partition> both = {kOne, kTwo};
  std::sort(both.begin(), both.end());
  CHECK(names() == both);
  CHECK(store->RemovePartition(kOne).value());
  store.Collect();
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  CHECK(names() == both);
  REQUIRE(store->space().SetLimits(kOne, {}).ok());
  CHECK(names() == std::vector<Partition>{kTwo});
}

TEST_CASE(
    "removing a partition takes the decisions about it along, but neither budgets nor the user's word") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kOne, kA).ok());
  REQUIRE(StoreWhole(*store, kTwo, kA).ok());
  REQUIRE(store->space().Record({kB.id(), kOne, "refused", "no room", {}}).ok());
  REQUIRE(store->space().SetWish(kA.id(), true, std::nullopt).ok());
  REQUIRE(store->space().SetLimits(kOne, {.keep_at_most = 3}).ok());
  SiteBudget budget;
  budget.probes.push_back({ModelTag(kA.id()), absl::FromUnixSeconds(5)});
  REQUIRE(store->ledger().SetBudget(kOne, budget).ok());

  CHECK(store->RemovePartition(kOne).value());
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  REQUIRE(store->space().DecisionsOf(kA.id()).size() == 1);
  CHECK(store->space().DecisionsOf(kA.id())[0].partition == kTwo);
  CHECK(store->space().DecisionsOf(kB.id()).empty());
  CHECK(store->space().PartitionNames() == std::vector<Partition>{kTwo});
  CHECK(store->space().WishOf(kA.id()).pinned);
  CHECK(store->space().LimitsOf(kOne).keep_at_most == 3);
  CHECK(store->ledger().Budget(kOne).probes == budget.probes);
  // What was only spoken of is there to remove, too; what is gone is not.
  REQUIRE(store->space().Record({kB.id(), kOne, "refused", "no room", {}}).ok());
  CHECK(store->RemovePartition(kOne).value());
  CHECK_FALSE(store->RemovePartition(kOne).value());
}

TEST_CASE("removing a partition takes all of it and nothing of others'") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kOne, kA, "key").ok());
  REQUIRE(StoreWhole(*store, kOne, kB).ok());
  REQUIRE(StoreWhole(*store, kTwo, kB).ok());
  std::string half = Bytes(500, 9), open = Bytes(500, 10);
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE((*store->OpenUpload(kOne, RefOf(half), *lease))->Append(0, half.substr(0, 100)).ok());
  auto upload = store->OpenUpload(kOne, RefOf(open), *lease);
  REQUIRE((*upload)->Append(0, open.substr(0, 100)).ok());

  CHECK(store->RemovePartition(kOne).value());
  CHECK(store->ListModels(kOne).empty());
  CHECK(store->ListKeys(kOne).empty());
  CHECK(store->ListStaged().size() == 1);  // the open one ends with its session
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 3);
  CHECK(ReadWhole(*store, kTwo, kB).ok());
  REQUIRE((*upload)->Append(100, open.substr(100)).ok());
  REQUIRE((*upload)->Commit().ok());
  upload->reset();
  lease.reset();
  CHECK(store->RemovePartition(kOne).value());
  CHECK_FALSE(store->RemovePartition(kOne).value());
  store.Collect();
  CHECK(store->ListPartitions().size() == 1);
  CHECK(store.Problems() == "");
  store.Start();
  CHECK(store.Problems() == "");
}

TEST_CASE("an audit finds what is wrong") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kOne, kA).ok());
  CHECK(store.Problems() == "");
  SECTION("a missing file") {
    store.cache->RemoveBehind(BlobPathOf(kA.constants[0]));
  }
  SECTION("a cut file") {
    store.cache->CutTo(BlobPathOf(kA.constants[0]), 1);
  }
  SECTION("a file that nothing needs") {
    REQUIRE(store.cache->MakeDir("blobs/" + RefOf("orphan").digest.ToHex().substr(0, 2)).ok());
    REQUIRE(store.cache->Open(BlobPathOf("orphan"), FileSystem::Access::kCreate).ok());
  }
  SECTION("a file that is no blob") {
    REQUIRE(store.cache->MakeDir("blobs/zz").ok());
    REQUIRE(store.cache->Open("blobs/zz/orphan", FileSystem::Access::kCreate).ok());
  }
  SECTION("a staging file without a record") {
    REQUIRE(store.cache->Open("staging/junk", FileSystem::Access::kCreate).ok());
  }
  SECTION("records that changed behind the store's back") {
    store.catalogue->Overwrite("D" + std::string(32, 'x'), "");
  }
  CHECK(store.Problems() != "");
}

}  // namespace
}  // namespace modeld::storage
