#include "engine/backend/reference/reference_backend.h"
#include "tests/fuzz/plan_backends.h"

namespace modeld::fuzz {

std::vector<const Backend*> PlanBackends() {
  static const ReferenceBackend reference;
  return {&reference};
}

}  // namespace modeld::fuzz
