// Rewrites of core graphs that need neither a device nor arithmetic.
#ifndef MODELD_ENGINE_LOWER_SIMPLIFY_H_
#define MODELD_ENGINE_LOWER_SIMPLIFY_H_

#include "engine/core/core_graph.h"

namespace modeld {

// Removes nodes that no output depends on, and values that nobody uses; renumbers the rest in their order.
// Inputs stay, used or not. Requires: `graph` passed core::Verify. Thread-safe.
void RemoveDead(core::Graph& graph);

// Removes or merges nodes that only move bytes, then calls RemoveDead:
//   identity, and cast, transpose, reshape, broadcast, slice, pad, concat that change nothing -> their input
//   reshape of reshape, transpose of transpose, broadcast of broadcast                        -> one of them
//   transpose of nothing but size-1 dimensions, broadcast that repeats nothing                -> reshape
// Requires: `graph` passed core::Verify and has no post-ops. Thread-safe.
void Simplify(core::Graph& graph);

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_SIMPLIFY_H_
