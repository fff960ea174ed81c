// Core graphs computed with bounds: an oracle of its own, written from core_graph.h's rules.
#ifndef MODELD_TESTS_FUZZ_BOUND_GRAPH_H_
#define MODELD_TESTS_FUZZ_BOUND_GRAPH_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"
#include "tests/fuzz/bound.h"

namespace modeld::fuzz {

// The operations of the graph decomposed one by one through the table, and nothing else done to them; outputs
// are those of the graph. Requires: `graph` came out of Validate and has its constants' bytes. INTERNAL: a
// row is at fault.
absl::StatusOr<core::Graph> Decomposed(const Graph& graph);

// Bounds of the graph's outputs. Requires: `graph` passed core::Verify, has no Native and no post-ops, and
// `inputs` are of its inputs' types and shapes.
std::vector<BoundTensor> Evaluate(const core::Graph& graph, std::span<const BoundTensor> inputs);

}  // namespace modeld::fuzz

#endif  // MODELD_TESTS_FUZZ_BOUND_GRAPH_H_
