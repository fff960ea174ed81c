// How short of memory the machine is.
#ifndef MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_
#define MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_

#include <cstdint>
#include <string>

#include "policy/residency.h"

namespace modeld {

// Where the kernel tells the whole machine's pressure (Documentation/accounting/psi.rst).
inline constexpr char kMemoryPressureFile[] = "/proc/pressure/memory";

// The pressure that a file of this kind tells; none where it is missing, cannot be read or holds something
// else (policy::ParseMemoryPressure). Thread-safe.
policy::MemoryPressure ReadMemoryPressure(const std::string& path = kMemoryPressureFile);

// Half of so many pages, in bytes; 0 when one of the two is not known (not positive), half of the largest
// uint64_t when the whole is more than that. Pure.
uint64_t HalfOfMemory(long pages, long page_bytes);

// Half of the machine's memory: what programs may take unless the user says otherwise. 0 (no bound) when the
// system does not tell. Thread-safe.
uint64_t DefaultResidentBytes();

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_
