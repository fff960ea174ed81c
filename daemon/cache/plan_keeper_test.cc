#include "daemon/cache/plan_keeper.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/ops/test_graph.h"
#include "engine/ops/validate.h"
#include "storage/plan_files.h"
#include "storage/test_store.h"

namespace modeld {
namespace {

constexpr absl::Duration kCompileTime = absl::Seconds(2);
const std::string kApp = "app:one";
const std::string kOther = "app:two";

Graph Sum(const std::string& label) {
  TestGraph graph;
  const std::string weights(12, '\x11');
  const OperandId x = graph.Float("x", {3});
  graph.Output("y", graph.Op("add", {x, graph.Constant(DataType::kFloat32, {3}, weights)}, {}, label));
  absl::StatusOr<Graph> valid = Validate(graph.graph(), GraphLimits());
  REQUIRE(valid.ok());
  return *std::move(valid);
}

// A keeper over a store on fakes. The clock moves only when told to, or by a pause.
struct Fixture {
  explicit Fixture(PlanKeeper::Options options = {.first_build = policy::FirstBuild::kWait})
      : keeper(store->plans(), metrics, store.clock, options) {}

  PlanSubject Subject(const std::string& partition = kApp, const CompileOptions& options = {}) {
    return SubjectOf(graph, keeper.build(), backend, options, partition, Digest::Of(partition));
  }
  // Compiles and writes.
  void Keep(const CompileOptions& options = {}, const std::string& partition = kApp) {
    absl::StatusOr<CompiledGraph> compiled = CompileForPlan(graph, backend, options);
    REQUIRE(compiled.ok());
    keeper.Keep(Subject(partition, options), std::move(compiled->plan), kCompileTime);
    keeper.Settle();
  }
  std::optional<PlanKeeper::Loaded> Load(const std::string& partition, const CompileOptions& options = {},
                                         bool patient = true) {
    const auto constant = [&](const Digest& digest, uint64_t) -> absl::StatusOr<Region> {
      for (const Operand& operand : graph.operands) {
        if (operand.kind == OperandKind::kConstant && operand.digest == digest) return operand.bytes;
      }
      return absl::NotFoundError("no such constant");
    };
    const auto pause = [&](absl::Duration duration) {
      pauses.push_back(duration);
      return patient;
    };
    return keeper.Load(Subject(partition, options), graph, backend, options, constant, pause);
  }
  uint64_t Failures(absl::string_view cause) {
    return metrics.counter(CounterName::kPlanFailures, {cause}).value();
  }

  storage::TestStore store;
  Metrics metrics;
  const ReferenceBackend backend;
  const Graph graph = Sum("label");
  std::vector<absl::Duration> pauses;
  PlanKeeper keeper;
};

TEST_CASE("a plan that was kept is loaded, without a wait for the partition that compiled") {
  Fixture f;
  CHECK_FALSE(f.Load(kApp).has_value());
  f.Keep();
  const auto loaded = f.Load(kApp);
  REQUIRE(loaded.has_value());
  CHECK(loaded->program != nullptr);
  CHECK(loaded->compile_time == kCompileTime);
  CHECK_FALSE(loaded->stale);
  CHECK(f.pauses.empty());
  CHECK(f.keeper.HasPaid(f.Subject()));
}

TEST_CASE("another partition waits as long as compiling took, once") {
  Fixture f;
  f.Keep();
  CHECK_FALSE(f.keeper.HasPaid(f.Subject(kOther)));
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses == std::vector<absl::Duration>{kCompileTime});
  f.keeper.Settle();
  CHECK(f.keeper.HasPaid(f.Subject(kOther)));
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses.size() == 1);
}

TEST_CASE("a partition that waited has no plan before it is written for it, as one that compiled") {
  Fixture f({.first_build = policy::FirstBuild::kWait, .write_delay = absl::Hours(1)});
  f.Keep();
  REQUIRE(f.Load(kOther).has_value());
  CHECK_FALSE(f.keeper.HasPaid(f.Subject(kOther)));
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses.size() == 2);
  CHECK(f.keeper.queued() == 1);
  f.keeper.Settle();
  CHECK(f.keeper.HasPaid(f.Subject(kOther)));
}

TEST_CASE("a plan that others caused changes nothing for a partition that has its own") {
  using policy::FirstBuild;
  const CompileOptions few{.num_threads = 1}, many{.num_threads = 3};
  for (const FirstBuild first_build : {FirstBuild::kCompile, FirstBuild::kWait}) {
    CAPTURE(static_cast<int>(first_build));
    Fixture f({.first_build = first_build});
    f.Keep(few);
    f.Keep(many, kOther);
    CHECK(f.keeper.HasOptimal(f.Subject(kOther, many)));
    // Not the best there is, but the partition's own.
    CHECK(f.keeper.HasPaid(f.Subject(kApp, many)));
    CHECK_FALSE(f.keeper.HasOptimal(f.Subject(kApp, many)));
    const auto loaded = f.Load(kApp, many);
    REQUIRE(loaded.has_value());
    CHECK(loaded->stale);
    CHECK(f.pauses.empty());
  }
  // Nor is one waited for that is not what compiling would give.
  Fixture f;
  f.Keep(few);
  CHECK_FALSE(f.Load(kOther, many).has_value());
  CHECK(f.pauses.empty());
  // Who does not mind has the best there is.
  Fixture shared({.first_build = FirstBuild::kShare});
  shared.Keep(few);
  shared.Keep(many, kOther);
  CHECK_FALSE(shared.Load(kApp, many)->stale);
}

TEST_CASE("a partition that gives up waiting has not paid") {
  Fixture f;
  f.Keep();
  CHECK_FALSE(f.Load(kOther, {}, /*patient=*/false).has_value());
  CHECK_FALSE(f.keeper.HasPaid(f.Subject(kOther)));
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses.size() == 2);
}

TEST_CASE("a partition that waited for another's program in memory has paid for the plan") {
  Fixture f;
  f.Keep();
  f.keeper.NotePaid(f.Subject(kOther));
  f.keeper.Settle();
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses.empty());
}

TEST_CASE("who waited for another's plan leaves the same work for the disk as who compiled") {
  Fixture f;
  const auto steps = [&](const auto& work) {
    const uint64_t before = f.store.plan.steps();
    work();
    f.keeper.Settle();
    return f.store.plan.steps() - before;
  };
  f.Keep();  // makes the plan's folder
  const uint64_t compiled = steps([&] { f.Keep(); });
  REQUIRE(compiled > 0);
  CHECK(steps([&] { REQUIRE(f.Load(kOther).has_value()); }) == compiled);
  CHECK(steps([&] { REQUIRE(f.Load(kOther).has_value()); }) <= 1);
  CHECK(steps([&] { f.keeper.NotePaid(f.Subject("app:three")); }) == compiled);
  // It is the same plan.
  CHECK(f.store->plans().List().size() == 1);
  REQUIRE(f.Load(kApp).has_value());
  CHECK(f.pauses.size() == 1);
  CHECK(f.store.Problems() == "");
}

TEST_CASE("a partition that has not compiled gets no plan of another's, and shares it once it has") {
  Fixture f({.first_build = policy::FirstBuild::kCompile});
  f.Keep();
  CHECK_FALSE(f.keeper.HasPaid(f.Subject(kOther)));
  CHECK_FALSE(f.Load(kOther).has_value());
  CHECK_FALSE(f.Load(kOther).has_value());
  CHECK(f.pauses.empty());
  // Nothing is wrong with the plan.
  CHECK(f.store->plans().List().size() == 1);
  for (const absl::string_view cause : {"absent", "unreadable", "version", "damaged", "engine"}) {
    CHECK(f.Failures(cause) == 0);
  }
  // It compiles what is the same plan.
  absl::StatusOr<CompiledGraph> compiled = CompileForPlan(f.graph, f.backend, {});
  REQUIRE(compiled.ok());
  f.keeper.Keep(f.Subject(kOther), std::move(compiled->plan), kCompileTime);
  f.keeper.Settle();
  REQUIRE(f.Load(kOther).has_value());
  REQUIRE(f.Load(kApp).has_value());
  const std::vector<storage::PlanInfo> plans = f.store->plans().List();
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].causes.size() == 2);
  CHECK(f.store.Problems() == "");
}

TEST_CASE("where the user does not mind, nobody waits") {
  Fixture f({.first_build = policy::FirstBuild::kShare});
  f.Keep();
  CHECK(f.keeper.HasPaid(f.Subject(kOther)));
  REQUIRE(f.Load(kOther).has_value());
  CHECK(f.pauses.empty());
}

TEST_CASE("a graph with other labels has the same plan") {
  Fixture f;
  const auto key = [&](const Graph& graph) {
    return SubjectOf(graph, f.keeper.build(), f.backend, {}, kApp, Digest()).key;
  };
  CHECK(key(f.graph) == key(Sum("another label")));
}

TEST_CASE("a damaged plan is nothing but a counted miss, and is written again") {
  Fixture f;
  f.Keep();
  f.store.cache->FlipBit(storage::PlanFiles::Path(f.Subject().key), 200);
  CHECK_FALSE(f.Load(kApp).has_value());
  CHECK(f.Failures("damaged") == 1);
  CHECK_FALSE(f.Load(kApp).has_value());
  CHECK(f.Failures("damaged") == 1);
  f.Keep();
  CHECK(f.Load(kApp).has_value());
}

TEST_CASE("an authentic plan that the engine does not take is removed and counted") {
  Fixture f;
  f.keeper.Keep(f.Subject(), PlanImage{.metadata = "nonsense", .segments = {}}, kCompileTime);
  f.keeper.Settle();
  CHECK_FALSE(f.Load(kApp).has_value());
  CHECK(f.Failures("engine") == 1);
  CHECK(f.store->plans().List().empty());
}

TEST_CASE("a full disk costs a plan and nothing else") {
  Fixture f;
  f.store.cache->SetFreeBytes(f.store.options.min_free_bytes);
  f.Keep();
  CHECK(f.Failures("write") == 1);
  CHECK(f.store->plans().List().empty());
  CHECK(f.store.Problems() == "");
  f.store.cache->SetFreeBytes(uint64_t{1} << 40);
  f.Keep();
  CHECK(f.Load(kApp).has_value());
}

TEST_CASE("a plan for another number of threads works, and is to be made anew") {
  Fixture f;
  f.Keep({.num_threads = 2});
  const auto loaded = f.Load(kApp, {.num_threads = 3});
  REQUIRE(loaded.has_value());
  CHECK(loaded->stale);
  CHECK_FALSE(f.keeper.HasOptimal(f.Subject(kApp, {.num_threads = 3})));
  f.Keep({.num_threads = 3});
  CHECK(f.keeper.HasOptimal(f.Subject(kApp, {.num_threads = 3})));
  CHECK_FALSE(f.Load(kApp, {.num_threads = 3})->stale);
  CHECK_FALSE(f.Load(kApp, {.num_threads = 2})->stale);
}

TEST_CASE("a plan that another build of the engine made is none, and stays for that one") {
  Fixture f;
  f.Keep();
  PlanKeeper updated(f.store->plans(), f.metrics, f.store.clock, {.build = Digest::Of("another build")});
  const PlanSubject subject = SubjectOf(f.graph, updated.build(), f.backend, {}, kApp, Digest::Of(kApp));
  CHECK(subject.key != f.Subject().key);
  CHECK_FALSE(updated.HasPaid(subject));
  CHECK_FALSE(updated.HasOptimal(subject));
  const PlanKeeper restarted(f.store->plans(), f.metrics, f.store.clock, {});
  CHECK(restarted.build() == f.keeper.build());
  CHECK(restarted.HasPaid(f.Subject()));
}

TEST_CASE("a plan made with other options is none") {
  Fixture f;
  f.Keep({.claim = false});
  CHECK_FALSE(f.Load(kApp).has_value());
}

TEST_CASE("traits tell instruction sets, threads and the rest apart") {
  const auto traits = [](const std::string& hardware, const std::string& threads = "0") {
    return TraitsOf("cpu", hardware + "\nbuild 12ab\nfuse 1 claim 1\n" + threads);
  };
  const auto here = traits("cpu oneDNN 2.6.3 abc isa 0x7 threads 8");
  CHECK(here.instruction_sets.size() == 3);
  CHECK(here.threads == 8);
  CHECK(traits("cpu oneDNN 2.6.3 abc isa 0x7 threads 8", "2").threads == 2);
  using policy::JudgePlan, policy::PlanVerdict;
  CHECK(JudgePlan(here, here) == PlanVerdict::kOptimal);
  CHECK(JudgePlan(traits("cpu oneDNN 2.6.3 abc isa 0x3 threads 8"), here) == PlanVerdict::kWorks);
  CHECK(JudgePlan(traits("cpu oneDNN 2.6.3 abc isa 0xf threads 8"), here) == PlanVerdict::kUnusable);
  CHECK(JudgePlan(traits("cpu oneDNN 2.7.0 abc isa 0x7 threads 8"), here) == PlanVerdict::kUnusable);
  CHECK(JudgePlan(TraitsOf("cpu", "what another release wrote"), here) == PlanVerdict::kUnusable);
}

TEST_CASE("what waits for a partition that is forgotten is not done") {
  absl::Notification begun, go_on;
  std::atomic<int> done = 0;
  Fixture f;
  f.keeper.Later(f.Subject(kOther), [&] {
    begun.Notify();
    go_on.WaitForNotification();
    ++done;
  });
  begun.WaitForNotification();
  f.keeper.Later(f.Subject(), [&] { done += 10; });
  f.keeper.Later(f.Subject(kOther), [&] { done += 100; });
  f.keeper.Forget(kApp);
  CHECK(done == 0);
  go_on.Notify();
  f.keeper.Forget(kOther);
  CHECK((done == 1 || done == 101));
  f.keeper.Settle();
  CHECK((done == 1 || done == 101));
}

TEST_CASE("work past the bound is not done, and what waits at the end is abandoned") {
  absl::Notification begun, go_on;
  std::atomic<int> done = 0;
  {
    Fixture f({.max_queued = 1});
    f.keeper.Later(f.Subject(), [&] {
      begun.Notify();
      go_on.WaitForNotification();
      ++done;
    });
    begun.WaitForNotification();
    f.keeper.Later(f.Subject(), [&] { ++done; });
    f.keeper.Later(f.Subject(), [&] { ++done; });
    SECTION("to the end") {
      go_on.Notify();
      f.keeper.Settle();
      CHECK(done == 2);
    }
    SECTION("cut short") {
      // The destructor empties the queue before it waits for the worker, so that this runs first.
      std::thread later([&] {
        while (f.keeper.queued() != 0) std::this_thread::yield();
        go_on.Notify();
      });
      f.keeper.Stop();
      later.join();
      CHECK(done == 1);
    }
  }
}

TEST_CASE("work waits for its time, unless somebody waits for it or much has come") {
  const absl::Duration never = absl::Hours(24);
  std::atomic<int> done = 0;
  const auto work = [&] { ++done; };
  const PlanImage image{.metadata = "nonsense", .segments = {}};
  Fixture f({.write_delay = never, .max_queued = 6});
  f.keeper.Keep(f.Subject(), image, kCompileTime);
  f.keeper.Later(f.Subject(kOther), work);
  SECTION("until somebody settles") {
    CHECK(f.keeper.queued() == 2);
    f.keeper.Settle();
    CHECK(done == 1);
    CHECK(f.store->plans().List().size() == 1);
  }
  SECTION("until a model's plans are wanted, and only those") {
    const auto writes = f.keeper.HurryWrites(Digest::Of(kApp));
    REQUIRE(writes.size() == 1);
    while (!writes[0].expired()) std::this_thread::yield();
    CHECK(f.store->plans().List().size() == 1);
    CHECK(f.keeper.queued() == 1);
    CHECK(done == 0);
  }
  SECTION("until there is no room for more") {
    f.keeper.Later(f.Subject(kOther), work);
    CHECK(f.keeper.queued() == 3);
    f.keeper.Later(f.Subject(kOther), work);
    while (f.keeper.queued() != 0) std::this_thread::yield();
  }
  SECTION("until the end, where plans are written") {
    f.keeper.FinishWrites(absl::InfiniteFuture());
    CHECK(done == 0);
    CHECK(f.store->plans().List().size() == 1);
    CHECK(f.keeper.queued() == 0);
  }
  SECTION("until an end that has no time for them") {
    f.keeper.Stop();
    CHECK(done == 0);
    CHECK(f.store->plans().List().empty());
  }
}

TEST_CASE("many packed weights do not wait for their time") {
  Fixture f({.write_delay = absl::Hours(1), .max_waiting_bytes = 100});
  const std::string weights(60, 'w');
  const PlanImage image{.metadata = "nonsense", .segments = {Region::Copy(absl::string_view(weights))}};
  f.keeper.Keep(f.Subject(kApp), image, kCompileTime);
  CHECK(f.keeper.queued() == 1);
  f.keeper.Keep(f.Subject(kOther), image, kCompileTime);
  while (f.keeper.queued() != 0) std::this_thread::yield();
}

TEST_CASE("what waits for a short time is done without anybody's asking") {
  absl::Notification done;
  Fixture f({.write_delay = absl::Milliseconds(20)});
  const auto begin = std::chrono::steady_clock::now();
  f.keeper.Later(f.Subject(), [&] { done.Notify(); });
  done.WaitForNotification();
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(20));
}

TEST_CASE("a plan that is about to be written for a partition is not held a second time") {
  absl::Notification begun, go_on;
  Fixture f;
  f.keeper.Later(f.Subject(kOther), [&] {
    begun.Notify();
    go_on.WaitForNotification();
  });
  begun.WaitForNotification();
  const PlanImage image{.metadata = "nonsense", .segments = {}};
  f.keeper.Keep(f.Subject(), image, kCompileTime);
  f.keeper.Keep(f.Subject(), image, kCompileTime);
  CHECK(f.keeper.queued() == 1);
  // Another partition's, and another plan.
  f.keeper.Keep(f.Subject(kOther), image, kCompileTime);
  f.keeper.Keep(f.Subject(kApp, {.num_threads = 3}), image, kCompileTime);
  CHECK(f.keeper.queued() == 3);
  go_on.Notify();
  f.keeper.Settle();
}

TEST_CASE("who waits for a model's plans to be written finds their memory free") {
  absl::Notification begun, go_on;
  Fixture f;
  f.keeper.Later(f.Subject(), [&] {
    begun.Notify();
    go_on.WaitForNotification();
  });
  begun.WaitForNotification();
  // A subject's model is named after its partition here.
  const Digest model = Digest::Of(kApp), other = Digest::Of(kOther);
  auto weights = std::make_shared<std::vector<std::byte>>(64);
  const std::weak_ptr<std::vector<std::byte>> memory = weights;
  f.keeper.Keep(f.Subject(), {.metadata = "nonsense", .segments = {Region(*weights, weights)}}, kCompileTime);
  weights.reset();
  f.keeper.Keep(f.Subject(kOther), {.metadata = "nonsense", .segments = {}}, kCompileTime);
  const auto all = f.keeper.HurryWrites(std::nullopt), own = f.keeper.HurryWrites(model);
  CHECK(all.size() == 2);
  REQUIRE(own.size() == 1);
  CHECK(f.keeper.HurryWrites(other).size() == 1);
  CHECK(f.keeper.HurryWrites(Digest::Of("another")).empty());
  CHECK_FALSE(memory.expired());
  SECTION("when they are written") {
    go_on.Notify();
    while (!own[0].expired()) std::this_thread::yield();
    CHECK(memory.expired());
    f.keeper.Settle();
    CHECK(f.store->plans().List().size() == 1);
  }
  SECTION("when they are abandoned") {
    f.keeper.Forget(kOther);
    CHECK_FALSE(own[0].expired());
    CHECK(f.keeper.HurryWrites(other).empty());
    bool abandoned = false;
    std::thread later([&] {
      while (!own[0].expired()) std::this_thread::yield();
      abandoned = memory.expired();
      go_on.Notify();
    });
    f.keeper.Stop();
    later.join();
    CHECK(abandoned);
  }
  for (const auto& one : all) CHECK(one.expired());
  CHECK(f.keeper.HurryWrites(std::nullopt).empty());
}

}  // namespace
}  // namespace modeld
