#include <catch2/catch.hpp>

#include "engine/backend/cpu/cpu_backend.h"
#include "engine/testing/backend_suite.h"

namespace modeld {
namespace {

TEST_CASE("the CPU backend agrees with the reference on random cases of every core operation") {
  const std::unique_ptr<Backend> backend = MakeCpuBackend();
  REQUIRE(backend != nullptr);
  testing::RunBackendSuite(*backend, 20240607, 40);
}

}  // namespace
}  // namespace modeld
