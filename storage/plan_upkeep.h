// What start-up and the collector do about plans.
#ifndef MODELD_STORAGE_PLAN_UPKEEP_H_
#define MODELD_STORAGE_PLAN_UPKEEP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/store_core.h"

namespace modeld::storage {

// Brings plans' records and files together: records without a file of their size go, files without a record
// are removed, partitions that hold none of a plan's models are no causes any more, plans without causes go.
// When the core has no secret or a fresh one, all plans go. What cannot be removed is the collector's.
absl::Status RecoverPlans(StoreCore& core) ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu);

// Ends the causes of partitions that paid longer ago than StoreOptions::presented_max_age and hold none of
// the plan's models, and removes files whose records have gone. Adds to `result`. Goes on after an error and
// returns the first.
absl::Status CollectPlans(StoreCore& core, absl::Time now, CollectResult& result)
    ABSL_LOCKS_EXCLUDED(core.mu);

// For Audit(): one sentence for each plan whose record and file disagree.
absl::Status AuditPlans(StoreCore& core, std::vector<std::string>& problems)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(core.mu);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_PLAN_UPKEEP_H_
