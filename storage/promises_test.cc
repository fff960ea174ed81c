#include "storage/promises.h"

#include <catch2/catch.hpp>

namespace modeld::storage {
namespace {

const PartitionId kApp = Digest::Of("app");
const PartitionId kOther = Digest::Of("other");
const Owned kBlob(kApp, Digest::Of("blob"));
const Owned kTheirs(kOther, Digest::Of("blob"));

// Holders are told apart by their addresses alone.
struct Holders {
  const int one = 0, two = 0, three = 0;
};

TEST_CASE("a promise lasts until its last holder lets go, and counts once") {
  Promises promises;
  const Holders by;
  promises.Add(&by.one, kBlob, 100, 0, {});
  promises.Add(&by.two, kBlob, 100, 0, {});
  promises.Add(&by.two, kTheirs, 70, 30, {});
  CHECK(promises.uncounted() == 170);
  CHECK(promises.unwritten() == 140);
  CHECK(promises.UncountedOf(kApp) == 100);
  CHECK(promises.UncountedOf(kOther) == 70);
  promises.Release(&by.one, kBlob);
  promises.Release(&by.one, kBlob);
  CHECK(promises.SizeOf(kBlob) == 100);
  promises.Release(&by.two);
  CHECK_FALSE(promises.SizeOf(kBlob));
  CHECK(promises.uncounted() == 0);
  CHECK(promises.unwritten() == 0);
}

TEST_CASE("a promise counts what records do not, for its partition and for all apart") {
  Promises promises;
  const Holders by;
  promises.Add(&by.one, kBlob, 100, 0, {.of_partition = 100, .of_all = 0});
  CHECK(promises.UncountedOf(kApp) == 0);
  CHECK(promises.uncounted() == 100);
  SECTION("more in the records than was promised") {
    promises.SetCounted(kBlob, {.of_partition = 500, .of_all = 500});
    CHECK(promises.UncountedOf(kApp) == 0);
    CHECK(promises.uncounted() == 0);
  }
  SECTION("a larger size for the same blob") {
    promises.Add(&by.two, kBlob, 130, 0, {});
    CHECK(promises.UncountedOf(kApp) == 30);
    CHECK(promises.uncounted() == 130);
    promises.Add(&by.two, kBlob, 20, 0, {});
    CHECK(promises.SizeOf(kBlob) == 130);
  }
  SECTION("records that go") {
    promises.Add(&by.one, kTheirs, 40, 0, {.of_partition = 40, .of_all = 0});
    promises.Recount(kApp, [](const Owned& blob) {
      CHECK(blob == kBlob);
      return Promises::Counted{.of_partition = 10, .of_all = 0};
    });
    CHECK(promises.UncountedOf(kApp) == 90);
    CHECK(promises.UncountedOf(kOther) == 0);
  }
  promises.Release(&by.one);
  promises.Release(&by.two);
  CHECK(promises.uncounted() == 0);
  CHECK(promises.UncountedOf(kApp) == 0);
}

TEST_CASE("who begins anew has no room in what was promised for the rest") {
  Promises promises;
  const Holders by;
  promises.Add(&by.one, kBlob, 100, 0, {});
  REQUIRE(promises.BeginWriting(&by.one, kBlob, /*anew=*/true));
  promises.Release(&by.one);
  promises.Add(&by.two, kBlob, 100, 60, {});
  CHECK_FALSE(promises.BeginWriting(&by.two, kBlob, /*anew=*/true));
  CHECK(promises.BeginWriting(&by.two, kBlob, /*anew=*/false));
}

TEST_CASE("who writes beside the writer has room of its own, and takes the promised room over") {
  Promises promises;
  const Holders by;
  for (const int* holder : {&by.one, &by.two, &by.three}) promises.Add(holder, kBlob, 100, 0, {});
  REQUIRE(promises.BeginWriting(&by.one, kBlob, false));
  CHECK_FALSE(promises.BeginWriting(&by.two, kBlob, false));
  promises.AddFile(&by.two, 100);
  promises.SetWritten(kBlob, 60);
  CHECK(promises.uncounted() == 200);
  CHECK(promises.unwritten() == 140);
  SECTION("the writer ends first: the other one has written nothing of the promised bytes") {
    promises.Release(&by.one);
    CHECK(promises.uncounted() == 100);
    CHECK(promises.unwritten() == 100);
    CHECK_FALSE(promises.BeginWriting(&by.three, kBlob, false));
  }
  SECTION("the other one ends first") {
    promises.Release(&by.two);
    CHECK(promises.uncounted() == 100);
    CHECK(promises.unwritten() == 40);
    promises.Release(&by.one);
    CHECK(promises.BeginWriting(&by.three, kBlob, false));
  }
  SECTION("the blob is there: only who still writes keeps the promise") {
    promises.Release(&by.one);
    promises.Fulfil(kBlob);
    CHECK(promises.uncounted() == 100);
    promises.Release(&by.two);
    CHECK_FALSE(promises.SizeOf(kBlob));
  }
  for (const int* holder : {&by.one, &by.two, &by.three}) promises.Release(holder);
  CHECK(promises.uncounted() == 0);
  CHECK(promises.unwritten() == 0);
}

TEST_CASE("room for a file shrinks by what is written, and never below nothing") {
  Promises promises;
  const Holders by;
  promises.AddFile(&by.one, 0);
  promises.AddFile(&by.one, 50);
  promises.WroteFile(&by.one, 20);
  CHECK(promises.unwritten() == 30);
  promises.WroteFile(&by.one, 1000);
  promises.WroteFile(&by.two, 5);
  CHECK(promises.unwritten() == 0);
  CHECK(promises.uncounted() == 0);
  promises.AddFile(&by.one, 10);
  promises.Release(&by.one);
  CHECK(promises.uncounted() == 0);
}

}  // namespace
}  // namespace modeld::storage
