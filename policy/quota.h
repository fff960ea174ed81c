// Whether bytes may be promised to a store: a partition's quota, the global limit and the floor of free disk.
#ifndef MODELD_POLICY_QUOTA_H_
#define MODELD_POLICY_QUOTA_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace modeld::policy {

// What the settings say. The defaults are daemon/config's.
struct SpaceSettings {
  // Of one partition; 0: quota_share of the disk.
  uint64_t quota_bytes = 0;
  double quota_share = 0.2;
  // Of all together; 0: limit_share of the disk.
  uint64_t limit_bytes = 0;
  double limit_share = 0.5;
  // Of free disk, never crossed.
  uint64_t min_free_bytes = 0;
};

// The bounds in force for one partition.
struct SpaceBounds {
  uint64_t quota_bytes = 0;
  uint64_t limit_bytes = 0;
  uint64_t floor_bytes = 0;
};

// `disk_bytes` is the size of the file system, `partition_quota` the user's own word on the partition (0 is a
// quota of nothing). Shares are cut to [0, 1]; NaN counts as 0. A quota is never above the limit. Pure.
SpaceBounds BoundsInForce(const SpaceSettings& settings, uint64_t disk_bytes,
                          std::optional<uint64_t> partition_quota);

// What is taken at the moment. Sums that do not fit 64 bits count as full.
struct SpaceFigures {
  // The partition's models (each blob once), uploads and plans that it alone caused.
  uint64_t partition_bytes = 0;
  // Promised to the partition, not written yet.
  uint64_t partition_reserved_bytes = 0;
  // All files of the store.
  uint64_t used_bytes = 0;
  // Promised to all, not written yet (the partition's included).
  uint64_t reserved_bytes = 0;
  uint64_t free_disk_bytes = 0;
};

// Which bound refuses.
enum class Bound { kNone, kQuota, kLimit, kFloor };
// "quota", "limit", "floor"; "none". Pure.
absl::string_view BoundName(Bound bound);

struct Admission {
  enum class Verdict {
    kAdmit,
    // The partition must give up evict_bytes of its own first (NextEviction), then ask again. If it cannot:
    // refuse by kQuota.
    kEvictOwn,
    kRefuse,
  };
  Verdict verdict = Verdict::kAdmit;
  Bound bound = Bound::kNone;
  uint64_t evict_bytes = 0;
  // Asked for, and still free under the bound that refuses or makes evict. For admins alone.
  uint64_t need_bytes = 0;
  uint64_t have_bytes = 0;
  // One sentence with the figures, for the record; empty when admitted.
  std::string why;
};

// Decides on `need_bytes` more for a partition: first its quota, then the limit, then the floor. Nothing is
// evicted for a store that would be refused in any case: more than the quota, or more than the limit or floor
// would leave even if all that is evicted came free on the disk. Needing 0 bytes is always admitted. Pure.
Admission Admit(const SpaceBounds& bounds, const SpaceFigures& figures, uint64_t need_bytes);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_QUOTA_H_
