// How short of memory the machine is.
#ifndef MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_
#define MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_

#include "policy/residency.h"

namespace modeld {

// The pressure that the kernel tells in /proc/pressure/memory; none where it does not. Thread-safe.
policy::MemoryPressure ReadMemoryPressure();

// Half of the machine's memory: what programs may take unless the user says otherwise. 0 (no bound) when the
// system does not tell. Thread-safe.
uint64_t DefaultResidentBytes();

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_MEMORY_PRESSURE_H_
