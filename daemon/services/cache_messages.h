// How what is stored appears in the administration's messages.
#ifndef MODELD_DAEMON_SERVICES_CACHE_MESSAGES_H_
#define MODELD_DAEMON_SERVICES_CACHE_MESSAGES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "modeld/v1/admin.pb.h"
#include "modeld/v1/cache_admin.pb.h"
#include "policy/transfer.h"
#include "storage/model_store.h"
#include "storage/plan_store.h"
#include "storage/space.h"

namespace modeld {

// All pure and thread-safe.

// OK for an empty name, a partition's, and the one that keeps what is shared. INVALID_ARGUMENT, naming the
// field "partition".
absl::Status CheckPartitionField(const std::string& partition);

// "whole", "missing", "damaged".
absl::string_view HealthName(storage::Health health);

// storage::Wish::priority and its message; any other number is normal.
v1::Priority PriorityMessage(int priority);
int PriorityNumber(v1::Priority priority);

// A model as its partition has it. `held`: null when the partition's snapshot does not have it; `holders`:
// how many partitions have it, at least 1.
v1::ModelSummary Summarize(const storage::ModelInfo& info, const storage::HeldModel* held, size_t holders,
                           bool shared);

// The model of a snapshot, or null.
const storage::HeldModel* FindHeld(const storage::PartitionSnapshot& snapshot, const Digest& model_id);

// Entries of the cache's listing.
v1::ListCacheResponse::Entry ModelEntry(const storage::ModelInfo& info, const storage::HeldModel* held);
v1::ListCacheResponse::Entry PlanEntry(const storage::PlanInfo& plan);
v1::ListCacheResponse::Entry PartialEntry(const storage::StagedInfo& staged,
                                          const policy::TransferVerdict& verdict);
v1::ListCacheResponse::Entry QuarantinedEntry(const storage::QuarantinedInfo& file);

v1::GetUsageResponse UsageMessage(const storage::SpaceUsage& usage);

// What the user set; the default's members are unset.
v1::PartitionLimits LimitsMessage(const storage::PartitionLimits& limits);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CACHE_MESSAGES_H_
