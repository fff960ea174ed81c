#include "engine/lower/simplify.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

namespace modeld {
namespace {

using core::Node;
using core::ValueId;

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

// Calls f(id) for each value that the node reads; f may change it.
template <typename NodeType, typename F>
void ForEachRead(NodeType& node, F&& f) {
  for (auto& id : node.inputs) f(id);
  for (auto& post : node.post_ops) {
    for (auto& id : post.extra_inputs) f(id);
  }
}

// Whether the transpose keeps the order of all dimensions that are larger than 1.
bool MovesNothing(const core::Transpose& op, const Shape& input) {
  uint32_t last = 0;
  for (uint32_t dimension : op.permutation) {
    if (input[dimension] == 1) continue;
    if (dimension < last) return false;
    last = dimension;
  }
  return true;
}

class Simplifier {
 public:
  explicit Simplifier(core::Graph& graph)
      : graph_(graph), same_as_(graph.values.size()), producer_(graph.values.size(), kNone) {
    std::iota(same_as_.begin(), same_as_.end(), ValueId{0});
  }

  void Run() {
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      ForEachRead(node, [this](ValueId& id) { id = same_as_[id]; });
      if (node.outputs.size() == 1) {
        Merge(node);
        if (Demote(node)) Merge(node);
        if (ChangesNothing(node)) same_as_[node.outputs[0]] = node.inputs[0];
      }
      for (ValueId id : node.outputs) producer_[id] = i;
    }
    for (ValueId& id : graph_.outputs) id = same_as_[id];
    RemoveDead(graph_);
  }

 private:
  const TensorDescriptor& Input(const Node& node) const { return graph_.descriptor(node.inputs[0]); }
  const TensorDescriptor& Output(const Node& node) const { return graph_.descriptor(node.outputs[0]); }

  // Moves in one step what its input's producer moved in another. Producers were merged before, so once is
  // enough.
  void Merge(Node& node) {
    if (node.inputs.size() != 1 || producer_[node.inputs[0]] == kNone) return;
    const Node& before = graph_.nodes[producer_[node.inputs[0]]];
    if (before.op.index() != node.op.index()) return;
    if (auto* transpose = std::get_if<core::Transpose>(&node.op)) {
      const auto& first = std::get<core::Transpose>(before.op).permutation;
      for (uint32_t& dimension : transpose->permutation) dimension = first[dimension];
    } else if (!std::holds_alternative<core::Reshape>(node.op) &&
               !std::holds_alternative<core::Broadcast>(node.op)) {
      return;
    }
    node.inputs = before.inputs;
  }

  // To a reshape, which costs nothing; true when it did.
  bool Demote(Node& node) const {
    const auto* transpose = std::get_if<core::Transpose>(&node.op);
    if ((transpose != nullptr && MovesNothing(*transpose, Input(node).shape)) ||
        (std::holds_alternative<core::Broadcast>(node.op) &&
         Input(node).ElementCount() == Output(node).ElementCount())) {
      node.op = core::Reshape{};
      return true;
    }
    return false;
  }

  // Of these operations, equal descriptors mean equal bytes.
  bool ChangesNothing(const Node& node) const {
    if (node.inputs.size() != 1 || Input(node) != Output(node)) return false;
    if (const auto* unary = std::get_if<core::Unary>(&node.op)) {
      return unary->function == core::UnaryFunction::kIdentity;
    }
    return std::holds_alternative<core::Cast>(node.op) || std::holds_alternative<core::Reshape>(node.op) ||
           std::holds_alternative<core::Broadcast>(node.op) || std::holds_alternative<core::Slice>(node.op) ||
           std::holds_alternative<core::Pad>(node.op) || std::holds_alternative<core::Concat>(node.op);
  }

  core::Graph& graph_;
  // What each value is replaced by; itself if it stays.
  std::vector<ValueId> same_as_;
  // The node that writes each value.
  std::vector<uint32_t> producer_;
};

}  // namespace

void RemoveDead(core::Graph& graph) {
  std::vector<bool> used(graph.values.size());
  for (ValueId id : graph.inputs) used[id] = true;
  for (ValueId id : graph.outputs) used[id] = true;
  std::vector<Node> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (std::none_of(node->outputs.begin(), node->outputs.end(), [&](ValueId id) { return used[id]; }))
      continue;
    for (ValueId id : node->outputs) used[id] = true;
    ForEachRead(*node, [&](ValueId id) { used[id] = true; });
    kept.push_back(std::move(*node));
  }
  std::reverse(kept.begin(), kept.end());
  graph.nodes = std::move(kept);

  std::vector<ValueId> renumbered(graph.values.size());
  ValueId next = 0;
  for (ValueId id = 0; id < graph.values.size(); ++id) {
    if (!used[id]) continue;
    renumbered[id] = next;
    if (next != id) graph.values[next] = std::move(graph.values[id]);
    ++next;
  }
  graph.values.resize(next);
  const auto renumber = [&](ValueId& id) { id = renumbered[id]; };
  for (Node& node : graph.nodes) {
    ForEachRead(node, renumber);
    std::for_each(node.outputs.begin(), node.outputs.end(), renumber);
  }
  std::for_each(graph.inputs.begin(), graph.inputs.end(), renumber);
  std::for_each(graph.outputs.begin(), graph.outputs.end(), renumber);
}

void Simplify(core::Graph& graph) {
  Simplifier(graph).Run();
}

}  // namespace modeld
