// What bounds what partitions can learn and store; the settings "privacy.*" and the rate of stores.
#ifndef MODELD_DAEMON_CACHE_PRIVACY_OPTIONS_H_
#define MODELD_DAEMON_CACHE_PRIVACY_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace modeld {

// A plain value.
struct PrivacyOptions {
  // Distinct models that one top-level site (or app) may ask for beyond its own, per window.
  uint32_t probe_budget = 100;
  absl::Duration probe_window = absl::Hours(24 * 30);
  // What a site may learn from hits on shared models, in bits; infinite window: what was spent stays spent. A
  // site that has told users apart once can remember it, so nothing comes back by default.
  uint32_t bits_budget = 8;
  absl::Duration bits_window = absl::InfiniteDuration();
  // Of a shared model of which neither the user nor a list says how common it is. A hit costs 6.6 bits: a
  // site learns of one such model, and not of a second.
  double commonness = 0.01;
  // Paths of signed lists (commonness_list.h), and the public keys that may have signed them, in hexadecimal
  // digits.
  std::vector<std::string> commonness_lists;
  std::vector<std::string> commonness_keys;
  // Of one partition. 0: no bound.
  uint32_t stores_per_hour = 120;
  uint32_t store_burst = 30;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_PRIVACY_OPTIONS_H_
