#include "daemon/heap.h"

#include <malloc.h>

namespace modeld {
namespace {

// The smallest block that comes from the system. Smaller ones are soon used again; a page fault for each 4
// KiB of a larger one costs little beside what is done with it.
constexpr int kLargeBlockBytes = 1 << 20;

}  // namespace

void SetUpHeap() {
  mallopt(M_MMAP_THRESHOLD, kLargeBlockBytes);
}

void ReturnFreeMemory() {
  malloc_trim(0);
}

}  // namespace modeld
