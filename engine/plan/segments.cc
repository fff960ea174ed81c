#include "engine/plan/segments.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/plan/plan.h"

namespace modeld::plan {
namespace {

// What takes at most so many bytes is copied into the shared segment.
constexpr uint64_t kSmall = 16 << 10;
constexpr uint32_t kNoSegment = 0xffffffff;

uint64_t Aligned(uint64_t size) {
  return (size + kSegmentAlignment - 1) / kSegmentAlignment * kSegmentAlignment;
}

// Zeros that begin at a multiple of kSegmentAlignment.
std::pair<std::byte*, Region> AlignedZeros(uint64_t size) {
  std::shared_ptr<std::byte> owner(
      static_cast<std::byte*>(::operator new(size, std::align_val_t(kSegmentAlignment))),
      [](std::byte* bytes) { ::operator delete(bytes, std::align_val_t(kSegmentAlignment)); });
  std::memset(owner.get(), 0, size);
  return {owner.get(), Region(std::span<const std::byte>(owner.get(), size), owner)};
}

Region AlignedCopy(const Region& range) {
  const auto [bytes, region] = AlignedZeros(range.size());
  std::memcpy(bytes, range.bytes().data(), range.size());
  return region;
}

bool IsAligned(const Region& bytes) {
  return reinterpret_cast<uintptr_t>(bytes.bytes().data()) % kSegmentAlignment == 0;
}

}  // namespace

Placement PlaceInSegments(std::span<const Region> ranges) {
  Placement placement;
  // By address and size.
  std::map<std::pair<const std::byte*, size_t>, SegmentBytes> known;
  std::vector<std::pair<Region, uint64_t>> small;
  uint64_t small_bytes = 0;
  for (const Region& range : ranges) {
    const auto [entry, is_new] = known.try_emplace({range.bytes().data(), range.size()});
    SegmentBytes& place = entry->second;
    if (is_new) {
      place.size = range.size();
      if (range.size() > kSmall) {
        place.segment = static_cast<uint32_t>(placement.segments.size());
        placement.segments.push_back(IsAligned(range) ? range : AlignedCopy(range));
      } else {
        place.segment = kNoSegment;
        place.offset = small_bytes;
        small.emplace_back(range, small_bytes);
        small_bytes += Aligned(range.size());
      }
    }
    placement.places.push_back(place);
  }
  if (small_bytes == 0) return placement;
  const auto [bytes, region] = AlignedZeros(small_bytes);
  for (const auto& [range, offset] : small) {
    std::memcpy(bytes + offset, range.bytes().data(), range.size());
  }
  for (SegmentBytes& place : placement.places) {
    if (place.segment == kNoSegment) place.segment = static_cast<uint32_t>(placement.segments.size());
  }
  placement.segments.push_back(region);
  return placement;
}

absl::StatusOr<Region> BytesIn(std::span<const Region> segments, const SegmentBytes& bytes) {
  if (bytes.segment >= segments.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("plan: segment ", bytes.segment, " of ", segments.size(), " does not exist"));
  }
  const Region& segment = segments[bytes.segment];
  if (bytes.size == 0 || bytes.offset > segment.size() || bytes.size > segment.size() - bytes.offset) {
    return absl::InvalidArgumentError(absl::StrCat("plan: bytes ", bytes.offset, " + ", bytes.size,
                                                   " are not within segment ", bytes.segment, " of ",
                                                   segment.size()));
  }
  const Region part(segment.bytes().subspan(bytes.offset, bytes.size), segment.owner());
  if (bytes.offset % kSegmentAlignment != 0 || !IsAligned(part)) {
    return absl::InvalidArgumentError(absl::StrCat("plan: byte ", bytes.offset, " of segment ", bytes.segment,
                                                   " is not aligned to ", kSegmentAlignment));
  }
  return part;
}

}  // namespace modeld::plan
