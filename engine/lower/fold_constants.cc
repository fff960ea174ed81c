#include "engine/lower/fold_constants.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

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
      : graph_(graph), evaluator_(evaluator), limits_(limits), bytes_left_(limits.max_total_bytes) {
    for (const core::Value& value : graph.values) bytes_left_ += value.constant.size();
    work_left_ = limits.max_total_work;
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
  absl::StatusOr<bool> Fold(const Node& node) {
    if (std::holds_alternative<core::Native>(node.op) || !node.post_ops.empty()) return false;
    std::vector<Region> inputs;
    uint64_t input_bytes = 0;
    for (ValueId id : node.inputs) {
      if (!graph_.values[id].is_constant()) return false;
      inputs.push_back(graph_.values[id].constant);
      input_bytes += inputs.back().size();
    }
    Region& result = graph_.values[node.outputs[0]].constant;
    if (std::holds_alternative<core::Reshape>(node.op)) {
      result = inputs[0];
      return true;
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, graph_.descriptor(node.outputs[0]).ByteSize());
    const uint64_t work = WorkOf(graph_, node);
    if (bytes > std::max(input_bytes, limits_.max_grown_bytes) || bytes > bytes_left_ || work > work_left_)
      return false;
    MODELD_ASSIGN_OR_RETURN(std::vector<Region> results, evaluator_.Evaluate(graph_, node, inputs));
    if (results.size() != 1 || results[0].size() != bytes) {
      return absl::InternalError(node.label + ": folding gave a value of another size");
    }
    result = std::move(results[0]);
    bytes_left_ -= bytes;
    work_left_ -= work;
    return true;
  }

  core::Graph& graph_;
  const core::Evaluator& evaluator_;
  const FoldLimits limits_;
  uint64_t bytes_left_;
  uint64_t work_left_;
};

}  // namespace

absl::Status FoldConstants(core::Graph& graph, const core::Evaluator& evaluator, const FoldLimits& limits) {
  return Folder(graph, evaluator, limits).Run();
}

}  // namespace modeld
