// Many threads at once: storing, fetching, deleting, collecting, checking.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "storage/digest_locks.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

TEST_CASE("threads that store, fetch, delete and collect leave the store in order") {
  uint64_t seed = std::random_device()();
  WARN("seed " << seed);
  TestStore store;
  std::vector<TestModel> models;
  for (uint64_t i = 0; i < 5; ++i) {
    models.push_back(
        {"graph " + std::to_string(i), {Bytes(100 + i, i), Bytes(150, 100 + i / 2), Bytes(7, 7)}});
  }
  const Partition partitions[] = {"app:1", "app:2"};
  std::atomic<int> wrong = 0;
  auto work = [&](uint64_t own_seed) {
    std::mt19937_64 random(own_seed);
    for (int i = 0; i < 250; ++i) {
      const Partition& partition = partitions[random() % 2];
      const TestModel& model = models[random() % models.size()];
      absl::Status status;
      bool allowed = true;
      switch (random() % 6) {
        case 0:
        case 1:
          status = StoreWhole(*store, partition, model,
                              random() % 2 ? std::optional<std::string>("k") : std::nullopt);
          // Two sessions of one partition may meet in an upload.
          allowed = status.ok() || absl::IsAborted(status);
          break;
        case 2:
          status = ReadWhole(*store, partition, model);
          allowed = status.ok() || absl::IsNotFound(status);
          break;
        case 3:
          status = store->DeleteModel(partition, model.id()).status();
          allowed = status.ok();
          break;
        case 4:
          store.clock.Advance(absl::Minutes(random() % 40));
          status = store->Collect(store.clock.Now()).status();
          allowed = status.ok();
          break;
        default:
          status = store->VerifyAll().status();
          allowed = status.ok() && store->DeleteKey(partition, "k").ok();
          store->ListPartitions();
          store->ListModels();
          store->Usage();
      }
      if (!allowed && ++wrong < 5) UNSCOPED_INFO(status.ToString());
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 6; ++t) threads.emplace_back(work, seed + t);
  for (std::thread& thread : threads) thread.join();
  CAPTURE(seed);
  CHECK(wrong == 0);
  store.Collect();
  CHECK(store.Problems() == "");
  store.Start();
  CHECK(store.Problems() == "");
  CHECK(store->recovery().orphan_files_removed == 0);
  for (const Partition& partition : partitions) REQUIRE(store->RemovePartition(partition).ok());
  store.Collect();
  CHECK(store.BlobFilePaths().empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("threads that map one blob for the first time share one mapping") {
  TestStore store;
  TestModel model{"graph", {Bytes(100'000, 1)}};
  REQUIRE(StoreWhole(*store, "app:1", model).ok());
  store.Start();
  std::vector<Region> regions(8);
  std::vector<std::thread> threads;
  for (Region& region : regions) {
    threads.emplace_back([&] {
      std::unique_ptr<Lease> lease = store->NewLease();
      region = *store->MapBlob("app:1", model.refs()[0].digest, *lease);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Region& region : regions) CHECK(region.owner() == regions[0].owner());
}

TEST_CASE("a digest's lock keeps threads apart") {
  DigestLocks locks;
  int inside = 0, worst = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        DigestLocks::Guard guard(locks, Digest::Of("same"));
        worst = std::max(worst, ++inside);
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(worst == 1);
}

}  // namespace
}  // namespace modeld::storage
