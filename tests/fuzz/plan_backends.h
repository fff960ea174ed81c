// The backends whose plans are fuzzed.
#ifndef MODELD_TESTS_FUZZ_PLAN_BACKENDS_H_
#define MODELD_TESTS_FUZZ_PLAN_BACKENDS_H_

#include <vector>

#include "engine/backend/backend.h"

namespace modeld::fuzz {

// All that this build has: clang, and with it libFuzzer, does not compile the CPU backend. They live for
// ever. Thread-safe.
std::vector<const Backend*> PlanBackends();

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_PLAN_BACKENDS_H_
