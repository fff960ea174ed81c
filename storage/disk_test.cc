// The store on a real disk with RocksDB: restarts, kill -9, a second process, a full and a read-only disk.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kA{"graph A", {Bytes(100'000, 1), Bytes(200'000, 2)}};
const TestModel kB{"graph B", {Bytes(200'000, 2), Bytes(300'000, 3)}};
const Partition kApp = "app:one";

std::string ScratchFolder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/diskXXXXXX";
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

StoreOptions OptionsIn(const std::string& folder) {
  StoreOptions options;
  options.cache_dir = folder + "/cache/modeld";
  options.state_dir = folder + "/state/modeld";
  options.min_free_bytes = 0;
  return options;
}

std::unique_ptr<ModelStore> OpenIn(const StoreOptions& options) {
  static const RealClock clock;
  auto store = ModelStore::Open(options, clock);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

std::string Problems(ModelStore& store) {
  auto problems = store.Audit();
  return problems.ok() ? absl::StrJoin(*problems, "\n") : std::string(problems.status().message());
}

TEST_CASE("a store on the disk keeps its models over restarts, privately") {
  StoreOptions options = OptionsIn(ScratchFolder());
  {
    auto store = OpenIn(options);
    REQUIRE(StoreWhole(*store, kApp, kA, "key").ok());
    REQUIRE(StoreWhole(*store, "app:two", kB).ok());
  }
  auto store = OpenIn(options);
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(ReadWhole(*store, "app:two", kB).ok());
  CHECK(*store->LoadKey(kApp, "key") == kA.id());
  CHECK(Problems(*store) == "");
  CHECK(store->Usage().free_bytes > 0);
  struct stat info;
  for (const std::string& folder : {options.cache_dir, options.state_dir, options.state_dir + "/catalogue"}) {
    REQUIRE(::stat(folder.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
  }
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  REQUIRE(store->RemovePartition("app:two").value());
  REQUIRE(store->Collect(absl::Now()).ok());
  CHECK(std::filesystem::file_size(options.cache_dir + "/CACHEDIR.TAG") > 43);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options.cache_dir + "/blobs")) {
    CHECK(entry.is_directory());
  }
}

TEST_CASE("a mapping of the disk's outlives the store and the file") {
  StoreOptions options = OptionsIn(ScratchFolder());
  Region region;
  {
    auto store = OpenIn(options);
    REQUIRE(StoreWhole(*store, kApp, kA).ok());
    std::unique_ptr<Lease> lease = store->NewLease();
    region = *store->MapBlob(kApp, kA.refs()[0].digest, *lease);
    auto again = store->MapBlob(kApp, kA.refs()[0].digest, *lease);
    CHECK(again->bytes().data() == region.bytes().data());
  }
  std::filesystem::remove_all(options.cache_dir);
  CHECK(region.view() == absl::string_view(kA.constants[0]));
}

TEST_CASE("a second process on the same folders gets a clear answer") {
  StoreOptions options = OptionsIn(ScratchFolder());
  auto store = OpenIn(options);
  RealClock clock;
  absl::Status second = ModelStore::Open(options, clock).status();
  CHECK(absl::IsFailedPrecondition(second));
  CHECK(second.message() == "the state folder: another modeld uses it");
  // Neither may two share only the cache.
  StoreOptions half = options;
  half.state_dir += "-other";
  CHECK(ModelStore::Open(half, clock).status().message() == "the cache folder: another modeld uses it");
  store.reset();
  OpenIn(options);
}

constexpr const char* kBusyFolder = "MODELD_TEST_BUSY_FOLDER";
constexpr const char* kBusyFd = "MODELD_TEST_BUSY_FD";

std::vector<TestModel> BusyModels() {
  std::vector<TestModel> models;
  for (uint64_t i = 0; i < 40; ++i) {
    models.push_back({"graph " + std::to_string(i), {Bytes(20'000, i), Bytes(30'000, 1000 + i / 3)}});
  }
  return models;
}

// What the busy process reports, each with the number of a model.
enum BusyStep : uint8_t { kStored, kDeleting, kDeleted, kFailed };

TEST_CASE("busy process, run by the next test", "[.busy]") {
  // Stores every model, deletes each third again, and reports every acknowledged step.
  int fd = std::stoi(std::getenv(kBusyFd));
  auto report = [&](BusyStep step, uint8_t model) {
    uint8_t message[2] = {step, model};
    return ::write(fd, message, 2) == 2 && step != kFailed;
  };
  RealClock clock;
  auto store = ModelStore::Open(OptionsIn(std::getenv(kBusyFolder)), clock);
  std::vector<TestModel> models = BusyModels();
  bool going = store.ok();
  for (uint8_t i = 0; going && i < models.size(); ++i) {
    going = report(StoreWhole(**store, kApp, models[i]).ok() ? kStored : kFailed, i);
    if (!going || i % 3 != 0) continue;
    going = report(kDeleting, i);
    bool deleted = (*store)->DeleteModel(kApp, models[i].id()).ok() && (*store)->Collect(clock.Now()).ok();
    going = going && report(deleted ? kDeleted : kFailed, i);
  }
  ::pause();
}

// A process of this same program that works on the store in `folder` until it is killed.
class BusyProcess {
 public:
  explicit BusyProcess(const std::string& folder) {
    int pipes[2];
    REQUIRE(::pipe(pipes) == 0);
    ::fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
    std::string folder_setting = std::string(kBusyFolder) + "=" + folder;
    std::string fd_setting = std::string(kBusyFd) + "=" + std::to_string(pipes[1]);
    std::vector<char*> environment = {folder_setting.data(), fd_setting.data()};
    // A sanitizer's options, too.
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    environment.push_back(nullptr);
    std::string program = "/proc/self/exe", test = "[.busy]";
    char* arguments[] = {program.data(), test.data(), nullptr};
    REQUIRE(::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environment.data()) == 0);
    ::close(pipes[1]);
    reports_ = pipes[0];
  }
  ~BusyProcess() {
    Kill();
    ::close(reports_);
    ::waitpid(pid_, nullptr, 0);
  }
  void Kill() { ::kill(pid_, SIGKILL); }
  // The next report; nothing when the process is gone.
  bool Next(BusyStep& step, uint8_t& model) {
    uint8_t message[2];
    if (::read(reports_, message, 2) != 2) return false;
    step = static_cast<BusyStep>(message[0]);
    model = message[1];
    return true;
  }

 private:
  pid_t pid_ = -1;
  int reports_ = -1;
};

TEST_CASE("kill -9 at random times of a busy store loses nothing that was acknowledged") {
  uint64_t seed = std::random_device()();
  WARN("seed " << seed);
  std::mt19937_64 random(seed);
  std::string folder = ScratchFolder();
  std::vector<TestModel> models = BusyModels();
  for (int round = 0; round < 6; ++round) {
    CAPTURE(seed, round);
    std::vector<bool> acknowledged(models.size());
    {
      BusyProcess process(folder);
      uint64_t patience = 1 + random() % 60;
      BusyStep step;
      uint8_t model;
      uint64_t reports = 0;
      for (;; ++reports) {
        if (reports == patience) process.Kill();  // what it acknowledged before it died is still read
        if (!process.Next(step, model)) break;
        REQUIRE(step != kFailed);
        acknowledged[model] = step == kStored;
      }
      CHECK(reports >= patience);
    }
    auto store = OpenIn(OptionsIn(folder));
    CHECK(Problems(*store) == "");
    for (size_t i = 0; i < models.size(); ++i) {
      absl::Status read = ReadWhole(*store, kApp, models[i]);
      INFO("model " << i << ": " << read);
      CHECK((read.ok() || absl::IsNotFound(read)));
      if (acknowledged[i]) CHECK(read.ok());
    }
    REQUIRE(store->RemovePartition(kApp).ok());
    REQUIRE(store->Collect(absl::Now()).ok());
    CHECK(Problems(*store) == "");
  }
}

// Mounts a small file system, when this process may.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& folder) : folder_(folder) {
    mounted_ = ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  bool SetReadOnly() const {
    return ::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  const std::string folder_;
  bool mounted_ = false;
};

TEST_CASE("a full disk refuses a store, loses nothing, and takes the same model when there is space") {
  std::string folder = ScratchFolder(), cache = folder + "/cache";
  REQUIRE(::mkdir(cache.c_str(), 0700) == 0);
  SmallDisk disk(cache);
  if (!disk.mounted()) {
    std::cout << "SKIPPED: this process may not mount a tmpfs\n";
    return;
  }
  StoreOptions options = OptionsIn(folder);
  auto store = OpenIn(options);
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  TestModel big{"graph big", {Bytes(900'000, 7), Bytes(900'000, 8)}};
  std::unique_ptr<Lease> lease = store->NewLease();
  SECTION("known before") {
    absl::Status refused = StoreWhole(*store, kApp, big);
    INFO(refused);
    CHECK(absl::IsResourceExhausted(refused));
  }
  SECTION("met in the middle of an upload") {
    auto upload = store->OpenUpload(kApp, big.refs()[0], *lease);
    REQUIRE(upload.ok());
    std::ofstream(cache + "/filler") << std::string(1'200'000, 'x');
    absl::Status status;
    absl::string_view rest = big.constants[0];
    while (status.ok() && !rest.empty()) {
      status = (*upload)->Append((*upload)->committed_bytes(), rest.substr(0, 50'000));
      if (status.ok()) rest.remove_prefix(50'000);
    }
    CHECK(absl::IsResourceExhausted(status));
    std::filesystem::remove(cache + "/filler");
    while (!rest.empty()) {
      REQUIRE((*upload)->Append((*upload)->committed_bytes(), rest.substr(0, 50'000)).ok());
      rest.remove_prefix(50'000);
    }
    REQUIRE((*upload)->Commit().ok());
  }
  lease.reset();
  CHECK(ReadWhole(*store, kApp, kA).ok());
  REQUIRE(store->Collect(absl::Now()).ok());
  CHECK(Problems(*store) == "");
  REQUIRE(*store->DeleteModel(kApp, kA.id()));
  REQUIRE(store->Collect(absl::Now() + absl::Hours(30)).ok());
  REQUIRE(StoreWhole(*store, kApp, big).ok());
  CHECK(ReadWhole(*store, kApp, big).ok());
}

TEST_CASE("a disk that turns read-only still serves what it holds") {
  std::string folder = ScratchFolder(), cache = folder + "/cache";
  REQUIRE(::mkdir(cache.c_str(), 0700) == 0);
  SmallDisk disk(cache);
  if (!disk.mounted()) {
    std::cout << "SKIPPED: this process may not mount a tmpfs\n";
    return;
  }
  StoreOptions options = OptionsIn(folder);
  auto store = OpenIn(options);
  REQUIRE(StoreWhole(*store, kApp, kA).ok());
  if (!disk.SetReadOnly()) {
    // The store keeps a file open for writing: its lock. A start on such a disk is tested below all the same.
    store.reset();
    REQUIRE(disk.SetReadOnly());
    RealClock clock;
    absl::Status status = ModelStore::Open(options, clock).status();
    CHECK(absl::IsFailedPrecondition(status));
    CHECK(status.message() == "the cache folder: is read-only");
    return;
  }
  CHECK(ReadWhole(*store, kApp, kA).ok());
  CHECK(absl::IsFailedPrecondition(StoreWhole(*store, kApp, kB)));
}

TEST_CASE("folders that may not be made give a clear answer without a path") {
  std::string folder = ScratchFolder();
  std::ofstream(folder + "/file") << "x";
  StoreOptions options = OptionsIn(folder + "/file");
  RealClock clock;
  absl::Status status = ModelStore::Open(options, clock).status();
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message().find("/") == absl::string_view::npos);
}

}  // namespace
}  // namespace modeld::storage
