// Numpy's broadcasting rule, as WebNN states it.
#ifndef MODELD_ENGINE_GRAPH_BROADCAST_H_
#define MODELD_ENGINE_GRAPH_BROADCAST_H_

#include <optional>
#include <span>

#include "engine/graph/tensor_descriptor.h"

namespace modeld {

// WebNN's "bidirectionally broadcasting": shapes aligned at their ends, a missing dimension counts as 1, and
// two sizes agree when they are equal or one of them is 1. Nothing when some pair does not agree.
std::optional<Shape> BroadcastShapes(std::span<const uint32_t> a, std::span<const uint32_t> b);

// WebNN's "unidirectionally broadcastable": `from` can be stretched to `to`, which stays as it is.
bool CanBroadcastTo(std::span<const uint32_t> from, std::span<const uint32_t> to);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_BROADCAST_H_
