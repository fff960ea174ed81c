// Running graphs of WebNN's operations on the oracle, for tests of what makes such graphs.
#ifndef MODELD_ENGINE_TESTING_RUN_MODEL_H_
#define MODELD_ENGINE_TESTING_RUN_MODEL_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/graph/graph.h"
#include "engine/testing/tensor.h"

namespace modeld::testing {

// Compiles the graph for the reference backend, every operation decomposed, and runs it once. Requires: the
// graph came out of Validate (engine/ops/validate.h), with all constants' bytes.
absl::StatusOr<std::vector<Tensor>> RunOnReference(const Graph& graph, std::span<const Tensor> inputs);

}  // namespace modeld::testing

#endif  // MODELD_ENGINE_TESTING_RUN_MODEL_H_
