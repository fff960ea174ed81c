// WithoutUnreachable, declared in graph.h.
#include <algorithm>
#include <optional>
#include <utility>

#include "engine/graph/graph.h"

namespace modeld {
namespace {

bool AllIdsExist(const Graph& graph) {
  const auto exists = [&](OperandId id) { return id.value < graph.operands.size(); };
  const auto all = [&](const std::vector<OperandId>& ids) {
    return std::all_of(ids.begin(), ids.end(), exists);
  };
  return all(graph.inputs) &&
         std::all_of(graph.outputs.begin(), graph.outputs.end(),
                     [&](const GraphOutput& output) { return exists(output.operand); }) &&
         std::all_of(graph.operations.begin(), graph.operations.end(), [&](const Operation& operation) {
           return all(OperandsRead(operation)) && all(operation.outputs);
         });
}

void Renumber(Operation& operation, const std::vector<OperandId>& numbers) {
  const auto renumber = [&](std::vector<OperandId>& ids) {
    for (OperandId& id : ids) id = numbers[id.value];
  };
  renumber(operation.inputs);
  renumber(operation.outputs);
  for (auto& [name, value] : operation.attributes) {
    if (auto* id = std::get_if<OperandId>(&value)) *id = numbers[id->value];
    if (auto* ids = std::get_if<std::vector<OperandId>>(&value)) renumber(*ids);
  }
}

}  // namespace

Graph WithoutUnreachable(Graph graph, bool keep_inputs) {
  if (!AllIdsExist(graph)) return graph;
  std::vector<bool> needed(graph.operands.size(), false);
  for (const GraphOutput& output : graph.outputs) needed[output.operand.value] = true;
  // Operations stand in order, so one walk from the end sees each reader before its writer.
  std::vector<Operation> kept;
  for (auto operation = graph.operations.rbegin(); operation != graph.operations.rend(); ++operation) {
    const std::vector<OperandId>& outputs = operation->outputs;
    if (std::none_of(outputs.begin(), outputs.end(), [&](OperandId id) { return needed[id.value]; }))
      continue;
    for (OperandId id : outputs) needed[id.value] = true;
    for (OperandId id : OperandsRead(*operation)) needed[id.value] = true;
    kept.push_back(std::move(*operation));
  }
  std::reverse(kept.begin(), kept.end());
  if (keep_inputs) {
    for (OperandId id : graph.inputs) needed[id.value] = true;
  }
  Graph result;
  std::vector<OperandId> numbers(graph.operands.size());
  for (size_t i = 0; i < graph.operands.size(); ++i) {
    if (!needed[i]) continue;
    numbers[i] = {static_cast<uint32_t>(result.operands.size())};
    result.operands.push_back(std::move(graph.operands[i]));
  }
  for (OperandId id : graph.inputs) {
    if (needed[id.value]) result.inputs.push_back(numbers[id.value]);
  }
  for (Operation& operation : kept) Renumber(operation, numbers);
  result.operations = std::move(kept);
  for (GraphOutput& output : graph.outputs) {
    result.outputs.push_back({std::move(output.name), numbers[output.operand.value]});
  }
  return result;
}

}  // namespace modeld
