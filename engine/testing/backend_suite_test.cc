#include "engine/testing/backend_suite.h"

#include <catch2/catch.hpp>
#include <set>

#include "engine/backend/reference/reference_backend.h"
#include "engine/core/print.h"
#include "engine/core/verify.h"
#include "engine/testing/op_cases.h"

namespace modeld::testing {
namespace {

TEST_CASE("the reference backend passes its own suite") {
  RunBackendSuite(ReferenceBackend(), 1, 3);
}

TEST_CASE("every kind of core operation has cases, all well formed and repeatable") {
  std::set<size_t> alternatives;
  for (const OpKind& kind : OpKinds()) {
    alternatives.insert(kind.op.index());
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      const OpCase test = RandomCase(kind, seed);
      const absl::Status status = core::Verify(test.graph);
      INFO(kind.name << ", seed " << seed << ": " << std::string(status.message()));
      REQUIRE(status.ok());
      REQUIRE(core::ToString(RandomCase(kind, seed).graph) == core::ToString(test.graph));
    }
  }
  // All but Native.
  CHECK(alternatives.size() == std::variant_size_v<core::Op> - 1);
  for (uint64_t seed = 1; seed <= 300; ++seed) REQUIRE(core::Verify(RandomFusionCase(seed).graph).ok());
}

TEST_CASE("cases draw broadcasts, empty ranks, constants and extremes") {
  bool scalar = false;
  bool constant = false;
  bool input = false;
  for (const OpKind& kind : OpKinds()) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const OpCase test = RandomCase(kind, seed);
      scalar |= test.graph.descriptor(test.graph.outputs[0]).shape.empty();
      input |= !test.inputs.empty();
      constant |= test.inputs.size() < test.graph.nodes[0].inputs.size();
    }
  }
  CHECK(scalar);
  CHECK(constant);
  CHECK(input);
}

}  // namespace
}  // namespace modeld::testing
