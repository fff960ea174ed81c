#include "daemon/cache/memory_pressure.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

namespace modeld {

policy::MemoryPressure ReadMemoryPressure() {
  std::ifstream file("/proc/pressure/memory");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return policy::ParseMemoryPressure(text).value_or(policy::MemoryPressure());
}

uint64_t DefaultResidentBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return 0;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes) / 2;
}

}  // namespace modeld
