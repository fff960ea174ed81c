#include "tests/fuzz/plan_backends.h"

#include <memory>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/backend/reference/reference_backend.h"

namespace modeld::fuzz {

std::vector<const Backend*> PlanBackends() {
  static const ReferenceBackend reference;
  static const std::unique_ptr<Backend> cpu = MakeCpuBackend();
  return {&reference, cpu.get()};
}

}  // namespace modeld::fuzz
