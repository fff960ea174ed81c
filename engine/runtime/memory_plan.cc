#include "engine/runtime/memory_plan.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr uint64_t kMaxTotalBytes = std::numeric_limits<int64_t>::max() & ~(kBufferAlignment - 1);

// A block that grows at its end, with its holes findable by size and by place.
class Block {
 public:
  // The offset of `bytes` bytes that were free, or nothing when the block would grow past kMaxTotalBytes.
  std::optional<uint64_t> Take(uint64_t bytes) {
    const auto fit = by_size_.lower_bound({bytes, 0});
    if (fit != by_size_.end()) {
      const auto [hole_bytes, offset] = *fit;
      Remove(offset, hole_bytes);
      if (hole_bytes > bytes) Insert(offset + bytes, hole_bytes - bytes);
      return offset;
    }
    // A hole that touches the end grows with the block instead of staying a hole.
    uint64_t offset = total_;
    if (!by_offset_.empty() &&
        std::prev(by_offset_.end())->first + std::prev(by_offset_.end())->second == total_) {
      offset = std::prev(by_offset_.end())->first;
    }
    if (bytes > kMaxTotalBytes - offset) return std::nullopt;
    if (offset != total_) Remove(offset, total_ - offset);
    total_ = offset + bytes;
    return offset;
  }

  void Free(uint64_t offset, uint64_t bytes) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + bytes) {
      bytes += next->second;
      Remove(next->first, next->second);
      next = by_offset_.lower_bound(offset);
    }
    if (next != by_offset_.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        offset = previous->first;
        bytes += previous->second;
        Remove(previous->first, previous->second);
      }
    }
    Insert(offset, bytes);
  }

  uint64_t total() const { return total_; }

 private:
  void Insert(uint64_t offset, uint64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void Remove(uint64_t offset, uint64_t bytes) {
    by_offset_.erase(offset);
    by_size_.erase({bytes, offset});
  }

  uint64_t total_ = 0;
  std::map<uint64_t, uint64_t> by_offset_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;
};

// The bytes that a buffer takes, or nothing when no block holds them.
std::optional<uint64_t> RoundedBytes(const BufferLifetime& buffer) {
  if (buffer.bytes > kMaxTotalBytes) return std::nullopt;
  return (buffer.bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

absl::Status TooLarge() {
  return absl::ResourceExhaustedError("intermediate tensors take more bytes than can be addressed");
}

// The bytes in use at one step.
class InUse {
 public:
  // False when some of them are taken.
  bool Take(uint64_t offset, uint64_t bytes) {
    const auto next = end_by_offset_.lower_bound(offset);
    if (next != end_by_offset_.end() && next->first < offset + bytes) return false;
    if (next != end_by_offset_.begin() && std::prev(next)->second > offset) return false;
    end_by_offset_.emplace_hint(next, offset, offset + bytes);
    return true;
  }
  void Free(uint64_t offset) { end_by_offset_.erase(offset); }

 private:
  std::map<uint64_t, uint64_t> end_by_offset_;
};

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(std::span<const BufferLifetime> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::make_tuple(buffers[a].first_step, ~buffers[a].bytes) <
           std::make_tuple(buffers[b].first_step, ~buffers[b].bytes);
  });

  MemoryPlan plan;
  plan.offsets.resize(buffers.size());
  Block block;
  // (last step, offset, bytes) of what is taken, the earliest to be freed on top.
  using Live = std::tuple<uint32_t, uint64_t, uint64_t>;
  std::priority_queue<Live, std::vector<Live>, std::greater<>> live;
  for (size_t i : order) {
    const BufferLifetime& buffer = buffers[i];
    while (!live.empty() && std::get<0>(live.top()) < buffer.first_step) {
      block.Free(std::get<1>(live.top()), std::get<2>(live.top()));
      live.pop();
    }
    if (buffer.bytes == 0) continue;
    const std::optional<uint64_t> bytes = RoundedBytes(buffer);
    const std::optional<uint64_t> offset = bytes ? block.Take(*bytes) : std::nullopt;
    if (!offset) return TooLarge();
    plan.offsets[i] = *offset;
    live.emplace(buffer.last_step, *offset, *bytes);
  }
  plan.total_bytes = block.total();
  return plan;
}

absl::StatusOr<MemoryPlan> CheckMemory(std::span<const BufferLifetime> buffers,
                                       std::span<const uint64_t> offsets) {
  if (offsets.size() != buffers.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory layout: places ", offsets.size(), " buffers, there are ", buffers.size()));
  }
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return buffers[a].first_step < buffers[b].first_step; });

  MemoryPlan plan{.offsets = {offsets.begin(), offsets.end()}};
  InUse in_use;
  // (last step, offset) of what is in use, the earliest to be freed on top.
  using Live = std::pair<uint32_t, uint64_t>;
  std::priority_queue<Live, std::vector<Live>, std::greater<>> live;
  uint64_t needed = 0;
  for (size_t i : order) {
    const BufferLifetime& buffer = buffers[i];
    const std::optional<uint64_t> bytes = RoundedBytes(buffer);
    if (!bytes || *bytes > kMaxTotalBytes - needed) return TooLarge();
    needed += *bytes;
    while (!live.empty() && live.top().first < buffer.first_step) {
      in_use.Free(live.top().second);
      live.pop();
    }
    const uint64_t offset = offsets[i];
    if (*bytes == 0 && offset == 0) continue;
    if (*bytes == 0 || offset % kBufferAlignment != 0 || offset > kMaxTotalBytes - *bytes ||
        !in_use.Take(offset, *bytes)) {
      return absl::InvalidArgumentError(
          absl::StrCat("memory layout: buffer ", i, " may not lie at byte ", offset));
    }
    live.emplace(buffer.last_step, offset);
    plan.total_bytes = std::max(plan.total_bytes, offset + *bytes);
  }
  if (plan.total_bytes > needed) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory layout: takes ", plan.total_bytes, " bytes, the buffers only ", needed));
  }
  return plan;
}

}  // namespace modeld
