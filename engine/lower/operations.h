// The operations of a graph in one order, bodies included.
#ifndef MODELD_ENGINE_LOWER_OPERATIONS_H_
#define MODELD_ENGINE_LOWER_OPERATIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace modeld {

// One operation and where it stands. Valid as long as the graph.
struct OperationPlace {
  // The graph or body that it is an operation of.
  const Graph* graph;
  const Operation* operation;
  // OperationName, with those of the composite operations around it before: `composite "x": relu #0`.
  std::string name;
  // The place after the operation and its body.
  size_t end;
};

// Each operation, and behind it those of its body: what core::Node::operation counts in. Depends on the
// graph's structure only, the names apart. Thread-safe.
std::vector<OperationPlace> OperationsInOrder(const Graph& graph);

}  // namespace modeld

#endif  // MODELD_ENGINE_LOWER_OPERATIONS_H_
