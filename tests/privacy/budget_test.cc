// Budgets over the whole daemon: what is charged stays charged over restart, clearing and the removal of
// partitions.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <set>

#include "tests/privacy/observer.h"

namespace modeld {
namespace {

constexpr char kSite[] = "https://site.example";

std::string PartitionOf(int origin) {
  return absl::StrCat("web:", kSite, "|https://o", origin, ".example");
}

// Whether the tracker learns that a model, which everybody may have, is there.
bool IsFound(const TestClient& client, uint64_t context, const std::string& id) {
  return SeenOfFetch(client, context, id).substr(0, 2) == "0|";
}

TEST_CASE("the k+1st distinct model asked for is missed, whatever happens between two questions") {
  const uint64_t seed = std::random_device()();
  WARN("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5; ++round) {
    TestFolder folder;
    const uint32_t k = 1 + random() % 6;
    const PrivacyOptions privacy{.probe_budget = k, .stores_per_hour = 0};
    std::vector<std::string> ids;
    auto daemon = std::make_unique<TestDaemon>(folder.path(), ServiceLimits(), privacy);
    {
      const TestClient admin = daemon->Connect(Role::kAdmin, "org.example.admin");
      const TestClient owner = daemon->App("org.example.owner");
      const uint64_t context = owner.MakeContext();
      for (uint32_t i = 0; i <= k; ++i) {
        ids.push_back(owner.Store(owner.BuildWhole(context, AddGraph({static_cast<float>(i), 1, 1}))));
        REQUIRE(Share(admin, ids.back(), "", 1.0).ok());
      }
    }
    std::shuffle(ids.begin(), ids.end(), random);
    std::set<std::string> asked;
    while (asked.size() < ids.size()) {
      const TestClient admin = daemon->Connect(Role::kAdmin, "org.example.admin");
      const TestClient client =
          daemon->Connect(Role::kBroker, "org.example.browser", PartitionOf(random() % 3));
      const uint64_t context = client.MakeContext();
      switch (random() % 4) {
        case 0: {
          CallContext call(client.partition);
          v1::ClearPartitionRequest request;
          v1::ClearPartitionResponse response;
          request.set_site(kSite);
          REQUIRE(client.cache->ClearPartition(&call, request, &response).ok());
          break;
        }
        case 1: {
          CallContext call;
          v1::RemovePartitionRequest request;
          v1::RemovePartitionResponse response;
          request.set_partition(client.partition);
          admin.admin->RemovePartition(&call, request, &response);  // it may hold nothing
          break;
        }
        case 2:
          daemon.reset();
          daemon = std::make_unique<TestDaemon>(folder.path(), ServiceLimits(), privacy);
          break;
        default: {
          const std::string& id = ids[random() % ids.size()];
          INFO("asked " << asked.size() << " of " << k);
          const bool granted = asked.contains(id) || asked.size() < k;
          CHECK(IsFound(client, context, id) == granted);
          if (!granted) asked.insert(ids.begin(), ids.end());
          asked.insert(id);
        }
      }
    }
  }
}

}  // namespace
}  // namespace modeld
