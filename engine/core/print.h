// Core graphs as text, for people and for tests of rewrites.
#ifndef MODELD_ENGINE_CORE_PRINT_H_
#define MODELD_ENGINE_CORE_PRINT_H_

#include <string>

#include "engine/core/core_graph.h"

namespace modeld::core {

// One line per input, used constant, node and output; values are numbered in the order of their appearance,
// so that two graphs of one form print the same. `%3 float32[1,8] = contraction(%0, %1); binary add(., %2)`:
// after a semicolon the post-ops, where `.` is the running result. Accepts malformed graphs. Thread-safe.
std::string ToString(const Graph& graph);

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_PRINT_H_
