// Promises of room while what they are for comes and goes: no bound is passed, whatever the order.
#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "storage/integrity.h"
#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const Partition kOther = "app:two";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const uint64_t kABytes = 3000 + kA.manifest.size();
const std::string& kBlob = kA.constants[1];

SpaceBounds Bounds(uint64_t quota_bytes, uint64_t limit_bytes = UINT64_MAX) {
  SpaceBounds bounds;
  bounds.quota_bytes = quota_bytes;
  bounds.limit_bytes = limit_bytes;
  return bounds;
}

uint64_t UsedBy(TestStore& store, const Partition& partition) {
  return store->space().Snapshot(partition).used_bytes();
}

absl::Status Reserve(TestStore& store, const Partition& partition, const BlobRef& ref, Lease& lease) {
  return store->space().Reserve(partition, {&ref, 1}, lease);
}

// Both partitions have kA, of which one blob is damaged.
struct Damaged : TestStore {
  Damaged() {
    REQUIRE(StoreWhole(**this, kApp, kA).ok());
    REQUIRE(StoreWhole(**this, kOther, kA).ok());
    cache->FlipBit(BlobPathOf(kBlob), 3);
    REQUIRE(absl::IsDataLoss((*this)->VerifyBlob(RefOf(kBlob).digest)));
  }
};

TEST_CASE("room to mend a model counts for the limit, so that dropping the model passes none") {
  Damaged store;
  auto lease = store->NewLease();
  store->space().SetBounds(Bounds(UINT64_MAX, kABytes + 1999));
  const absl::Status refused = Reserve(store, kApp, RefOf(kBlob), *lease);
  REQUIRE(ShortageOf(refused));
  CHECK(ShortageOf(refused)->bound == Bound::kLimit);
  CHECK(ShortageOf(refused)->need_bytes == 2000);

  const uint64_t limit = kABytes + 2000;
  store->space().SetBounds(Bounds(UINT64_MAX, limit));
  REQUIRE(Reserve(store, kApp, RefOf(kBlob), *lease).ok());
  CHECK(store->space().Totals().used_bytes == limit);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));  // the other one's stays
  CHECK(store->space().Totals().used_bytes == limit);
  CHECK(UsedBy(store, kApp) == 2000);
  const std::string more = Bytes(1, 9);
  CHECK(ShortageOf(Reserve(store, kOther, RefOf(more), *lease)));
  REQUIRE(store->PutBlob(kApp, RefOf(kBlob), Region::Copy(absl::string_view(kBlob)), *lease).ok());
  CHECK(store->space().Totals().used_bytes == limit);
  CHECK(UsedBy(store, kApp) == 2000);
  CHECK(ReadWhole(*store, kOther, kA).ok());
}

TEST_CASE(
    "an upload that mends a model needs no quota on the way, and takes its place when that is dropped") {
  Damaged store;
  store->space().SetBounds(Bounds(kABytes));
  auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(kBlob), *lease);
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Append(0, absl::string_view(kBlob).substr(0, 500)).ok());
  CHECK(UsedBy(store, kApp) == kABytes);
  CHECK(store->ListStaged().size() == 1);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  CHECK(UsedBy(store, kApp) == 2000);
  const BlobRef rest{Digest::Of("rest"), kABytes - 2000}, one_more{Digest::Of("more"), 1};
  REQUIRE(Reserve(store, kApp, rest, *lease).ok());
  CHECK(ShortageOf(Reserve(store, kApp, one_more, *lease)));
  const uint64_t at = (*upload)->committed_bytes();
  REQUIRE((*upload)->Append(at, absl::string_view(kBlob).substr(at)).ok());
  REQUIRE((*upload)->Commit().ok());
  CHECK(UsedBy(store, kApp) == kABytes);
  CHECK(store->space().Recount().empty());
}

TEST_CASE("what the partition has whole is promised nothing, and must be asked for when it is dropped") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  auto lease = store->NewLease();
  store->space().SetBounds(Bounds(kABytes, kABytes));
  REQUIRE(Reserve(store, kApp, RefOf(kBlob), *lease).ok());
  CHECK(store->space().Usage()->reserved_bytes == 0);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  REQUIRE(Reserve(store, kApp, {Digest::Of("another"), kABytes - 1999}, *lease).ok());
  CHECK(ShortageOf(store->PutBlob(kApp, RefOf(kBlob), Region::Copy(absl::string_view(kBlob)), *lease)));
  CHECK(UsedBy(store, kApp) <= kABytes);
}

TEST_CASE("a promise of less than a blob has hides nothing of what a lease keeps") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  auto reader = store->NewLease(), liar = store->NewLease();
  REQUIRE(store->GetModel(kApp, kA.id(), *reader).ok());
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  REQUIRE(UsedBy(store, kApp) == kABytes);
  REQUIRE(Reserve(store, kApp, {RefOf(kBlob).digest, 10}, *liar).ok());
  CHECK(UsedBy(store, kApp) == kABytes);
  liar.reset();
  CHECK(UsedBy(store, kApp) == kABytes);
}

TEST_CASE("a promise of more than an interrupted upload declared is charged the difference at once") {
  TestStore store;
  const std::string bytes = Bytes(1000, 4);
  auto lease = store->NewLease();
  {
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, 100)).ok());
  }
  store->space().SetBounds(Bounds(5000, 5000));
  REQUIRE(Reserve(store, kApp, {RefOf(bytes).digest, 5000}, *lease).ok());
  CHECK(UsedBy(store, kApp) == 5000);
  CHECK(store->space().Totals().used_bytes == 5000);
  CHECK(ShortageOf(Reserve(store, kApp, {Digest::Of("more"), 1}, *lease)));
}

TEST_CASE("bytes that were written in vain are promised still, so that the disk keeps room for them") {
  TestStore store;
  store.cache->SetDiskBytes(10'000);
  const uint64_t empty = store->space().Totals().free_bytes;
  const std::string bytes = Bytes(5000, 4), wrong = Bytes(5000, 5), big = Bytes(empty - 1000 - 5000 + 1, 6);
  auto lease = store->NewLease();
  REQUIRE(Reserve(store, kApp, RefOf(bytes), *lease).ok());
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE((*upload)->Append(0, wrong).ok());
  SECTION("the digest is another one") {
    CHECK(absl::IsDataLoss((*upload)->Commit()));
  }
  SECTION("its partition is cleared") {
    REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
  }
  SECTION("it is pruned after its end") {
    upload->reset();
    REQUIRE(store->integrity().PrunePartials({})->size() == 1);
  }
  SECTION("its partition is cleared, and it is sent on") {
    REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
    CHECK_FALSE((*upload)->Commit().ok());
  }
  upload->reset();
  CHECK(store->space().Totals().free_bytes == empty - 5000);
  CHECK(ShortageOf(store->PutBlob(kOther, RefOf(big), Region::Copy(absl::string_view(big)), *lease)));
  CHECK(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  CHECK(*store.cache->FreeBytes() >= 1000);
}

TEST_CASE("a blob sent whole has room beside the half of it that came in pieces") {
  TestStore store;
  store.cache->SetDiskBytes(10'000);
  const uint64_t empty = store->space().Totals().free_bytes;
  const uint64_t size = (empty - 1000) * 2 / 3;
  const std::string bytes = Bytes(size, 4);
  auto lease = store->NewLease();
  REQUIRE(Reserve(store, kApp, RefOf(bytes), *lease).ok());
  {
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, size - 100)).ok());
  }
  CHECK(ShortageOf(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease)));
  CHECK(*store.cache->FreeBytes() >= 1000);
  // The rest in pieces still fits.
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE((*upload)
              ->Append((*upload)->committed_bytes(),
                       absl::string_view(bytes).substr((*upload)->committed_bytes()))
              .ok());
  CHECK((*upload)->Commit().ok());
  CHECK(*store.cache->FreeBytes() >= 1000);
}

TEST_CASE("what a promise keeps is no room that eviction could make") {
  Damaged store;
  auto lease = store->NewLease();
  REQUIRE(Reserve(store, kApp, RefOf(kBlob), *lease).ok());
  const PartitionSnapshot snapshot = store->space().Snapshot(kApp);
  uint64_t freed = 0;
  for (uint64_t bytes : snapshot.blob_bytes) freed += bytes;
  CHECK(freed == kABytes - 2000);
  const uint64_t before = snapshot.used_bytes();
  REQUIRE(*store->space().Evict(kApp, kA.id(), "evicted", "least credit"));
  CHECK(UsedBy(store, kApp) == before - freed);
}

// Sessions of two partitions that store, drop, promise, damage and mend a few blobs in any order.
class Play {
 public:
  explicit Play(uint64_t seed) : random_(seed) {
    store_.options.presented_max_age = absl::Minutes(10);
    store_.Start();
    store_.cache->SetDiskBytes(70'000);
    store_->space().SetBounds(Bounds(25'000, 40'000));
    for (auto& lease : leases_) lease = store_->NewLease();
  }

  void Step() {
    const Partition& partition = partitions_[Pick(2)];
    const TestModel& model = models_[Pick(models_.size())];
    const std::string& bytes = model.constants[Pick(model.constants.size())];
    const size_t lease = Pick(leases_.size());
    switch (Pick(13)) {
      case 0:
        Damage(bytes);
        break;
      case 1:
        // Any blob, lacking or not, and sometimes with another size than it has.
        Note(
            Reserve(store_, partition, {RefOf(bytes).digest, bytes.size() + 500 * Pick(2)}, *leases_[lease]));
        break;
      case 2:
        Open(partition, bytes, lease);
        break;
      case 3:
      case 4:
        Send();
        break;
      case 5:
        Note(store_->PutBlob(partition, RefOf(bytes), Region::Copy(absl::string_view(bytes)),
                             *leases_[lease]));
        break;
      case 6:
      case 7:
        Note(StoreWhole(*store_, partition, model));
        break;
      case 8:
        (void)store_->DeleteModel(partition, model.id());
        break;
      case 9:
        (void)store_->space().Evict(partition, model.id(), "evicted", "");
        break;
      case 10:
        if (Pick(3) == 0)
          (void)store_->space().Clear(partition, absl::InfinitePast(), absl::InfiniteFuture());
        break;
      case 11:
        Collect();
        break;
      case 12:
        std::erase_if(uploads_, [&](const Sending& sending) { return sending.lease == lease; });
        leases_[lease].reset();
        leases_[lease] = store_->NewLease();
        break;
    }
    Check();
  }

  void Finish() {
    uploads_.clear();
    for (auto& lease : leases_) lease.reset();
    CHECK(store_->space().Usage()->reserved_bytes == 0);
    for (const Partition& partition : partitions_) {
      CHECK(store_->space().Snapshot(partition).reserved_bytes == 0);
    }
    store_.Collect();
    CHECK(store_.Problems() == "");
  }
  int refused() const { return refused_; }
  int damaged() const { return damaged_; }

 private:
  struct Sending {
    size_t lease;
    std::string bytes;
    std::unique_ptr<Upload> upload;
  };
  size_t Pick(size_t count) { return random_() % count; }
  void Note(const absl::Status& status) {
    if (ShortageOf(status)) ++refused_;
  }
  void Damage(const std::string& bytes) {
    if (!store_.cache->Stat(BlobPathOf(bytes)).ok()) return;
    ++damaged_;
    store_.cache->FlipBit(BlobPathOf(bytes), Pick(bytes.size()));
    (void)store_->integrity().VerifyAll({.rehash = true, .repair = Pick(4) == 0},
                                        [](const VerifyNews&) { return true; });
  }
  void Open(const Partition& partition, const std::string& bytes, size_t lease) {
    auto upload = store_->OpenUpload(partition, RefOf(bytes), *leases_[lease]);
    Note(upload.status());
    if (upload.ok()) uploads_.push_back({lease, bytes, *std::move(upload)});
  }
  void Send() {
    if (uploads_.empty()) return;
    const size_t place = Pick(uploads_.size());
    Sending& sending = uploads_[place];
    const std::vector<ByteRange> missing = sending.upload->missing();
    if (!missing.empty()) {
      const uint64_t at = missing[0].begin_bytes;
      const uint64_t count = 1 + Pick(missing[0].end_bytes - at);
      std::string piece = sending.bytes.substr(at, count);
      if (Pick(20) == 0) piece[0] ^= 1;
      (void)sending.upload->Append(at, piece);
    }
    if (sending.upload->missing().empty()) (void)sending.upload->Commit();
    if (Pick(3) == 0) uploads_.erase(uploads_.begin() + place);
  }
  void Collect() {
    store_.clock.Advance(absl::Minutes(8));
    if (Pick(3) == 0) (void)store_->integrity().PrunePartials({});
    store_.Collect();
    // What is there is counted.
    uint64_t bytes = 0;
    for (const std::string& path : store_.cache->Files()) {
      if (path.starts_with("blobs/") || path.starts_with("staging/")) {
        bytes += store_.cache->Stat(path)->size_bytes;
      }
    }
    CHECK(bytes <= store_->space().Totals().used_bytes);
  }
  void Check() {
    const StoreTotals totals = store_->space().Totals();
    CHECK(totals.used_bytes <= totals.limit_bytes);
    CHECK(totals.free_bytes >= totals.min_free_bytes);
    CHECK(*store_.cache->FreeBytes() >= store_.options.min_free_bytes);
    for (const Partition& partition : partitions_) {
      const PartitionSnapshot snapshot = store_->space().Snapshot(partition);
      CHECK(snapshot.used_bytes() <= snapshot.quota_bytes);
    }
    CHECK(store_->space().Recount().empty());
  }

  std::mt19937_64 random_;
  TestStore store_;
  const std::vector<Partition> partitions_ = {kApp, kOther};
  const std::vector<TestModel> models_ = {{"graph a", {Bytes(9000, 11), Bytes(300, 14)}},
                                          {"graph b", {Bytes(9000, 11), Bytes(7000, 12)}},
                                          {"graph c", {Bytes(12'000, 13)}}};
  std::array<std::unique_ptr<Lease>, 3> leases_;
  std::vector<Sending> uploads_;
  int refused_ = 0, damaged_ = 0;
};

TEST_CASE("whatever is stored, dropped, damaged, promised and mended in any order, no bound is passed") {
  const uint64_t seed = std::random_device()();
  int refused = 0, damaged = 0;
  for (uint64_t run = 0; run < 25; ++run) {
    CAPTURE(seed, run);
    Play play(seed + run);
    for (int step = 0; step < 250; ++step) {
      CAPTURE(step);
      play.Step();
    }
    play.Finish();
    refused += play.refused();
    damaged += play.damaged();
  }
  CHECK(refused > 0);
  CHECK(damaged > 0);
}

}  // namespace
}  // namespace modeld::storage
