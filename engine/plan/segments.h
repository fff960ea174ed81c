// Many byte ranges in few segments. Internal to engine/plan.
#ifndef MODELD_ENGINE_PLAN_SEGMENTS_H_
#define MODELD_ENGINE_PLAN_SEGMENTS_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/region.h"
#include "engine/plan/contents.h"

namespace modeld::plan {

// Segments, and where in them each range stands, in the order of the ranges.
struct Placement {
  std::vector<Region> segments;
  std::vector<SegmentBytes> places;
};

// Large ranges that begin at a multiple of kSegmentAlignment (whatever a backend packed) become segments as
// they are; others are copied, small ones into a segment that they share, so that a scalar does not take a
// page of a file. A range that is given twice is stored once. Thread-safe: pure.
Placement PlaceInSegments(std::span<const Region> ranges);

// The bytes, sharing the segment. INVALID_ARGUMENT unless there are some, within one of `segments`, and they
// begin at a multiple of kSegmentAlignment both there and in memory. Thread-safe: pure.
absl::StatusOr<Region> BytesIn(std::span<const Region> segments, const SegmentBytes& bytes);

}  // namespace modeld::plan

#endif  // MODELD_ENGINE_PLAN_SEGMENTS_H_
