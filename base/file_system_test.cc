#include "base/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/fake_file_system.h"

namespace modeld {
namespace {

using Access = FileSystem::Access;

std::string ScratchFolder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/fsXXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

std::string ReadAll(FileSystem& fs, absl::string_view path) {
  auto file = fs.Open(path, Access::kRead);
  REQUIRE(file.ok());
  std::string content(*(*file)->Size(), '\0');
  auto n = (*file)->ReadAt(0, std::as_writable_bytes(std::span(content)));
  REQUIRE(n.ok());
  REQUIRE(*n == content.size());
  return content;
}

void WriteAll(FileSystem& fs, absl::string_view path, absl::string_view content) {
  auto file = fs.Open(path, Access::kCreate);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(0, content).ok());
}

// Runs one test on the disk and on the fake: both keep the same contract.
void OnBoth(const std::function<void(FileSystem&)>& test) {
  SECTION("on the disk") {
    auto fs = NewRealFileSystem(ScratchFolder() + "/a/b", "the test folder");
    REQUIRE(fs->MakeDir("").ok());
    test(*fs);
  }
  SECTION("on the fake") {
    FaultPlan plan;
    FakeFileSystem fs(plan, "the test folder");
    REQUIRE(fs.MakeDir("").ok());
    test(fs);
  }
}

TEST_CASE("a file is written, read, cut, renamed, listed and removed") {
  OnBoth([](FileSystem& fs) {
    REQUIRE(fs.MakeDir("d").ok());
    REQUIRE(fs.MakeDir("d").ok());
    WriteAll(fs, "d/x", "hello world");
    auto file = fs.Open("d/x", Access::kReadWrite);
    REQUIRE(file.ok());
    REQUIRE((*file)->WriteAt(6, "there").ok());
    REQUIRE((*file)->Truncate(9).ok());
    REQUIRE((*file)->Sync().ok());
    REQUIRE(fs.SyncDir("d").ok());
    CHECK(ReadAll(fs, "d/x") == "hello the");
    CHECK(fs.Stat("d/x")->size_bytes == 9);
    CHECK(fs.Stat("d/x")->is_plain_file);
    CHECK(fs.Stat("d")->is_directory);

    WriteAll(fs, "y", "old");
    REQUIRE(fs.Rename("d/x", "y").ok());
    CHECK(ReadAll(fs, "y") == "hello the");
    CHECK(*fs.List("") == std::vector<std::string>{"d", "y"});
    CHECK(fs.List("d")->empty());
    REQUIRE(fs.Remove("y").ok());
    CHECK(absl::IsNotFound(fs.Remove("y")));
    CHECK(absl::IsNotFound(fs.Stat("y").status()));
    CHECK(absl::IsNotFound(fs.Open("y", Access::kReadWrite).status()));
    REQUIRE(fs.FreeBytes().ok());
    CHECK(*fs.TotalBytes() >= *fs.FreeBytes());
  });
}

TEST_CASE("a mapping outlives the name of its file") {
  OnBoth([](FileSystem& fs) {
    WriteAll(fs, "x", "bytes");
    WriteAll(fs, "empty", "");
    auto region = fs.Map("x");
    REQUIRE(region.ok());
    REQUIRE(fs.Remove("x").ok());
    CHECK(region->view() == "bytes");
    auto empty = fs.Map("empty");
    REQUIRE(empty.ok());
    CHECK(empty->empty());
    CHECK(absl::IsNotFound(fs.Map("x").status()));
  });
}

TEST_CASE("paths that are not plain and relative are refused") {
  OnBoth([](FileSystem& fs) {
    for (absl::string_view path : {"/x", "../x", "a/../x", "./x", "a//x", "x/", "..", ".", "/"}) {
      CAPTURE(std::string(path));
      CHECK(absl::IsInvalidArgument(fs.Open(path, Access::kCreate).status()));
      CHECK(absl::IsInvalidArgument(fs.MakeDir(path)));
    }
    CHECK(absl::IsInvalidArgument(fs.Open(absl::string_view("a\0b", 3), Access::kCreate).status()));
    CHECK(absl::IsInvalidArgument(fs.Open("", Access::kCreate).status()));
    CHECK(fs.List("")->empty());
  });
}

TEST_CASE("a folder where a file is wanted, and the reverse, are refused") {
  OnBoth([](FileSystem& fs) {
    REQUIRE(fs.MakeDir("d").ok());
    WriteAll(fs, "f", "x");
    CHECK(absl::IsFailedPrecondition(fs.Open("d", Access::kRead).status()));
    CHECK(absl::IsFailedPrecondition(fs.MakeDir("f")));
    CHECK(absl::IsFailedPrecondition(fs.Open("f/x", Access::kCreate).status()));
    CHECK(absl::IsNotFound(fs.Open("missing/x", Access::kCreate).status()));
  });
}

TEST_CASE("a lock excludes others until it is dropped") {
  OnBoth([](FileSystem& fs) {
    auto lock = fs.Lock("lock");
    REQUIRE(lock.ok());
    CHECK(absl::IsAborted(fs.Lock("lock").status()));
    lock->reset();
    CHECK(fs.Lock("lock").ok());
  });
}

TEST_CASE("empty folders are removed, others are not") {
  OnBoth([](FileSystem& fs) {
    REQUIRE(fs.MakeDir("d").ok());
    WriteAll(fs, "d/x", "1");
    CHECK(absl::IsFailedPrecondition(fs.RemoveDir("d")));
    CHECK(absl::IsFailedPrecondition(fs.RemoveDir("d/x")));
    CHECK(absl::IsFailedPrecondition(fs.RemoveDir("")));
    CHECK(absl::IsNotFound(fs.RemoveDir("missing")));
    CHECK(absl::IsInvalidArgument(fs.RemoveDir("..")));
    REQUIRE(fs.Remove("d/x").ok());
    CHECK(fs.RemoveDir("d").ok());
    CHECK(fs.RemoveDir("").ok());
    CHECK(absl::IsNotFound(fs.Stat("").status()));
    CHECK(absl::IsNotFound(fs.Open("x", Access::kCreate).status()));
    REQUIRE(fs.MakeDir("").ok());
    CHECK(fs.List("")->empty());
    WriteAll(fs, "x", "1");
  });
}

TEST_CASE("a lock whose file its holders remove is never held by two") {
  const std::string root = ScratchFolder();
  std::atomic<int> holders = 0, taken = 0;
  std::atomic<bool> twice = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto fs = NewRealFileSystem(root, "the test folder");
      for (int turn = 0; turn < 3000; ++turn) {
        const auto lock = fs->Lock("lock");
        if (!lock.ok()) continue;
        ++taken;
        if (++holders > 1) twice = true;
        std::this_thread::yield();  // for others to come
        --holders;
        fs->Remove("lock").IgnoreError();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(twice);
  CHECK(taken > 0);
}

TEST_CASE("the disk's files are private and links are not followed") {
  std::string root = ScratchFolder();
  auto fs = NewRealFileSystem(root + "/in", "the test folder");
  REQUIRE(fs->MakeDir("").ok());
  REQUIRE(fs->MakeDir("d").ok());
  WriteAll(*fs, "d/x", "secret");
  struct stat info;
  REQUIRE(::stat((root + "/in/d/x").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(::stat((root + "/in/d").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);

  REQUIRE(::symlink((root + "/in/d/x").c_str(), (root + "/in/link").c_str()) == 0);
  REQUIRE(::symlink((root + "/in/d").c_str(), (root + "/in/dirlink").c_str()) == 0);
  CHECK(absl::IsFailedPrecondition(fs->Open("link", Access::kRead).status()));
  CHECK(absl::IsFailedPrecondition(fs->Map("link").status()));
  CHECK(absl::IsFailedPrecondition(fs->Open("dirlink/x", Access::kRead).status()));
  CHECK_FALSE(fs->Stat("link")->is_plain_file);

  REQUIRE(::mkfifo((root + "/in/fifo").c_str(), 0600) == 0);
  CHECK(absl::IsFailedPrecondition(fs->Open("fifo", Access::kRead).status()));
}

TEST_CASE("a folder that was wiped and made again works") {
  std::string root = ScratchFolder() + "/in";
  auto fs = NewRealFileSystem(root, "the test folder");
  CHECK(absl::IsNotFound(fs->List("").status()));
  REQUIRE(fs->MakeDir("").ok());
  REQUIRE(::rmdir(root.c_str()) == 0);
  CHECK(absl::IsNotFound(fs->Open("x", Access::kCreate).status()));
  REQUIRE(fs->MakeDir("").ok());
  WriteAll(*fs, "x", "1");
}

TEST_CASE("errors name the folder and never a path") {
  OnBoth([](FileSystem& fs) {
    absl::Status status = fs.Open("missing", Access::kRead).status();
    CHECK(status.message() == "the test folder: no such file");
  });
  CHECK(ErrnoStatus(ENOSPC, "blob").code() == absl::StatusCode::kResourceExhausted);
  CHECK(ErrnoStatus(EROFS, "blob").code() == absl::StatusCode::kFailedPrecondition);
  CHECK(ErrnoStatus(EIO, "blob").code() == absl::StatusCode::kUnavailable);
  CHECK(ErrnoStatus(EXDEV + 10000, "blob").code() == absl::StatusCode::kInternal);
}

TEST_CASE("the fake forgets content and names that were not synced") {
  FaultPlan plan;
  FakeFileSystem fs(plan, "fake");
  WriteAll(fs, "named", "1");  // its name gets synced, its content does not
  REQUIRE(fs.SyncDir("").ok());
  WriteAll(fs, "synced", "22");
  REQUIRE((*fs.Open("synced", Access::kReadWrite))->Sync().ok());
  REQUIRE(fs.SyncDir("").ok());
  WriteAll(fs, "synced", "2233");
  WriteAll(fs, "unnamed", "3");
  REQUIRE((*fs.Open("unnamed", Access::kReadWrite))->Sync().ok());

  SECTION("when the power goes") {
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Files() == std::vector<std::string>{"named", "synced"});
    CHECK(ReadAll(fs, "named").empty());
    CHECK(ReadAll(fs, "synced") == "22");
  }
  SECTION("but not when only the process dies") {
    fs.Crash(FakeFileSystem::Survival::kAll);
    CHECK(fs.Files() == std::vector<std::string>{"named", "synced", "unnamed"});
    CHECK(ReadAll(fs, "synced") == "2233");
  }
  SECTION("and a random crash keeps what was synced") {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(seed);
      fs.Crash(FakeFileSystem::Survival::kRandom, seed);
      CHECK(ReadAll(fs, "synced").substr(0, 2) == "22");
    }
  }
}

TEST_CASE("a fake whose syncs are dropped says OK and forgets") {
  FaultPlan plan;
  FakeFileSystem fs(plan, "the folder");
  auto file = fs.Open("file", FileSystem::Access::kCreate);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(0, "before").ok());
  REQUIRE((*file)->Sync().ok());
  REQUIRE(fs.SyncDir("").ok());
  REQUIRE((*file)->WriteAt(0, "after!").ok());
  plan.DropSyncs(1);
  CHECK((*file)->Sync().ok());
  CHECK(plan.dropped_syncs() == 1);
  SECTION("until the next sync that is not") {
    CHECK((*file)->Sync().ok());
    CHECK(plan.dropped_syncs() == 1);
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Map("file")->view() == "after!");
  }
  SECTION("when the power goes before that") {
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Map("file")->view() == "before");
  }
  SECTION("names, too") {
    REQUIRE(fs.Open("other", FileSystem::Access::kCreate).ok());
    plan.DropSyncs(UINT64_MAX);
    CHECK(fs.SyncDir("").ok());
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Files() == std::vector<std::string>{"file"});
  }
}

TEST_CASE("the fake's renames and removals need a synced folder") {
  FaultPlan plan;
  FakeFileSystem fs(plan, "fake");
  REQUIRE(fs.MakeDir("a").ok());
  REQUIRE(fs.MakeDir("b").ok());
  REQUIRE(fs.SyncDir("").ok());
  WriteAll(fs, "a/x", "1");
  REQUIRE((*fs.Open("a/x", Access::kReadWrite))->Sync().ok());
  REQUIRE(fs.SyncDir("a").ok());
  REQUIRE(fs.Rename("a/x", "b/x").ok());
  SECTION("without it the old name is there") {
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Files() == std::vector<std::string>{"a/x"});
  }
  SECTION("with the target's alone both are") {
    REQUIRE(fs.SyncDir("b").ok());
    fs.Crash(FakeFileSystem::Survival::kSyncedOnly);
    CHECK(fs.Files() == std::vector<std::string>{"a/x", "b/x"});
  }
}

TEST_CASE("a fault plan fails the chosen step") {
  FaultPlan plan;
  FakeFileSystem fs(plan, "fake");
  WriteAll(fs, "x", "");
  auto file = fs.Open("x", Access::kReadWrite);
  SECTION("once") {
    plan.Arm({.at = 1, .error = ENOSPC});
    CHECK((*file)->WriteAt(0, "12").ok());
    CHECK(absl::IsResourceExhausted((*file)->WriteAt(2, "3456")));
    CHECK(ReadAll(fs, "x") == "1234");  // a short write
    CHECK((*file)->WriteAt(2, "3456").ok());
    CHECK(plan.steps() == 3);
  }
  SECTION("for good, as a full disk does") {
    plan.Arm({.at = 0, .error = ENOSPC, .sticky = true});
    CHECK(absl::IsResourceExhausted((*file)->Sync()));
    CHECK(absl::IsResourceExhausted(fs.MakeDir("d")));
    CHECK(ReadAll(fs, "x").empty());
  }
  SECTION("as a crash, after which nothing works") {
    plan.Arm({.at = 0, .crash = true});
    CHECK_FALSE(fs.Rename("x", "y").ok());
    CHECK_FALSE(fs.Stat("x").ok());
    CHECK_FALSE((*file)->Size().ok());
    plan.Disarm();
    fs.Crash(FakeFileSystem::Survival::kAll);
    CHECK(fs.Files() == std::vector<std::string>{"x"});
  }
}

TEST_CASE("a fake clock stands still until it is moved") {
  FakeClock clock;
  absl::Time start = clock.Now();
  CHECK(clock.Now() == start);
  clock.Advance(absl::Hours(1));
  CHECK(clock.Now() == start + absl::Hours(1));
  CHECK(RealClock().Now() > start);
}

TEST_CASE("thousands of small files cannot use up the process's mappings") {
  const auto count_mappings = [] {
    std::ifstream maps("/proc/self/maps");
    return std::count(std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>(), '\n');
  };
  auto fs = NewRealFileSystem(ScratchFolder(), "the test folder");
  WriteAll(*fs, "small", "0123456789");
  const auto before = count_mappings();
  std::vector<Region> regions;
  for (int i = 0; i < 1000; ++i) regions.push_back(fs->Map("small").value());
  CHECK(count_mappings() < before + 100);
  REQUIRE(fs->Remove("small").ok());
  CHECK(regions.back().view() == "0123456789");
  CHECK(reinterpret_cast<uintptr_t>(regions.back().bytes().data()) % 64 == 0);
}

TEST_CASE("bytes are the same after their memory was given back") {
  OnBoth([](FileSystem& fs) {
    const std::string content(1 << 20, 'x');
    WriteAll(fs, "big", content);
    const auto region = fs.Map("big");
    REQUIRE(region.ok());
    CHECK(region->view() == content);
    region->Release();
    CHECK(region->view() == content);
  });
}

}  // namespace
}  // namespace modeld
