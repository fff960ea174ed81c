#include <catch2/catch.hpp>

#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const Partition kApp = "app:one";
const Partition kOther = "app:two";

TEST_CASE("an upload takes its bytes in order and never too many") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  std::string bytes = Bytes(100, 1);
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE(upload.ok());
  CHECK((*upload)->ref() == RefOf(bytes));
  REQUIRE((*upload)->Append(0, bytes.substr(0, 40)).ok());
  CHECK(absl::IsOutOfRange((*upload)->Append(0, bytes.substr(0, 40))));
  CHECK(absl::IsOutOfRange((*upload)->Append(41, bytes.substr(41))));
  CHECK(absl::IsOutOfRange((*upload)->Append(40, bytes.substr(39))));
  CHECK(absl::IsFailedPrecondition((*upload)->Commit()));
  CHECK((*upload)->committed_bytes() == 40);
  REQUIRE((*upload)->Append(40, "").ok());
  REQUIRE((*upload)->Append(40, bytes.substr(40)).ok());
  REQUIRE((*upload)->Commit().ok());
  REQUIRE((*upload)->Commit().ok());
  CHECK(absl::IsOutOfRange((*upload)->Append(100, "x")));
  CHECK((*upload)->Append(100, "").ok());
  CHECK(store->MapBlob(kApp, RefOf(bytes).digest, *lease)->view() == absl::string_view(bytes));
  CHECK(store.Problems() == "");
}

TEST_CASE("wrong bytes are refused and removed") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  std::string bytes = Bytes(100, 1);
  BlobRef ref = RefOf(bytes);
  auto upload = store->OpenUpload(kApp, ref, *lease);
  REQUIRE((*upload)->Append(0, Bytes(100, 2)).ok());
  absl::Status status = (*upload)->Commit();
  CHECK(absl::IsDataLoss(status));
  CHECK(std::string(status.message()).find(ref.digest.ToHex()) != std::string::npos);
  CHECK(absl::IsFailedPrecondition((*upload)->Append(100, "")));
  upload->reset();
  CHECK(store->ListStaged().empty());
  CHECK(store->FindMissing(kApp, {&ref, 1}, *lease)->size() == 1);
  CHECK(store.Problems() == "");
  CHECK(absl::IsDataLoss(store->PutBlob(kApp, ref, Region::Copy(absl::string_view(Bytes(100, 2))), *lease)));
  CHECK(absl::IsInvalidArgument(store->PutBlob(kApp, ref, Region::Copy(absl::string_view("short")), *lease)));
  CHECK((*store->OpenUpload(kApp, ref, *lease))->committed_bytes() == 0);
}

TEST_CASE("an empty blob can be uploaded and mapped") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(""), *lease);
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Commit().ok());
  CHECK(store->MapBlob(kApp, RefOf("").digest, *lease)->empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("an upload goes on after its connection is lost") {
  TestStore store;
  std::string bytes = Bytes(1000, 1);
  {
    std::unique_ptr<Lease> lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE((*upload)->Append(0, bytes.substr(0, 700)).ok());
  }
  auto staged = store->ListStaged();
  REQUIRE(staged.size() == 1);
  CHECK(staged[0].partition == kApp);
  CHECK(staged[0].blob == RefOf(bytes));
  CHECK(staged[0].committed_bytes == 700);
  CHECK_FALSE(staged[0].finished);
  CHECK(store.Problems() == "");

  SECTION("in the same process") {}
  SECTION("after a restart") {
    store.Start();
  }
  SECTION("after a power cut") {
    store.Crash(FakeFileSystem::Survival::kSyncedOnly);
    store.Start();
    CHECK(store->recovery().uploads_resumable == 1);
  }
  std::unique_ptr<Lease> lease = store->NewLease();
  // Another partition's upload of the same blob has its own bytes to send.
  CHECK((*store->OpenUpload(kOther, RefOf(bytes), *lease))->committed_bytes() == 0);
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE(upload.ok());
  CHECK((*upload)->committed_bytes() == 700);
  REQUIRE((*upload)->Append(700, bytes.substr(700)).ok());
  REQUIRE((*upload)->Commit().ok());
  upload->reset();
  CHECK(store.Problems() == "");
}

TEST_CASE("a crash in the middle of a large upload loses at most the last 16 MiB") {
  TestStore store;
  std::string bytes = Bytes((20 << 20) + 5, 1);
  {
    std::unique_ptr<Lease> lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    for (uint64_t at = 0; at < bytes.size(); at += 1 << 20) {
      REQUIRE((*upload)->Append(at, absl::string_view(bytes).substr(at, 1 << 20)).ok());
    }
    store.plan.Arm({.at = 0, .crash = true});
  }
  store.plan.Disarm();
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  std::unique_ptr<Lease> lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  REQUIRE((*upload)->committed_bytes() == 16 << 20);
  REQUIRE((*upload)->Append(16 << 20, absl::string_view(bytes).substr(16 << 20)).ok());
  REQUIRE((*upload)->Commit().ok());
}

TEST_CASE("bytes that were never synced are not trusted after a crash") {
  std::string bytes = Bytes(1000, 1);
  for (uint64_t seed = 0; seed < 64; ++seed) {
    CAPTURE(seed);
    TestStore store;
    {
      std::unique_ptr<Lease> lease = store->NewLease();
      auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
      REQUIRE((*upload)->Append(0, bytes.substr(0, 700)).ok());
      store.plan.Arm({.at = 0, .crash = true});
    }
    store.Crash(FakeFileSystem::Survival::kRandom, seed);
    store.Start();
    std::unique_ptr<Lease> lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE(upload.ok());
    uint64_t at = (*upload)->committed_bytes();
    REQUIRE((*upload)->Append(at, bytes.substr(at)).ok());
    CHECK((*upload)->Commit().ok());
  }
}

TEST_CASE("a client whose connection broke sends only what it had not finished") {
  TestStore store;
  TestModel model{"graph", {Bytes(100, 1), Bytes(200, 2), Bytes(300, 3)}};
  {
    std::unique_ptr<Lease> lease = store->NewLease();
    REQUIRE(store->PutBlob(kApp, model.refs()[0], Region::Copy(absl::string_view(model.constants[0])), *lease)
                .ok());
    REQUIRE(store->PutBlob(kApp, model.refs()[1], Region::Copy(absl::string_view(model.constants[1])), *lease)
                .ok());
  }
  SECTION("in the same process") {
    store.Collect();
  }
  SECTION("after a restart") {
    store.Start();
  }
  SECTION("after a kill") {
    store.Crash(FakeFileSystem::Survival::kAll);
    store.Start();
  }
  std::unique_ptr<Lease> lease = store->NewLease();
  CHECK(*store->FindMissing(kApp, model.refs(), *lease) == std::vector<BlobRef>{model.refs()[2]});
  CHECK(store->FindMissing(kOther, model.refs(), *lease)->size() == 3);
  CHECK(store.Problems() == "");
}

TEST_CASE("what was presented and never stored goes when its time is up") {
  TestStore store;
  std::string bytes = Bytes(100, 1);
  BlobRef ref = RefOf(bytes);
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE(store->PutBlob(kApp, ref, Region::Copy(absl::string_view(bytes)), *lease).ok());
  CHECK(store->Usage().unreferenced_bytes == 100);
  store.clock.Advance(absl::Hours(2));
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 1);  // the lease holds it
  lease.reset();
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 1);  // its hour begins when the lease ends
  store.clock.Advance(absl::Hours(2));
  CollectResult result = store.Collect();
  CHECK(result.blobs == 1);
  CHECK(result.bytes == 100);
  CHECK(store.BlobFilePaths().empty());
  CHECK(store->ListPartitions().empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("with no time to stay, unstored blobs go with their lease") {
  TestStore store;
  store.options.presented_max_age = absl::ZeroDuration();
  store.Start();
  std::string bytes = Bytes(100, 1);
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 1);
  lease.reset();
  store.Collect();
  CHECK(store.BlobFilePaths().empty());
}

TEST_CASE("an old unfinished upload is garbage, an open one is not") {
  TestStore store;
  std::string bytes = Bytes(100, 1), other = Bytes(100, 2);
  std::unique_ptr<Lease> lease = store->NewLease();
  auto open = store->OpenUpload(kApp, RefOf(other), *lease);
  REQUIRE((*open)->Append(0, other.substr(0, 10)).ok());
  REQUIRE((*store->OpenUpload(kApp, RefOf(bytes), *lease))->Append(0, bytes.substr(0, 50)).ok());
  store.clock.Advance(absl::Hours(25));
  CHECK(store.Collect().uploads == 1);
  CHECK(store->ListStaged().size() == 1);
  REQUIRE((*open)->Append(10, other.substr(10)).ok());
  CHECK((*open)->Commit().ok());
  open->reset();
  CHECK(store.Problems() == "");
}

TEST_CASE("one blob sent by two at once") {
  TestStore store;
  std::string bytes = Bytes(100, 1);
  std::unique_ptr<Lease> one = store->NewLease(), two = store->NewLease();
  auto first = store->OpenUpload(kApp, RefOf(bytes), *one);
  REQUIRE((*first)->Append(0, bytes).ok());
  SECTION("by two sessions of a partition: the second waits for its turn") {
    CHECK(absl::IsAborted(store->OpenUpload(kApp, RefOf(bytes), *two).status()));
    REQUIRE((*first)->Commit().ok());
    auto second = store->OpenUpload(kApp, RefOf(bytes), *two);
    REQUIRE(second.ok());
    CHECK((*second)->committed_bytes() == 100);
    CHECK((*second)->Commit().ok());
  }
  SECTION("by two partitions: both succeed, and one copy stays") {
    auto second = store->OpenUpload(kOther, RefOf(bytes), *two);
    REQUIRE((*second)->Append(0, bytes).ok());
    REQUIRE((*second)->Commit().ok());
    REQUIRE((*first)->Commit().ok());
    CHECK(store->MapBlob(kApp, RefOf(bytes).digest, *one).ok());
    CHECK(store->MapBlob(kOther, RefOf(bytes).digest, *two).ok());
  }
  SECTION("in pieces and whole: both succeed") {
    REQUIRE(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *two).ok());
    REQUIRE((*first)->Commit().ok());
  }
  first->reset();
  CHECK(store.BlobFilePaths().size() == 1);
  CHECK(store.Problems() == "");
}

TEST_CASE("a whole upload ends one that stopped half-way") {
  TestStore store;
  std::string bytes = Bytes(100, 1);
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE((*store->OpenUpload(kApp, RefOf(bytes), *lease))->Append(0, bytes.substr(0, 50)).ok());
  REQUIRE(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  CHECK(store->ListStaged().size() == 1);
  CHECK(store->ListStaged()[0].finished);
  store.Collect();
  CHECK(store.Problems() == "");
}

TEST_CASE("an upload that was begun with another size starts anew") {
  TestStore store;
  std::string bytes = Bytes(100, 1);
  BlobRef wrong{RefOf(bytes).digest, 200};
  std::unique_ptr<Lease> lease = store->NewLease();
  REQUIRE((*store->OpenUpload(kApp, wrong, *lease))->Append(0, bytes).ok());
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
  CHECK((*upload)->committed_bytes() == 0);
  REQUIRE((*upload)->Append(0, bytes).ok());
  CHECK((*upload)->Commit().ok());
}

TEST_CASE("the disk's floor and the partition's limit are kept") {
  TestStore store;
  store.options.max_staged_bytes_per_partition = 500;
  store.Start();
  std::string bytes = Bytes(400, 1);
  std::unique_ptr<Lease> lease = store->NewLease();
  SECTION("the floor") {
    store.cache->SetFreeBytes(1399);
    CHECK(absl::IsResourceExhausted(store->OpenUpload(kApp, RefOf(bytes), *lease).status()));
    CHECK(absl::IsResourceExhausted(
        store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease)));
    store.cache->SetFreeBytes(1400);
    CHECK(store->OpenUpload(kApp, RefOf(bytes), *lease).ok());
  }
  SECTION("the limit") {
    REQUIRE((*store->OpenUpload(kApp, RefOf(bytes), *lease))->Append(0, "x").ok());
    CHECK(absl::IsResourceExhausted(store->OpenUpload(kApp, RefOf(Bytes(101, 2)), *lease).status()));
    CHECK(store->OpenUpload(kApp, RefOf(Bytes(100, 2)), *lease).ok());
    CHECK(store->OpenUpload(kOther, RefOf(Bytes(101, 2)), *lease).ok());
    CHECK(store->OpenUpload(kApp, RefOf(bytes), *lease).ok());
    BlobRef huge{Digest::Of("huge"), ~uint64_t{0}};
    CHECK(absl::IsResourceExhausted(store->OpenUpload(kApp, huge, *lease).status()));
  }
  CHECK(store.Problems() == "");
}

TEST_CASE("an upload works when the cache folder was wiped under the running store") {
  TestStore store;
  std::unique_ptr<Lease> lease = store->NewLease();
  std::string bytes = Bytes(100, 1);
  REQUIRE(store->PutBlob(kApp, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  store.cache->Wipe();
  BlobRef ref = RefOf(bytes);
  CHECK(store->FindMissing(kApp, {&ref, 1}, *lease)->size() == 1);
  REQUIRE(store->PutBlob(kApp, ref, Region::Copy(absl::string_view(bytes)), *lease).ok());
  CHECK(store->MapBlob(kApp, ref.digest, *lease)->view() == absl::string_view(bytes));
  CHECK(store.Problems() == "");
}

}  // namespace
}  // namespace modeld::storage
