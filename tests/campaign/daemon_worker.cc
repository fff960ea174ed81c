#include "tests/campaign/daemon_worker.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/admin.h"
#include "tests/campaign/small_models.h"

namespace modeld::campaign {
namespace {

namespace ml = modeld::client;

int64_t NowSeconds() {
  return absl::ToUnixSeconds(absl::Now());
}

}  // namespace

void Ids::Learn(const ml::Client& client) {
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

size_t Ids::number(const Digest& id) const {
  return static_cast<size_t>(std::find(ids_.begin(), ids_.end(), id) - ids_.begin());
}

Outcome Worker::Called(const absl::Status& status) {
  ++calls_;
  if (status.ok()) return Outcome::kDone;
  absl::SleepFor(absl::Milliseconds(1));
  return Outcome::kFailed;
}

void Worker::Work() {
  auto client = ml::Client::Connect({.host = host_,
                                     .partition = tenant_.partition,
                                     .reconnect = false,
                                     .shared_memory = random_() % 2 == 0});
  if (!client.ok()) return;
  auto context = client->CreateContext();
  while (client->Connected() && calls_ < 2000) {
    if (context.ok()) {
      Call(*client, *context);
    } else {
      context = client->CreateContext();
      Called(context.status());
    }
  }
}

void Worker::Call(const ml::Client& client, const ml::Context& context) {
  Expectation& expected = tenant_.expected;
  const size_t model = random_() % kModels;
  const std::string key = kKeys[random_() % std::size(kKeys)];
  switch (random_() % 13) {
    case 0:
    case 1:
    case 2:
    case 3:
      return Store(client, context, model, random_() % 2 == 0 ? key : "");
    case 4:
    case 5:
      expected.Apply(Called(client.Cache().DeleteKey(key)),
                     [&](Holdings& holdings) { holdings.DeleteKey(key); });
      return;
    case 6:
    case 7:
      expected.Apply(Called(client.Cache().Delete(ids_.of(model))),
                     [&](Holdings& holdings) { holdings.DeleteModel(model); });
      return;
    case 8:
    case 9:
      return Fetch(client, context, model);
    case 10:
    case 11:
      return Load(client, context, key);
    default:
      if (random_() % 3 == 0) Clear(client);
  }
}

void Worker::Store(const ml::Client& client, const ml::Context& context, size_t model,
                   const std::string& key) {
  auto graph = BuildModel(context, model);
  if (Called(graph.status()) == Outcome::kFailed) return;
  const int64_t begin = NowSeconds();
  const Outcome outcome =
      Called(key.empty() ? graph->Store().status() : client.Cache().Save(*graph, key).status());
  const int64_t end = NowSeconds();
  const Expectation before = tenant_.expected;
  tenant_.expected.Apply(outcome, [&](Holdings& holdings) { holdings.Store(model, key, begin); });
  // In which second the daemon did it, nobody knows.
  for (int64_t at = begin + 1; at <= end; ++at) {
    Expectation later = before;
    later.Apply(outcome, [&](Holdings& holdings) { holdings.Store(model, key, at); });
    tenant_.expected.Join(later);
  }
}

void Worker::Fetch(const ml::Client& client, const ml::Context& context, size_t model) {
  const Digest id = ids_.of(model);
  auto fetched = client.Cache().Fetch(context, {&id, 1});
  Called(fetched.status());
  if (fetched.ok()) {
    if (!tenant_.expected.MayHave(model)) wrong_.push_back(absl::StrCat("model ", model, " is another's"));
    NoteIfWrong(CheckRun(fetched->graph, model));
  } else if (absl::IsNotFound(fetched.status()) && MustHave(model)) {
    wrong_.push_back(absl::StrCat("model ", model, " was lost"));
  } else if (absl::IsDataLoss(fetched.status())) {
    wrong_.emplace_back(fetched.status().message());
  }
}

void Worker::Load(const ml::Client& client, const ml::Context& context, const std::string& key) {
  auto loaded = client.Cache().Load(context, key);
  Called(loaded.status());
  if (loaded.ok()) {
    const size_t model = ids_.number(loaded->model_id);
    const auto names = [&](const Holdings& holdings) {
      const auto found = holdings.keys.find(key);
      return found != holdings.keys.end() && found->second.model == model;
    };
    if (!tenant_.expected.Any(names)) wrong_.push_back(absl::StrCat(key, " names model ", model));
    NoteIfWrong(CheckRun(loaded->graph, model));
  } else if (absl::IsNotFound(loaded.status()) && !tenant_.evicts) {
    const auto has = [&](const Holdings& holdings) { return holdings.keys.contains(key); };
    if (tenant_.expected.All(has)) wrong_.push_back(absl::StrCat("the key ", key, " was lost"));
  }
}

void Worker::Clear(const ml::Client& client) {
  v1::ClearPartitionRequest request;
  if (!tenant_.site.empty()) request.set_site(tenant_.site);
  // What was evicted and stored again came at a time that this does not know.
  if (!tenant_.evicts && random_() % 2 == 0) {
    request.set_from(NowSeconds() - static_cast<int64_t>(random_() % 3));
    if (random_() % 2 == 0) request.set_to(request.from() + 1);
  }
  ++clears_;
  const int64_t to = request.to() == 0 ? INT64_MAX : request.to();
  tenant_.expected.Apply(Called(ml::CacheAdmin(client).ClearPartition(tenant_.partition, request)),
                         [&](Holdings& holdings) { holdings.Clear(request.from(), to); });
}

void Worker::NoteIfWrong(const absl::Status& status) {
  if (absl::IsInternal(status)) wrong_.emplace_back(status.message());
}

uint64_t KeepHouse(const std::string& host, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto client = ml::Client::Connect({.host = host, .reconnect = false});
  if (!client.ok()) return 0;
  const ml::Admin admin(*client);
  const ml::CacheAdmin cache(*client);
  uint64_t calls = 0;
  for (; client->Connected(); ++calls) {
    v1::VerifyRequest verify;
    verify.set_rehash(random() % 2 == 0);
    verify.set_repair(random() % 2 == 0);
    v1::PruneRequest prune;
    prune.set_partial(true);
    switch (random() % 3) {
      case 0:
        (void)cache.Prune(prune);
        break;
      default:
        // While others work, what it finds says little; that it mends nothing that is whole, the end tells.
        admin.Verify(verify, [](const v1::VerifyResponse&) { return absl::OkStatus(); }).IgnoreError();
    }
    absl::SleepFor(absl::Milliseconds(random() % 5));
  }
  return calls;
}

}  // namespace modeld::campaign
