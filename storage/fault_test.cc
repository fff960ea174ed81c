// A crash or an error at every single step of what the store does.
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <random>
#include <set>

#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

using Survival = FakeFileSystem::Survival;

const TestModel kOld{"graph old", {Bytes(300, 1), Bytes(400, 2)}};
const TestModel kNew{"graph new", {Bytes(400, 2), Bytes(500, 3), Bytes(600, 4)}};
const Partition kApp = "app:one";
const Partition kOther = "app:two";

// One thing that a user does to a store that holds kOld in both partitions.
struct Scenario {
  const char* name;
  std::function<absl::Status(TestStore&)> act;
  bool keeps_old;  // kOld is not touched
  bool damages;    // kOld may be damaged afterwards
};

const Scenario kScenarios[] = {
    {"store", [](TestStore& s) { return StoreWhole(*s, kApp, kNew); }, true},
    {"store under a key", [](TestStore& s) { return StoreWhole(*s, kApp, kNew, "key"); }, true},
    {"store what another partition has", [](TestStore& s) { return StoreWhole(*s, "app:three", kOld); },
     true},
    {"delete and collect",
     [](TestStore& s) {
       for (const Partition& partition : {kApp, kOther}) {
         absl::StatusOr<bool> deleted = s->DeleteModel(partition, kOld.id());
         if (!deleted.ok()) return deleted.status();
       }
       return s->Collect(s.clock.Now()).status();
     },
     false, false},
    {"move a key",
     [](TestStore& s) {
       absl::Status stored = StoreWhole(*s, kApp, kNew, "moved");
       if (!stored.ok()) return stored;
       stored = StoreWhole(*s, kApp, kOld, "moved");
       return stored.ok() ? s->Collect(s.clock.Now()).status() : stored;
     },
     false, false},
    {"remove a partition",
     [](TestStore& s) {
       absl::StatusOr<bool> removed = s->RemovePartition(kApp);
       return removed.ok() ? s->Collect(s.clock.Now()).status() : removed.status();
     },
     false, false},
    {"evict and collect",
     [](TestStore& s) {
       for (const Partition& partition : {kApp, kOther}) {
         absl::StatusOr<bool> gone = s->space().Evict(partition, kOld.id(), "evicted", "a test", 2.5);
         if (!gone.ok()) return gone.status();
       }
       return s->Collect(s.clock.Now()).status();
     },
     false, false},
    {"clear a span and collect",
     [](TestStore& s) {
       auto cleared = s->space().Clear(kApp, absl::InfinitePast(), absl::InfiniteFuture());
       return cleared.ok() ? s->Collect(s.clock.Now()).status() : cleared.status();
     },
     false, false},
    {"find damage and repair it",
     [](TestStore& s) {
       s.cache->FlipBit(BlobPathOf(kOld.constants[0]), 3);
       absl::Status found = s->VerifyBlob(RefOf(kOld.constants[0]).digest);
       if (!absl::IsDataLoss(found)) return absl::UnavailableError(found.message());
       return StoreWhole(*s, kApp, kOld);
     },
     false, true},
};

void Prepare(TestStore& store) {
  REQUIRE(StoreWhole(*store, kApp, kOld, "old").ok());
  REQUIRE(StoreWhole(*store, kOther, kOld).ok());
}

// Whatever happened: every model is whole or absent, files and records agree, and the user can go on.
void CheckSane(TestStore& store, bool may_be_damaged) {
  CHECK(store.Problems() == "");
  for (const Partition& partition : {kApp, kOther, Partition("app:three")}) {
    for (const TestModel& model : {kOld, kNew}) {
      absl::Status read = ReadWhole(*store, partition, model);
      INFO(read);
      CHECK((read.ok() || absl::IsNotFound(read) || (may_be_damaged && absl::IsDataLoss(read))));
    }
  }
  for (const KeyInfo& key : store->ListKeys(kApp)) {
    bool listed = false;
    for (const ModelInfo& info : store->ListModels(kApp)) listed = listed || info.model_id == key.model_id;
    CHECK(listed);
  }
  REQUIRE(StoreWhole(*store, kApp, kNew).ok());
  REQUIRE(StoreWhole(*store, kApp, kOld).ok());
  CHECK(ReadWhole(*store, kApp, kNew).ok());
  CHECK(ReadWhole(*store, kApp, kOld).ok());
  store.Collect();
  CHECK(store.Problems() == "");
}

uint64_t CountSteps(const Scenario& scenario) {
  TestStore store;
  Prepare(store);
  store.plan.Disarm();
  absl::Status acted = scenario.act(store);
  INFO(acted);
  REQUIRE(acted.ok());
  return store.plan.steps();
}

TEST_CASE("a crash at any step leaves every model whole or absent, and files = referenced + staged") {
  for (const Scenario& scenario : kScenarios) {
    uint64_t steps = CountSteps(scenario);
    CHECK(steps > 0);
    for (uint64_t step = 0; step < steps; ++step) {
      for (Survival survival : {Survival::kSyncedOnly, Survival::kAll, Survival::kRandom}) {
        CAPTURE(scenario.name, step, steps, static_cast<int>(survival));
        TestStore store;
        Prepare(store);
        store.plan.Arm({.at = step, .crash = true});
        CHECK_FALSE(scenario.act(store).ok());
        store.Crash(survival, step);
        store.Start();
        // What this scenario does not touch is still there.
        if (scenario.keeps_old) {
          CHECK(ReadWhole(*store, kApp, kOld).ok());
          CHECK(ReadWhole(*store, kOther, kOld).ok());
          CHECK(*store->LoadKey(kApp, "old") == kOld.id());
        }
        CheckSane(store, scenario.damages);
      }
    }
  }
}

TEST_CASE("a store that returned OK survives any crash") {
  for (Survival survival : {Survival::kSyncedOnly, Survival::kAll, Survival::kRandom}) {
    TestStore store;
    Prepare(store);
    REQUIRE(StoreWhole(*store, kApp, kNew, "new").ok());
    store.Crash(survival, 1);
    store.Start();
    CHECK(ReadWhole(*store, kApp, kNew).ok());
    CHECK(*store->LoadKey(kApp, "new") == kNew.id());
    REQUIRE(*store->DeleteModel(kApp, kNew.id()));
    store.Crash(survival, 2);
    store.Start();
    CHECK(absl::IsNotFound(ReadWhole(*store, kApp, kNew)));
    CheckSane(store, false);
  }
}

TEST_CASE("a crash at any step of start-up is survived by the next start") {
  // A store that leaves work for the start: a half upload, an orphan, a missing and a cut file.
  auto prepare = [](TestStore& store) {
    Prepare(store);
    REQUIRE(StoreWhole(*store, kApp, kNew).ok());
    std::unique_ptr<Lease> lease = store->NewLease();
    std::string half = Bytes(900, 9);
    REQUIRE((*store->OpenUpload(kApp, RefOf(half), *lease))->Append(0, half.substr(0, 100)).ok());
    REQUIRE(
        store->PutBlob(kApp, RefOf("finished"), Region::Copy(absl::string_view("finished")), *lease).ok());
    lease.reset();
    store.Stop();
    store.cache->RemoveBehind(BlobPathOf(kNew.constants[2]));
    store.cache->CutTo(BlobPathOf(kOld.constants[0]), 7);
    REQUIRE(store.cache->Open("staging/put-99", FileSystem::Access::kCreate).ok());
    REQUIRE(store.cache->Open("blobs/junk", FileSystem::Access::kCreate).ok());
  };
  uint64_t steps = 0;
  {
    TestStore store;
    prepare(store);
    store.plan.Disarm();
    store.Start();
    steps = store.plan.steps();
  }
  CHECK(steps > 3);
  for (uint64_t step = 0; step < steps; ++step) {
    for (Survival survival : {Survival::kSyncedOnly, Survival::kAll, Survival::kRandom}) {
      CAPTURE(step, steps, static_cast<int>(survival));
      TestStore store;
      prepare(store);
      store.plan.Arm({.at = step, .crash = true});
      // Some steps (a sweep) may fail without harm.
      store.TryStart().IgnoreError();
      store.Crash(survival, step);
      store.Start();
      CHECK(store->recovery().uploads_resumable == 1);
      CheckSane(store, true);
    }
  }
}

// An error at each step, once or for good: the call fails (or succeeds nevertheless), and nothing is lost.
void ErrorAtEachStep(int error, absl::StatusCode code) {
  for (const Scenario& scenario : kScenarios) {
    uint64_t steps = CountSteps(scenario);
    for (uint64_t step = 0; step < steps; ++step) {
      for (bool sticky : {false, true}) {
        CAPTURE(scenario.name, step, steps, sticky);
        TestStore store;
        Prepare(store);
        store.plan.Arm({.at = step, .error = error, .sticky = sticky});
        absl::Status acted = scenario.act(store);
        INFO(acted);
        bool expected = acted.ok() || acted.code() == code;
        // The record of what was found damaged may be what could not be written.
        if (scenario.damages) expected = expected || absl::IsUnavailable(acted);
        CHECK(expected);
        CHECK(std::string(acted.message()).find('/') == std::string::npos);
        store.plan.Disarm();
        store.Collect();
        bool restart = step % 2 == 0;  // with and without
        if (restart) store.Start();
        if (restart || !scenario.damages) CheckSane(store, scenario.damages);
      }
    }
  }
}

TEST_CASE("a full disk at any step refuses the call and loses nothing") {
  ErrorAtEachStep(ENOSPC, absl::StatusCode::kResourceExhausted);
}

TEST_CASE("a failing disk at any step refuses the call and loses nothing") {
  ErrorAtEachStep(EIO, absl::StatusCode::kUnavailable);
}

TEST_CASE("an upload that met a full disk goes on when there is space again") {
  std::string bytes = Bytes(1000, 1);
  for (uint64_t step = 0; step < 12; ++step) {
    CAPTURE(step);
    TestStore store;
    std::unique_ptr<Lease> lease = store->NewLease();
    auto upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
    REQUIRE((*upload)->Append(0, bytes.substr(0, 100)).ok());
    store.plan.Arm({.at = step, .error = ENOSPC});
    auto send_rest = [&]() -> absl::Status {
      uint64_t at = (*upload)->committed_bytes();
      if (absl::Status appended = (*upload)->Append(at, bytes.substr(at)); !appended.ok()) return appended;
      return (*upload)->Commit();
    };
    absl::Status first = send_rest();
    CHECK((first.ok() || absl::IsResourceExhausted(first)));
    store.plan.Disarm();
    absl::Status second = send_rest();
    if (!second.ok() && !first.ok()) {
      // What was renamed but not made durable is sent again in a new upload.
      upload->reset();
      upload = store->OpenUpload(kApp, RefOf(bytes), *lease);
      REQUIRE(upload.ok());
      REQUIRE(send_rest().ok());
    }
    upload->reset();
    CHECK(store->MapBlob(kApp, RefOf(bytes).digest, *lease)->view() == absl::string_view(bytes));
    store.Collect();
    CHECK(store.Problems() == "");
  }
}

TEST_CASE("random doings with crashes between them keep the store's promises") {
  uint64_t seed = std::random_device()();
  WARN("seed " << seed);
  std::mt19937_64 random(seed);
  TestStore store;
  std::vector<TestModel> models;
  for (uint64_t i = 0; i < 6; ++i) {
    models.push_back(
        {"graph " + std::to_string(i), {Bytes(100 + i, i), Bytes(150, 100 + i / 2), Bytes(7, 7)}});
  }
  const Partition partitions[] = {"app:1", "app:2", "app:3"};
  std::set<std::pair<Partition, size_t>> stored;  // what must be there after a crash
  for (int round = 0; round < 400; ++round) {
    const Partition& partition = partitions[random() % 3];
    size_t which = random() % models.size();
    CAPTURE(seed, round, partition, which);
    bool crash = random() % 4 == 0;
    if (crash) store.plan.Arm({.at = random() % 25, .crash = true});
    switch (random() % 4) {
      case 0:
      case 1: {
        if (StoreWhole(*store, partition, models[which]).ok()) stored.insert({partition, which});
        break;
      }
      case 2: {
        absl::StatusOr<bool> deleted = store->DeleteModel(partition, models[which].id());
        if (deleted.ok()) CHECK(*deleted == stored.contains({partition, which}));
        if (deleted.ok()) stored.erase({partition, which});
        break;
      }
      default:
        store.clock.Advance(absl::Minutes(random() % 90));
        store->Collect(store.clock.Now()).IgnoreError();
    }
    if (crash) {
      Survival survival = static_cast<Survival>(random() % 3);
      store.Crash(survival, random());
      store.Start();
    }
    CHECK(store.Problems() == "");
    for (const Partition& owner : partitions) {
      for (size_t i = 0; i < models.size(); ++i) {
        absl::Status read = ReadWhole(*store, owner, models[i]);
        CAPTURE(owner, i, read.ToString());
        bool expected = stored.contains({owner, i});
        // A call that the crash interrupted may or may not have taken effect.
        bool interrupted = crash && owner == partition && i == which;
        if (interrupted) {
          CHECK((read.ok() || absl::IsNotFound(read)));
          if (read.ok()) stored.insert({owner, i});
          if (!read.ok()) stored.erase({owner, i});
        } else {
          CHECK(read.ok() == expected);
        }
      }
    }
  }
}

}  // namespace
}  // namespace modeld::storage
