#include "engine/lower/fold_constants.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"

namespace modeld {
namespace {

using core::Node;
using core::ValueId;

constexpr uint64_t kTooMuch = std::numeric_limits<uint64_t>::max();

// Steps per element of the output, besides reading every input once.
struct InnerWork {
  const core::Graph& graph;
  const Node& node;

  const Shape& input(size_t i) const { return graph.descriptor(node.inputs[i]).shape; }

  uint64_t operator()(const core::Contraction&) const { return input(0).back(); }
  uint64_t operator()(const core::Convolution& op) const {
    const Shape& filter = input(1);
    const uint64_t channels = op.transposed ? filter[0] / op.groups : filter[1];
    return channels * filter[2] * filter[3];
  }
  uint64_t operator()(const core::Pool& op) const {
    return uint64_t{std::min(op.window[0], input(0)[2])} * std::min(op.window[1], input(0)[3]);
  }
  template <typename Any>
  uint64_t operator()(const Any&) const {
    return 1;
  }
};

uint64_t WorkOf(const core::Graph& graph, const Node& node) {
  const uint64_t inner = std::visit(InnerWork{graph, node}, node.op);
  uint64_t work = CheckedMul(graph.descriptor(node.outputs[0]).ElementCount(), inner).value_or(kTooMuch);
  for (ValueId id : node.inputs)
    work = CheckedAdd(work, graph.descriptor(id).ElementCount()).value_or(kTooMuch);
  return work;
}

class Folder {
 public:
  Folder(core::Graph& graph, const core::Evaluator& evaluator, const FoldLimits& limits)
      : graph_(graph),
        evaluator_(evaluator),
        limits_(limits),
        bytes_left_(limits.max_total_bytes),
        work_left_(limits.max_total_work) {
    for (const core::Value& value : graph.values) bytes_left_ += value.constant.size();
  }

  absl::Status Run() {
    std::vector<Node> kept;
    for (Node& node : graph_.nodes) {
      MODELD_ASSIGN_OR_RETURN(const bool folded, Fold(node));
      if (!folded) kept.push_back(std::move(node));
    }
    graph_.nodes = std::move(kept);
    return absl::OkStatus();
  }

 private:
  // True when the node's output became a constant.
  absl::StatusOr<bool> Fold(const Node& node) {
    if (std::holds_alternative<core::Native>(node.op) || !node.post_ops.empty()) return false;
    for (ValueId id : node.inputs) {
      if (!graph_.values[id].is_constant() && !spread_.contains(id)) return false;
    }
    const Region& first = graph_.values[node.inputs[0]].constant;
    if (std::holds_alternative<core::Broadcast>(node.op)) {
      if (!first.empty()) spread_.emplace(node.outputs[0], node);
      return false;
    }
    if (std::holds_alternative<core::Reshape>(node.op) && !first.empty()) {
      graph_.values[node.outputs[0]].constant = first;
      return true;
    }
    if (!Afford(node)) return false;
    std::vector<Region> inputs;
    for (ValueId id : node.inputs) {
      MODELD_ASSIGN_OR_RETURN(inputs.emplace_back(), BytesOf(id));
    }
    MODELD_ASSIGN_OR_RETURN(graph_.values[node.outputs[0]].constant, Evaluate(node, inputs));
    return true;
  }

  // Whether the node fits the limits; if so it is charged. Broadcast operands count by what they are spread
  // out from when growth is judged, and by what they take when cost is.
  bool Afford(const Node& node) {
    uint64_t operand_bytes = 0;
    uint64_t largest = SizeOf(node.outputs[0]);
    uint64_t bytes = largest;
    uint64_t work = WorkOf(graph_, node);
    for (ValueId id : node.inputs) {
      const auto spread = spread_.find(id);
      const ValueId source = spread == spread_.end() ? id : spread->second.inputs[0];
      operand_bytes += graph_.values[source].constant.size();
      if (source == id) continue;
      largest = std::max(largest, SizeOf(id));
      bytes = CheckedAdd(bytes, SizeOf(id)).value_or(kTooMuch);
    }
    if (largest > std::max(operand_bytes, limits_.max_grown_bytes)) return false;
    if (bytes > bytes_left_ || work > work_left_) return false;
    bytes_left_ -= bytes;
    work_left_ -= work;
    return true;
  }

  absl::StatusOr<Region> BytesOf(ValueId id) const {
    const auto spread = spread_.find(id);
    if (spread == spread_.end()) return graph_.values[id].constant;
    return Evaluate(spread->second, {graph_.values[spread->second.inputs[0]].constant});
  }

  absl::StatusOr<Region> Evaluate(const Node& node, const std::vector<Region>& inputs) const {
    MODELD_ASSIGN_OR_RETURN(std::vector<Region> results, evaluator_.Evaluate(graph_, node, inputs));
    if (results.size() != 1 || results[0].size() != SizeOf(node.outputs[0])) {
      return absl::InternalError(absl::StrCat(node.label, ": folding gave a value of another size"));
    }
    return std::move(results[0]);
  }

  uint64_t SizeOf(ValueId id) const { return graph_.descriptor(id).ByteSize().value_or(kTooMuch); }

  core::Graph& graph_;
  const core::Evaluator& evaluator_;
  const FoldLimits limits_;
  uint64_t bytes_left_;
  uint64_t work_left_;
  // Broadcasts of constants, by their output. They stay nodes, so that whoever reads them may broadcast as it
  // goes, and are computed only on behalf of a reader that is folded.
  std::map<ValueId, Node> spread_;
};

}  // namespace

absl::Status FoldConstants(core::Graph& graph, const core::Evaluator& evaluator, const FoldLimits& limits) {
  return Folder(graph, evaluator, limits).Run();
}

}  // namespace modeld
