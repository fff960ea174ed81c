// Transfers that break or go wrong cost what was wrong and no more.
#include <catch2/catch.hpp>

#include "storage/chunks.h"
#include "storage/integrity.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

using Ranges = std::vector<ByteRange>;
constexpr uint64_t kChunk = 100;
const Partition kApp = "app:one";
const Partition kOther = "app:two";

struct SmallChunks : TestStore {
  SmallChunks() {
    options.digest_chunk_bytes = kChunk;
    Start();
  }
  UploadState StateOf(const Partition& partition, absl::string_view bytes) {
    const auto lease = (*this)->NewLease();
    const auto state = (*this)->integrity().StateOf(partition, RefOf(bytes), *lease);
    INFO(state.status());
    REQUIRE(state.ok());
    return *state;
  }
};

std::vector<Digest> ChunksOf(absl::string_view bytes) {
  ChunkSums sums(kChunk);
  sums.Update(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return sums.Finish();
}

// Sends what is missing, from the right bytes; returns how many were sent.
uint64_t SendRest(Upload& upload, absl::string_view bytes, uint64_t step = 30) {
  uint64_t sent = 0;
  while (!upload.missing().empty()) {
    const ByteRange range = upload.missing().front();
    const uint64_t count = std::min(step, range.end_bytes - range.begin_bytes);
    const absl::Status taken = upload.Append(range.begin_bytes, bytes.substr(range.begin_bytes, count));
    INFO(taken);
    REQUIRE(taken.ok());
    sent += count;
  }
  return sent;
}

TEST_CASE("with chunk digests a wrong chunk is named and comes again, and the others stay") {
  SmallChunks store;
  const std::string bytes = Bytes(450, 1);
  std::string wrong = bytes;
  wrong[230] ^= 1;
  const auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
  REQUIRE(upload.ok());
  REQUIRE((*upload)->Append(0, wrong.substr(0, 270)).ok());
  const absl::Status status = (*upload)->Append(270, wrong.substr(270, 80));
  CHECK(absl::IsDataLoss(status));
  CHECK(std::string(status.message()).find("bytes 200 to 300") != std::string::npos);
  CHECK((*upload)->committed_bytes() == 200);
  CHECK((*upload)->missing() == Ranges{{200, 450}});
  CHECK(absl::IsFailedPrecondition((*upload)->Commit()));
  SECTION("in the same upload") {
    CHECK(SendRest(**upload, bytes) == 250);
  }
  SECTION("in a later one") {
    upload->reset();
    CHECK(store.StateOf(kApp, bytes).missing == Ranges{{200, 450}});
    upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
    CHECK(SendRest(**upload, bytes) == 250);
  }
  SECTION("by a client that gives no digests any more") {
    upload->reset();
    upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    CHECK(SendRest(**upload, bytes) == 250);
  }
  REQUIRE((*upload)->Commit().ok());
  upload->reset();
  CHECK(store->MapBlob(kApp, RefOf(bytes).digest, *lease)->view() == absl::string_view(bytes));
  CHECK(store.StateOf(kApp, bytes).complete);
  CHECK(store.Problems() == "");
}

TEST_CASE("the part of a chunk that an earlier connection sent is dropped with it when it proves wrong") {
  SmallChunks store;
  const std::string bytes = Bytes(350, 1);
  std::string wrong = bytes;
  wrong[110] ^= 1;
  const auto lease = store->NewLease();
  {
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
    REQUIRE((*upload)->Append(0, wrong.substr(0, 150)).ok());
  }
  CHECK(store.StateOf(kApp, bytes).committed_bytes == 150);
  {
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
    CHECK((*upload)->missing() == Ranges{{150, 350}});
    CHECK(absl::IsDataLoss((*upload)->Append(150, bytes.substr(150))));
    CHECK((*upload)->missing() == Ranges{{100, 350}});
  }
  CHECK(store.StateOf(kApp, bytes).missing == Ranges{{100, 350}});
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
  CHECK(SendRest(**upload, bytes) == 250);
  CHECK((*upload)->Commit().ok());
}

TEST_CASE("lists of chunks that do not match the size are refused, and wrong ones are no name") {
  SmallChunks store;
  const std::string bytes = Bytes(250, 1);
  const auto lease = store->NewLease();
  std::vector<Digest> chunks = ChunksOf(bytes);
  chunks.push_back(Digest());
  CHECK(absl::IsInvalidArgument(store->OpenUpload(kApp, RefOf(bytes), *lease, chunks).status()));
  chunks.resize(2);
  CHECK(absl::IsInvalidArgument(store->OpenUpload(kApp, RefOf(bytes), *lease, chunks).status()));
  CHECK(store->ListStaged().empty());
  const std::string other = Bytes(250, 2);
  auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(other));
  REQUIRE((*upload)->Append(0, other).ok());
  CHECK(absl::IsDataLoss((*upload)->Commit()));
  upload->reset();
  CHECK(store->ListStaged().empty());
  CHECK(store.StateOf(kApp, bytes).missing == Ranges{{0, 250}});
  CHECK(store.Problems() == "");
}

TEST_CASE("after kill -9 whole chunks that the client gave digests of count, synced or not") {
  for (uint64_t stop = 0; stop <= 950; stop += 50) {
    CAPTURE(stop);
    SmallChunks store;
    const std::string bytes = Bytes(950, 1);
    {
      const auto lease = store->NewLease();
      auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
      REQUIRE((*upload)->Append(0, absl::string_view(bytes).substr(0, stop)).ok());
      store.plan.Arm({.at = 0, .crash = true});
    }
    store.Crash(FakeFileSystem::Survival::kAll);
    store.Start();
    const uint64_t kept = stop == 950 ? 950 : stop / kChunk * kChunk;
    CHECK(store.StateOf(kApp, bytes).committed_bytes == kept);
    const auto lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
    REQUIRE(upload.ok());
    CHECK(SendRest(**upload, bytes) == 950 - kept);
    CHECK((*upload)->Commit().ok());
    upload->reset();
    CHECK(store.Problems() == "");
  }
}

TEST_CASE("a power cut at any step of an upload with chunk digests costs nothing that was told to be safe") {
  const std::string bytes = Bytes(550, 1);
  for (uint64_t step = 0; step < 40; ++step) {
    CAPTURE(step);
    SmallChunks store;
    uint64_t safe = 0;
    {
      const auto lease = store->NewLease();
      store.plan.Arm({.at = step, .crash = true});
      for (uint64_t at = 0; at < 550; at += 110) {
        auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
        if (!upload.ok()) break;
        if (!(*upload)->Append(at, absl::string_view(bytes).substr(at, 110)).ok()) break;
        upload->reset();
        const auto state = store->integrity().StateOf(kApp, RefOf(bytes), *lease);
        if (state.ok() && !store.plan.crashed()) safe = state->committed_bytes;
      }
    }
    store.Crash(FakeFileSystem::Survival::kRandom, step);
    store.Start();
    CHECK(store.StateOf(kApp, bytes).committed_bytes >= safe);
    const auto lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease, ChunksOf(bytes));
    REQUIRE(upload.ok());
    SendRest(**upload, bytes);
    CHECK((*upload)->Commit().ok());
    upload->reset();
    CHECK(store.Problems() == "");
  }
}

// A stored model with one constant of `bytes`.
struct Stored : SmallChunks {
  Stored() { REQUIRE(StoreWhole(**this, kApp, model).ok()); }

  const std::string bytes = Bytes(950, 1);
  const TestModel model{"graph", {bytes}};
};

TEST_CASE("a damaged blob needs its bad chunks alone from a partition that sees it, and all from others") {
  Stored store;
  const bool from_older_modeld = GENERATE(false, true);
  CAPTURE(from_older_modeld);
  if (from_older_modeld) {
    // Without digests of its chunks: the next check makes them.
    store.catalogue->Overwrite("C" + std::string(RefOf(store.bytes).digest.bytes()), "not a record");
    store.Start();
    REQUIRE(store->VerifyBlob(RefOf(store.bytes).digest).ok());
  }
  store.cache->FlipBit(BlobPathOf(store.bytes), 250);
  store.cache->FlipBit(BlobPathOf(store.bytes), 940);
  CHECK(absl::IsDataLoss(store->VerifyBlob(RefOf(store.bytes).digest)));
  const Ranges bad{{200, 300}, {900, 950}};
  CHECK(store.StateOf(kApp, store.bytes).missing == bad);
  CHECK(store.StateOf(kApp, store.bytes).committed_bytes == 800);
  CHECK(store.StateOf(kOther, store.bytes).missing == Ranges{{0, 950}});

  auto lease = store->NewLease();
  auto foreign = store->OpenUpload(kOther, RefOf(store.bytes), *lease);
  CHECK((*foreign)->missing() == Ranges{{0, 950}});
  foreign->reset();

  auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease, ChunksOf(store.bytes));
  REQUIRE(upload.ok());
  CHECK((*upload)->missing() == bad);
  CHECK(absl::IsOutOfRange((*upload)->Append(0, "x")));
  CHECK(absl::IsOutOfRange((*upload)->Append(200, store.bytes.substr(200, 101))));
  REQUIRE((*upload)->Append(200, store.bytes.substr(200, 100)).ok());
  SECTION("and a restart between them keeps what was mended") {
    upload->reset();
    lease.reset();
    store.Crash(FakeFileSystem::Survival::kSyncedOnly);
    store.Start();
    CHECK(store.StateOf(kApp, store.bytes).missing == Ranges{{900, 950}});
    const auto again = store->NewLease();
    auto rest = store->OpenUpload(kApp, RefOf(store.bytes), *again);
    CHECK(SendRest(**rest, store.bytes) == 50);
    CHECK((*rest)->Commit().ok());
    rest->reset();
  }
  SECTION("in one go") {
    CHECK(SendRest(**upload, store.bytes) == 50);
    CHECK((*upload)->Commit().ok());
    upload->reset();
  }
  CHECK(ReadWhole(*store, kApp, store.model).ToString() == "OK");
  store.Collect();
  CHECK(store.Problems() == "");
}

TEST_CASE("a blob that was cut short is mended from what is left of it") {
  Stored store;
  store.cache->CutTo(BlobPathOf(store.bytes), 420);
  SECTION("found while running") {
    CHECK(absl::IsDataLoss(store->VerifyBlob(RefOf(store.bytes).digest)));
  }
  SECTION("found at start") {
    store.Start();
  }
  CHECK(store.StateOf(kApp, store.bytes).missing == Ranges{{400, 950}});
  const auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease);
  CHECK(SendRest(**upload, store.bytes) == 550);
  CHECK((*upload)->Commit().ok());
  CHECK(ReadWhole(*store, kApp, store.model).ok());
}

TEST_CASE("a blob that the disk cannot read is damaged, not deleted, and its readable chunks are used") {
  Stored store;
  store.Start();  // nothing is known to be good
  store.cache->SetUnreadable(BlobPathOf(store.bytes), 650);
  CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, store.model)));
  CHECK(store.cache->Stat("quarantine/" + RefOf(store.bytes).digest.ToHex())->size_bytes == 950);
  CHECK(store.StateOf(kApp, store.bytes).missing == Ranges{{600, 950}});
  CHECK(store.Problems() == "");
  const auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease);
  CHECK(SendRest(**upload, store.bytes) == 350);
  CHECK((*upload)->Commit().ok());
  upload->reset();
  CHECK(ReadWhole(*store, kApp, store.model).ok());
}

TEST_CASE("mending that goes wrong ends in sending the whole") {
  Stored store;
  store.cache->FlipBit(BlobPathOf(store.bytes), 250);
  REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(store.bytes).digest)));
  const auto lease = store->NewLease();
  auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease);
  REQUIRE((*upload)->Append(200, std::string(100, 'x')).ok());
  CHECK(absl::IsDataLoss((*upload)->Commit()));
  upload->reset();
  CHECK(store.StateOf(kApp, store.bytes).missing == Ranges{{0, 950}});
  upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease);
  CHECK(SendRest(**upload, store.bytes) == 950);
  CHECK((*upload)->Commit().ok());
  CHECK(ReadWhole(*store, kApp, store.model).ok());
}

TEST_CASE("mending survives a crash or a failing disk at every step") {
  for (const int error : {0, EIO, ENOSPC}) {
    for (uint64_t step = 0; step < 30; ++step) {
      CAPTURE(error, step);
      Stored store;
      store.cache->FlipBit(BlobPathOf(store.bytes), 250);
      REQUIRE(absl::IsDataLoss(store->VerifyBlob(RefOf(store.bytes).digest)));
      store.plan.Arm({.at = step, .error = error == 0 ? EIO : error, .crash = error == 0});
      {
        const auto lease = store->NewLease();
        auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease, ChunksOf(store.bytes));
        while (upload.ok() && !(*upload)->missing().empty()) {
          const ByteRange range = (*upload)->missing().front();
          const uint64_t count = std::min<uint64_t>(60, range.end_bytes - range.begin_bytes);
          if (!(*upload)->Append(range.begin_bytes, store.bytes.substr(range.begin_bytes, count)).ok()) break;
        }
        if (upload.ok()) (*upload)->Commit().IgnoreError();
      }
      if (error == 0) {
        store.plan.Disarm();
        store.Crash(FakeFileSystem::Survival::kRandom, step);
        store.Start();
      }
      store.plan.Disarm();
      const auto lease = store->NewLease();
      auto upload = store->OpenUpload(kApp, RefOf(store.bytes), *lease, ChunksOf(store.bytes));
      REQUIRE(upload.ok());
      SendRest(**upload, store.bytes);
      CHECK((*upload)->Commit().ok());
      upload->reset();
      CHECK(ReadWhole(*store, kApp, store.model).ok());
      store.Collect();
      CHECK(store.Problems() == "");
    }
  }
}

TEST_CASE("uploads are deleted and pruned, but not those that somebody sends") {
  SmallChunks store;
  const std::string a = Bytes(300, 1), b = Bytes(300, 2), c = Bytes(300, 3);
  {
    const auto lease = store->NewLease();
    for (const Partition& partition : {kApp, kOther}) {
      REQUIRE((*store->OpenUpload(partition, RefOf(a), *lease))->Append(0, a.substr(0, 120)).ok());
    }
    REQUIRE((*store->OpenUpload(kApp, RefOf(c), *lease))->Append(0, c).ok());
    REQUIRE((*store->OpenUpload(kApp, RefOf(c), *lease))->Commit().ok());
  }
  store.clock.Advance(absl::Hours(2));
  const auto lease = store->NewLease();
  auto open = store->OpenUpload(kApp, RefOf(b), *lease);
  REQUIRE((*open)->Append(0, b.substr(0, 50)).ok());
  Integrity& integrity = store->integrity();
  CHECK(absl::IsNotFound(integrity.DeleteUpload(Digest::Of("nothing")).status()));
  CHECK(absl::IsFailedPrecondition(integrity.DeleteUpload(RefOf(b).digest).status()));
  CHECK(integrity.PrunePartials({.older_than = absl::Hours(3)})->empty());
  CHECK(integrity.PrunePartials({.dry_run = true})->size() == 2);
  CHECK(store->ListStaged().size() == 4);
  SECTION("one upload, in all partitions") {
    CHECK(*integrity.DeleteUpload(RefOf(a).digest) == 240);
    CHECK(*integrity.DeleteUpload(RefOf(c).digest) == 300);
  }
  SECTION("the old ones of one partition, then all") {
    auto pruned = integrity.PrunePartials({.older_than = absl::Hours(1), .partition = kOther});
    REQUIRE(pruned->size() == 1);
    CHECK(pruned->front().partition == kOther);
    CHECK(integrity.PrunePartials({})->size() == 1);
    CHECK(*integrity.DeleteUpload(RefOf(c).digest) == 300);
  }
  CHECK(store->ListStaged().size() == 1);
  REQUIRE((*open)->Append(50, b.substr(50)).ok());
  CHECK((*open)->Commit().ok());
  open->reset();
  store.Collect();
  CHECK(store.BlobFilePaths().size() == 1);
  CHECK(store.Problems() == "");
}

}  // namespace
}  // namespace modeld::storage
