// Clearing by time, and sums that agree with the files.
#include <catch2/catch.hpp>
#include <random>

#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "web:a.example|https://a.example";
const Partition kOther = "app:two";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph b", {Bytes(2000, 2), Bytes(3000, 3)}};

// One whole upload that no model names.
void Present(TestStore& store, const Partition& partition, const std::string& bytes) {
  auto lease = store->NewLease();
  REQUIRE(store->PutBlob(partition, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
}

// An upload of which the first half came.
void Begin(TestStore& store, const Partition& partition, const std::string& bytes) {
  auto lease = store->NewLease();
  auto upload = store->OpenUpload(partition, RefOf(bytes), *lease);
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, bytes.size() / 2)).ok());
}

TEST_CASE("clearing a span forgets what came within it, and leaves the rest and the user's word") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "before").ok());
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  store.clock.Advance(absl::Hours(1));
  const absl::Time from = store.clock.Now();
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  REQUIRE(store->SaveKey(kApp, "within", kA.id()).ok());
  Present(store, kApp, Bytes(50, 7));
  Begin(store, kApp, Bytes(60, 8));
  const auto used = [&](const UseFigures&, uint64_t) {
    return UseFigures{5, 5, absl::Seconds(1), store.clock.Now()};
  };
  REQUIRE(store->space().Use(kApp, kA.id(), used));
  REQUIRE(store->space().SetWish(kB.id(), true, std::nullopt).ok());
  store.clock.Advance(absl::Hours(1));
  const absl::Time to = store.clock.Now();
  REQUIRE(StoreWhole(*store, kApp, kA, "after").ok());

  auto cleared = store->space().Clear(kApp, from, to);
  REQUIRE(cleared.ok());
  CHECK(cleared->models == 1);
  CHECK(cleared->model_ids == std::vector<Digest>{kB.id()});
  CHECK(cleared->keys == 1);
  CHECK(cleared->uploads == 2);
  CHECK(cleared->decisions == 1);
  store.Collect();
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kB)));
  CHECK(absl::IsNotFound(store->LoadKey(kApp, "within").status()));
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store->LoadKey(kApp, "before").ok());
  CHECK(store->LoadKey(kApp, "after").ok());
  CHECK(ReadWhole(*store, kOther, kA).ok());
  CHECK(store->ListStaged().empty());
  CHECK(store->space().WishOf(kB.id()).pinned);
  for (const std::string& path : store.cache->Files()) CHECK_FALSE(path.starts_with("staging/"));
  CHECK(store.Problems() == "");
  CHECK(store->space().Recount().empty());
}

TEST_CASE(
    "a model whose only keys are of the span goes with them, and its last use within the span is forgotten") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "old").ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  const absl::Time stored = store.clock.Now();
  store.clock.Advance(absl::Hours(1));
  const absl::Time from = store.clock.Now();
  REQUIRE(store->SaveKey(kApp, "new", kA.id()).ok());
  REQUIRE(*store->DeleteKey(kApp, "old"));
  const auto used = [&](const UseFigures&, uint64_t) {
    return UseFigures{5, 5, absl::Seconds(1), store.clock.Now()};
  };
  REQUIRE(store->space().Use(kApp, kB.id(), used));
  auto cleared = store->space().Clear(kApp, from, absl::InfiniteFuture());
  REQUIRE(cleared.ok());
  CHECK(cleared->models == 1);
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
  const PartitionSnapshot left = store->space().Snapshot(kApp);
  REQUIRE(left.models.size() == 1);
  CHECK(left.models[0].figures.last_used == stored);
  CHECK(left.models[0].figures.frequency == 0);
}

TEST_CASE("an upload that is being sent ends when its partition is cleared, and leaves nothing") {
  TestStore store;
  const std::string bytes = Bytes(1000, 5);
  auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, 600)).ok());
  REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
  REQUIRE((*upload)->Append(600, absl::string_view(bytes).substr(600)).ok());
  CHECK(absl::IsFailedPrecondition((*upload)->Commit()));
  upload->reset();
  lease.reset();
  store.Collect();
  CHECK(store->ListPartitions().empty());
  CHECK(store->ListStaged().empty());
  CHECK(store.BlobFilePaths().empty());
  CHECK(store.Problems() == "");
  auto again = store->NewLease();
  CHECK(store->OpenUpload(kApp, RefOf(bytes), *again).ok());
}

// The files' own sum.
uint64_t FileBytes(TestStore& store) {
  uint64_t bytes = 0;
  for (const std::string& path : store.cache->Files()) {
    if (path.find('/') != std::string::npos) bytes += store.cache->Stat(path)->size_bytes;
  }
  return bytes;
}

TEST_CASE("usage adds up to the files, by kind and by partition") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  REQUIRE(StoreWhole(*store, kOther, kB).ok());
  store.Collect();
  Present(store, kApp, Bytes(777, 7));
  Begin(store, kApp, Bytes(600, 8));
  store.cache->FlipBit(BlobPathOf(kB.constants[1]), 0);
  REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kB.constants[1]).digest)));

  auto usage = store->space().Usage();
  REQUIRE(usage.ok());
  CHECK(usage->unreferenced_bytes == 777);
  CHECK(usage->staging_bytes == 300);
  CHECK(usage->quarantine_bytes == 3000);
  CHECK(usage->blob_bytes == 3000 + kA.manifest.size() + kB.manifest.size());
  CHECK(usage->physical_bytes == FileBytes(store));
  CHECK(usage->disk_bytes % 4096 == 0);
  CHECK(usage->disk_bytes >= usage->physical_bytes);
  REQUIRE(usage->partitions.size() == 2);
  uint64_t physical = 0, logical = 0;
  for (const auto& partition : usage->partitions) {
    physical += partition.physical_bytes;
    logical += partition.logical_bytes;
  }
  CHECK(physical == usage->blob_bytes);
  CHECK(logical == usage->logical_bytes);
  CHECK(usage->partitions[0].partition == kOther);
  CHECK(usage->partitions[0].exclusive_bytes == kB.manifest.size());
  CHECK(usage->partitions[1].exclusive_bytes == 0);
  CHECK(usage->partitions[1].staged_bytes == 777 + 600);
  store.cache->Wipe();
  auto empty = store->space().Usage();
  REQUIRE(empty.ok());
  CHECK(empty->physical_bytes == 0);
}

// Random doings of several sessions against small bounds.
class Play {
 public:
  explicit Play(uint64_t seed) : random_(seed) {
    store_.cache->SetDiskBytes(60'000);
    SetBounds();
    for (int i = 0; i < 3; ++i) leases_.push_back(store_->NewLease());
  }

  void Step() {
    const Partition& partition = partitions_[Pick(2)];
    const std::string& bytes = blobs_[Pick(blobs_.size())];
    std::unique_ptr<Lease>& lease = leases_[Pick(leases_.size())];
    switch (Pick(10)) {
      case 0:
        Reserve(partition, {RefOf(bytes), RefOf(blobs_[0])}, *lease);
        break;
      case 1:
        Open(partition, bytes, *lease);
        break;
      case 2:
      case 3:
        Send();
        break;
      case 4:
        if (!uploads_.empty()) uploads_.erase(uploads_.begin() + Pick(uploads_.size()));
        break;
      case 5:
        (void)store_->PutBlob(partition, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease);
        break;
      case 6:
        (void)StoreWhole(*store_, partition, Pick(2) == 0 ? kA : kB);
        break;
      case 7:
        (void)store_->space().Evict(partition, Pick(2) == 0 ? kA.id() : kB.id(), "evicted", "", 1.0);
        break;
      case 8:
        store_.clock.Advance(absl::Minutes(20));
        (void)store_->Collect(store_.clock.Now());
        break;
      case 9:
        End(lease);
        break;
    }
    Check();
  }

  void Finish() {
    uploads_.clear();
    leases_.clear();
    CHECK(store_->space().Usage()->reserved_bytes == 0);
    for (const Partition& partition : partitions_) {
      CHECK(store_->space().Snapshot(partition).reserved_bytes == 0);
    }
    store_.Collect();
    CHECK(store_.Problems() == "");
  }

 private:
  struct Sending {
    size_t lease;
    std::string bytes;
    std::unique_ptr<Upload> upload;
  };
  size_t Pick(size_t count) { return random_() % count; }
  void SetBounds() {
    SpaceBounds bounds;
    bounds.quota_bytes = 25'000;
    bounds.limit_bytes = 40'000;
    store_->space().SetBounds(bounds);
  }
  void Reserve(const Partition& partition, const std::vector<BlobRef>& refs, Lease& lease) {
    auto missing = store_->FindMissing(partition, refs, lease);
    if (missing.ok()) (void)store_->space().Reserve(partition, *missing, lease);
  }
  void Open(const Partition& partition, const std::string& bytes, Lease& lease) {
    auto upload = store_->OpenUpload(partition, RefOf(bytes), lease);
    if (!upload.ok()) return;
    size_t index = 0;
    while (leases_[index].get() != &lease) ++index;
    uploads_.push_back({index, bytes, *std::move(upload)});
  }
  void Send() {
    if (uploads_.empty()) return;
    Sending& sending = uploads_[Pick(uploads_.size())];
    const uint64_t at = sending.upload->committed_bytes();
    const std::string piece = sending.bytes.substr(at, 1 + Pick(sending.bytes.size()));
    (void)sending.upload->Append(at, piece);
    if (sending.upload->committed_bytes() == sending.bytes.size()) (void)sending.upload->Commit();
  }
  // The session goes, with its uploads, and sometimes the power.
  void End(std::unique_ptr<Lease>& lease) {
    size_t index = 0;
    while (leases_[index].get() != lease.get()) ++index;
    std::erase_if(uploads_, [&](const Sending& sending) { return sending.lease == index; });
    lease.reset();
    if (Pick(4) == 0) {
      uploads_.clear();
      for (auto& each : leases_) each.reset();
      store_.Crash(FakeFileSystem::Survival::kRandom, random_());
      store_.Start();
      SetBounds();
    }
    for (auto& each : leases_) {
      if (!each) each = store_->NewLease();
    }
  }
  void Check() {
    CHECK(*store_.cache->FreeBytes() >= store_.options.min_free_bytes);
    const StoreTotals totals = store_->space().Totals();
    CHECK(totals.used_bytes <= totals.limit_bytes);
    CHECK(totals.free_bytes >= totals.min_free_bytes);
    for (const Partition& partition : partitions_) {
      const PartitionSnapshot snapshot = store_->space().Snapshot(partition);
      CHECK(snapshot.reserved_bytes <= snapshot.quota_bytes);
      CHECK(snapshot.used_bytes() <= snapshot.quota_bytes);
    }
    CHECK(store_->space().Recount().empty());
    auto usage = store_->space().Usage();
    REQUIRE(usage.ok());
    CHECK(usage->physical_bytes == FileBytes(store_));
  }

  std::mt19937_64 random_;
  TestStore store_;
  const std::vector<Partition> partitions_ = {kApp, kOther};
  const std::vector<std::string> blobs_ = {Bytes(9000, 11), Bytes(7000, 12), Bytes(12'000, 13),
                                           Bytes(300, 14), kA.constants[1]};
  std::vector<std::unique_ptr<Lease>> leases_;
  std::vector<Sending> uploads_;
};

TEST_CASE("whatever several sessions do at once, no bound is passed and nothing is counted wrong") {
  const uint64_t seed = std::random_device()();
  for (uint64_t run = 0; run < 20; ++run) {
    CAPTURE(seed, run);
    Play play(seed + run);
    for (int step = 0; step < 150; ++step) {
      CAPTURE(step);
      play.Step();
    }
    play.Finish();
  }
}

}  // namespace
}  // namespace modeld::storage
