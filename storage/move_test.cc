// Moving the cache folder loses nothing, wherever it is cut off.
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <random>

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
    for (const char* path : {"/new", "/third"}) {
      folders[path] = std::make_shared<FakeFileSystem>(plan, "the new cache folder");
    }
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

  bool Has(const std::string& path, const std::string& file) { return folders.at(path)->Stat(file).ok(); }
  // Files and folders in one of the folders; "" stands for the folder itself.
  std::vector<std::string> Left(const std::string& path) {
    std::vector<std::string> names = folders.at(path)->Folders();
    for (std::string& file : folders.at(path)->Files()) names.push_back(std::move(file));
    return names;
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
  CHECK(store.Left("/old").empty());
  CHECK_FALSE(store.Has("/new", "modeld-move"));
  CHECK_FALSE(store->integrity().move_target());
  CHECK(store->recovery().orphan_files_removed == 0);
  store.StartIn("/new");
  store.CheckAll();
}

// The next step to fail at. Hundreds of them make or remove one folder of blobs like the other; some of each
// stretch are enough, others in each run.
uint64_t NextCut(uint64_t step) {
  static std::mt19937 random{std::random_device{}()};
  return step + 1 + random() % 6;
}

TEST_CASE("a move that is cut off at any step loses nothing and can be repeated") {
  bool finished = false;
  for (uint64_t step = 0; !finished && step < 1000; step = NextCut(step)) {
    CAPTURE(step);
    Movable store;
    store.Go();
    store.plan.Arm({.at = step, .crash = true});
    finished = store->integrity().Move("/new", Quiet).ok();
    store.CrashAll(step);
    store.StartIn("/old");
    store.CheckAll();
    REQUIRE(store->integrity().Move("/new", Quiet).ok());
    store.StartIn("/new");
    store.CheckAll();
    CHECK(store.Left("/old").empty());
    CHECK_FALSE(store.Has("/new", "modeld-move"));
  }
  CHECK(finished);
}

TEST_CASE("the first start in the new folder may be cut off at any step, before the copy or after") {
  for (const bool copied : {false, true}) {
    bool finished = false;
    for (uint64_t step = 0; !finished && step < 1000; step = NextCut(step)) {
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
      CHECK_FALSE(store->integrity().move_target());
      store.StartIn("/new");
      store.CheckAll();
      // A crash after the last of our names was removed may leave an empty folder, which could be anybody's.
      CHECK(store.folders["/old"]->Files().empty());
      CHECK(store.folders["/old"]->Folders().size() <= 1);
      CHECK_FALSE(store.Has("/new", "modeld-move"));
    }
    CHECK(finished);
  }
}

TEST_CASE("a disk that fails once while the new folder is completed costs another start, and no file") {
  for (const int error : {EIO, ENOSPC}) {
    bool done = false;
    for (uint64_t step = 0; !done && step < 1000; step = NextCut(step)) {
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
      CHECK(store.BlobsIn("/old") == 0);
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

TEST_CASE("an unfinished move is known by its target's mark, whatever came between") {
  Movable store;
  int reports = 0;
  const auto stop_after_a_file = [&](const MoveProgress& progress) {
    return progress.copied_bytes == 0 || ++reports < 2;
  };
  REQUIRE(absl::IsCancelled(store->integrity().Move("/new", stop_after_a_file)));
  REQUIRE(store.BlobsIn("/new") > 0);
  // The record now names another folder.
  REQUIRE(store->integrity().Move("/third", Quiet).ok());
  SECTION("and gone on with") {
    REQUIRE(store->integrity().Move("/new", Quiet).ok());
    store.Go();
    store.StartIn("/new");
    store.CheckAll();
    CHECK(store.Left("/old").empty());
  }
  SECTION("but a blob in it that is damaged meanwhile is copied again") {
    const std::string half = store.folders["/new"]->Files().at(1);
    REQUIRE(half.starts_with("blobs/"));
    store.folders["/new"]->FlipBit(half, 3);
    REQUIRE(store->integrity().Move("/new", Quiet).ok());
    store.Go();
    store.StartIn("/new");
    CHECK(store->recovery().files_moved == 3);
    store.CheckAll();
  }
  SECTION("but not by another store") {
    store.options.state_dir = "/elsewhere";
    store.StartIn("/old");
    CHECK(absl::IsFailedPrecondition(store->integrity().Move("/new", Quiet)));
    CHECK(store->integrity().move_target() == "/third");
  }
  SECTION("and not where the mark was written over") {
    const auto mark = store.folders["/new"]->Open("modeld-move", FileSystem::Access::kReadWrite);
    REQUIRE((*mark)->WriteAt((*mark)->Size().value(), "more").ok());
    CHECK(absl::IsFailedPrecondition(store->integrity().Move("/new", Quiet)));
  }
}

TEST_CASE("an old folder that is not there keeps the move open while models lack files") {
  Movable store;
  REQUIRE(store->integrity().Move("/new", Quiet).ok());
  store.Go();
  store.Stop();
  // Its disk is not mounted at the first start.
  const std::shared_ptr<FakeFileSystem> old = store.folders["/old"];
  store.folders["/old"] = std::make_shared<FakeFileSystem>(store.plan, "the old cache folder");
  store.StartIn("/new");
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(absl::IsNotFound(ReadWhole(*store, kOther, kB)));
  CHECK(store->integrity().move_target() == "/new");
  CHECK(store.Left("/old") == std::vector<std::string>{""});
  store.StartIn("/new");
  CHECK(store->integrity().move_target() == "/new");
  store.folders["/old"] = old;
  store.StartIn("/new");
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, kOther, kB).ok());
  CHECK_FALSE(store->integrity().move_target());
  CHECK(store.Left("/old").empty());
}

TEST_CASE("an old folder that was wiped ends the move when nothing is missing") {
  Movable store;
  REQUIRE(store->integrity().Move("/new", Quiet).ok());
  store.Stop();
  store.folders["/old"]->Wipe();
  store.StartIn("/new");
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK_FALSE(store->integrity().move_target());
}

TEST_CASE("what others put into the old folder stays there") {
  Movable store;
  REQUIRE(store.folders["/old"]->Open("letter.txt", FileSystem::Access::kCreate).ok());
  REQUIRE(store->integrity().Move("/new", Quiet).ok());
  store.StartIn("/new");
  CHECK(store.Left("/old") == std::vector<std::string>{"", "letter.txt"});
  CHECK_FALSE(store->integrity().move_target());
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
  std::vector<std::string> before = {""};
  SECTION("one that holds something") {
    REQUIRE(fresh.Open("letter.txt", FileSystem::Access::kCreate).ok());
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
    before.push_back("letter.txt");
  }
  SECTION("one that somebody uses") {
    const auto lock = fresh.Lock("lock");
    REQUIRE(fresh.MakeDir("blobs").ok());
    const absl::Status refused = integrity.Move("/new", Quiet);
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(refused.message().find("another modeld") != absl::string_view::npos);
    before = {"", "blobs", "lock"};
  }
  SECTION("one that somebody used") {
    REQUIRE(fresh.Lock("lock").ok());
    REQUIRE(fresh.MakeDir("blobs").ok());
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
    before = {"", "blobs", "lock"};
  }
  SECTION("one that is not there, and without room") {
    REQUIRE(fresh.RemoveDir("").ok());
    fresh.SetFreeBytes(0);
    CHECK(absl::IsResourceExhausted(integrity.Move("/new", Quiet)));
    before.clear();
  }
  SECTION("one without room") {
    fresh.SetFreeBytes(3000);
    CHECK(absl::IsResourceExhausted(integrity.Move("/new", Quiet)));
  }
  SECTION("one that cannot be written") {
    fresh.SetReadOnly(true);
    CHECK(absl::IsFailedPrecondition(integrity.Move("/new", Quiet)));
  }
  CHECK(store.Left("/new") == before);
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
  CHECK_FALSE(std::filesystem::exists(root + "/old"));
  CHECK_FALSE(std::filesystem::exists(root + "/new/modeld-move"));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace modeld::storage
