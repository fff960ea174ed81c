#include "policy/store_rate.h"

#include <algorithm>
#include <cmath>

namespace modeld::policy {

StoreTurn TakeStore(const StoreBucket& bucket, const StoreRate& rate, absl::Time now) {
  if (rate.stores_per_hour == 0) return {.allowed = true, .bucket = {.taken = 0, .at = now}};
  const double burst = std::max<uint32_t>(rate.burst, 1);
  const absl::Duration per_store = absl::Hours(1) / rate.stores_per_hour;
  const absl::Duration whole = per_store * burst;
  // Whoever gave the record a wild number gets an empty bucket, not a free one.
  double taken = bucket.taken >= 0 && bucket.taken <= burst ? bucket.taken : burst;
  // A time further ahead than a full bucket takes can only come of a clock that was set back.
  const absl::Time at = std::min(bucket.at, now + whole);
  if (now > at) taken = std::max(0.0, taken - absl::FDivDuration(now - at, per_store));
  const absl::Time as_of = std::max(at, now);
  if (taken + 1 <= burst) return {.allowed = true, .bucket = {.taken = taken + 1, .at = as_of}};
  return {.allowed = false,
          .bucket = {.taken = taken, .at = as_of},
          .retry_after = (as_of - now) + per_store * (taken + 1 - burst)};
}

}  // namespace modeld::policy
