// Random work of several clients on the real daemon, whose disk fails and which is killed, again and again;
// after each round a full check.
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/admin.h"
#include "client/cpp/cache_admin.h"
#include "client/cpp/modeld.h"
#include "tests/campaign/daemon_worker.h"
#include "tests/campaign/failing_daemon.h"
#include "tests/campaign/small_models.h"

namespace modeld::campaign {
namespace {

namespace ml = modeld::client;

// Not meant to be reached.
constexpr absl::Duration kPatience = absl::Minutes(2);
// Two of the five models.
constexpr uint64_t kTinyQuota = 40'000;

// MODELD_CAMPAIGN_SEED repeats a campaign as far as threads can be repeated, MODELD_CAMPAIGN_ROUNDS makes it
// longer.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What the partition shows is what one course of the calls left, and from now on that is what it has.
Holdings Settle(const ml::Client& client, const Ids& ids, Tenant& tenant) {
  const auto listed = client.Cache().List();
  INFO(listed.status());
  REQUIRE(listed.ok());
  Holdings seen;
  for (const ml::StoredModel& model : *listed) {
    const size_t number = ids.number(model.model_id);
    REQUIRE(number < kModels);
    seen.models[number] = {};
    for (const std::string& key : model.keys) seen.keys[key] = {number, 0};
  }
  if (tenant.evicts) {
    tenant.expected.Apply(Outcome::kDone, [&](Holdings& holdings) {
      for (size_t number = 0; number < kModels; ++number) {
        if (!seen.Has(number)) holdings.DeleteModel(number);
      }
      // A key of a model that went may have been used anew.
      std::erase_if(holdings.keys, [&](const auto& key) { return !seen.keys.contains(key.first); });
    });
  }
  CHECK(tenant.expected.Keep([&](const Holdings& holdings) { return holdings.Resembles(seen); }));
  return seen;
}

// Lists, fetches and runs all that a partition has; rules out what it has not.
void CheckPartition(const std::string& host, const Ids& ids, Tenant& tenant) {
  CAPTURE(tenant.partition);
  auto client = ml::Client::Connect({.host = host, .partition = tenant.partition});
  REQUIRE(client.ok());
  auto context = client->CreateContext();
  REQUIRE(context.ok());
  const Holdings seen = Settle(*client, ids, tenant);
  for (size_t number = 0; number < kModels; ++number) {
    CAPTURE(number);
    const Digest id = ids.of(number);
    auto fetched = client->Cache().Fetch(*context, {&id, 1});
    INFO(fetched.status());
    if (seen.Has(number)) {
      REQUIRE(fetched.ok());
      CHECK(CheckRun(fetched->graph, number).ok());
    } else {
      CHECK(absl::IsNotFound(fetched.status()));
    }
  }
  for (const auto& [key, named] : seen.keys) {
    auto loaded = client->Cache().Load(*context, key);
    INFO(loaded.status());
    REQUIRE(loaded.ok());
    CHECK(ids.number(loaded->model_id) == named.model);
  }
}

void CheckStore(FailingDaemon& daemon) {
  auto client = ml::Client::Connect({.host = daemon->host()});
  REQUIRE(client.ok());
  std::vector<std::string> problems;
  v1::VerifyRequest request;
  request.set_rehash(true);
  const absl::Status verified = ml::Admin(*client).Verify(request, [&](const v1::VerifyResponse& report) {
    if (!report.problem().empty()) problems.push_back(report.problem());
    return absl::OkStatus();
  });
  INFO(verified);
  CHECK(verified.ok());
  CHECK(problems == std::vector<std::string>());
  // Plans are written, and what is not needed is removed, behind the calls that cause it.
  uint64_t on_disk = 0, counted = 1;
  for (const absl::Time until = absl::Now() + kPatience; on_disk != counted && absl::Now() < until;) {
    const auto usage = ml::CacheAdmin(*client).GetUsage();
    REQUIRE(usage.ok());
    counted = usage->physical_bytes();
    on_disk = daemon.CacheBytes();
    if (on_disk != counted) absl::SleepFor(absl::Milliseconds(20));
  }
  CHECK(on_disk == counted);
}

// What the rounds did, for the closing line.
struct DaemonTotals {
  uint64_t calls = 0;
  uint64_t clears = 0;
  uint64_t housekeeping = 0;
  double evictions = 0;
};

// As the daemon's own metrics count them since it started.
double Evictions(const std::string& host) {
  const auto client = ml::Client::Connect({.host = host});
  if (!client.ok()) return 0;
  const auto metrics = ml::Admin(*client).GetMetrics();
  if (!metrics.ok()) return 0;
  const std::string name = "modeld_evictions_total{cause=\"quota\"} ";
  const size_t at = metrics->text().find(name);
  return at == std::string::npos ? 0 : std::strtod(metrics->text().c_str() + at + name.size(), nullptr);
}

// Clients, the user and a failing disk at the same time, until the daemon is killed.
void Round(FailingDaemon& daemon, const Ids& ids, std::vector<Tenant>& tenants, std::mt19937_64& random,
           DaemonTotals& totals) {
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (Tenant& tenant : tenants) {
    workers.push_back(std::make_unique<Worker>(daemon->host(), ids, tenant, random()));
    threads.emplace_back([worker = workers.back().get()] { worker->Work(); });
  }
  uint64_t housekeeping = 0;
  threads.emplace_back(
      [&housekeeping, host = daemon->host(), seed = random()] { housekeeping = KeepHouse(host, seed); });
  const int errors[] = {ENOSPC, EIO, EDQUOT};
  for (int fault = 0; fault < 3; ++fault) {
    absl::SleepFor(absl::Milliseconds(10 + random() % 60));
    if (fault == 1) totals.evictions += Evictions(daemon->host());
    daemon.Fail(errors[random() % std::size(errors)], static_cast<int64_t>(random() % 40), random() % 2 == 0);
    absl::SleepFor(absl::Milliseconds(random() % 40));
    if (random() % 3 != 0) daemon.Heal();
  }
  CHECK(daemon->HowItEnded() == "");  // a failing disk ends no daemon
  daemon->Kill();
  for (std::thread& thread : threads) thread.join();
  for (const auto& worker : workers) {
    totals.calls += worker->calls();
    totals.clears += worker->clears();
    CHECK(worker->wrong() == std::vector<std::string>());
  }
  totals.housekeeping += housekeeping;
}

TEST_CASE("a daemon whose disk fails and which is killed at random loses, damages and leaks nothing") {
  const uint64_t seed = FromEnvironment("MODELD_CAMPAIGN_SEED", std::random_device()());
  const uint64_t rounds = FromEnvironment("MODELD_CAMPAIGN_ROUNDS", 15);
  std::mt19937_64 random(seed);
  FailingDaemon daemon;
  std::vector<Tenant> tenants(3);
  tenants[0].partition = "app:one";
  tenants[1] = {.partition = "app:two", .site = "", .evicts = true, .expected = {}};
  tenants[2].partition = "web:https://a.example|https://a.example";
  tenants[2].site = "https://a.example";
  Ids ids;
  {
    auto client = ml::Client::Connect({.host = daemon->host(), .partition = tenants[0].partition});
    REQUIRE(client.ok());
    ids.Learn(*client);
    v1::PartitionLimits limits;
    limits.set_quota_bytes(kTinyQuota);
    REQUIRE(ml::CacheAdmin(*client).SetPartitionLimits(tenants[1].partition, limits).ok());
  }
  DaemonTotals totals;
  const auto enough = [&] {
    return daemon.failed_calls() > rounds && totals.clears > rounds && totals.housekeeping > rounds;
  };
  uint64_t round = 0;
  // A machine that is busy gets less done in a round.
  for (; round < rounds || (!enough() && round < 20 * rounds); ++round) {
    CAPTURE(seed, round);
    Round(daemon, ids, tenants, random, totals);
    daemon.Heal();
    for (Tenant& tenant : tenants) tenant.expected.Crash();
    const absl::Status restarted = daemon->Restart();
    INFO(restarted);
    REQUIRE(restarted.ok());
    for (Tenant& tenant : tenants) CheckPartition(daemon->host(), ids, tenant);
    CheckStore(daemon);
  }
  std::printf(
      "seed %llu: %llu rounds, %llu calls, %llu clears, %.0f evictions seen, %llu checks and prunes "
      "meanwhile, "
      "%llu file calls failed\n",
      static_cast<unsigned long long>(seed), static_cast<unsigned long long>(round),
      static_cast<unsigned long long>(totals.calls), static_cast<unsigned long long>(totals.clears),
      totals.evictions, static_cast<unsigned long long>(totals.housekeeping),
      static_cast<unsigned long long>(daemon.failed_calls()));
  CHECK(enough());
}

}  // namespace
}  // namespace modeld::campaign
