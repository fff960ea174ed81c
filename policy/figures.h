// Ages as people read them, for the sentences of decisions, and sums that end at their bounds.
#ifndef MODELD_POLICY_FIGURES_H_
#define MODELD_POLICY_FIGURES_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/time/time.h"

namespace modeld::policy {

// "now" below a second (and for what lies in the future), "40 seconds", "3 hours", "1 day", "never" when
// infinite. Pure.
std::string AgeText(absl::Duration age);

// a + b, or the largest number when that does not fit. Pure.
constexpr uint64_t SaturatingAdd(uint64_t a, uint64_t b) {
  return a > std::numeric_limits<uint64_t>::max() - b ? std::numeric_limits<uint64_t>::max() : a + b;
}

// a - b, or 0 when b is larger. Pure.
constexpr uint64_t SaturatingSubtract(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace modeld::policy

#endif  // MODELD_POLICY_FIGURES_H_
