// Storage's snapshots of space as policy wants them. Pure; thread-safe.
#ifndef MODELD_DAEMON_CACHE_SPACE_VIEW_H_
#define MODELD_DAEMON_CACHE_SPACE_VIEW_H_

#include "absl/time/time.h"
#include "policy/eviction.h"
#include "policy/quota.h"
#include "policy/reclaim.h"
#include "storage/space.h"

namespace modeld {

// What decides on a partition's own things. Plans that it is a cause of count as its own whoever else is one:
// what a partition loses must not tell of others.
policy::PartitionSnapshot ViewOf(const storage::PartitionSnapshot& partition, absl::Time now);

// What decides on all together. `plans_in_use`: keys of those whose bytes are mapped.
policy::GlobalSnapshot ViewOf(const storage::StoreSnapshot& all, const std::vector<Digest>& plans_in_use,
                              absl::Time now);

// The bounds and figures of a partition for policy::Admit(). The store's sums hold what is promised already.
policy::SpaceBounds BoundsOf(const storage::PartitionSnapshot& partition, const storage::StoreTotals& totals);
policy::SpaceFigures FiguresOf(const storage::PartitionSnapshot& partition,
                               const storage::StoreTotals& totals);

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_SPACE_VIEW_H_
