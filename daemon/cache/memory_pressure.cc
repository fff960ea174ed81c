#include "daemon/cache/memory_pressure.h"

#include <unistd.h>

#include <fstream>
#include <limits>

#include "base/checked_math.h"

namespace modeld {

policy::MemoryPressure ReadMemoryPressure(const std::string& path) {
  std::ifstream file(path);
  // Two lines of four numbers; read() tells of an error by the stream's state, where iterators would throw.
  std::string text(4096, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return policy::ParseMemoryPressure(text).value_or(policy::MemoryPressure());
}

uint64_t HalfOfMemory(long pages, long page_bytes) {
  if (pages <= 0 || page_bytes <= 0) return 0;
  const auto whole = CheckedMul(static_cast<uint64_t>(pages), static_cast<uint64_t>(page_bytes));
  return whole.value_or(std::numeric_limits<uint64_t>::max()) / 2;
}

uint64_t DefaultResidentBytes() {
  return HalfOfMemory(sysconf(_SC_PHYS_PAGES), sysconf(_SC_PAGESIZE));
}

}  // namespace modeld
