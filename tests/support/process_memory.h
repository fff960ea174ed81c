// What a process has in memory, as the kernel counts it.
#ifndef MODELD_TESTS_SUPPORT_PROCESS_MEMORY_H_
#define MODELD_TESTS_SUPPORT_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstdint>

namespace modeld::testing {

// In bytes, by what stands behind the pages (proc(5), /proc/PID/smaps_rollup).
struct ProcessMemory {
  // Heaps, stacks and private pages that were written to, also those that were swapped out.
  uint64_t anonymous = 0;
  // Mapped files: code, blobs, plans.
  uint64_t files = 0;
  // Shared memory, tensors: the part of this process where others map it, too.
  uint64_t shared = 0;

  uint64_t sum() const { return anonymous + files + shared; }
};

// Of a process now; all zero when there is none. Thread-safe.
ProcessMemory MemoryOf(pid_t pid);

}  // namespace modeld::testing

#endif  // MODELD_TESTS_SUPPORT_PROCESS_MEMORY_H_
