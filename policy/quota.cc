#include "policy/quota.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/units.h"
#include "policy/figures.h"

namespace modeld::policy {
namespace {

uint64_t Share(double share, uint64_t of) {
  if (!(share > 0)) return 0;
  if (share >= 1) return of;
  // Rounded down, and never above the whole: a double may round a large number up.
  return std::min(of, static_cast<uint64_t>(static_cast<long double>(share) * static_cast<long double>(of)));
}

Admission Refuse(Bound bound, uint64_t need, uint64_t have, absl::string_view what) {
  return {.verdict = Admission::Verdict::kRefuse,
          .bound = bound,
          .need_bytes = need,
          .have_bytes = have,
          .why = absl::StrCat("needs ", HumanBytes(need), ", but ", what, " leaves ", HumanBytes(have))};
}

}  // namespace

absl::string_view BoundName(Bound bound) {
  switch (bound) {
    case Bound::kNone:
      return "none";
    case Bound::kQuota:
      return "quota";
    case Bound::kLimit:
      return "limit";
    case Bound::kFloor:
      return "floor";
  }
  return "none";
}

SpaceBounds BoundsInForce(const SpaceSettings& settings, uint64_t disk_bytes,
                          std::optional<uint64_t> partition_quota) {
  SpaceBounds bounds;
  bounds.limit_bytes =
      settings.limit_bytes != 0 ? settings.limit_bytes : Share(settings.limit_share, disk_bytes);
  const uint64_t usual =
      settings.quota_bytes != 0 ? settings.quota_bytes : Share(settings.quota_share, disk_bytes);
  bounds.quota_bytes = std::min(partition_quota.value_or(usual), bounds.limit_bytes);
  bounds.floor_bytes = settings.min_free_bytes;
  return bounds;
}

Admission Admit(const SpaceBounds& bounds, const SpaceFigures& figures, uint64_t need) {
  if (need == 0) return {};
  const uint64_t own = SaturatingAdd(figures.partition_bytes, figures.partition_reserved_bytes);
  const uint64_t quota_left = SaturatingSubtract(bounds.quota_bytes, own);
  // Bytes that are promised cannot be evicted: even an emptied partition keeps its promises.
  const uint64_t quota_most = SaturatingSubtract(bounds.quota_bytes, figures.partition_reserved_bytes);
  if (need > quota_most) return Refuse(Bound::kQuota, need, quota_left, "the partition's quota");
  const uint64_t evict = SaturatingSubtract(figures.partition_bytes, quota_most - need);

  const uint64_t all = SaturatingAdd(figures.used_bytes, figures.reserved_bytes);
  const uint64_t limit_left = SaturatingSubtract(bounds.limit_bytes, all);
  const uint64_t limit_most = SaturatingSubtract(bounds.limit_bytes, SaturatingSubtract(all, evict));
  if (need > limit_most) return Refuse(Bound::kLimit, need, limit_left, "the limit of all partitions");

  const uint64_t kept_free = SaturatingAdd(bounds.floor_bytes, figures.reserved_bytes);
  const uint64_t floor_left = SaturatingSubtract(figures.free_disk_bytes, kept_free);
  const uint64_t floor_most = SaturatingSubtract(SaturatingAdd(figures.free_disk_bytes, evict), kept_free);
  if (need > floor_most) return Refuse(Bound::kFloor, need, floor_left, "the disk's floor");

  if (evict == 0) return {};
  return {.verdict = Admission::Verdict::kEvictOwn,
          .bound = Bound::kQuota,
          .evict_bytes = evict,
          .need_bytes = need,
          .have_bytes = quota_left,
          .why = absl::StrCat("needs ", HumanBytes(need), ", the partition's quota leaves ",
                              HumanBytes(quota_left), ": ", HumanBytes(evict), " of its own must go")};
}

}  // namespace modeld::policy
