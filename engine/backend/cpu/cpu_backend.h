// The processor, by oneDNN and loops of our own.
#ifndef MODELD_ENGINE_BACKEND_CPU_CPU_BACKEND_H_
#define MODELD_ENGINE_BACKEND_CPU_CPU_BACKEND_H_

#include <memory>

#include "engine/backend/backend.h"

namespace modeld {

// The "cpu" device. Runs the whole core set on all types; claims and fuses what support.h lists. Results are
// the same from run to run for one number of threads. CompileOptions::num_threads 0 means one thread per
// processor that this process may use. Immutable; thread-safe; its programs outlive it. Null only where
// oneDNN cannot start.
std::unique_ptr<Backend> MakeCpuBackend();

}  // namespace modeld

#endif  // MODELD_ENGINE_BACKEND_CPU_CPU_BACKEND_H_
