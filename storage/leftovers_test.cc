// What a step that failed leaves behind, the next collection makes right: without a restart, a check, or
// another call that stumbles over it.
#include <catch2/catch.hpp>

#include "storage/plan_store.h"
#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const TestModel kModel{"graph", {Bytes(1000, 1), Bytes(2000, 2)}};
constexpr uint64_t kSteps = 12;

NewPlan PlanOf(size_t bytes) {
  return {.key = Digest::Of(absl::string_view("plan")),
          .structure = Digest::Of(absl::string_view("structure")),
          .device = "cpu",
          .fingerprint = "avx2",
          .metadata = "metadata",
          .segments = {Region::Copy(absl::string_view(Bytes(bytes, 7)))},
          .compile_time = absl::Seconds(1),
          .partition = kApp,
          .model_id = kModel.id()};
}

// Nothing is armed any more. Catalogue, memory and files agree, and so do the sums.
void CheckSettled(TestStore& store) {
  store.Collect();
  CHECK(store.Problems() == "");
  uint64_t blobs = 0, plans = 0;
  for (const std::string& path : store.cache->Files()) {
    const uint64_t bytes = store.cache->Stat(path)->size_bytes;
    if (path.starts_with("blobs/")) blobs += bytes;
    if (path.starts_with("plans/")) plans += bytes;
  }
  const StoreUsage usage = store->Usage();
  CHECK(usage.physical_bytes + usage.unreferenced_bytes == blobs);
  CHECK(store->plans().Bytes() == plans);
}

TEST_CASE("damage that could not be noted when it was found is noted by the collector") {
  for (uint64_t step = 0; step < kSteps; ++step) {
    CAPTURE(step);
    TestStore store;
    REQUIRE(StoreWhole(*store, kApp, kModel).ok());
    store.Start();
    store.cache->FlipBit(BlobPathOf(kModel.constants[0]), 77);
    store.plan.Arm({.at = step, .error = EIO});
    CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kModel)));
    store.plan.Disarm();
    store.Collect();
    CHECK(store->ListModels()[0].health != Health::kWhole);
    CHECK(store.Problems() == "");
    // A file that cannot be moved away stays, and does not count, under its mark.
    if (!store.cache->Stat(BlobPathOf(kModel.constants[0])).ok()) CheckSettled(store);
    REQUIRE(StoreWhole(*store, kApp, kModel).ok());
    CHECK(ReadWhole(*store, kApp, kModel).ok());
    CheckSettled(store);
  }
}

TEST_CASE("damage whose end could not be noted is ended by the collector") {
  for (uint64_t step = 0; step < 4 * kSteps; ++step) {
    CAPTURE(step);
    TestStore store;
    REQUIRE(StoreWhole(*store, kApp, kModel).ok());
    store.Start();
    store.cache->FlipBit(BlobPathOf(kModel.manifest), 1);
    CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kModel)));
    store.plan.Arm({.at = step, .error = EIO});
    const bool stored = StoreWhole(*store, kApp, kModel).ok();
    store.plan.Disarm();
    CheckSettled(store);
    const bool there = store.cache->Stat(BlobPathOf(kModel.manifest)).ok();
    CHECK(ReadWhole(*store, kApp, kModel).ok() == there);
    if (stored) CHECK(there);
  }
}

TEST_CASE("a plan whose file was replaced, and whose record was not, goes with the next collection") {
  for (uint64_t step = 0; step < kSteps; ++step) {
    CAPTURE(step);
    TestStore store;
    REQUIRE(StoreWhole(*store, kApp, kModel).ok());
    REQUIRE(store->plans().Write(PlanOf(100)).ok());
    store.plan.Arm({.at = step, .error = ENOSPC});
    store->plans().Write(PlanOf(50000)).IgnoreError();
    store.plan.Disarm();
    CheckSettled(store);
  }
}

TEST_CASE("the file of an upload that was cleared while it was sent is no problem, and goes with it") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  const std::string& bytes = kModel.constants[1];
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, 500)).ok());
  // The record goes; the file cannot.
  store.plan.Arm({.at = 1, .error = EIO});
  REQUIRE(store->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture()).ok());
  store.plan.Disarm();
  CHECK(store->ListStaged().empty());
  CHECK(store.Problems() == "");
  upload->reset();
  lease.reset();
  store.Collect();
  CHECK(store->space().Usage()->staging_bytes == 0);
  CHECK(store.Problems() == "");
}

TEST_CASE("the damaged file of bytes that no model names yet goes, also where it could not be set aside") {
  const std::string& bytes = kModel.constants[1];
  for (uint64_t step = 0; step < kSteps; ++step) {
    CAPTURE(step);
    TestStore store;
    REQUIRE(
        store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *store->NewLease()).ok());
    store.Start();
    store.cache->FlipBit(BlobPathOf(bytes), 77);
    std::unique_ptr<Lease> lease = store->NewLease();
    store.plan.Arm({.at = step, .error = EIO});
    CHECK(absl::IsDataLoss(store->MapBlob(kApp, RefOf(bytes).digest, *lease).status()));
    store.plan.Disarm();
    lease.reset();
    store.Collect();
    lease = store->NewLease();
    // Sent anew, and given up half way.
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE(upload.ok());
    REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, 500)).ok());
    upload->reset();
    lease.reset();
    CHECK(store.Problems() == "");
    store.Collect();
    CHECK(store.BlobFilePaths().empty());
    CheckSettled(store);
  }
}

TEST_CASE("what could not be swept at start is the collector's") {
  const std::string folder = GENERATE("blobs", "plans");
  const std::string stray = folder + BlobPathOf("nobody's").substr(5);
  CAPTURE(stray);
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kModel).ok());
  store.Stop();
  REQUIRE(store.cache->MakeDir(folder).ok());
  REQUIRE(store.cache->MakeDir(stray.substr(0, stray.rfind('/'))).ok());
  REQUIRE((*store.cache->Open(stray, FileSystem::Access::kCreate))->WriteAt(0, "nobody's").ok());
  bool outlived_a_start = false;
  for (uint64_t step = 0; store.cache->Stat(stray).ok(); ++step) {
    CAPTURE(step);
    REQUIRE(step < kSteps);
    store.plan.Arm({.at = step, .error = EIO});
    const bool started = store.TryStart().ok();
    store.plan.Disarm();
    if (!started || !store.cache->Stat(stray).ok()) continue;
    outlived_a_start = true;
    CHECK(store.Problems() == "");
    store.Collect();
    CHECK_FALSE(store.cache->Stat(stray).ok());
  }
  CHECK(outlived_a_start);
  store.Start();
  CHECK(ReadWhole(*store, kApp, kModel).ok());
}

TEST_CASE("what a failed store may have left on the disk is gone for good once a deletion found nothing") {
  const TestModel bare{"bare graph", {}};
  // The step is the store's commit for one of them; a part of what was not synced survives the crash.
  for (uint64_t step = 0; step < kSteps; ++step) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      CAPTURE(step, seed);
      TestStore store;
      store.plan.Arm({.at = step, .error = EIO});
      const bool stored = StoreWhole(*store, kApp, bare).ok();
      store.plan.Disarm();
      REQUIRE(store->space().Record({.model_id = bare.id(), .partition = kApp}).ok());  // written lazily
      const auto deleted = store->DeleteModel(kApp, bare.id());
      REQUIRE(deleted.ok());
      CHECK(*deleted == stored);
      store.Crash(FakeFileSystem::Survival::kRandom, seed);
      store.Start();
      CHECK_FALSE(store->Holds(kApp, bare.id()));
      CHECK(store.Problems() == "");
    }
  }
}

}  // namespace
}  // namespace modeld::storage
