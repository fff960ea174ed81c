// What goes first when all partitions together take too much: coarse signals that no page can move far.
#ifndef MODELD_POLICY_RECLAIM_H_
#define MODELD_POLICY_RECLAIM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "policy/eviction.h"

namespace modeld::policy {

// Time since the last use: less than 1, 7, 30, 91 days, or longer.
enum class AgeClass { kDay, kWeek, kMonth, kQuarter, kOlder };
// Up to 64 MiB, 512 MiB, 4 GiB, or more.
enum class SizeClass { kSmall, kMedium, kLarge, kHuge };
// To fetch and compile it again: up to 10 s, 2 minutes, 10 minutes, or more.
enum class CostClass { kCheap, kModerate, kDear, kVeryDear };

// A negative age (the clock was set back) is a day's. Pure.
AgeClass AgeClassOf(absl::Duration since_last_use);
SizeClass SizeClassOf(uint64_t bytes);
CostClass CostClassOf(uint64_t bytes, absl::Duration compile_time);
// "day", "week", "month", "quarter", "older". Pure.
absl::string_view AgeClassName(AgeClass age);

// A partition's hold on a model. All members but the user's own word are that partition's doing alone:
// nothing here may be computed from what other partitions hold or do, or they could steer what this one
// loses.
struct ReclaimableModel {
  std::string partition;
  Digest id;
  // What the partition's sum falls by when it goes (blobs that none of the partition's other models names).
  uint64_t exclusive_bytes = 0;
  // Of all its blobs: what getting it back costs.
  uint64_t size_bytes = 0;
  absl::Duration compile_time;
  // By this partition.
  absl::Time last_used = absl::InfinitePast();
  Priority priority = Priority::kNormal;
  // The user's word: pinned, or an installed (shared) model.
  bool pinned = false;
  // Leased, loaded or named by an open upload, by this partition.
  bool in_use = false;
};

// A plan, whoever caused it.
struct ReclaimablePlan {
  Digest key;
  uint64_t size_bytes = 0;
  absl::Duration compile_time;
  absl::Time last_used = absl::InfinitePast();
  bool in_use = false;
};

// Where reclaiming begins and where it stops, in parts of a thousand of the global limit. Between the two a
// reclaim that runs goes on and one that does not run stays so; below both nothing happens. It begins before
// the limit, where stores are refused.
inline constexpr uint64_t kReclaimBeginsPerMille = 950;
inline constexpr uint64_t kReclaimStopsPerMille = 900;
// The same for free disk, in parts of a thousand of the floor: reclaiming begins below 1,100 and stops at
// 1,250.
inline constexpr uint64_t kFloorBeginsPerMille = 1100;
inline constexpr uint64_t kFloorStopsPerMille = 1250;

// All that the decision rests on.
struct GlobalSnapshot {
  absl::Time now;
  // What the store's files take, and what is promised to stores under way.
  uint64_t used_bytes = 0;
  // 0: no limit.
  uint64_t limit_bytes = 0;
  uint64_t free_disk_bytes = 0;
  uint64_t floor_bytes = 0;
  // The last call of this round took something away.
  bool running = false;
  // Random, kept by the caller as long as it runs: settles ties, so that nobody can choose a model's id to
  // win them.
  uint64_t tie_salt = 0;
  std::vector<ReclaimableModel> models;
  std::vector<ReclaimablePlan> plans;
};

// One step.
struct ReclaimAction {
  enum class What { kPlan, kModel };
  What what = What::kModel;
  // Empty for plans.
  std::string partition;
  // The model's id or the plan's key.
  Digest id;
  // One sentence with the figures, for the record. For admins: it tells of the whole disk.
  std::string why;
};

// Whether anything has to be reclaimed now, with the hysteresis above. Pure.
bool NeedsReclaim(const GlobalSnapshot& all);

// The next thing to take away, or nothing: not needed, or nothing may go. Plans first; then models by the
// user's priority, age class, size class (large first) and cost class (cheap first); never what is pinned or
// in use. Of two models of one partition, which goes first depends on nothing that another partition does.
// Pure.
std::optional<ReclaimAction> NextReclaim(const GlobalSnapshot& all);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_RECLAIM_H_
