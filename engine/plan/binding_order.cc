#include "engine/plan/binding_order.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace modeld::plan {
namespace {

// The positions 0 to count - 1, sorted by `name_of`.
template <typename NameOf>
std::vector<size_t> SortedBy(size_t count, NameOf name_of) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return name_of(a) < name_of(b); });
  return order;
}

void Reorder(const std::vector<size_t>& order, std::vector<TensorDescriptor>& descriptors) {
  std::vector<TensorDescriptor> reordered(descriptors.size());
  for (size_t i = 0; i < descriptors.size(); ++i) reordered[order[i]] = std::move(descriptors[i]);
  descriptors = std::move(reordered);
}

}  // namespace

BindingOrder BindingOrderOf(const Graph& graph) {
  return {
      .inputs = SortedBy(graph.inputs.size(),
                         [&](size_t i) -> const std::string& { return graph.operand(graph.inputs[i]).name; }),
      .outputs = SortedBy(graph.outputs.size(),
                          [&](size_t i) -> const std::string& { return graph.outputs[i].name; })};
}

void Rebind(const BindingOrder& order, Program& program) {
  Reorder(order.inputs, program.inputs);
  Reorder(order.outputs, program.outputs);
  const auto rebind = [&](std::vector<BufferRef>& buffers) {
    for (BufferRef& buffer : buffers) {
      if (buffer.kind == BufferRef::Kind::kInput) buffer.index = order.inputs[buffer.index];
      if (buffer.kind == BufferRef::Kind::kOutput) buffer.index = order.outputs[buffer.index];
    }
  };
  for (ProgramStep& step : program.steps) {
    rebind(step.inputs);
    rebind(step.outputs);
  }
}

}  // namespace modeld::plan
