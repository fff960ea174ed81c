// Room for stores: promised, made by eviction, and reclaimed in the background.
#ifndef MODELD_DAEMON_CACHE_SPACE_KEEPER_H_
#define MODELD_DAEMON_CACHE_SPACE_KEEPER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/metrics/metrics.h"
#include "policy/eviction.h"
#include "policy/quota.h"
#include "policy/reclaim.h"
#include "storage/model_store.h"
#include "storage/space.h"

namespace modeld {

// Has the store do what policy decides about space: in a partition's own store, only that partition's own
// things go; what others hold goes in the background alone. Each step is a snapshot, a decision, one action.
// Thread-safe. Its arguments must outlive it.
class SpaceKeeper {
 public:
  struct Options {
    // Quota and limit as the user set them; the floor is the store's.
    policy::SpaceSettings settings;
    // Of partitions without limits of their own. 0: any number; infinite: any age.
    uint32_t keep_at_most = 0;
    absl::Duration max_age = absl::InfiniteDuration();
    // Called, from any thread, when Tend() should run soon; may be null.
    std::function<void()> wake;
  };
  SpaceKeeper(storage::ModelStore& store, const Clock& clock, Metrics& metrics, Options options);

  // Promises `lease` room for what a partition will send. Evicts things of its own when its quota asks for
  // that. `model_id`: of the model that it is for, when known: a refusal is recorded about it.
  // RESOURCE_EXHAUSTED with storage::ShortageOf(): there is no room, and what may be evicted would not make
  // enough. Others as the store's writing calls.
  absl::Status Reserve(const std::string& partition, std::span<const storage::BlobRef> refs,
                       storage::Lease& lease, const std::optional<Digest>& model_id);
  // Calls `write`, which writes one blob and returns a Status or StatusOr, and once more if it lacked room
  // that Reserve() could make.
  template <typename Write>
  auto WithRoom(const std::string& partition, const storage::BlobRef& ref, storage::Lease& lease,
                const std::optional<Digest>& model_id, Write write) -> decltype(write()) {
    auto written = write();
    if (!storage::ShortageOf(StatusIn(written))) return written;
    if (absl::Status room = Reserve(partition, {&ref, 1}, lease, model_id); !room.ok()) return room;
    return write();
  }

  // Notes that a partition used a model of its own (stored, fetched, loaded): what eviction weighs.
  // `compile_time`: of a compilation that was measured now.
  void Used(const std::string& partition, const Digest& model_id,
            std::optional<absl::Duration> compile_time = std::nullopt);

  // What the upkeep thread does now and then: removes what is too old or too many in each partition; where
  // all together take too much, reclaims until that has an end; has the store collect what went. The
  // settings' shares follow the disk's size from here on. Returns how many things went.
  uint64_t Tend();
  // Has Tend() run soon, by Options::wake.
  void Wake() const {
    if (options_.wake) options_.wake();
  }

  // What would become of a model now, one sentence for each partition that has it.
  std::vector<std::string> Outlook(const Digest& model_id) const;

  // The bounds in force now. Zero shares of a disk that does not tell its size bound nothing.
  storage::SpaceBounds CurrentBounds() const;

 private:
  static const absl::Status& StatusIn(const absl::Status& status) { return status; }
  template <typename T>
  static const absl::Status& StatusIn(const absl::StatusOr<T>& result) {
    return result.status();
  }
  bool CarryOut(const std::string& partition, const policy::EvictionAction& action);
  void RecordKept(const std::string& partition, const policy::KeptModel& kept);
  uint64_t Expire();
  uint64_t Reclaim();
  bool CarryOut(const policy::ReclaimAction& action);
  absl::Status Refuse(const std::string& partition, const std::optional<Digest>& model_id,
                      absl::Status status, absl::string_view why);

  storage::ModelStore& store_;
  const Clock& clock_;
  Metrics& metrics_;
  const Options options_;
  // Settles ties of reclaiming; nobody outside knows it.
  const uint64_t tie_salt_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_SPACE_KEEPER_H_
