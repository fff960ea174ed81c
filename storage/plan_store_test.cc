// What the store keeps of compiled plans, believes of their files, and forgets.
#include "storage/plan_store.h"

#include <catch2/catch.hpp>
#include <functional>

#include "storage/plan_files.h"
#include "storage/plan_format.h"
#include "storage/space.h"
#include "storage/test_store.h"

namespace modeld::storage {
namespace {

const TestModel kModel{"graph", {Bytes(1000, 1)}};
const Partition kApp = "app:one";
const Partition kOther = "app:two";
constexpr absl::Duration kCompileTime = absl::Milliseconds(1500);

Digest KeyOf(absl::string_view name) {
  return Digest::Of(name);
}

// A plan of kModel for kApp; plans of different names have different keys.
NewPlan Plan(absl::string_view name = "plan", absl::string_view structure = "structure") {
  return {.key = KeyOf(name),
          .structure = Digest::Of(structure),
          .device = "cpu",
          .fingerprint = "avx2",
          .metadata = "metadata of " + std::string(name),
          .segments = {Region::Copy(Bytes(5000, 7)), Region(), Region::Copy(Bytes(100, 8))},
          .compile_time = kCompileTime,
          .partition = kApp,
          .model_id = kModel.id()};
}

bool Opens(TestStore& store, const NewPlan& plan) {
  const auto opened = store->plans().Open(plan.key);
  const auto* found = std::get_if<OpenedPlan>(&opened);
  if (found == nullptr) return false;
  CHECK(found->metadata == plan.metadata);
  CHECK(found->compile_time == plan.compile_time);
  REQUIRE(found->segments.size() == plan.segments.size());
  for (size_t i = 0; i < plan.segments.size(); ++i)
    CHECK(found->segments[i].view() == plan.segments[i].view());
  return true;
}

PlanFault FaultOf(TestStore& store, const Digest& key) {
  const auto opened = store->plans().Open(key);
  REQUIRE(std::holds_alternative<PlanFault>(opened));
  return std::get<PlanFault>(opened);
}

std::vector<std::string> PlanPaths(const TestStore& store) {
  std::vector<std::string> paths;
  for (const std::string& path : store.cache->Files()) {
    if (path.starts_with("plans/")) paths.push_back(path);
  }
  return paths;
}

// kApp holds kModel and paid for a plan of it.
struct Planned : TestStore {
  Planned() {
    REQUIRE(StoreWhole(**this, kApp, kModel).ok());
    REQUIRE((*this)->plans().Write(Plan()).ok());
  }
};

TEST_CASE("a plan comes back as it was written, after a restart and a crash, too") {
  Planned store;
  CHECK(Opens(store, Plan()));
  store.Start();
  CHECK(Opens(store, Plan()));
  store.Crash(FakeFileSystem::Survival::kSyncedOnly);
  store.Start();
  CHECK(Opens(store, Plan()));
  CHECK(store->plans().IsCause(KeyOf("plan"), kApp));
  CHECK(store.Problems() == "");
  const std::vector<PlanInfo> list = store->plans().List();
  REQUIRE(list.size() == 1);
  CHECK(list[0].size_bytes == store.cache->Stat(PlanPaths(store)[0])->size_bytes);
  CHECK(list[0].size_bytes == store->plans().Bytes());
  CHECK(list[0].models == std::vector<Digest>{kModel.id()});
  CHECK(list[0].fingerprint == "avx2");
}

TEST_CASE("segments begin at pages, of the file and of the mapping") {
  Planned store;
  const auto opened = store->plans().Open(KeyOf("plan"));
  const auto& plan = std::get<OpenedPlan>(opened);
  const std::byte* first = plan.segments[0].bytes().data();
  CHECK((plan.segments[2].bytes().data() - first) % kPlanPageBytes == 0);
  CHECK(store->plans().List()[0].size_bytes % kPlanPageBytes == 0);
}

TEST_CASE("a flipped bit in any byte of a head is found, and costs that plan alone") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kModel).ok());
  const NewPlan other = Plan("other", "other structure");
  REQUIRE(store->plans().Write(other).ok());
  for (uint64_t byte = 0; byte < kPlanPageBytes; ++byte) {
    REQUIRE(store->plans().Write(Plan()).ok());
    store.cache->FlipBit(PlanFiles::Path(KeyOf("plan")), byte);
    INFO("byte " << byte);
    const PlanFault fault = FaultOf(store, KeyOf("plan"));
    CHECK((fault == PlanFault::kDamaged || fault == PlanFault::kVersion));
    CHECK(PlanPaths(store) == std::vector<std::string>{PlanFiles::Path(other.key)});
    CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
  }
  CHECK(Opens(store, other));
  CHECK(store.Problems() == "");
}

TEST_CASE("a file that was cut anywhere, or has gone, is no plan any more") {
  Planned store;
  const std::string path = PlanFiles::Path(KeyOf("plan"));
  const uint64_t size = store.cache->Stat(path)->size_bytes;
  for (uint64_t left : {uint64_t{0}, uint64_t{50}, uint64_t{96}, uint64_t{4000}, kPlanPageBytes, size - 1}) {
    REQUIRE(store->plans().Write(Plan()).ok());
    store.cache->CutTo(path, left);
    CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kDamaged);
    CHECK(PlanPaths(store).empty());
  }
  REQUIRE(store->plans().Write(Plan()).ok());
  store.cache->RemoveBehind(path);
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
  CHECK(store->plans().List().empty());
  REQUIRE(store->plans().Write(Plan()).ok());
  CHECK(Opens(store, Plan()));
  store.cache->Wipe();
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
  REQUIRE(store->plans().Write(Plan()).ok());
  CHECK(Opens(store, Plan()));
}

TEST_CASE("an authentic head that lies about its file, or belongs to another plan, is refused") {
  const std::string secret(32, 's');
  const std::vector<uint64_t> sizes = {100, 5000};
  const PlanLayout good = *LayOutPlan(10, sizes);
  const auto decode = [&](const PlanLayout& layout, absl::string_view key = "key") {
    return DecodePlanHead(EncodePlanHead(KeyOf("key"), "0123456789", layout, secret), KeyOf(key),
                          good.file_bytes, secret)
        .status();
  };
  CHECK(decode(good).ok());
  CHECK(absl::IsDataLoss(decode(good, "another key")));
  const std::vector<std::function<void(PlanLayout&)>> lies = {
      [](PlanLayout& l) { l.segments[1].size_bytes += kPlanPageBytes; },
      [](PlanLayout& l) { l.segments[1].offset = l.file_bytes + kPlanPageBytes; },
      [](PlanLayout& l) { l.segments[1].offset += 8; },
      [](PlanLayout& l) { l.segments[0].offset = 0; },
      [](PlanLayout& l) { std::swap(l.segments[0], l.segments[1]); },
      [](PlanLayout& l) { l.segments[0].size_bytes = kPlanPageBytes + 1; },
      [](PlanLayout& l) { l.segments[1].size_bytes = ~uint64_t{0}; },
      [](PlanLayout& l) { l.segments[1].offset = ~uint64_t{0} / kPlanPageBytes * kPlanPageBytes; },
      [](PlanLayout& l) { l.file_bytes += kPlanPageBytes; },
  };
  for (size_t i = 0; i < lies.size(); ++i) {
    PlanLayout bad = good;
    lies[i](bad);
    INFO("lie " << i);
    CHECK(absl::IsDataLoss(decode(bad)));
  }
  CHECK(absl::IsResourceExhausted(LayOutPlan(kMaxPlanHeadBytes, sizes).status()));
  const std::vector<uint64_t> huge = {~uint64_t{0} - 10000, 20000};
  CHECK(absl::IsResourceExhausted(LayOutPlan(10, huge).status()));
}

TEST_CASE("plans that were written under a key that is lost are all recompiled") {
  Planned store;
  store.Stop();
  SECTION("the key has gone") {
    store.state->RemoveBehind("plans.key");
  }
  SECTION("the key was cut") {
    store.state->CutTo("plans.key", 31);
  }
  store.Start();
  CHECK(store->plans().List().empty());
  CHECK(PlanPaths(store).empty());
  REQUIRE(store->plans().Write(Plan()).ok());
  store.Start();
  CHECK(Opens(store, Plan()));
}

TEST_CASE("another key makes every plan a forgery") {
  Planned store;
  store.Stop();
  store.state->FlipBit("plans.key", 5);
  store.Start();
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kDamaged);
}

TEST_CASE("without a key the store works, and plans are not kept") {
  TestStore store;
  bool without = false;
  for (uint64_t at = 0; at < 20; ++at) {
    store.Stop();
    if (store.state->Stat("plans.key").ok()) store.state->RemoveBehind("plans.key");
    store.plan.Arm({.at = at, .error = ENOSPC});
    const bool started = store.TryStart().ok();
    store.plan.Disarm();
    if (!started) continue;
    INFO("step " << at);
    CHECK(StoreWhole(*store, kApp, kModel).ok());
    const absl::Status written = store->plans().Write(Plan());
    if (written.ok()) continue;
    without = true;
    CHECK(absl::IsFailedPrecondition(written));
    CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
    CHECK(store.Problems() == "");
    store.Start();
    CHECK(store->plans().Write(Plan()).ok());
  }
  CHECK(without);
}

TEST_CASE("the scrub finds a flipped bit in a segment, which opening does not read") {
  Planned store;
  CHECK(store->plans().Verify(KeyOf("plan")).ok());
  store.cache->FlipBit(PlanFiles::Path(KeyOf("plan")), kPlanPageBytes + 1234);
  CHECK(std::holds_alternative<OpenedPlan>(store->plans().Open(KeyOf("plan"))));
  CHECK(absl::IsDataLoss(store->plans().Verify(KeyOf("plan"))));
  CHECK(absl::IsNotFound(store->plans().Verify(KeyOf("plan"))));
  CHECK(store.Problems() == "");
}

TEST_CASE("a partition has at most four plans of one structure, and gives up the longest unused") {
  TestStore store;
  REQUIRE(StoreWhole(*store, kApp, kModel).ok());
  for (absl::string_view name : {"a", "b", "c", "d"}) {
    REQUIRE(store->plans().Write(Plan(name)).ok());
    store.clock.Advance(absl::Hours(1));
    REQUIRE(store->plans().AddUse(KeyOf(name), kApp, kModel.id()).ok());
  }
  REQUIRE(store->plans().AddUse(KeyOf("a"), kApp, kModel.id()).ok());
  REQUIRE(store->plans().Write(Plan("elsewhere", "another structure")).ok());
  CHECK(store->plans().Write(Plan("e")).ok());
  CHECK(FaultOf(store, KeyOf("b")) == PlanFault::kAbsent);
  for (absl::string_view name : {"a", "c", "d", "e"}) CHECK(Opens(store, Plan(name)));
  CHECK(Opens(store, Plan("elsewhere", "another structure")));
  CHECK(store->plans().Candidates(Digest::Of("structure"), "cpu").size() == 4);
  CHECK(store->plans().Candidates(Digest::Of("structure"), "gpu").empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("what others have of a structure takes no plan of a partition's, whoever uses which") {
  TestStore store;
  const Partition other = "app:other";
  for (const Partition& partition : {kApp, other}) REQUIRE(StoreWhole(*store, partition, kModel).ok());
  const auto write = [&](absl::string_view name, const Partition& partition) {
    NewPlan plan = Plan(name);
    plan.partition = partition;
    store.clock.Advance(absl::Minutes(1));
    REQUIRE(store->plans().Write(plan).ok());
  };
  for (absl::string_view name : {"a", "b", "c", "d"}) write(name, kApp);
  for (absl::string_view name : {"a", "e", "f", "g"}) write(name, other);
  for (absl::string_view name : {"a", "b", "c", "d"}) {
    CHECK(store->plans().IsCause(KeyOf(name), kApp));
    CHECK(Opens(store, Plan(name)));
  }
  // The other's uses do not count for the first; what the other causes, too, stays for it.
  for (int i = 0; i < 5; ++i) REQUIRE(store->plans().AddUse(KeyOf("a"), other, kModel.id()).ok());
  write("h", kApp);
  CHECK_FALSE(store->plans().IsCause(KeyOf("a"), kApp));
  CHECK(store->plans().IsCause(KeyOf("a"), other));
  CHECK(Opens(store, Plan("a")));
  store.Collect();
  CHECK(store.Problems() == "");
}

TEST_CASE("all plans together stay within their bytes, and one that is in use is never taken") {
  TestStore store;
  store.options.max_plan_bytes = 2 * 20 * 1024;
  store.Start();
  REQUIRE(StoreWhole(*store, kApp, kModel).ok());
  REQUIRE(store->plans().Write(Plan("a", "1")).ok());
  const uint64_t each = store->plans().Bytes();
  REQUIRE(each * 2 <= store.options.max_plan_bytes);
  REQUIRE(each * 3 > store.options.max_plan_bytes);
  store.clock.Advance(absl::Hours(1));
  REQUIRE(store->plans().Write(Plan("b", "2")).ok());
  store.clock.Advance(absl::Hours(1));
  REQUIRE(store->plans().Write(Plan("c", "3")).ok());
  CHECK(FaultOf(store, KeyOf("a")) == PlanFault::kAbsent);
  const auto b = store->plans().Open(KeyOf("b")), c = store->plans().Open(KeyOf("c"));
  CHECK(absl::IsResourceExhausted(store->plans().Write(Plan("d", "4"))));
  CHECK(store->plans().List().size() == 2);
  NewPlan big = Plan("big", "5");
  big.segments = {Region::Copy(Bytes(store.options.max_plan_bytes, 1))};
  CHECK(absl::IsResourceExhausted(store->plans().Write(big)));
  CHECK(store.Problems() == "");
}

TEST_CASE("a disk without room refuses a plan and keeps its floor") {
  Planned store;
  store.cache->SetFreeBytes(store.options.min_free_bytes + 1000);
  CHECK(absl::IsResourceExhausted(store->plans().Write(Plan("another"))));
  CHECK(Opens(store, Plan()));
  CHECK(PlanPaths(store).size() == 1);
  CHECK(store.Problems() == "");
}

TEST_CASE("a partition is a cause while it holds the model, whatever others do") {
  Planned store;
  PlanStore& plans = store->plans();
  CHECK_FALSE(plans.IsCause(KeyOf("plan"), kOther));
  REQUIRE(StoreWhole(*store, kOther, kModel).ok());
  REQUIRE(plans.AddUse(KeyOf("plan"), kOther, kModel.id()).ok());
  CHECK(plans.IsCause(KeyOf("plan"), kOther));
  // Of a daemon that was killed; a power cut may take it back.
  store.Crash(FakeFileSystem::Survival::kAll);
  store.Start();
  CHECK(store->plans().IsCause(KeyOf("plan"), kOther));
  CHECK(*store->DeleteModel(kApp, kModel.id()));
  CHECK_FALSE(store->plans().IsCause(KeyOf("plan"), kApp));
  CHECK(Opens(store, Plan()));
  CHECK(*store->RemovePartition(kOther));
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
  store.Collect();
  CHECK(PlanPaths(store).empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("clearing takes a partition from a plan's causes, and the plan with the last one") {
  Planned store;
  REQUIRE(StoreWhole(*store, kOther, kModel).ok());
  REQUIRE(store->plans().AddUse(KeyOf("plan"), kOther, kModel.id()).ok());
  const auto clear = [&](const Partition& partition) {
    return store->space().Clear(partition, absl::InfinitePast(), absl::InfiniteFuture());
  };
  CHECK(clear(kApp)->plans == 0);
  CHECK_FALSE(store->plans().IsCause(KeyOf("plan"), kApp));
  CHECK(store->plans().IsCause(KeyOf("plan"), kOther));
  CHECK(Opens(store, Plan()));
  CHECK(clear(kOther)->plans == 1);
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
  store.Collect();
  CHECK(PlanPaths(store).empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("a plan that cannot be read just now stays") {
  Planned store;
  const std::string path = PlanFiles::Path(KeyOf("plan"));
  store.cache->SetUnreadable(path, 0);
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kUnreadable);
  CHECK(store->plans().List().size() == 1);
  store.cache->SetUnreadable(path, UINT64_MAX);
  CHECK(Opens(store, Plan()));
}

TEST_CASE("a plan of a twin stays with the twin that is kept") {
  Planned store;
  const TestModel twin{"graph with other labels", kModel.constants};
  REQUIRE(StoreWhole(*store, kApp, twin).ok());
  REQUIRE(store->plans().AddUse(KeyOf("plan"), kApp, twin.id()).ok());
  CHECK(*store->DeleteModel(kApp, kModel.id()));
  CHECK(store->plans().IsCause(KeyOf("plan"), kApp));
  CHECK(*store->DeleteModel(kApp, twin.id()));
  CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
}

TEST_CASE(
    "a plan of a model that was never stored goes an hour after it was paid for, at a restart, or with who "
    "paid") {
  TestStore store;
  REQUIRE(store->plans().Write(Plan()).ok());
  store.clock.Advance(absl::Minutes(59));
  store.Collect();
  CHECK(Opens(store, Plan()));
  REQUIRE(store->plans().AddUse(KeyOf("plan"), kApp, kModel.id()).ok());
  store.clock.Advance(absl::Minutes(59));
  store.Collect();
  CHECK(Opens(store, Plan()));
  SECTION("by time") {
    store.clock.Advance(absl::Minutes(1));
    store.Collect();
  }
  SECTION("by a restart") {
    store.Start();
  }
  SECTION("by the removal of the partition that paid, which has nothing else") {
    CHECK_FALSE(store->RemovePartition(kApp).value());
    store.Collect();
  }
  CHECK(store->plans().List().empty());
  CHECK(PlanPaths(store).empty());
  CHECK(store.Problems() == "");
}

TEST_CASE("strays among the plans are swept at start") {
  Planned store;
  const std::string stray = PlanFiles::Path(KeyOf("stray"));
  store.cache->MakeDir(stray.substr(0, 8)).IgnoreError();
  REQUIRE(store.cache->Open(stray, FileSystem::Access::kCreate).ok());
  REQUIRE(store.cache->Open(stray.substr(0, 9) + "README", FileSystem::Access::kCreate).ok());
  CHECK(store.Problems() != "");
  store.Start();
  CHECK(PlanPaths(store) == std::vector<std::string>{PlanFiles::Path(KeyOf("plan"))});
  CHECK(Opens(store, Plan()));
}

TEST_CASE("who uses a plan's bytes keeps them when the plan goes or is replaced") {
  Planned store;
  const auto opened = store->plans().Open(KeyOf("plan"));
  const auto& plan = std::get<OpenedPlan>(opened);
  CHECK(store->plans().List()[0].mapped);
  REQUIRE(store->plans().Write(Plan()).ok());
  CHECK_FALSE(store->plans().List()[0].mapped);
  REQUIRE(store->plans().Remove(KeyOf("plan")).ok());
  CHECK(PlanPaths(store).empty());
  CHECK(plan.segments[0].view() == Plan().segments[0].view());
  CHECK(store->plans().Remove(KeyOf("plan")).ok());
}

TEST_CASE("an error or a crash at any step of writing leaves a whole plan or none") {
  for (const bool crash : {false, true}) {
    for (const int error : {ENOSPC, EIO, EROFS}) {
      for (uint64_t at = 0;; ++at) {
        TestStore store;
        REQUIRE(StoreWhole(*store, kApp, kModel).ok());
        store.plan.Arm({.at = at, .error = error, .sticky = crash, .crash = crash});
        const absl::Status written = store->plans().Write(Plan());
        const bool reached = store.plan.steps() > at;
        store.plan.Disarm();
        INFO("step " << at << " of error " << error << (crash ? ", the last" : "") << ": " << written);
        if (!crash) {
          if (!written.ok()) CHECK(FaultOf(store, KeyOf("plan")) == PlanFault::kAbsent);
          store.Collect();
          CHECK(store.Problems() == "");
        }
        store.Crash(at % 2 == 0 ? FakeFileSystem::Survival::kSyncedOnly : FakeFileSystem::Survival::kAll);
        store.Start();
        CHECK(store.Problems() == "");
        CHECK(ReadWhole(*store, kApp, kModel).ok());
        if (written.ok()) {
          CHECK(Opens(store, Plan()));
        } else if (!Opens(store, Plan())) {
          CHECK(store->plans().Write(Plan()).ok());
        }
        if (!reached) break;
        REQUIRE(at < 100);
      }
    }
  }
}

TEST_CASE("a trusted map reads no bytes, and does not vouch for them") {
  Planned store;
  store.Start();
  store.cache->FlipBit(BlobPathOf(kModel.constants[0]), 10);
  std::unique_ptr<Lease> lease = store->NewLease();
  const Digest blob = RefOf(kModel.constants[0]).digest;
  const absl::StatusOr<Region> trusted = store->MapTrusted(kApp, blob, *lease);
  REQUIRE(trusted.ok());
  CHECK(trusted->size() == kModel.constants[0].size());
  CHECK(absl::IsDataLoss(store->MapBlob(kApp, blob, *lease).status()));
  CHECK(absl::IsNotFound(store->MapTrusted(kOther, blob, *lease).status()));
}

TEST_CASE("trusted and verified maps share one mapping; a file of another size is neither") {
  Planned store;
  store.Start();
  std::unique_ptr<Lease> lease = store->NewLease();
  const Digest blob = RefOf(kModel.constants[0]).digest;
  {
    const absl::StatusOr<Region> trusted = store->MapTrusted(kApp, blob, *lease);
    REQUIRE(trusted.ok());
    CHECK(store->MapBlob(kApp, blob, *lease)->owner() == trusted->owner());
  }
  store.cache->CutTo(BlobPathOf(kModel.constants[0]), 999);
  CHECK(absl::IsDataLoss(store->MapTrusted(kApp, blob, *lease).status()));
}

}  // namespace
}  // namespace modeld::storage
