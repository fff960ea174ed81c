// Checks, repairs and the scrub.
#include "storage/integrity.h"

#include <catch2/catch.hpp>

#include "storage/chunks.h"
#include "storage/plan_store.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph B", {Bytes(2000, 2), Bytes(3000, 3)}};
const Partition kApp = "app:one";
const Partition kOther = "app:two";

struct Filled : TestStore {
  Filled() {
    options.digest_chunk_bytes = 300;
    Start();
    REQUIRE(StoreWhole(**this, kApp, kA, "a").ok());
    REQUIRE(StoreWhole(**this, kOther, kB).ok());
  }

  // All problems that a check finds.
  std::vector<VerifyNews> Verify(const VerifyOptions& verify) {
    std::vector<VerifyNews> problems;
    uint64_t done = 0;
    const absl::Status status = (*this)->integrity().VerifyAll(verify, [&](const VerifyNews& news) {
      CHECK(news.done_bytes >= done);
      CHECK(news.done_bytes <= news.total_bytes);
      done = news.done_bytes;
      if (!news.problem.empty()) problems.push_back(news);
      return true;
    });
    INFO(status);
    CHECK(status.ok());
    return problems;
  }
};

std::string RecordKey(char kind, absl::string_view rest) {
  return kind + std::string(rest);
}

TEST_CASE("a check of a sound store finds nothing, reads everything and can be stopped") {
  Filled store;
  CHECK(store.Verify({}).empty());
  CHECK(store.Verify({.rehash = true, .repair = true}).empty());
  uint64_t done = 0;
  CHECK(store->integrity()
            .VerifyAll({.rehash = true}, [&](const VerifyNews& news) { return done = news.done_bytes, true; })
            .ok());
  CHECK(done == kA.manifest.size() + kB.manifest.size() + 6000);
  int calls = 0;
  CHECK(absl::IsCancelled(
      store->integrity().VerifyAll({.rehash = true}, [&](const VerifyNews&) { return ++calls < 2; })));
  CHECK(calls == 2);
}

TEST_CASE("a damaged blob names its models, a missing one too, and nothing is removed by a repair") {
  Filled store;
  store.cache->FlipBit(BlobPathOf(kA.constants[1]), 5);
  store.cache->RemoveBehind(BlobPathOf(kA.constants[0]));
  for (const bool repair : {false, true}) {
    CAPTURE(repair);
    std::map<std::string, std::vector<Digest>> found;
    for (const VerifyNews& news : store.Verify({.rehash = true, .repair = repair})) {
      CHECK(news.problem.find('/') == std::string::npos);
      if (!news.models.empty()) found[news.problem] = news.models;
    }
    std::vector<Digest> both{kA.id(), kB.id()};
    std::sort(both.begin(), both.end());
    const std::string bad = "blob " + RefOf(kA.constants[1]).digest.ToHex() + ": has wrong bytes";
    const std::string gone = "blob " + RefOf(kA.constants[0]).digest.ToHex() + ": is missing";
    CHECK(found.at(bad) == both);
    CHECK(found.at(gone) == std::vector<Digest>{kA.id()});
  }
  CHECK(store->ListModels().size() == 2);
  CHECK(store.cache->Stat("quarantine/" + RefOf(kA.constants[1]).digest.ToHex()).ok());
  CHECK(store.Problems() == "");
}

// Two uploads of kApp and kOther that no model names.
struct Uploaded : Filled {
  Uploaded() {
    for (const Partition& partition : {kApp, kOther}) {
      auto lease = (*this)->NewLease();
      for (const std::string& bytes : {lone, sound}) {
        REQUIRE(
            (*this)->PutBlob(partition, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
      }
    }
  }
  const std::string lone = Bytes(700, 8), sound = Bytes(500, 9);
  const std::string problem = "blob " + RefOf(lone).digest.ToHex() + ": has wrong bytes";
  const std::string set_aside = "quarantine/" + RefOf(lone).digest.ToHex();
};

TEST_CASE("uploads that no model names are read, too, and a damaged one is told and set aside") {
  Uploaded store;
  uint64_t total = 0;
  const auto note = [&](const VerifyNews& news) { return total = news.total_bytes, true; };
  REQUIRE(store->integrity().VerifyAll({.rehash = true}, note).ok());
  CHECK(total == kA.manifest.size() + kB.manifest.size() + 6000 + 700 + 500);
  store.cache->FlipBit(BlobPathOf(store.lone), 77);
  CHECK(store.Verify({}).empty());
  for (const bool rehash : {true, false}) {
    CAPTURE(rehash);
    const auto told = store.Verify({.rehash = rehash});
    REQUIRE(told.size() == 1);
    CHECK(told[0].problem == store.problem);
    CHECK(told[0].models.empty());
    CHECK_FALSE(told[0].repaired);
  }
  CHECK(store->ListStaged().size() == 4);
  CHECK(store.cache->Stat(store.set_aside).ok());
  auto lease = store->NewLease();
  const std::vector<BlobRef> refs = {RefOf(store.lone), RefOf(store.sound)};
  CHECK(*store->FindMissing(kApp, refs, *lease) == std::vector<BlobRef>{refs[0]});
}

TEST_CASE("a repair drops a damaged upload that no model names, and no other") {
  Uploaded store;
  store.cache->FlipBit(BlobPathOf(store.lone), 77);
  const bool known = GENERATE(false, true);
  if (known) REQUIRE(store.Verify({.rehash = true}).size() == 1);
  const auto mended = store.Verify({.rehash = !known, .repair = true});
  REQUIRE(mended.size() == 1);
  CHECK(mended[0].problem == store.problem + "; its upload was dropped");
  CHECK(mended[0].repaired);
  CHECK(store->ListStaged().size() == 2);
  store.Collect();
  CHECK(store->ListQuarantined()->empty());
  CHECK(store.Verify({.rehash = true, .repair = true}).empty());
  CHECK(store.Problems() == "");
  auto lease = store->NewLease();
  const std::vector<BlobRef> refs = {RefOf(store.lone), RefOf(store.sound)};
  CHECK(*store->FindMissing(kApp, refs, *lease) == std::vector<BlobRef>{refs[0]});
  REQUIRE(store->PutBlob(kApp, refs[0], Region::Copy(absl::string_view(store.lone)), *lease).ok());
  CHECK(store->MapBlob(kApp, refs[0].digest, *lease).ok());
}

TEST_CASE("an upload whose disk failed for a while is put back by a repair") {
  Uploaded store;
  store.cache->SetUnreadable(BlobPathOf(store.lone), 500);
  REQUIRE(store.Verify({.rehash = true}).size() == 1);
  store.cache->SetUnreadable(store.set_aside, UINT64_MAX);
  const auto mended = store.Verify({.rehash = true, .repair = true});
  REQUIRE(mended.size() == 1);
  CHECK(mended[0].repaired);
  CHECK(store->ListStaged().size() == 4);
  CHECK(store.Verify({.rehash = true}).empty());
}

TEST_CASE("a damaged blob that a model names keeps its uploads: a repair never costs a model its bytes") {
  Filled store;
  {
    auto lease = store->NewLease();
    const std::string& bytes = kA.constants[0];
    REQUIRE(store->PutBlob(kOther, RefOf(bytes), Region::Copy(absl::string_view(bytes)), *lease).ok());
  }
  store.cache->FlipBit(BlobPathOf(kA.constants[0]), 77);
  const auto told = store.Verify({.rehash = true, .repair = true});
  REQUIRE(told.size() == 1);
  CHECK_FALSE(told[0].repaired);
  CHECK(told[0].models == std::vector<Digest>{kA.id()});
  CHECK(store->ListStaged().size() == 1);
}

TEST_CASE("a disk that failed for a while is forgiven by a repair") {
  Filled store;
  store.cache->SetUnreadable(BlobPathOf(kA.constants[1]), 0);
  REQUIRE(store.Verify({.rehash = true}).size() == 1);
  store.cache->SetUnreadable("quarantine/" + RefOf(kA.constants[1]).digest.ToHex(), UINT64_MAX);
  CHECK(store.Verify({.rehash = true}).size() == 1);
  const auto mended = store.Verify({.rehash = true, .repair = true});
  REQUIRE(mended.size() == 1);
  CHECK(mended[0].repaired);
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kOther, kB).ok());
  CHECK(store.Verify({.rehash = true}).empty());
}

TEST_CASE("strays go with a repair, and only with one") {
  Filled store;
  store.Collect();
  const std::string stray = Bytes(50, 9);
  for (const std::string& path : {std::string("blobs/00/nonsense"), BlobPathOf(stray),
                                  std::string("staging/nonsense"), std::string("plans/00/nonsense")}) {
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      REQUIRE(store.cache->MakeDir(path.substr(0, slash)).ok());
    }
    REQUIRE((*store.cache->Open(path, FileSystem::Access::kCreate))->WriteAt(0, stray).ok());
  }
  const size_t files = store.cache->Files().size();
  CHECK(store.Verify({}).size() == 4);
  CHECK(store.cache->Files().size() == files);
  for (const VerifyNews& news : store.Verify({.repair = true})) {
    CAPTURE(news.problem);
    CHECK(news.repaired);
  }
  store.Collect();
  CHECK(store.cache->Files().size() == files - 4);
  CHECK(store.Verify({}).empty());
}

TEST_CASE(
    "one broken record of any kind blocks nothing else, is reported, and mended where that loses nothing") {
  const std::string app(Digest::Of(kApp).bytes()), model(kA.id().bytes());
  const std::string blob(RefOf(kA.constants[1]).digest.bytes());
  const std::string one = std::string(7, '\0') + '\1', zero(8, '\0');
  const std::vector<std::string> keys = {RecordKey('M', model),       RecordKey('P', app),
                                         RecordKey('H', app + model), RecordKey('K', app + "a"),
                                         RecordKey('U', app + blob),  RecordKey('D', blob),
                                         RecordKey('W', model),       RecordKey('Q', app),
                                         RecordKey('B', app),         RecordKey('G', model),
                                         RecordKey('N', one),         RecordKey('X', blob),
                                         RecordKey('C', blob),        RecordKey('V', zero),
                                         RecordKey('Y', zero),        "H too short",
                                         std::string("\xff unknown")};
  for (const std::string& key : keys) {
    CAPTURE(key[0], key.size());
    Filled store;
    store.Stop();
    store.catalogue->Overwrite(key, "\xff\xff\xff");
    store.Start();
    CHECK(store->recovery().unreadable_records == 1);
    // The other partition notices nothing.
    CHECK(ReadWhole(*store, kOther, kB).ok());
    CHECK(store->ListModels().size() == 2);
    CHECK(store->Collect(store.clock.Now()).ok());
    CHECK(store->integrity().PrunePartials({}).ok());
    const auto found = store.Verify({.rehash = true});
    // Digests of chunks are made again by the first use.
    CHECK(found.empty() == (key[0] == 'C'));
    store.Verify({.rehash = true, .repair = true});
    store.Start();
    CHECK(store->recovery().unreadable_records == 0);
    CHECK(store->ListModels().size() == 2);
    CHECK(ReadWhole(*store, kOther, kB).ok());
    // Only a model's own record takes the model with it, until it is stored again.
    CHECK(ReadWhole(*store, kApp, kA).ok() == (key[0] != 'M'));
    REQUIRE(StoreWhole(*store, kApp, kA, "a").ok());
    CHECK(ReadWhole(*store, kApp, kA).ok());
    CHECK(store.Problems() == "");
  }
}

TEST_CASE("repairs survive a crash at every step") {
  for (uint64_t step = 0; step < 12; ++step) {
    CAPTURE(step);
    Filled store;
    store.catalogue->Overwrite(RecordKey('K', std::string(Digest::Of(kApp).bytes()) + "a"), "\xff");
    store.Start();
    store.cache->FlipBit(BlobPathOf(kB.constants[1]), 5);
    store.cache->RemoveBehind(BlobPathOf(kA.constants[0]));
    store.plan.Arm({.at = step, .crash = true});
    store->integrity()
        .VerifyAll({.rehash = true, .repair = true}, [](const VerifyNews&) { return true; })
        .IgnoreError();
    store.Crash(FakeFileSystem::Survival::kRandom, step);
    store.Start();
    store.Verify({.rehash = true, .repair = true});
    CHECK(store->ListModels().size() == 2);
    REQUIRE(StoreWhole(*store, kApp, kA, "a").ok());
    REQUIRE(StoreWhole(*store, kOther, kB).ok());
    CHECK(ReadWhole(*store, kApp, kA).ok());
    CHECK(ReadWhole(*store, kOther, kB).ok());
    store.Collect();
    CHECK(store.Problems() == "");
  }
}

// Scrubs to the end of the round; returns the bytes that were read, and adds what was found.
uint64_t ScrubRound(TestStore& store, std::vector<ScrubStep>& found) {
  uint64_t read = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto step = store->integrity().Scrub([](uint64_t) { return true; });
    REQUIRE(step.ok());
    read += step->bytes_read;
    if (!step->problem.empty()) found.push_back(*step);
    if (step->round_finished) return read;
  }
  FAIL("the round has no end");
  return 0;
}

TEST_CASE("the scrub reads everything once a round, goes on after a restart, and finds damage") {
  Filled store;
  std::vector<ScrubStep> found;
  const uint64_t all = kA.manifest.size() + kB.manifest.size() + 6000;
  CHECK(store->integrity().last_scrubbed() == absl::InfinitePast());
  CHECK(ScrubRound(store, found) == all);
  CHECK(found.empty());
  CHECK(store->integrity().last_scrubbed() == store.clock.Now());

  SECTION("a stop within a step loses the step alone") {
    const auto stopped = store->integrity().Scrub([](uint64_t) { return false; });
    CHECK(stopped->bytes_read == 0);
    CHECK(ScrubRound(store, found) == all);
  }
  SECTION("a restart goes on in the middle of a blob") {
    uint64_t before = 0;
    for (int i = 0; i < 7; ++i) before += store->integrity().Scrub([](uint64_t) { return true; })->bytes_read;
    CHECK(before < all);
    store.Start();
    CHECK(before + ScrubRound(store, found) == all);
  }
  SECTION("one wrong bit costs its blob, and names the models") {
    store.cache->FlipBit(BlobPathOf(kA.constants[0]), 999);
    ScrubRound(store, found);
    REQUIRE(found.size() == 1);
    CHECK(found[0].models == std::vector<Digest>{kA.id()});
    CHECK(absl::IsDataLoss(ReadWhole(*store, kApp, kA)));
    CHECK(ReadWhole(*store, kOther, kB).ok());
    found.clear();
    ScrubRound(store, found);
    CHECK(found.empty());
  }
  SECTION("a bad sector, too, and nothing is deleted") {
    store.cache->SetUnreadable(BlobPathOf(kB.constants[1]), 2999);
    ScrubRound(store, found);
    CHECK(found.size() == 1);
    CHECK(store.cache->Stat("quarantine/" + RefOf(kB.constants[1]).digest.ToHex()).ok());
  }
  SECTION("a blob whose chunks are not known is read whole, and they are then") {
    store.catalogue->Overwrite(RecordKey('C', RefOf(kA.constants[1]).digest.bytes()), "\xff");
    store.Start();
    CHECK(ScrubRound(store, found) == all);
    store.cache->FlipBit(BlobPathOf(kA.constants[1]), 0);
    ScrubRound(store, found);
    const auto lease = store->NewLease();
    const auto state = store->integrity().StateOf(kApp, RefOf(kA.constants[1]), *lease);
    CHECK(state->missing == std::vector<ByteRange>{{0, 300}});
  }
  CHECK(store.Problems() == "");
}

TEST_CASE("deleting while the scrub reads does no harm") {
  Filled store;
  for (int i = 0; i < 40; ++i) {
    bool deleted = false;
    const auto step = store->integrity().Scrub([&](uint64_t) {
      if (!deleted && i == 3) REQUIRE(*store->DeleteModel(kOther, kB.id()));
      deleted = true;
      return true;
    });
    REQUIRE(step.ok());
    CHECK(step->problem.empty());
    store.Collect();
  }
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store.Problems() == "");
}

}  // namespace
}  // namespace modeld::storage
