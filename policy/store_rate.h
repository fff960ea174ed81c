// How often a partition may store: a token bucket that is a value and a time.
#ifndef MODELD_POLICY_STORE_RATE_H_
#define MODELD_POLICY_STORE_RATE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace modeld::policy {

struct StoreRate {
  // Tokens that come back in an hour. 0: no bound.
  uint32_t stores_per_hour = 120;
  // What a full bucket holds; 0 counts as 1.
  uint32_t burst = 30;
};

// A partition's bucket. A plain value; the default is a full bucket.
struct StoreBucket {
  // Tokens taken and not come back, as of `at`. In [0, burst].
  double taken = 0;
  absl::Time at = absl::InfinitePast();
};

struct StoreTurn {
  bool allowed = false;
  // The bucket from now on, also when refused.
  StoreBucket bucket;
  // Zero when allowed; else after how long one store is allowed, if none comes in between.
  absl::Duration retry_after;
};

// Takes one token if there is one. When time runs backwards, nothing comes back until it has caught up, but
// never for longer than a full bucket takes. Pure.
StoreTurn TakeStore(const StoreBucket& bucket, const StoreRate& rate, absl::Time now);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_STORE_RATE_H_
