// Compiled plans where engine, policy and storage meet: which one is taken, what it costs whom, and its
// writing afterwards.
#ifndef MODELD_DAEMON_CACHE_PLAN_KEEPER_H_
#define MODELD_DAEMON_CACHE_PLAN_KEEPER_H_

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/program_build.h"
#include "daemon/metrics/metrics.h"
#include "engine/backend/backend.h"
#include "engine/graph/graph.h"
#include "engine/plan/plan.h"
#include "engine/runtime/program.h"
#include "policy/first_build.h"
#include "policy/plan_verdict.h"
#include "storage/plan_store.h"

namespace modeld {

// Whose plan of what. A plain value.
struct PlanSubject {
  Digest structure;
  Digest key;
  std::string device;
  // What the plan depends on besides: storage keeps it as PlanInfo::fingerprint.
  std::string fingerprint;
  std::string partition;
  Digest model_id;
};

// The subject of a validated graph, for plans of one build of the engine (PlanKeeper::build()). Pure;
// thread-safe.
PlanSubject SubjectOf(const Graph& graph, const Digest& build, const Backend& backend,
                      const CompileOptions& options, const std::string& partition, const Digest& model_id);

// A subject's fingerprint as policy compares it; text of another release gives traits that fit nothing. Pure;
// thread-safe.
policy::PlanTraits TraitsOf(const std::string& device, const std::string& fingerprint);

// Loads plans, and writes them in the background. Every failure means compiling: none is anybody's error,
// each is counted (modeld_plan_failures_total). Thread-safe. The destructor finishes the write under way and
// abandons what waits.
class PlanKeeper {
 public:
  struct Options {
    policy::FirstBuild first_build = policy::FirstBuild::kCompile;
    // Work waits for a random time between so long, a minute at most, and twice so long, so that the calls
    // behind a compilation meet no writes, and whoever looks for the writes cannot tell whose they are. Zero:
    // none.
    absl::Duration write_delay = absl::ZeroDuration();
    // Work that waits; past it, it is not done: a plan that was not written is compiled again. From half of
    // it on, and with more packed weights than this waiting, nothing waits for its time.
    size_t max_queued = 16;
    uint64_t max_waiting_bytes = uint64_t{256} << 20;
    // Of the engine's code: plans of another build are none.
    Digest build = ProgramBuild();
  };

  // The arguments must outlive it.
  PlanKeeper(storage::PlanStore& plans, Metrics& metrics, const Clock& clock, Options options);
  ~PlanKeeper();
  PlanKeeper(const PlanKeeper&) = delete;
  PlanKeeper& operator=(const PlanKeeper&) = delete;

  struct Loaded {
    std::shared_ptr<const Program> program;
    absl::Duration compile_time;
    // It would be better compiled anew.
    bool stale = false;
  };
  // The program of the best of the structure's plans that fits here, or nothing: compile. Only plans that the
  // partition has paid for are looked at: others' better ones change nothing for it. A partition that has
  // none gets nothing, and pays by compiling; or, where it may wait, waits by `pause` until the compilation's
  // time has passed since the call. It has paid when the plan has been written again, as if it had compiled.
  // A pause that returns false (nobody wants the program any more) makes the call return nothing. `constant`
  // is the engine's.
  std::optional<Loaded> Load(const PlanSubject& subject, const Graph& graph, const Backend& backend,
                             const CompileOptions& options, ConstantSource constant,
                             absl::FunctionRef<bool(absl::Duration)> pause);

  // Whether Load() would find a plan here that the partition has paid for, or need not pay for.
  bool HasPaid(const PlanSubject& subject) const;
  // Whether that plan is as good as one that were compiled now.
  bool HasOptimal(const PlanSubject& subject) const;
  // Notes that the partition paid by waiting, for the plan that Load() would take.
  void NotePaid(const PlanSubject& subject);

  // Writes a plan: off the caller's path, unless the same one is about to be written for the partition; or
  // before it returns.
  void Keep(const PlanSubject& subject, PlanImage image, absl::Duration compile_time);
  void KeepNow(const PlanSubject& subject, PlanImage image, absl::Duration compile_time);
  // Does other work for the subject's partition and model in the background: after the same delay, at the
  // same low priority and within the same bound.
  void Later(const PlanSubject& subject, std::function<void()> work);
  // Abandons what waits for a partition, and waits for what is under way for it.
  void Forget(const std::string& partition);
  // Waits until nothing waits and nothing is under way; what waits for its time begins at once.
  void Settle();
  // Writes the plans that wait, abandons other work, and waits until `deadline` at the longest: for the end.
  void FinishWrites(absl::Time deadline);
  // Abandons what waits, finishes what is under way, and takes nothing any more.
  void Stop();
  // Work that waits now.
  size_t queued() const;
  // Plans of a model, or of all, that Keep() has still to write or writes; none waits for its time any more.
  // Each expires when it is written or abandoned, and the packed weights that it held are free.
  std::vector<std::weak_ptr<const void>> HurryWrites(const std::optional<Digest>& model_id);
  // As given.
  const Digest& build() const { return options_.build; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Choice {
    storage::PlanInfo plan;
    bool stale = false;
    bool paid = false;
  };
  struct JobName {
    std::string partition;
    Digest model_id;
    // The plan that it writes, if it is that.
    std::optional<Digest> writes;
  };
  struct Job {
    // Goes last, after what the work holds.
    std::shared_ptr<const JobName> name;
    std::function<void()> work;
    Time due;
    // Of packed weights that it holds.
    uint64_t bytes = 0;
  };
  std::optional<Choice> Choose(const PlanSubject& subject) const;
  // The best of these for the subject.
  static std::optional<Choice> Best(std::span<const storage::PlanInfo> plans, const PlanSubject& subject,
                                    bool paid);
  // Notes a use. A partition that paid for the plan only now has it written once more in the background, and
  // is one of its causes from then on: as if it had compiled.
  void NoteUse(const PlanSubject& subject, const Choice& choice);
  void CountFailure(absl::string_view cause);
  void Enqueue(JobName name, std::function<void()> work, uint64_t bytes = 0);
  // When work that comes now is to begin.
  Time DueTime() const;
  void HurryAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsSettled() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return queue_.empty() && busy_with_.expired(); }
  // Waits for work that is due and takes it; nothing: the end.
  std::optional<Job> NextJob();
  void Work();

  // Fixed at construction.
  storage::PlanStore& plans_;
  Metrics& metrics_;
  const Clock& clock_;
  const Options options_;

  // Under mu_.
  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // In the order of their coming.
  std::deque<Job> queue_ ABSL_GUARDED_BY(mu_);
  // Calls of Settle(): nothing waits for its time.
  int settling_ ABSL_GUARDED_BY(mu_) = 0;
  // What the worker does; empty: nothing.
  std::weak_ptr<const JobName> busy_with_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_PLAN_KEEPER_H_
