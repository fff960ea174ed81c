// Compiled programs in memory: shared by all who run the same model on the same device, kept while they are
// used.
#ifndef MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_
#define MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/services/cancellation.h"
#include "daemon/services/scheduler.h"
#include "engine/backend/backend.h"
#include "engine/runtime/program.h"
#include "policy/first_build.h"
#include "policy/residency.h"

namespace modeld {

class ProgramCache;

// Waits by the real time, or less when the token is cancelled. Thread-safe.
void RealPause(absl::Duration duration, const CancelToken& token);

// What makes programs the same. The model id covers structure, constants and labels: steps carry labels into
// error messages, so twins that differ in labels do not share.
struct ProgramKey {
  Digest model_id;
  std::string device;
  uint32_t num_threads = 0;

  friend auto operator<=>(const ProgramKey&, const ProgramKey&) = default;
};

// A graph handle's claim on a program. It holds no memory: the cache does, and lets it go when nothing used
// it for long enough; ProgramCache::Use() gets it back. Thread-safe; Peek() only while the cache lives.
class ProgramHandle {
 public:
  // The program as long as it is in memory, else null. No use of it.
  std::shared_ptr<const Program> Peek() const;
  // The program, when it is of GetOwn(), which nobody shares; else null.
  const std::shared_ptr<const Program>& own() const { return own_; }

 private:
  friend class ProgramCache;
  ProgramHandle(const ProgramCache& cache, std::string partition, ProgramKey key,
                std::shared_ptr<const Program> own)
      : cache_(cache), partition_(std::move(partition)), key_(std::move(key)), own_(std::move(own)) {}

  const ProgramCache& cache_;
  const std::string partition_;
  const ProgramKey key_;
  const std::shared_ptr<const Program> own_;
};

// Where a program comes from when it is not in memory: of one partition, for one call. Used by one thread at
// a time.
class ProgramSource {
 public:
  struct Made {
    std::shared_ptr<const Program> program;
    // What compiling it takes, or took; not what loading a plan did.
    absl::Duration compile_time;
  };

  virtual ~ProgramSource() = default;
  // Compiles it or loads its plan, taking at least the compilation's time unless the partition has paid that.
  // Runs on a worker.
  virtual absl::StatusOr<Made> Make() = 0;
  // Whether the partition has paid for the compilation in the past, so that its own plan would be loaded now.
  virtual bool HasPaid() = 0;
  // Notes that it has paid by waiting.
  virtual void NotePaid() = 0;
};

// Keeps programs in memory for their partitions. A partition has a program while it used (built, fetched,
// ran) it within `keep_alive`; the memory is shared among all partitions, and goes when none has it, or
// earlier when the budget or the machine's memory asks for it. A program that runs never goes; its handles
// stay valid, and get it back with the next run. The budget is looked at with each load, each end of a run
// while it is exceeded, and each Tend(): programs that are used by turns and do not all fit are not all
// loaded with each use, since a newcomer does not displace what is young, and leaves after its run instead
// (policy/residency.h).
//
// Sessions of one partition share without further ado: one compiles, those who ask meanwhile wait for it.
// Across partitions the memory is shared and the time is not: a partition that asks for a program which
// another has in memory does what it would have to do alone, in a worker's place: it compiles (or waits for
// as long as that took: policy::FirstBuild), or loads its plan if it has paid before; and drops the copy. So
// the clock does not tell who runs what. It is the same after it has let the program go. (What load on the
// processor, or pressure on memory, gives away is not hidden.)
//
// Thread-safe. `pool` and `clock` must outlive it.
class ProgramCache {
 public:
  using Key = ProgramKey;
  using ProgramPtr = std::shared_ptr<const Program>;
  using HandlePtr = std::shared_ptr<const ProgramHandle>;
  // Waits, or less when the token is cancelled.
  using Pause = std::function<void(absl::Duration, const CancelToken&)>;
  struct Options {
    policy::ResidencyBounds bounds;
    policy::FirstBuild first_build = policy::FirstBuild::kCompile;
    // Null: the real one.
    Pause pause = nullptr;
  };

  ProgramCache(Scheduler& pool, const Clock& clock, Options options);

  // A handle on the program of `key` for `partition`, which is in memory now. Errors: those of the source and
  // of Scheduler::Run, CANCELLED.
  absl::StatusOr<HandlePtr> Get(const std::string& partition, const Key& key, uint64_t session_id,
                                Cancellation& cancellation, ProgramSource& source);
  // The program itself, for one run: it stays in memory while the result lives. From memory when the
  // partition has it, else made anew. Errors as Get().
  absl::StatusOr<ProgramPtr> Use(const ProgramHandle& handle, uint64_t session_id, Cancellation& cancellation,
                                 ProgramSource& source);
  // As Get(), for a program of which nothing may be shared or had again: it lives exactly as long as its
  // handle.
  absl::StatusOr<HandlePtr> GetOwn(uint64_t session_id, Cancellation& cancellation, ProgramSource& source);

  // Lets programs go as policy::ProgramsToDrop() says, within bounds that `pressure` shrinks. To be called
  // every few seconds.
  void Tend(const policy::MemoryPressure& pressure = {});
  // A program that GetOwn() gave, with its device's name.
  struct OwnProgram {
    std::string device;
    ProgramPtr program;
  };
  // Lets a model's programs go, or all. What runs keeps its own until it ends. Every partition that had one
  // pays anew. `own`, each program once, is counted besides: it goes with its handles.
  struct Dropped {
    uint64_t programs = 0;
    // Of their weights, without those that programs which stay share.
    uint64_t bytes = 0;
    // For each of the cache's programs, what expires when its memory is free: runs hold theirs until they
    // end.
    std::vector<std::weak_ptr<const void>> going;
  };
  Dropped Drop(const std::optional<Digest>& model_id, const std::vector<OwnProgram>& own = {});
  // Forgets that a partition has programs; those that no other has go.
  void DropPartition(const std::string& partition);

  // A program in memory as one partition has it, with or without handles.
  struct Residency {
    std::string partition;
    Key key;
    ProgramPtr program;
    bool running = false;
    // How long it stays unless it is used; InfiniteDuration: for ever.
    absl::Duration idle_left;
  };
  // All of them, by key and partition. A program that no partition has any more is listed, with no time left,
  // until it goes.
  std::vector<Residency> Residencies() const;

  // What is in memory, with and without handles: programs and the bytes of their weights, shared ones once.
  struct Totals {
    uint64_t programs = 0;
    uint64_t bytes = 0;
    // These add up to `bytes`: weights that devices share are counted for the first of them by name.
    std::map<std::string, uint64_t> bytes_by_device;
  };
  // `own`, each program once, is counted besides: the cache does not hold it.
  Totals totals(const std::vector<OwnProgram>& own = {}) const;

 private:
  friend class ProgramHandle;
  // That a partition has a program.
  struct Hold {
    absl::Time last_used;
    uint32_t runs = 0;
    // Nothing ran since it was had, and nobody tended since: it is worth one run even when nothing is kept
    // alive.
    bool fresh = true;
  };
  struct Entry {
    // Runs hold it, too, and let it go after the program.
    std::shared_ptr<const void> alive = std::make_shared<char>();
    ProgramPtr program;
    absl::Time loaded_at;
    absl::Duration compile_time;
    std::map<std::string, Hold> holds;
  };
  // One partition's making of a program under way, which others of the partition wait for.
  struct Flight;

  bool Has(const Entry& entry, const std::string& partition) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  absl::StatusOr<ProgramPtr> Obtain(const std::string& partition, const Key& key, uint64_t session_id,
                                    Cancellation& cancellation, ProgramSource& source);
  // The partition's own program, or null; then `flight` is one to wait for, or null: the caller leads a new
  // one.
  ProgramPtr FindOrJoin(const std::string& partition, const Key& key, std::shared_ptr<Flight>& flight,
                        bool& leads);
  absl::StatusOr<ProgramPtr> OnWorker(uint64_t session_id, Cancellation& cancellation,
                                      const std::function<absl::StatusOr<ProgramPtr>()>& work);
  absl::StatusOr<ProgramPtr> Lead(const std::string& partition, const Key& key, Cancellation& cancellation,
                                  ProgramSource& source);
  ProgramPtr Publish(const std::string& partition, const Key& key, ProgramSource::Made made);
  void Land(const std::string& partition, const Key& key, const std::shared_ptr<Flight>& flight,
            absl::StatusOr<ProgramPtr> result);
  // Ends a run.
  void Release(const std::string& partition, const Key& key, ProgramPtr& program);
  // As policy takes them, by their places in entries_. `spare_fresh`: what was had for a run that is still to
  // come is in use.
  std::vector<policy::ResidentProgram> Residents(bool spare_fresh = false) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // What goes is put into `gone`, to be destroyed without the lock.
  void Shed(const policy::MemoryPressure& pressure, bool spare_fresh, std::vector<ProgramPtr>& gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The partition's program, or null.
  ProgramPtr Peek(const std::string& partition, const Key& key) const;

  // Fixed at construction.
  Scheduler& pool_;
  const Clock& clock_;
  const Options options_;

  // Under mu_.
  mutable absl::Mutex mu_;
  uint64_t next_lane_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mu_);
  // The ends of runs have something to do.
  bool over_budget_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::pair<Key, std::string>, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_
