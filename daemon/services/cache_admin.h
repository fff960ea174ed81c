// What fills the user's disk, and the user's say in it.
#ifndef MODELD_DAEMON_SERVICES_CACHE_ADMIN_H_
#define MODELD_DAEMON_SERVICES_CACHE_ADMIN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/services/program_cache.h"
#include "modeld/v1/cache_admin.pb.h"
#include "storage/model_store.h"

namespace modeld {

// CacheAdminService's listing, sums, pruning, wishes, limits and decisions, in its own messages;
// cache_admin.proto states effects and errors. Nothing that only looks counts as a use. Thread-safe. Its
// arguments must outlive it.
class CacheAdmin {
 public:
  // `stall_after`: as in policy::JudgeTransfer().
  CacheAdmin(storage::ModelStore& store, const SpaceKeeper& space, ProgramCache& programs, const Clock& clock,
             absl::Duration stall_after)
      : store_(store), space_(space), programs_(programs), clock_(clock), stall_after_(stall_after) {}

  // Empty `partition`: all.
  absl::StatusOr<v1::ListCacheResponse> List(const std::string& partition) const;
  absl::StatusOr<v1::GetUsageResponse> Usage() const;
  // What comes to be in use meanwhile stays.
  absl::StatusOr<v1::PruneResponse> Prune(const v1::PruneRequest& request);
  absl::Status SetWish(const Digest& model_id, std::optional<bool> pinned,
                       std::optional<v1::Priority> priority);
  absl::Status SetLimits(const std::string& partition, const v1::PartitionLimits& limits);
  absl::StatusOr<v1::WhyResponse> Why(const Digest& model_id) const;

 private:
  using Entry = v1::ListCacheResponse::Entry;

  // A partition's hold on a model.
  struct Held {
    storage::HoldName name;
    absl::Time last_used;
    Entry entry;
  };
  std::vector<Held> ModelsOf(const std::string& partition) const;
  void ListPlans(const std::string& partition, std::vector<Entry>& entries) const;
  Entry PartialOf(const storage::StagedInfo& staged) const;
  void ListPartials(const std::string& partition, std::vector<Entry>& entries) const;

  // Each removes, or with dry_run only tells, what the request names of one kind.
  absl::Status PruneModels(const v1::PruneRequest& request, v1::PruneResponse& response);
  absl::Status PrunePlans(const v1::PruneRequest& request, v1::PruneResponse& response);
  absl::Status PrunePartials(const v1::PruneRequest& request, v1::PruneResponse& response);

  storage::ModelStore& store_;
  const SpaceKeeper& space_;
  ProgramCache& programs_;
  const Clock& clock_;
  const absl::Duration stall_after_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CACHE_ADMIN_H_
