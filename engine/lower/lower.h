// From a validated graph to the core graph that a backend compiles.
#ifndef MODELD_ENGINE_LOWER_LOWER_H_
#define MODELD_ENGINE_LOWER_LOWER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/core/core_graph.h"
#include "engine/core/evaluator.h"
#include "engine/core/op_support.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld {

// Which stages of Lower consult the backend.
struct LowerOptions {
  // Off: every node runs alone.
  bool fuse = true;
  // Off: nothing is claimed, all operations are decomposed.
  bool claim = true;
  // Core operations that the graph may come to, before it is simplified.
  size_t max_core_nodes = GraphLimits().max_core_nodes;
};

// Claims or decomposes each operation, simplifies, folds constants, fuses; the result is verified after each
// stage. Constants are shared with `graph`, not copied. Requires: `graph` came out of Validate
// (engine/ops/validate.h). Thread-safe. Errors:
//   INVALID_ARGUMENT: a constant's bytes are missing or of another size than its descriptor says.
//   RESOURCE_EXHAUSTED: the operations come to more core operations than allowed.
//   UNIMPLEMENTED: an operation, named, is neither claimed nor in the table.
//   INTERNAL: a stage made a malformed graph.
absl::StatusOr<core::Graph> Lower(const Graph& graph, const core::OpSupport& support,
                                  const core::Evaluator& evaluator, const LowerOptions& options);

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_LOWER_H_
