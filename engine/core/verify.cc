#include "engine/core/verify.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/graph/broadcast.h"

namespace modeld::core {
namespace {

using Descriptors = std::vector<const TensorDescriptor*>;

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), written_(graph.values.size()) {}

  absl::Status Run() {
    MODELD_RETURN_IF_ERROR(CheckValues());
    for (ValueId id : graph_.inputs) MODELD_RETURN_IF_ERROR(Annotate(Write(id), "inputs"));
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      const absl::Status status = CheckNode(node);
      if (!status.ok())
        return Annotate(status, absl::StrCat(node.label, " (node ", i, ", ", OpName(node.op), ")"));
    }
    for (ValueId id : graph_.outputs) MODELD_RETURN_IF_ERROR(Annotate(Read(id), "outputs"));
    return absl::OkStatus();
  }

 private:
  absl::Status CheckValues() const {
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      const auto bytes = value.descriptor.ByteSize();
      if (!bytes.ok()) return absl::InternalError(absl::StrCat("value ", i, ": ", bytes.status().message()));
      if (value.deferred && !value.constant.empty())
        return absl::InternalError(absl::StrCat("value ", i, ": a deferred constant has bytes"));
      if (!value.constant.empty() && value.constant.size() != *bytes) {
        return absl::InternalError(absl::StrCat("value ", i, ": constant of ", value.constant.size(),
                                                " bytes, ", value.descriptor.ToString(), " takes ", *bytes));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Read(ValueId id) const {
    if (id >= graph_.values.size()) return absl::InternalError(absl::StrCat("value ", id, " does not exist"));
    if (written_[id] || graph_.values[id].is_constant()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("value ", id, " is read before it is written"));
  }

  absl::Status Write(ValueId id) {
    if (id >= graph_.values.size()) return absl::InternalError(absl::StrCat("value ", id, " does not exist"));
    if (graph_.values[id].is_constant())
      return absl::InternalError(absl::StrCat("constant ", id, " is written"));
    if (written_[id]) return absl::InternalError(absl::StrCat("value ", id, " is written a second time"));
    written_[id] = true;
    return absl::OkStatus();
  }

  absl::Status CheckNode(const Node& node) {
    Descriptors inputs;
    Descriptors outputs;
    for (ValueId id : node.inputs) {
      MODELD_RETURN_IF_ERROR(Read(id));
      inputs.push_back(&graph_.descriptor(id));
    }
    for (const PostOp& post : node.post_ops) {
      for (ValueId id : post.extra_inputs) MODELD_RETURN_IF_ERROR(Read(id));
    }
    for (ValueId id : node.outputs) {
      MODELD_RETURN_IF_ERROR(Write(id));
      outputs.push_back(&graph_.descriptor(id));
    }
    MODELD_RETURN_IF_ERROR(VerifyOp(node.op, inputs, outputs));
    for (const PostOp& post : node.post_ops) {
      MODELD_RETURN_IF_ERROR(Annotate(CheckPostOp(node, post), absl::StrCat("post-op ", OpName(post.op))));
    }
    return absl::OkStatus();
  }

  absl::Status CheckPostOp(const Node& node, const PostOp& post) const {
    if (node.outputs.size() != 1) return absl::InternalError("its node has not exactly one output");
    if (std::holds_alternative<Native>(post.op)) return absl::OkStatus();
    const bool unary = std::holds_alternative<Unary>(post.op);
    if (!unary && !std::holds_alternative<Binary>(post.op)) return absl::InternalError("is not elementwise");
    if (post.extra_inputs.size() != (unary ? 0 : 1))
      return absl::InternalError("has a wrong number of inputs");
    const TensorDescriptor& result = graph_.descriptor(node.outputs[0]);
    Descriptors inputs = {&result};
    if (!unary) {
      const TensorDescriptor& extra = graph_.descriptor(post.extra_inputs[0]);
      if (extra.data_type != result.data_type || !CanBroadcastTo(extra.shape, result.shape)) {
        return absl::InternalError(
            absl::StrCat(extra.ToString(), " does not broadcast to ", result.ToString()));
      }
      inputs.push_back(&result);
    }
    return VerifyOp(post.op, inputs, Descriptors{&result});
  }

  const Graph& graph_;
  std::vector<bool> written_;
};

}  // namespace

absl::Status Verify(const Graph& graph) {
  return Verifier(graph).Run();
}

}  // namespace modeld::core
