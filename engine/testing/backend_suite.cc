#include "engine/testing/backend_suite.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/core/print.h"
#include "engine/lower/fuse.h"
#include "engine/testing/op_cases.h"

namespace modeld::testing {
namespace {

// A kind that fails at all usually fails often; so many reports per kind are enough.
constexpr int kMaxFailures = 2;

// The seed of one case: as good as independent of its neighbours'.
uint64_t SeedOf(uint32_t seed, uint64_t kind, uint32_t index) {
  uint64_t mixed = (uint64_t{seed} << 40) ^ (kind << 20) ^ index;
  for (int i = 0; i < 2; ++i) mixed = (mixed ^ (mixed >> 31)) * 0x9E3779B97F4A7C15u;
  return mixed;
}

// What is wrong with the backend's results, or nothing. `graph` is the case's, or an equivalent of it.
std::optional<std::string> Failure(const Backend& backend, const OpCase& test, const core::Graph& graph,
                                   const CompileOptions& options) {
  const auto expected = RunGraph(ReferenceBackend(), test.graph, test.inputs);
  if (!expected.ok()) return absl::StrCat("reference: ", expected.status().ToString());
  const auto found = RunGraph(backend, graph, test.inputs, options);
  if (!found.ok()) return found.status().ToString();
  for (size_t i = 0; i < expected->size(); ++i) {
    const auto difference = FirstDifference(found->at(i), expected->at(i), test.tolerance);
    if (difference) return absl::StrCat("output ", i, ": ", *difference);
  }
  return std::nullopt;
}

// Runs `count` cases of one kind; `make(seed)` gives a case, `fuse` tells whether fusion is tried.
template <typename Make>
void RunKind(const Backend& backend, const std::string& name, uint64_t kind, uint32_t seed, uint32_t count,
             bool fuse, Make make) {
  int failures = 0;
  for (uint32_t i = 0; i < count && failures < kMaxFailures; ++i) {
    const uint64_t case_seed = SeedOf(seed, kind, i);
    const OpCase test = make(case_seed);
    core::Graph graph = test.graph;
    if (fuse) Fuse(graph, backend);
    const CompileOptions options = {.num_threads = i % 3, .fuse = fuse};
    const std::optional<std::string> failure = Failure(backend, test, graph, options);
    if (!failure) continue;
    ++failures;
    FAIL_CHECK(name << ", suite seed " << seed << ", case " << i << " (seed " << case_seed
                    << "): " << *failure << "\n"
                    << core::ToString(graph));
  }
  if (failures == 0) SUCCEED(name);
}

}  // namespace

void RunBackendSuite(const Backend& backend, uint32_t seed, uint32_t count) {
  const std::vector<OpKind>& kinds = OpKinds();
  for (size_t k = 0; k < kinds.size(); ++k) {
    RunKind(backend, kinds[k].name, k, seed, count, /*fuse=*/false,
            [&](uint64_t case_seed) { return RandomCase(kinds[k], case_seed); });
  }
  RunKind(backend, "fusion", kinds.size(), seed, 20 * count, /*fuse=*/true,
          [](uint64_t case_seed) { return RandomFusionCase(case_seed); });
}

}  // namespace modeld::testing
