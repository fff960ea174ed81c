// Sizes and durations as people write them. All functions are pure.
#ifndef MODELD_BASE_UNITS_H_
#define MODELD_BASE_UNITS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modeld {

// "4096", "64K", "1.5 GiB": a number and a power of 1024 (K, M, G, T, also with B or iB, in either case).
// INVALID_ARGUMENT: anything else, a negative number, more than 2^63.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view text);

// As ParseBytes() takes it, exactly: "64M", "1000".
std::string PrintBytes(uint64_t bytes);

// For reading, rounded: "17 B", "1.5 MiB", "16.0 EiB".
std::string HumanBytes(uint64_t bytes);

// "5m", "1h30m", "2d", "90" (seconds), "0"; "-1", any other negative number and "never" are for ever.
// INVALID_ARGUMENT: anything else.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// As ParseDuration() takes it: "1h30m", "-1" for ever.
std::string PrintDuration(absl::Duration duration);

}  // namespace modeld

#endif  // MODELD_BASE_UNITS_H_
