// Random work of several clients on the real daemon, whose disk fails and which is killed, again and again;
// after each round a full check.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/admin.h"
#include "client/cpp/modeld.h"
#include "tests/campaign/expectation.h"
#include "tests/campaign/fault_control.h"
#include "tests/campaign/small_models.h"
#include "tests/support/scratch_daemon.h"

namespace modeld::campaign {
namespace {

namespace ml = modeld::client;

const char* const kPartitions[] = {"app:one", "app:two", "web:https://a.example|https://a.example"};
const char* const kKeys[] = {"first", "second"};
constexpr size_t kModels = 5;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

// Ids by number; learnt at the first build, the same ever after.
class Ids {
 public:
  void Learn(const ml::Client& client) {
    auto context = client.CreateContext();
    REQUIRE(context.ok());
    for (size_t number = 0; number < kModels; ++number) {
      auto graph = BuildModel(*context, number);
      INFO(graph.status());
      REQUIRE(graph.ok());
      auto id = graph->Store();
      REQUIRE(id.ok());
      REQUIRE(client.Cache().Delete(*id).ok());
      ids_.push_back(*id);
    }
  }
  const Digest& of(size_t number) const { return ids_[number]; }
  size_t number(const Digest& id) const {
    return static_cast<size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
  }

 private:
  std::vector<Digest> ids_;
};

// One client of one partition, in a thread of its own.
class Worker {
 public:
  Worker(const std::string& host, const Ids& ids, Expectation& expected, uint64_t seed)
      : host_(host), ids_(ids), expected_(expected), random_(seed) {}

  // Works until the daemon is gone. Wrong answers are counted, not reported: Catch2 is for one thread.
  void Work(const std::string& partition) {
    auto client = ml::Client::Connect(
        {.host = host_, .partition = partition, .reconnect = false, .shared_memory = random_() % 2 == 0});
    if (!client.ok()) return;
    auto context = client->CreateContext();
    while (client->Connected() && calls_ < 2000) {
      if (!context.ok()) {
        context = client->CreateContext();
        ++calls_;
        continue;
      }
      Call(*client, *context, random_() % kModels, kKeys[random_() % std::size(kKeys)]);
    }
  }

  uint64_t calls() const { return calls_; }
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  void Call(const ml::Client& client, const ml::Context& context, size_t model, const std::string& key) {
    ++calls_;
    switch (random_() % 6) {
      case 0:
      case 1: {
        auto graph = BuildModel(context, model);
        if (!graph.ok()) return;
        const bool by_key = random_() % 2 == 0;
        const auto stored = by_key ? client.Cache().Save(*graph, key) : graph->Store();
        expected_.Store(model, by_key ? key : "", stored.ok());
        return;
      }
      case 2:
        expected_.DeleteKey(key, client.Cache().DeleteKey(key).ok());
        return;
      case 3:
        expected_.DeleteModel(model, client.Cache().Delete(ids_.of(model)).ok());
        return;
      case 4: {
        const Digest id = ids_.of(model);
        auto fetched = client.Cache().Fetch(context, {&id, 1});
        if (fetched.ok()) {
          if (!expected_.MayHave(model))
            wrong_.push_back(absl::StrCat("fetched model ", model, " of another"));
          NoteIfWrong(CheckRun(fetched->graph, model));
        } else if (absl::IsNotFound(fetched.status()) && expected_.MustHave(model)) {
          wrong_.push_back(absl::StrCat("model ", model, " was lost"));
        }
        return;
      }
      default: {
        auto loaded = client.Cache().Load(context, key);
        if (loaded.ok()) NoteIfWrong(CheckRun(loaded->graph, ids_.number(loaded->model_id)));
      }
    }
  }
  // Failed runs are a dying daemon's; wrong results are nobody's.
  void NoteIfWrong(const absl::Status& status) {
    if (absl::IsInternal(status)) wrong_.emplace_back(status.message());
  }

  const std::string host_;
  const Ids& ids_;
  Expectation& expected_;
  std::mt19937_64 random_;
  uint64_t calls_ = 0;
  std::vector<std::string> wrong_;
};

// A daemon whose file calls can be made to fail, and killed.
class FailingDaemon {
 public:
  FailingDaemon() {
    REQUIRE(mkdtemp(control_folder_.data()) != nullptr);
    const std::string file = control_folder_ + "/control";
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(ftruncate(fd, sizeof(FaultControl)) == 0);
    void* memory = mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    REQUIRE(memory != MAP_FAILED);
    control_ = static_cast<FaultControl*>(memory);
    const std::string shim = std::filesystem::absolute("tests/campaign/libfault_shim.so");
    REQUIRE(std::filesystem::exists(shim));
    // The daemon inherits these; nothing else in this process is started anew.
    setenv("LD_PRELOAD", shim.c_str(), 1);
    setenv("FAULT_CONTROL", file.c_str(), 1);
    setenv("FAULT_FOLDER", "/tmp/modeld", 1);
    const char* asan = getenv("ASAN_OPTIONS");
    setenv("ASAN_OPTIONS", absl::StrCat(asan ? asan : "", ":verify_asan_link_order=0").c_str(), 1);
    auto started = testing::ScratchDaemon::Start(
        {"--admins", std::filesystem::read_symlink("/proc/self/exe").string(), "--log", "off"});
    INFO(started.status());
    REQUIRE(started.ok());
    daemon_ = *std::move(started);
  }
  ~FailingDaemon() {
    daemon_.reset();
    munmap(control_, sizeof(FaultControl));
    std::filesystem::remove_all(control_folder_);
  }

  testing::ScratchDaemon& operator*() { return *daemon_; }
  testing::ScratchDaemon* operator->() { return daemon_.get(); }

  void Fail(int error, int64_t after, bool sticky) {
    control_->sticky = sticky;
    control_->calls_left = after;
    control_->error = error;
  }
  void Heal() { control_->error = 0; }
  uint64_t failed_calls() const { return control_->failed; }

 private:
  std::string control_folder_ = "/tmp/campaignXXXXXX";
  FaultControl* control_ = nullptr;
  std::unique_ptr<testing::ScratchDaemon> daemon_;
};

// Lists, fetches and runs all that a partition has; rules out what it has not.
void CheckPartition(const std::string& host, const std::string& partition, const Ids& ids,
                    Expectation& expected) {
  CAPTURE(partition);
  auto client = ml::Client::Connect({.host = host, .partition = partition});
  REQUIRE(client.ok());
  auto context = client->CreateContext();
  REQUIRE(context.ok());
  const auto listed = client->Cache().List();
  INFO(listed.status());
  REQUIRE(listed.ok());
  std::set<size_t> seen;
  for (const ml::StoredModel& model : *listed) {
    const size_t number = ids.number(model.model_id);
    REQUIRE(number < kModels);
    CHECK(expected.MayHave(number));
    seen.insert(number);
    for (const std::string& key : model.keys) CHECK(expected.MayName(key, number));
  }
  for (size_t number = 0; number < kModels; ++number) {
    CAPTURE(number);
    const Digest id = ids.of(number);
    auto fetched = client->Cache().Fetch(*context, {&id, 1});
    INFO(fetched.status());
    CHECK(fetched.ok() == seen.contains(number));
    if (expected.MustHave(number)) CHECK(fetched.ok());
    if (fetched.ok()) {
      CHECK(CheckRun(fetched->graph, number).ok());
    } else {
      CHECK(absl::IsNotFound(fetched.status()));
    }
  }
}

void CheckStore(const std::string& host) {
  auto client = ml::Client::Connect({.host = host});
  REQUIRE(client.ok());
  const ml::Admin admin(*client);
  std::vector<std::string> problems;
  v1::VerifyRequest request;
  request.set_rehash(true);
  const absl::Status verified = admin.Verify(request, [&](const v1::VerifyResponse& report) {
    if (!report.problem().empty()) problems.push_back(report.problem());
    return absl::OkStatus();
  });
  INFO(verified);
  CHECK(verified.ok());
  CHECK(problems == std::vector<std::string>());
}

TEST_CASE("a daemon whose disk fails and which is killed at random loses, damages and leaks nothing") {
  const uint64_t seed = FromEnvironment("MODELD_CAMPAIGN_SEED", std::random_device()());
  const uint64_t rounds = FromEnvironment("MODELD_CAMPAIGN_ROUNDS", 15);
  std::mt19937_64 random(seed);
  FailingDaemon daemon;
  Ids ids;
  {
    auto client = ml::Client::Connect({.host = daemon->host(), .partition = kPartitions[0]});
    REQUIRE(client.ok());
    ids.Learn(*client);
  }
  Expectation expected[std::size(kPartitions)];
  uint64_t calls = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    CAPTURE(seed, round);
    std::vector<std::unique_ptr<Worker>> workers;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::size(kPartitions); ++i) {
      workers.push_back(std::make_unique<Worker>(daemon->host(), ids, expected[i], random()));
      threads.emplace_back([worker = workers.back().get(), i] { worker->Work(kPartitions[i]); });
    }
    const int errors[] = {ENOSPC, EIO, EDQUOT};
    for (int fault = 0; fault < 3; ++fault) {
      absl::SleepFor(absl::Milliseconds(10 + random() % 60));
      daemon.Fail(errors[random() % std::size(errors)], static_cast<int64_t>(random() % 40),
                  random() % 2 == 0);
      absl::SleepFor(absl::Milliseconds(random() % 40));
      if (random() % 3 != 0) daemon.Heal();
    }
    CHECK(daemon->HowItEnded() == "");  // a failing disk ends no daemon
    daemon->Kill();
    for (std::thread& thread : threads) thread.join();
    for (const auto& worker : workers) {
      calls += worker->calls();
      CHECK(worker->wrong() == std::vector<std::string>());
    }
    daemon.Heal();
    const absl::Status restarted = daemon->Restart();
    INFO(restarted);
    REQUIRE(restarted.ok());
    for (size_t i = 0; i < std::size(kPartitions); ++i) {
      CheckPartition(daemon->host(), kPartitions[i], ids, expected[i]);
    }
    CheckStore(daemon->host());
  }
  std::printf("seed %llu: %llu rounds, %llu calls, %llu file calls failed\n",
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(rounds),
              static_cast<unsigned long long>(calls), static_cast<unsigned long long>(daemon.failed_calls()));
  CHECK(daemon.failed_calls() > rounds);
}

}  // namespace
}  // namespace modeld::campaign
