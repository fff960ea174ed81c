// What the store does when its files are not what they should be: each fault has its own clear answer and
// costs nothing else.
#include <catch2/catch.hpp>

#include "storage/catalogue.pb.h"
#include "storage/record_codec.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph B", {Bytes(2000, 2), Bytes(3000, 3)}};
const TestModel kC{"graph C", {Bytes(500, 4)}};
const Partition kApp = "app:one";
const Partition kOther = "app:two";

struct Filled : TestStore {
  Filled() {
    REQUIRE(StoreWhole(**this, kApp, kA, "a").ok());
    REQUIRE(StoreWhole(**this, kApp, kB).ok());
    REQUIRE(StoreWhole(**this, kOther, kC).ok());
  }
};

Health HealthOf(TestStore& store, const TestModel& model) {
  for (const ModelInfo& info : store->ListModels()) {
    if (info.model_id == model.id()) return info.health;
  }
  FAIL("the model is not listed");
  return Health::kDamaged;
}

TEST_CASE("one flipped bit is found at the first map, costs its models alone, and is repaired by new bytes") {
  Filled store;
  store.Start();
  store.cache->FlipBit(BlobPathOf(kA.constants[0]), 777);
  absl::Status status = ReadWhole(*store, kApp, kA);
  CHECK(absl::IsDataLoss(status));
  CHECK(std::string(status.message()).find(RefOf(kA.constants[0]).digest.ToHex()) != std::string::npos);
  CHECK(HealthOf(store, kA) == Health::kDamaged);
  CHECK(ReadWhole(*store, kApp, kB).ok());
  CHECK(ReadWhole(*store, kOther, kC).ok());
  CHECK(store.cache->Stat("quarantine/" + RefOf(kA.constants[0]).digest.ToHex()).ok());
  CHECK(store.Problems() == "");
  SECTION("at once") {}
  SECTION("or after a restart") {
    store.Start();
    CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
    CHECK(HealthOf(store, kA) == Health::kDamaged);
  }
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(*store->FindMissing(kApp, kA.refs(), *lease) == std::vector<BlobRef>{kA.refs()[0]});
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(*store->LoadKey(kApp, "a") == kA.id());
  store.Collect();
  CHECK(absl::IsNotFound(store.cache->Stat("quarantine/" + RefOf(kA.constants[0]).digest.ToHex()).status()));
  CHECK(store.Problems() == "");
}

TEST_CASE("a check of everything names the blob and all models that it damages") {
  Filled store;
  store.cache->FlipBit(BlobPathOf(kA.constants[1]), 0);  // A and B share it
  store.cache->RemoveBehind(BlobPathOf(kC.constants[0]));
  uint64_t calls = 0;
  auto report = store->VerifyAll([&](uint64_t done, uint64_t total) {
    ++calls;
    CHECK(done <= total);
    return true;
  });
  REQUIRE(report.ok());
  CHECK(report->blobs_checked == 7);
  CHECK(calls == 7);
  REQUIRE(report->bad.size() == 2);
  for (const auto& bad : report->bad) {
    bool flipped = bad.digest == RefOf(kA.constants[1]).digest;
    CHECK(bad.health == (flipped ? Health::kDamaged : Health::kMissing));
    CHECK(bad.models.size() == (flipped ? 2 : 1));
  }
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kB)));
  CHECK(absl::IsNotFound(ReadWhole(*store, kOther, kC)));
  absl::Status again = store->VerifyBlob(RefOf(kA.constants[1]).digest);
  CHECK(absl::IsDataLoss(again));
  CHECK(std::string(again.message()).find(kB.id().ToHex()) != std::string::npos);
  CHECK(HealthOf(store, kA) == Health::kDamaged);  // not only missing, although the file is in quarantine
  CHECK(absl::IsNotFound(store->VerifyBlob(Digest::Of("nothing"))));
  CHECK(absl::IsCancelled(store->VerifyAll([](uint64_t, uint64_t) { return false; }).status()));
  CHECK(store.Problems() == "");
}

TEST_CASE("a missing file is told once and then not found, and others go on") {
  Filled store;
  store.cache->RemoveBehind(BlobPathOf(kA.constants[0]));
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(store->GetModel(kApp, kA.id(), *lease).status() ==
        store->GetModel(kApp, Digest::Of("nothing"), *lease).status());
  CHECK(absl::IsNotFound(store->SaveKey(kApp, "again", kA.id())));
  CHECK(HealthOf(store, kA) == Health::kMissing);
  CHECK(ReadWhole(*store, kApp, kB).ok());
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store.Problems() == "");
}

TEST_CASE("a file that was cut short is damage, also when found at start") {
  Filled store;
  store.cache->CutTo(BlobPathOf(kA.constants[0]), 10);
  SECTION("while running") {}
  SECTION("at start") {
    store.Start();
    CHECK(store->recovery().blobs_missing == 1);
  }
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
  CHECK(ReadWhole(*store, kApp, kB).ok());
  CHECK(store.Problems() == "");
}

TEST_CASE("a damaged manifest is repaired by storing again") {
  Filled store;
  store.Start();
  store.cache->FlipBit(BlobPathOf(kA.manifest), 0);
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("another partition's upload repairs a blob that nobody has hashed yet") {
  Filled store;
  store.Start();
  store.cache->FlipBit(BlobPathOf(kA.constants[0]), 5);
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  CHECK(ReadWhole(*store, kOther, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("a wiped cache folder evicts the models and keeps the user's decisions") {
  Filled store;
  store.Stop();
  store.cache->Wipe();
  store.Start();
  CHECK(store->recovery().blobs_missing == 7);
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
  CHECK(HealthOf(store, kA) == Health::kMissing);
  CHECK(store->ListModels().size() == 3);
  CHECK(*store->LoadKey(kApp, "a") == kA.id());
  CHECK(store->Usage().physical_bytes == 0);
  CHECK(store.Problems() == "");
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kB)));
  // An evicted model can be deleted.
  REQUIRE(*store->DeleteModel(kApp, kB.id()));
  store.Collect();
  CHECK(store.Problems() == "");
  store.Start();
  CHECK(store->recovery().blobs_missing == 0);
  CHECK(store.Problems() == "");
}

TEST_CASE("files that come back after a wipe are used again") {
  Filled store;
  auto copy = store.cache->Map(BlobPathOf(kC.constants[0]));
  REQUIRE(copy.ok());
  store.cache->RemoveBehind(BlobPathOf(kC.constants[0]));
  store.Start();
  CHECK(absl::IsNotFound(ReadWhole(*store, kOther, kC)));
  auto file = store.cache->Open(BlobPathOf(kC.constants[0]), FileSystem::Access::kCreate);
  REQUIRE((*file)->WriteAt(0, copy->view()).ok());
  store.Start();
  CHECK(ReadWhole(*store, kOther, kC).ok());
}

TEST_CASE("with the state folder gone, its blobs are swept") {
  Filled store;
  store.Stop();
  store.catalogue = std::make_shared<FakeCatalogue>(store.plan);
  store.Start();
  CHECK(store->recovery().orphan_files_removed == 7);
  CHECK(store.BlobFilePaths().empty());
  CHECK(store->ListModels().empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("files of nobody's are swept at start") {
  Filled store;
  for (const char* path : {"staging/put-7", "staging/junk", "blobs/00/junk"}) {
    REQUIRE(store.cache->MakeDir("blobs/00").ok());
    REQUIRE(store.cache->Open(path, FileSystem::Access::kCreate).ok());
  }
  CHECK(store.Problems() != "");
  store.Start();
  CHECK(store->recovery().orphan_files_removed == 3);
  CHECK(store.Problems() == "");
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("a catalogue of a newer modeld is refused and nothing is touched") {
  Filled store;
  store.Stop();
  record::SchemaRecord schema;
  schema.set_version(kSchemaVersion + 1);
  store.catalogue->Overwrite(SchemaKey(), schema.SerializeAsString());
  auto records = store.catalogue->Records();
  auto files = store.cache->Files();
  absl::Status status = store.TryStart();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("newer modeld") != std::string::npos);
  CHECK(store.catalogue->Records() == records);
  CHECK(store.cache->Files() == files);
  store.catalogue->Overwrite(SchemaKey(), SchemaValue());
  store.Start();
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("a catalogue of version 1 keeps its models and becomes one of this version") {
  Filled store;
  store.Stop();
  record::SchemaRecord schema;
  schema.set_version(1);
  store.catalogue->Overwrite(SchemaKey(), schema.SerializeAsString());
  store.Start();
  CHECK(ReadWhole(*store, kApp, kA).ok());
  store.Stop();
  CHECK(store.catalogue->Records().at(SchemaKey()) == SchemaValue());
}

TEST_CASE("a catalogue without its schema record is refused") {
  TestStore store;
  store.Stop();
  store.catalogue = std::make_shared<FakeCatalogue>(store.plan);
  store.catalogue->Overwrite("Mjunk", "junk");
  CHECK(absl::IsDataLoss(store.TryStart()));
  store.catalogue->Overwrite(SchemaKey(), "\xFFjunk");
  CHECK(absl::IsDataLoss(store.TryStart()));
}

TEST_CASE("one unreadable record is listed as damaged and costs nothing else") {
  Filled store;
  store.Stop();
  std::string model_key = "M" + std::string(kA.id().bytes());
  std::string hold_key =
      "H" + std::string(Digest::Of(absl::string_view(kApp)).bytes()) + std::string(kB.id().bytes());
  std::string partition_key = "P" + std::string(Digest::Of(absl::string_view(kOther)).bytes());
  std::map<std::string, std::string> records = store.catalogue->Records();
  REQUIRE(records.contains(model_key));
  REQUIRE(records.contains(hold_key));
  REQUIRE(records.contains(partition_key));

  SECTION("a model's") {
    store.catalogue->Overwrite(model_key, "\xFF\xFF");
    store.Start();
    CHECK(store->recovery().unreadable_records == 1);
    CHECK(store->ListModels().size() == 3);
    CHECK(HealthOf(store, kA) == Health::kDamaged);
    CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
    CHECK(ReadWhole(*store, kApp, kB).ok());
    SECTION("storing repairs it") {
      REQUIRE(StoreWhole(*store, kApp, kA).ok());
      CHECK(ReadWhole(*store, kApp, kA).ok());
    }
    SECTION("deleting removes it") {
      REQUIRE(*store->DeleteModel(kApp, kA.id()));
      CHECK_FALSE(store.catalogue->Records().contains(model_key));
    }
    store.Start();
    CHECK(store->recovery().unreadable_records == 0);
    CHECK(store.Problems() == "");
  }
  SECTION("a hold's") {
    store.catalogue->Overwrite(hold_key, "\xFF\xFF");
    store.Start();
    CHECK(store->ListModels().size() == 3);
    CHECK(ReadWhole(*store, kApp, kB).ok());
  }
  SECTION("a partition's") {
    store.catalogue->Overwrite(partition_key, "\xFF\xFF");
    store.Start();
    CHECK(store->ListPartitions().size() == 2);
    CHECK(ReadWhole(*store, kOther, kC).ok());
    REQUIRE(StoreWhole(*store, kOther, kC).ok());
    CHECK(store->ListPartitions().back().partition == kOther);
  }
}

TEST_CASE("a read-only cache folder refuses writing and nothing else") {
  Filled store;
  store.cache->SetReadOnly(true);
  absl::Status status = StoreWhole(*store, kOther, kA);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find("the cache folder: is read-only") != std::string::npos);
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(absl::IsFailedPrecondition(store.TryStart()));
  store.cache->SetReadOnly(false);
  store.Start();
  REQUIRE(StoreWhole(*store, kOther, kA).ok());
  CHECK(store.Problems() == "");
}

}  // namespace
}  // namespace modeld::storage
