// Where in one block of memory buffers go, given when each is needed.
#ifndef MODELD_ENGINE_RUNTIME_MEMORY_PLAN_H_
#define MODELD_ENGINE_RUNTIME_MEMORY_PLAN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace modeld {

// Every planned offset and every planned size is a multiple of this many bytes: a cache line, and what the
// widest vector loads like.
inline constexpr uint64_t kBufferAlignment = 64;

// A buffer that must keep its bytes during the steps [first_step, last_step], both included.
struct BufferLifetime {
  uint64_t bytes = 0;
  uint32_t first_step = 0;
  uint32_t last_step = 0;
};

// The answer of PlanMemory.
struct MemoryPlan {
  // Byte offset of each buffer, in the order of the lifetimes; a multiple of kBufferAlignment.
  std::vector<uint64_t> offsets;
  // Bytes of the whole block, a multiple of kBufferAlignment.
  uint64_t total_bytes = 0;
};

// Places every buffer so that two whose lifetimes overlap share no byte. Greedy in the order of first use,
// larger first: the smallest hole that fits, else the end of the block. Deterministic; O(n log n). Requires:
// first_step <= last_step. RESOURCE_EXHAUSTED when the block's size does not fit int64. Thread-safe: pure.
absl::StatusOr<MemoryPlan> PlanMemory(std::span<const BufferLifetime> buffers);

// The plan that has these offsets, which nobody trusts. INVALID_ARGUMENT unless there is one per buffer, each
// a multiple of kBufferAlignment, no two buffers whose lifetimes overlap share a byte, and the block is no
// larger than all buffers one behind the other, as no offset may claim memory that no buffer needs.
// RESOURCE_EXHAUSTED as above. O(n log n). Requires and thread-safety: as above.
absl::StatusOr<MemoryPlan> CheckMemory(std::span<const BufferLifetime> buffers,
                                       std::span<const uint64_t> offsets);

}  // namespace modeld

#endif  // MODELD_ENGINE_RUNTIME_MEMORY_PLAN_H_
