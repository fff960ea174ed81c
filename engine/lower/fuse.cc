#include "engine/lower/fuse.h"

#include <limits>
#include <utility>
#include <variant>

#include "engine/lower/simplify.h"

namespace modeld {
namespace {

using core::Node;
using core::PostOp;
using core::ValueId;

constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

class Fuser {
 public:
  Fuser(core::Graph& graph, const core::OpSupport& support)
      : graph_(graph),
        support_(support),
        uses_(graph.values.size(), 0),
        producer_(graph.values.size(), kNone) {
    for (const Node& node : graph.nodes) {
      for (ValueId id : node.inputs) ++uses_[id];
      for (const PostOp& post : node.post_ops) {
        for (ValueId id : post.extra_inputs) ++uses_[id];
      }
    }
    for (ValueId id : graph.outputs) ++uses_[id];
  }

  void Run() {
    std::vector<Node> nodes = std::move(graph_.nodes);
    for (Node& node : nodes) {
      if (!Absorb(node)) Append(std::move(node));
    }
    graph_.nodes.clear();
    for (size_t i = 0; i < done_.size(); ++i) {
      if (!absorbed_[i]) graph_.nodes.push_back(std::move(done_[i]));
    }
    RemoveDead(graph_);
  }

 private:
  void Append(Node node) {
    for (ValueId id : node.outputs) producer_[id] = static_cast<uint32_t>(done_.size());
    done_.push_back(std::move(node));
    absorbed_.push_back(false);
  }

  // True when `next` became a post-op of one of its operands' nodes.
  bool Absorb(const Node& next) {
    if (next.outputs.size() != 1 || next.inputs.empty() || !next.post_ops.empty()) return false;
    const bool binary = std::holds_alternative<core::Binary>(next.op);
    if (!binary && !std::holds_alternative<core::Unary>(next.op) &&
        !std::holds_alternative<core::Native>(next.op)) {
      return false;
    }
    for (size_t operand = 0; operand < (binary ? 2 : 1); ++operand) {
      if (AbsorbInto(next, operand)) return true;
    }
    return false;
  }

  bool AbsorbInto(const Node& next, size_t operand) {
    const ValueId running = next.inputs[operand];
    const uint32_t index = producer_[running];
    if (index == kNone || uses_[running] != 1 || done_[index].outputs.size() != 1) return false;
    if (graph_.descriptor(running) != graph_.descriptor(next.outputs[0])) return false;

    PostOp post = {.op = next.op, .extra_inputs = next.inputs, .swapped = operand == 1};
    post.extra_inputs.erase(post.extra_inputs.begin() + static_cast<ptrdiff_t>(operand));
    if (std::holds_alternative<core::Binary>(next.op)) {
      const ValueId other = post.extra_inputs[0];
      const ValueId narrow = BeforeBroadcast(other);
      post.extra_inputs = {narrow};
      if (narrow != other && TryFuse(index, post, next)) {
        // The broadcast lost a reader, its source won one: whether either may still be fused changes with it.
        --uses_[other];
        ++uses_[narrow];
        return true;
      }
      post.extra_inputs = {other};
    }
    return TryFuse(index, post, next);
  }

  bool TryFuse(uint32_t index, const PostOp& post, const Node& next) {
    if (!support_.Fuses(graph_, done_[index], post)) return false;
    Node fused = std::move(done_[index]);
    absorbed_[index] = true;
    fused.post_ops.push_back(post);
    fused.outputs = next.outputs;
    Append(std::move(fused));
    return true;
  }

  // What the value was before a broadcast, if it comes out of one.
  ValueId BeforeBroadcast(ValueId id) const {
    if (producer_[id] == kNone) return id;
    const Node& node = done_[producer_[id]];
    return std::holds_alternative<core::Broadcast>(node.op) && node.post_ops.empty() ? node.inputs[0] : id;
  }

  core::Graph& graph_;
  const core::OpSupport& support_;
  // How often each value is read, outputs of the graph included.
  std::vector<uint32_t> uses_;
  // The node of done_ that writes each value.
  std::vector<uint32_t> producer_;
  // Nodes in their new order, with those that were absorbed still in their old place.
  std::vector<Node> done_;
  std::vector<bool> absorbed_;
};

}  // namespace

void Fuse(core::Graph& graph, const core::OpSupport& support) {
  Fuser(graph, support).Run();
}

}  // namespace modeld
