// Computes at compile time what depends on constants only.
#ifndef MODELD_ENGINE_LOWER_FOLD_CONSTANTS_H_
#define MODELD_ENGINE_LOWER_FOLD_CONSTANTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "engine/core/core_graph.h"
#include "engine/core/evaluator.h"

namespace modeld {

// Bounds that keep a small graph from being blown up, and its compilation from taking long.
struct FoldLimits {
  // A result larger than its operands together stays a node, unless it takes no more than this. An operand
  // that was broadcast counts as large as it was before.
  uint64_t max_grown_bytes = uint64_t{16} << 10;
  // Bytes of all results together, beyond those of the graph's own constants.
  uint64_t max_total_bytes = uint64_t{64} << 20;
  // Elements read and written, multiplications, and the like, of all nodes together.
  uint64_t max_total_work = uint64_t{1} << 28;
};

// Replaces every node whose inputs are all constants by its value, within `limits`; a Reshape shares its
// input's bytes and costs nothing. Native nodes stay. Dead nodes are left for RemoveDead (simplify.h).
// Requires: `graph` passed core::Verify. Errors: what `evaluator` returns, which should not happen.
// Thread-safe.
absl::Status FoldConstants(core::Graph& graph, const core::Evaluator& evaluator,
                           const FoldLimits& limits = {});

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_FOLD_CONSTANTS_H_
