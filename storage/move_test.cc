// Moving the cache folder loses nothing, wherever it is cut off.
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "storage/integrity.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(1000, 1), Bytes(2000, 2)}};
const TestModel kB{"graph B", {Bytes(2000, 2), Bytes(3000, 3)}};
const std::string kPartial = Bytes(500, 7);
const Partition kApp = "app:one";
const Partition kOther = "app:two";

bool Quiet(const MoveProgress&) {
  return true;
}

// A store in /old that can be moved to /new.
struct Movable : TestStore {
  Movable() {
    folders["/old"] = cache;
    folders["/new"] = std::make_shared<FakeFileSystem>(plan, "the new cache folder");
    options.state_dir = "/state";
    options.open_folder = [this](const std::string& path) { return folders.at(path); };
    StartIn("/old");
    REQUIRE(StoreWhole(**this, kApp, kA, "a").ok());
  }
  void Choose(const std::string& path) {
    options.cache_dir = path;
    cache = folders.at(path);
  }
  void StartIn(const std::string& path) {
    Stop();
    Choose(path);
    Start();
  }
  void CrashAll(uint64_t seed) {
    for (const auto& [path, folder] : folders) {
      if (folder != cache) others.push_back(folder);
    }
    Crash(FakeFileSystem::Survival::kRandom, seed);
    for (const auto& folder : others) folder->Crash(FakeFileSystem::Survival::kRandom, seed);
    others.clear();
  }
  // What comes after the copy: another model, and an upload that is not finished.
  void Go(bool check = true) {
    const absl::Status stored = StoreWhole(**this, kOther, kB);
    if (check) REQUIRE(stored.ok());
    const auto lease = (*this)->NewLease();
    auto upload = (*this)->OpenUpload(kApp, RefOf(kPartial), *lease);
    if (check) REQUIRE(upload.ok());
    if (upload.ok()) (*upload)->Append(0, kPartial.substr(0, 200)).IgnoreError();
  }
  void CheckAll() {
    CHECK(ReadWhole(**this, kApp, kA).ToString() == "OK");
    CHECK(*(*this)->LoadKey(kApp, "a") == kA.id());
    CHECK(ReadWhole(**this, kOther, kB).ToString() == "OK");
    const auto lease = (*this)->NewLease();
    CHECK((*this)->integrity().StateOf(kApp, RefOf(kPartial), *lease)->committed_bytes == 200);
    CHECK(Problems() == "");
  }
  size_t BlobsIn(const std::string& path) {
    size_t count = 0;
    for (const std::string& file : folders.at(path)->Files()) count += file.starts_with("blobs/");
    return count;
  }

  std::map<std::string, std::shared_ptr<FakeFileSystem>> folders;
  std::vector<std::shared_ptr<FakeFileSystem>> others;
};

TEST_CASE("a cache is copied while it is used, and the next start in the new folder completes it") {
  Movable store;
  MoveProgress last;
  REQUIRE(store->integrity()
              .Move("/new",
                    [&](const MoveProgress& progress) {
                      CHECK(progress.copied_bytes >= last.copied_bytes);
                      CHECK(progress.copied_bytes <= progress.total_bytes);
                      last = progress;
                      return true;
                    })
              .ok());
  CHECK(last.copied_bytes == last.total_bytes);
  CHECK(last.total_bytes == kA.manifest.size() + 3000);
  CHECK(store->integrity().move_target() == "/new");
  CHECK(store.BlobsIn("/old") == 3);
  CHECK(store.BlobsIn("/new") == 3);
  store.Go();
  SECTION("and meanwhile the old folder is as good as ever") {
    store.StartIn("/old");
    store.CheckAll();
  }
  SECTION("and what was deleted meanwhile does not come back") {
    REQUIRE(*store->DeleteModel(kApp, kA.id()));
    store.StartIn("/new");
    CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
    CHECK(ReadWhole(*store, kOther, kB).ok());
    CHECK(store.BlobsIn("/new") == 3);
    CHECK(store.Problems() == "");
    return;
  }
  store.StartIn("/new");
  CHECK(store->recovery().files_not_moved == 0);
  CHECK(store->recovery().files_moved == 3);  // two blobs and the upload
  store.CheckAll();
  CHECK(store.BlobsIn("/old") == 0);
  CHECK_FALSE(store->integrity().move_target());
  CHECK(store->recovery().orphan_files_removed == 0);
  store.StartIn("/new");
  store.CheckAll();
}

TEST_CASE("a move that is cut off at any step loses nothing and can be repeated") {
  bool finished = false;
  for (uint64_t step = 0; !finished && step < 200; ++step) {
    CAPTURE(step);
    Movable store;
    store.Go();
    store.plan.Arm({.at = step, .crash = true});
    finished = store->integrity().Move("/new", Quiet).ok();
    store.CrashAll(step);
    store.StartIn("/old");
    store.CheckAll();
    const absl::Status again = store->integrity().Move("/new", Quiet);
    // A crash that left something in the folder and no word of it makes it somebody's: the user clears it.
    if (absl::IsFailedPrecondition(again)) {
      CHECK_FALSE(store->integrity().move_target());
      continue;
    }
    REQUIRE(again.ok());
    store.StartIn("/new");
    store.CheckAll();
    CHECK(store.BlobsIn("/old") == 0);
  }
  CHECK(finished);
}

TEST_CASE("the first start in the new folder may be cut off at any step, before the copy or after") {
  for (const bool copied : {false, true}) {
    bool finished = false;
    for (uint64_t step = 0; !finished && step < 300; ++step) {
      CAPTURE(copied, step);
      Movable store;
      // A move that was stopped at its first report has copied nothing.
      const absl::Status moved = store->integrity().Move("/new", [&](const MoveProgress&) { return copied; });
      REQUIRE(moved.ok() == copied);
      store.Go();
      store.Stop();
      store.Choose("/new");
      store.plan.Arm({.at = step, .crash = true});
      finished = store.TryStart().ok();
      store.CrashAll(step);
      store.StartIn("/new");
      CHECK(store->recovery().files_not_moved == 0);
      store.CheckAll();
      store.StartIn("/new");
      store.CheckAll();
    }
    CHECK(finished);
  }
}

TEST_CASE("a disk that fails once while the new folder is completed costs another start, and no file") {
  for (const int error : {EIO, ENOSPC}) {
    bool done = false;
    for (uint64_t step = 0; !done && step < 300; ++step) {
      CAPTURE(error, step);
      Movable store;
      REQUIRE(store->integrity().Move("/new", Quiet).ok());
      store.Go();
      store.Stop();
      store.Choose("/new");
      store.plan.Arm({.at = step, .error = error});
      const absl::Status first = store.TryStart();
      done = store.plan.steps() <= step;
      store.plan.Disarm();
      store.StartIn("/new");
      CHECK(ReadWhole(*store, kApp, kA).ok());
      CHECK(ReadWhole(*store, kOther, kB).ok());
      // What failed may have been the removal of an old file.
      CHECK(store.BlobsIn("/old") <= 1);
      CHECK_FALSE(store->integrity().move_target());
    }
    CHECK(done);
  }
}

TEST_CASE("a file that cannot be read stays in the old folder") {
  Movable store;
  store.cache->SetUnreadable(BlobPathOf(kA.constants[1]), 0);
  REQUIRE(store->integrity().Move("/new", Quiet).ok());
  store.StartIn("/new");
  CHECK(store->recovery().files_not_moved == 1);
  CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kA)));
  CHECK(store.folders["/old"]->Stat(BlobPathOf(kA.constants[1])).ok());
  store.folders["/old"]->SetUnreadable(BlobPathOf(kA.constants[1]), UINT64_MAX);
  store.StartIn("/new");
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(store.BlobsIn("/old") == 0);
}

TEST_CASE("folders that will not do are refused before anything is written") {
  Movable store;
  Integrity& integrity = store->integrity();
  for (const char* path : {"", "relative", "/", "/new/", "/a/../b", "/a/./b", "/a//b", "/a/..", "/old",
                           "/old/x", "/state/cache"}) {
    CAPTURE(path);
    CHECK(absl::IsInvalidArgument(integrity.Move(path, Quiet)));
  }
  FakeFileSystem& fresh = *store.folders["/new"];
  SECTION("one that holds something") {
    REQUIRE(fresh.Open("letter.txt", FileSystem::Access::kCreate).ok());
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
  }
  SECTION("one that somebody uses") {
    REQUIRE(fresh.MakeDir("").ok());
    const auto lock = fresh.Lock("lock");
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
  }
  SECTION("one without room") {
    fresh.SetFreeBytes(3000);
    CHECK(absl::IsResourceExhausted(integrity.Move("/new", Quiet)));
  }
  SECTION("one that cannot be written") {
    fresh.SetReadOnly(true);
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
  }
  CHECK(store.BlobsIn("/new") == 0);
  CHECK_FALSE(integrity.move_target());
}

TEST_CASE("on the disk a cache moves from folder to folder") {
  std::string root = "/tmp/modeld-move-XXXXXX";
  REQUIRE(mkdtemp(root.data()) != nullptr);
  const FakeClock clock;
  StoreOptions options;
  options.state_dir = root + "/state";
  options.cache_dir = root + "/old";
  options.min_free_bytes = 0;
  {
    auto store = ModelStore::Open(options, clock);
    REQUIRE(store.ok());
    REQUIRE(StoreWhole(**store, kApp, kA).ok());
    REQUIRE((*store)->integrity().Move(root + "/new", Quiet).ok());
    REQUIRE(StoreWhole(**store, kOther, kB).ok());
  }
  options.cache_dir = root + "/new";
  {
    auto store = ModelStore::Open(options, clock);
    REQUIRE(store.ok());
    CHECK((*store)->recovery().files_not_moved == 0);
    CHECK(ReadWhole(**store, kApp, kA).ok());
    CHECK(ReadWhole(**store, kOther, kB).ok());
    CHECK((*store)->Audit()->empty());
  }
  size_t left = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/old")) {
    left += entry.is_regular_file() && entry.path().filename() != "lock";
  }
  CHECK(left == 0);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace modeld::storage
