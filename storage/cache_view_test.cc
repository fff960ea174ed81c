// What removing would give back, and what was set aside.
#include <catch2/catch.hpp>

#include "storage/model_store.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const Partition kOther = "app:two";
const TestModel kA{"graph a", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph b", {Bytes(2000, 2), Bytes(3000, 3)}};  // shares a constant with kA

// The bytes of the blobs' files.
uint64_t BlobBytes(TestStore& store) {
  uint64_t bytes = 0;
  for (const std::string& path : store.BlobFilePaths()) bytes += store.cache->Stat(path)->size_bytes;
  return bytes;
}

uint64_t FreedBy(TestStore& store, const std::vector<HoldName>& holds) {
  return store->FreedBy(holds);
}

TEST_CASE("what is freed is what the disk gets back when all go at once") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  REQUIRE(StoreWhole(*store, kOther, kB).ok());
  const HoldName a{kApp, kA.id()}, b{kApp, kB.id()}, theirs{kOther, kB.id()};
  CHECK(FreedBy(store, {}) == 0);
  CHECK(FreedBy(store, {a}) == 1000 + kA.manifest.size());
  CHECK(FreedBy(store, {b}) == 0);
  CHECK(FreedBy(store, {b, theirs}) == 3000 + kB.manifest.size());
  CHECK(FreedBy(store, {a, a, {kOther, kA.id()}, {"app:none", kA.id()}}) == 1000 + kA.manifest.size());
  const std::vector<HoldName> all = {a, b, theirs};
  const uint64_t promised = FreedBy(store, all);
  CHECK(promised == BlobBytes(store));
  for (const HoldName& hold : all) REQUIRE(*store->DeleteModel(hold.partition, hold.model_id));
  CHECK(store.Collect().bytes == promised);
  CHECK(store.BlobFilePaths().empty());
}

TEST_CASE("what an upload keeps, or is not there, is not freed") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  const std::vector<HoldName> hold = {{kApp, kA.id()}};
  SECTION("kept by another partition's upload") {
    auto lease = store->NewLease();
    const std::string& bytes = kA.constants[0];
    REQUIRE(store->PutBlob(kOther, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
    CHECK(FreedBy(store, hold) == 2000 + kA.manifest.size());
  }
  SECTION("missing") {
    store.cache->RemoveBehind(BlobPathOf(kA.constants[1]));
    REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[1]).digest)));
    CHECK(FreedBy(store, hold) == 1000 + kA.manifest.size());
  }
  SECTION("without a record of the model") {
    store.catalogue->Overwrite("M" + std::string(kA.id().bytes()), "\xff");
    store.Start();
    CHECK(FreedBy(store, hold) == 0);
  }
}

TEST_CASE("what is set aside is listed with its time and its models, until it is mended") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kOther, kB).ok());
  CHECK(store->ListQuarantined()->empty());
  CHECK(store->DamagesFound() == 0);
  store.clock.Advance(absl::Hours(1));
  store.cache->FlipBit(BlobPathOf(kA.constants[1]), 9);
  for (int look = 0; look < 2; ++look) {
    CHECK(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[1]).digest)));
  }
  CHECK(store->DamagesFound() == 1);
  const auto listed = store->ListQuarantined();
  REQUIRE(listed.ok());
  REQUIRE(listed->size() == 1);
  CHECK((*listed)[0].blob == RefOf(kA.constants[1]));
  CHECK((*listed)[0].found == store.clock.Now());
  std::vector<Digest> both = {kA.id(), kB.id()};
  std::sort(both.begin(), both.end());
  CHECK((*listed)[0].models == both);

  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  store.Collect();
  CHECK(store->ListQuarantined()->empty());
  CHECK(store->DamagesFound() == 1);
  SECTION("the same blob damaged once more counts once more") {
    store.cache->FlipBit(BlobPathOf(kA.constants[1]), 9);
    REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[1]).digest)));
    CHECK(store->DamagesFound() == 2);
  }
}

TEST_CASE("a missing blob is found once and leaves nothing aside") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  store.cache->RemoveBehind(BlobPathOf(kA.constants[0]));
  REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(kA.constants[0]).digest)));
  CHECK(store->DamagesFound() == 1);
  CHECK(store->ListQuarantined()->empty());
}

}  // namespace
}  // namespace modeld::storage
