// Compiled programs, shared by all who run the same model on the same device.
#ifndef MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_
#define MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

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

namespace modeld {

// Holds no program itself: one lives while somebody holds what Get() returned, and memory is shared as long.
//
// Sessions of one partition share without further ado: one compiles, those who ask meanwhile wait for it.
// Across partitions the memory is shared and the time is not: a partition that asks for a program which
// another has loaded waits, in a worker's place, for as long as compiling took, so that the clock does not
// tell who runs what. It pays again after it has let its last handle go. (What load on the processor gives
// away is not hidden.)
//
// Thread-safe. `pool` and `clock` must outlive it.
class ProgramCache {
 public:
  // What makes programs the same. The model id covers structure, constants and labels: steps carry labels
  // into error messages, so twins that differ in labels do not share.
  struct Key {
    Digest model_id;
    std::string device;
    uint32_t num_threads = 0;

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  using ProgramPtr = std::shared_ptr<const Program>;
  using Compile = std::function<absl::StatusOr<ProgramPtr>()>;
  // Waits, or less when the token is cancelled.
  using Pause = std::function<void(absl::Duration, const CancelToken&)>;

  // `pause` may be null: the real one.
  ProgramCache(Scheduler& pool, const Clock& clock, Pause pause = nullptr);

  // The program of `key` for `partition`: shared, or made by `compile` on a worker of the pool. Errors: those
  // of `compile` and of Scheduler::Run, CANCELLED.
  absl::StatusOr<ProgramPtr> Get(const std::string& partition, const Key& key, uint64_t session_id,
                                 Cancellation& cancellation, const Compile& compile);

 private:
  // A partition's share of a program; handles point into it.
  struct Hold {
    ProgramPtr program;
  };
  struct Entry {
    std::weak_ptr<const Program> program;
    absl::Duration cost;
    std::map<std::string, std::weak_ptr<const Hold>> holds;
  };
  // One partition's compilation under way, which others of the partition wait for.
  struct Flight;

  // The partition's own program, or null; then `flight` is one to wait for, or null: the caller leads a new
  // one.
  ProgramPtr FindOrJoin(const std::string& partition, const Key& key, std::shared_ptr<Flight>& flight,
                        bool& leads);
  absl::StatusOr<ProgramPtr> Lead(const std::string& partition, const Key& key, Cancellation& cancellation,
                                  const Compile& compile);
  ProgramPtr Publish(const std::string& partition, const Key& key, ProgramPtr program, absl::Duration cost);
  void Land(const std::string& partition, const Key& key, const std::shared_ptr<Flight>& flight,
            absl::StatusOr<ProgramPtr> result);
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Fixed at construction.
  Scheduler& pool_;
  const Clock& clock_;
  const Pause pause_;

  // Under mu_.
  absl::Mutex mu_;
  uint64_t next_lane_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<Key, std::string>, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_PROGRAM_CACHE_H_
