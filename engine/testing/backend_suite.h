// The suite that every backend must pass: the same random cases, run on it and on the reference backend.
#ifndef MODELD_ENGINE_TESTING_BACKEND_SUITE_H_
#define MODELD_ENGINE_TESTING_BACKEND_SUITE_H_

#include <cstdint>

#include "engine/backend/backend.h"

namespace modeld::testing {

// Runs `count` random cases of every kind of core operation, over all element types that each takes, and
// `count` random producers with elementwise consumers through fusion (engine/lower/fuse.h), comparing with
// the reference backend within the tolerance that op_cases.h states per operation and type. Call it inside a
// Catch2 TEST_CASE: failures are reported with the case's seed, graph and first differing element. The same
// seed gives the same cases. UNIMPLEMENTED from Compile is a failure: a backend must run the core set.
void RunBackendSuite(const Backend& backend, uint32_t seed, uint32_t count);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_BACKEND_SUITE_H_
