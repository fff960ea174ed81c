#include "storage/model_store.h"

#include <catch2/catch.hpp>

#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph B", {Bytes(2000, 2), Bytes(3000, 3)}};  // shares a constant with A
const Partition kApp = "app:one";
const Partition kWeb = "web:https://a.example|https://b.example";

TEST_CASE("a stored model comes back, also after a restart") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
  store.Start();
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store.Problems() == "");
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(store->GetModel(kApp, kA.id(), *lease)->constants.size() == 2);
}

TEST_CASE("storing twice is the same as storing once") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  size_t files = store.BlobFilePaths().size();
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  CHECK(store.BlobFilePaths().size() == files);
  CHECK(store->ListModels().size() == 1);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  CHECK(store->ListModels().empty());
}

TEST_CASE("a model needs all of its constants") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  StoreRequest request{.manifest = kA.manifest, .constants = kA.refs()};
  REQUIRE(
      store->PutBlob(kApp, RefOf(kA.constants[0]), Region::Copy(absl::string_view(kA.constants[0])), *lease)
          .ok());
  absl::Status status = store->StoreModel(kApp, request, *lease).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(std::string(status.message()).find(RefOf(kA.constants[1]).digest.ToHex()) != std::string::npos);
  CHECK(absl::IsNotFound(store->GetModel(kApp, kA.id(), *lease).status()));
  CHECK(store->ListModels().empty());
}

TEST_CASE("a constant declared with a wrong size is refused") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  BlobRef wrong = RefOf(kA.constants[0]);
  ++wrong.size_bytes;
  CHECK(absl::IsInvalidArgument(store->FindMissing(kApp, {&wrong, 1}, *lease).status()));
  CHECK(absl::IsInvalidArgument(store->OpenUpload(kApp, wrong, *lease).status()));
  CHECK(absl::IsInvalidArgument(
      store->StoreModel(kApp, {.manifest = "x", .constants = {wrong, RefOf(kA.constants[0])}}, *lease)
          .status()));
  // The same manifest with other constants would be another model under the same name.
  CHECK(absl::IsInvalidArgument(store->StoreModel(kApp, {.manifest = kA.manifest}, *lease).status()));
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("partitions do not see one another's models, blobs and keys") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "key").ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  absl::Status foreign = store->GetModel(kWeb, kA.id(), *lease).status();
  absl::Status absent = store->GetModel(kWeb, Digest::Of("nothing"), *lease).status();
  absl::Status blob = store->MapBlob(kWeb, RefOf(kA.constants[0]).digest, *lease).status();
  CHECK(absl::IsNotFound(foreign));
  CHECK(foreign == absent);
  CHECK(foreign == blob);
  CHECK(foreign == store->LoadKey(kWeb, "key").status());
  CHECK(foreign == store->SaveKey(kWeb, "key", kA.id()));
  CHECK(store->ListKeys(kWeb).empty());
  CHECK_FALSE(*store->DeleteModel(kWeb, kA.id()));
  CHECK_FALSE(*store->DeleteKey(kWeb, "key"));
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("what must be sent does not tell what others hold") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  auto refs = kA.refs();
  auto before = store->FindMissing(kWeb, refs, *lease);
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  auto after = store->FindMissing(kWeb, refs, *lease);
  CHECK(*before == refs);
  CHECK(*after == refs);
  // A wrong size for a blob of another's is not contradicted.
  BlobRef wrong{refs[0].digest, refs[0].size_bytes + 1};
  CHECK(store->FindMissing(kWeb, {&wrong, 1}, *lease)->size() == 1);
  // The uploader sends all bytes, in the same steps, and gets the same answers.
  auto upload = store->OpenUpload(kWeb, refs[0], *lease);
  REQUIRE(upload.ok());
  CHECK((*upload)->committed_bytes() == 0);
  CHECK(absl::IsFailedPrecondition((*upload)->Commit()));
  REQUIRE((*upload)->Append(0, kA.constants[0]).ok());
  REQUIRE((*upload)->Commit().ok());
  CHECK(store->FindMissing(kWeb, refs, *lease)->size() == 1);
}

TEST_CASE("a file that another partition has placed costs the next uploader the same steps") {
  auto steps = [](bool there) {
    TestStore store;
    if (there) REQUIRE(StoreWhole(*store, kApp, kA).ok());
    std::unique_ptr<Lease> lease = store->NewLease();
    auto upload = store->OpenUpload(kWeb, RefOf(kA.constants[0]), *lease);
    REQUIRE((*upload)->Append(0, kA.constants[0]).ok());
    uint64_t before = store.plan.steps();
    REQUIRE((*upload)->Commit().ok());
    return store.plan.steps() - before;
  };
  CHECK(steps(false) == steps(true));
}

TEST_CASE("what another partition has read since the start is hashed for this one, too") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kWeb, kA).ok());
  store.Start();
  REQUIRE(ReadWhole(*store, kApp, kA).ok());
  store.cache->FlipBit(BlobPathOf(kA.constants[0]), 0);
  // For the one its bytes were found right, for the other they have yet to be looked at.
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(store->MapBlob(kApp, RefOf(kA.constants[0]).digest, *lease).ok());
  CHECK(absl::IsDataLoss(store->MapBlob(kWeb, RefOf(kA.constants[0]).digest, *lease).status()));
}

TEST_CASE("an upload of what was there leaves the file alone, and nothing behind") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  const Region held = *store->MapBlob(kApp, RefOf(kA.constants[0]).digest, *lease);
  REQUIRE(StoreWhole(*store, kWeb, kA).ok());
  CHECK(store->MapBlob(kWeb, RefOf(kA.constants[0]).digest, *lease)->owner() == held.owner());
  CHECK(store.Problems() == "");
  const size_t files = store.cache->Files().size();
  store.Collect();
  CHECK(store.cache->Files().size() == files - store.BlobFilePaths().size());
  CHECK(store.Problems() == "");
}

TEST_CASE("two partitions share one copy, and deleting in one leaves the other's") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  size_t files = store.BlobFilePaths().size();
  REQUIRE(StoreWhole(*store, kWeb, kA).ok());
  CHECK(store.BlobFilePaths().size() == files);
  CHECK(store->Usage().logical_bytes == 2 * store->Usage().physical_bytes);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  store.Collect();
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
  CHECK(ReadWhole(*store, kWeb, kA).ok());
  CHECK(store.Problems() == "");
  REQUIRE(*store->DeleteModel(kWeb, kA.id()));
  store.Collect();
  CHECK(store.BlobFilePaths().empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("models that share a constant share its file until the last is gone") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kApp, kB).ok());
  CHECK(store.BlobFilePaths().size() == 5);
  auto models = store->ListModels(kApp);
  REQUIRE(models.size() == 2);
  CHECK(models[0].logical_bytes - models[0].exclusive_bytes == 2000);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 3);
  CHECK(ReadWhole(*store, kApp, kB).ok());
  CHECK(store.Problems() == "");
}

TEST_CASE("maps of one blob share their memory") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  REQUIRE(StoreWhole(*store, kWeb, kB).ok());
  std::unique_ptr<Lease> one = store->NewLease(), two = store->NewLease();
  Digest shared = RefOf(kA.constants[1]).digest;
  auto a = store->MapBlob(kApp, shared, *one), b = store->MapBlob(kWeb, shared, *two);
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->owner() == b->owner());
  CHECK(a->bytes().data() == b->bytes().data());
}

TEST_CASE("a deleted model loses its name at once and its bytes when the last user lets go") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "key").ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE(store->GetModel(kApp, kA.id(), *lease).ok());
  Region region = *store->MapBlob(kApp, RefOf(kA.constants[0]).digest, *lease);
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  CHECK(absl::IsNotFound(store->LoadKey(kApp, "key").status()));
  CHECK(absl::IsNotFound(store->GetModel(kApp, kA.id(), *lease).status()));
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 3);  // the lease holds all of the model
  CHECK(store.Problems() == "");
  lease.reset();
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 1);  // the region holds one
  CHECK(region.view() == absl::string_view(kA.constants[0]));
  region = Region();
  CHECK(store.Collect().blobs == 1);
  CHECK(store.BlobFilePaths().empty());
}

TEST_CASE("a session that still holds a deleted model's blobs can store it again") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE(store->GetModel(kApp, kA.id(), *lease).ok());
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  store.Collect();
  REQUIRE(store->StoreModel(kApp, {.manifest = kA.manifest, .constants = kA.refs()}, *lease).ok());
  CHECK(ReadWhole(*store, kApp, kA).ok());
}

TEST_CASE("keys keep a model that was stored under them, and only then") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA, "one").ok());
  REQUIRE(store->SaveKey(kApp, "two", kA.id()).ok());
  CHECK(*store->LoadKey(kApp, "two") == kA.id());
  CHECK(store->ListKeys(kApp).size() == 2);

  SECTION("the model goes with its last key") {
    REQUIRE(*store->DeleteKey(kApp, "one"));
    CHECK(ReadWhole(*store, kApp, kA).ok());
    REQUIRE(*store->DeleteKey(kApp, "two"));
    CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
    CHECK_FALSE(*store->DeleteKey(kApp, "two"));
  }
  SECTION("but stays when it was stored by id too") {
    REQUIRE(StoreWhole(*store, kApp, kA).ok());
    REQUIRE(*store->DeleteKey(kApp, "one"));
    REQUIRE(*store->DeleteKey(kApp, "two"));
    CHECK(ReadWhole(*store, kApp, kA).ok());
  }
  SECTION("a key that is pointed elsewhere lets go of what it named") {
    REQUIRE(StoreWhole(*store, kApp, kB, "one").ok());
    CHECK(*store->LoadKey(kApp, "one") == kB.id());
    CHECK(ReadWhole(*store, kApp, kA).ok());
    REQUIRE(store->SaveKey(kApp, "two", kB.id()).ok());
    CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
    REQUIRE(store->SaveKey(kApp, "two", kB.id()).ok());  // again
  }
  store.Start();
  CHECK(store.Problems() == "");
}

TEST_CASE("keys are data: hostile ones name no file") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  std::vector<std::string> files = store.cache->Files();
  std::vector<std::string> keys = {"../../etc/passwd",
                                   std::string("nul\0inside", 10),
                                   "line\nbreak",
                                   "/",
                                   ".",
                                   "..",
                                   "CON",
                                   "a/b/c",
                                   std::string(1024, 'x'),
                                   "\xF0\x9F\x98\x80",
                                   "K",
                                   "%s%n"};
  for (const std::string& key : keys) REQUIRE(store->SaveKey(kApp, key, kA.id()).ok());
  CHECK(store.cache->Files() == files);
  store.Start();
  CHECK(store->ListKeys(kApp).size() == keys.size());
  for (const std::string& key : keys) {
    CHECK(*store->LoadKey(kApp, key) == kA.id());
    CHECK(*store->DeleteKey(kApp, key));
  }
  CHECK(store->ListKeys(kApp).empty());
  for (const std::string& key :
       {std::string(), std::string(1025, 'x'), std::string("\xFF"), std::string("\xC0\x80")}) {
    CHECK(absl::IsInvalidArgument(store->SaveKey(kApp, key, kA.id())));
    CHECK(absl::IsInvalidArgument(store->LoadKey(kApp, key).status()));
  }
  CHECK(store.Problems() == "");
}

TEST_CASE("partition names are data as well") {
  TestStore store;
  std::vector<Partition> names = {"../..", std::string("a\0b", 3), "\xFF\xFE", std::string(4096, 'p'), "/"};
  for (const Partition& name : names) REQUIRE(StoreWhole(*store, name, kA, "k").ok());
  for (const Partition& name : names) CHECK(ReadWhole(*store, name, kA).ok());
  CHECK(store->ListPartitions().size() == names.size());
  CHECK(store.BlobFilePaths().size() == 3);
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(absl::IsInvalidArgument(store->GetModel("", kA.id(), *lease).status()));
  CHECK(absl::IsInvalidArgument(StoreWhole(*store, std::string(4097, 'p'), kA)));
  CHECK(absl::IsInvalidArgument(
      store->StoreModel(kApp, {.manifest = "m", .display_name = std::string(1025, 'd')}, *lease).status()));
}

TEST_CASE("one lease keeps the partitions of a broker apart") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  BlobRef ref = RefOf(kA.constants[0]);
  REQUIRE(store->PutBlob(kApp, ref, Region::Copy(absl::string_view(kA.constants[0])), *lease).ok());
  CHECK(store->FindMissing(kApp, {&ref, 1}, *lease)->empty());
  CHECK(store->FindMissing(kWeb, {&ref, 1}, *lease)->size() == 1);
  CHECK(absl::IsNotFound(store->MapBlob(kWeb, ref.digest, *lease).status()));
  CHECK(store->MapBlob(kApp, ref.digest, *lease).ok());
}

TEST_CASE("a second store on the same folders is refused") {
  TestStore store;
  auto second = ModelStore::OpenOn(store.options, store.cache, store.state, store.catalogue, store.clock);
  CHECK(absl::IsFailedPrecondition(second.status()));
  CHECK(second.status().message() == "the state folder: another modeld uses it");
}

TEST_CASE("last use survives a clean restart, and reading a model alone is none") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  const absl::Time stored = store.clock.Now();
  store.clock.Advance(absl::Hours(5));
  REQUIRE(ReadWhole(*store, kApp, kA).ok());
  CHECK(store->ListModels()[0].last_used == stored);
  const auto value = [&](const UseFigures&, uint64_t) {
    return UseFigures{1, 2, absl::Seconds(3), store.clock.Now()};
  };
  CHECK(store->space().Use(kApp, kA.id(), value));
  CHECK(store->ListModels()[0].last_used == store.clock.Now());
  store.Start();
  CHECK(store->ListModels()[0].last_used == store.clock.Now());
}

}  // namespace
}  // namespace modeld::storage
