// The bytes of a plan's file. FORMAT.md describes them.
#ifndef MODELD_STORAGE_PLAN_FORMAT_H_
#define MODELD_STORAGE_PLAN_FORMAT_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"

namespace modeld::storage {

// What every plan's file begins with, and tells how long its head is.
inline constexpr uint64_t kPlanPrefixBytes = 96;
// Parts of a file begin at multiples of this.
inline constexpr uint64_t kPlanPageBytes = 4096;
// A head (table and metadata) is never longer.
inline constexpr uint64_t kMaxPlanHeadBytes = uint64_t{64} << 20;

// A part of a file.
struct PlanExtent {
  uint64_t offset = 0;
  uint64_t size_bytes = 0;
};

// Where things stand in a plan's file.
struct PlanLayout {
  uint64_t head_bytes = 0;
  uint64_t file_bytes = 0;
  std::vector<PlanExtent> segments;
};

// A head that is authentic.
struct PlanHead {
  std::string metadata;
  std::vector<PlanExtent> segments;
};

// All are pure and thread-safe.

// Places segments of these sizes after a head. RESOURCE_EXHAUSTED: the head would be longer than
// kMaxPlanHeadBytes, or the file than 2^64 bytes.
absl::StatusOr<PlanLayout> LayOutPlan(uint64_t metadata_bytes, std::span<const uint64_t> segment_bytes);

// The head's bytes, layout.head_bytes of them. Requires: `layout` was made for metadata of this size.
std::string EncodePlanHead(const Digest& key, absl::string_view metadata, const PlanLayout& layout,
                           absl::string_view secret);

// How many bytes the head has that begins with `prefix` (kPlanPrefixBytes of them); believed only so far that
// it fits a file of `file_bytes`. UNIMPLEMENTED: another version of the format. DATA_LOSS: no plan, or
// sizes that cannot be.
absl::StatusOr<uint64_t> PlanHeadBytes(absl::string_view prefix, uint64_t file_bytes);

// Reads a whole head: authenticates all of its bytes under `secret`, then compares key, sizes and offsets
// with the file. Errors as PlanHeadBytes().
absl::StatusOr<PlanHead> DecodePlanHead(absl::string_view head, const Digest& key, uint64_t file_bytes,
                                        absl::string_view secret);

}  // namespace modeld::storage

#endif  // MODELD_STORAGE_PLAN_FORMAT_H_
