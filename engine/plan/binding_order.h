// Inputs and outputs in the order of their names, in which plans have them. Internal to engine/plan.
#ifndef MODELD_ENGINE_PLAN_BINDING_ORDER_H_
#define MODELD_ENGINE_PLAN_BINDING_ORDER_H_

#include <cstddef>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace modeld::plan {

// Where in Graph::inputs and Graph::outputs the one with the i-th name stands. Twins that list them otherwise
// share a plan.
struct BindingOrder {
  std::vector<size_t> inputs;
  std::vector<size_t> outputs;
};
BindingOrder BindingOrderOf(const Graph& graph);

// Turns a program whose inputs and outputs are in the order of names into one in the graph's order.
void Rebind(const BindingOrder& order, Program& program);

}  // namespace modeld::plan

#endif  // MODELD_ENGINE_PLAN_BINDING_ORDER_H_
