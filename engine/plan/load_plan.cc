#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/core/verify.h"
#include "engine/lower/operations.h"
#include "engine/plan/binding_order.h"
#include "engine/plan/contents.h"
#include "engine/plan/plan.h"
#include "engine/plan/segments.h"

namespace modeld {
namespace {

using core::ValueId;

absl::Status Damaged(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("plan: ", what));
}

// Constants and their packed forms, out of segments and whatever ConstantSource has.
class StoredWeights : public PackedWeights {
 public:
  // All must outlive it.
  StoredWeights(const Graph& graph, const plan::PlanContents& contents, std::span<const Region> segments,
                ConstantSource source)
      : contents_(contents), segments_(segments), source_(source) {
    for (const Operand& operand : graph.operands) {
      if (operand.kind == OperandKind::kConstant) digests_.insert(operand.digest);
    }
  }

  // Finds all packed forms. INVALID_ARGUMENT when one is not within its segment, or of no constant.
  absl::Status FindPacked() {
    for (const auto& [key, place] : contents_.packed) {
      if (!contents_.constants.contains(key.constant)) return Damaged("a packed form is of no constant");
      MODELD_ASSIGN_OR_RETURN(packed_[key], plan::BytesIn(segments_, place));
      has_packed_.insert(key.constant);
    }
    return absl::OkStatus();
  }
  bool HasPacked(ValueId id) const { return has_packed_.contains(id); }

  std::optional<Region> Find(const PackedKey& key) override {
    const auto found = packed_.find(key);
    return found == packed_.end() ? std::nullopt : std::optional(found->second);
  }
  // Another format is wanted here than where the plan was made: it is packed anew, for this program alone.
  void Keep(const PackedKey&, const Region&) override {}

  // Requires: the graph passed Verify.
  absl::StatusOr<Region> Constant(ValueId id) override {
    MODELD_ASSIGN_OR_RETURN(const uint64_t size, contents_.graph.descriptor(id).ByteSize());
    MODELD_ASSIGN_OR_RETURN(Region bytes, BytesAt(contents_.constants.at(id), size));
    if (bytes.size() != size) {
      return Damaged(absl::StrCat("constant ", id, " has ", bytes.size(), " bytes, expected ", size));
    }
    return bytes;
  }

 private:
  absl::StatusOr<Region> BytesAt(const plan::ConstantPlace& place, uint64_t size) {
    if (const auto* bytes = std::get_if<plan::SegmentBytes>(&place)) return plan::BytesIn(segments_, *bytes);
    const Digest& digest = std::get<Digest>(place);
    // Nothing but the graph's own constants is asked for, whatever the plan says.
    if (!digests_.contains(digest)) return Damaged("names a constant that the graph does not have");
    return source_(digest, size);
  }

  const plan::PlanContents& contents_;
  const std::span<const Region> segments_;
  const ConstantSource source_;
  std::set<Digest> digests_;
  std::map<PackedKey, Region> packed_;
  std::set<ValueId> has_packed_;
};

// Puts into a lowered graph what the portable one knows, and checks the one against the other.
class Restorer {
 public:
  Restorer(const Graph& graph, const Backend& backend, core::Graph& core)
      : graph_(graph), backend_(backend), places_(OperationsInOrder(graph)), core_(core) {}

  // Labels and Native operations.
  absl::Status Restore() {
    for (core::Node& node : core_.nodes) {
      if (node.operation != core::kNoOperation) {
        if (node.operation >= places_.size()) return NoOperation(node.operation);
        node.label = places_[node.operation].name;
      }
      MODELD_RETURN_IF_ERROR(RestoreOp(node.op));
      for (core::PostOp& post : node.post_ops) MODELD_RETURN_IF_ERROR(RestoreOp(post.op));
    }
    return absl::OkStatus();
  }

  // Whether inputs and outputs are the graph's. Requires: Verify.
  absl::Status CheckBindings(const plan::BindingOrder& order) const {
    if (core_.inputs.size() != order.inputs.size() || core_.outputs.size() != order.outputs.size()) {
      return Damaged("has another number of inputs or outputs than the graph");
    }
    for (size_t i = 0; i < order.inputs.size(); ++i) {
      const OperandId own = graph_.inputs[order.inputs[i]];
      if (core_.descriptor(core_.inputs[i]) != graph_.descriptor(own)) return Damaged("an input differs");
    }
    for (size_t i = 0; i < order.outputs.size(); ++i) {
      const OperandId own = graph_.outputs[order.outputs[i]].operand;
      if (core_.descriptor(core_.outputs[i]) != graph_.descriptor(own)) return Damaged("an output differs");
    }
    return absl::OkStatus();
  }

  // Whether each Native has its operation's operands, and the backend takes it, and what was fused. Verify
  // leaves that to whoever claimed and fused. Requires: Verify.
  absl::Status CheckBackend() const {
    for (const core::Node& node : core_.nodes) {
      MODELD_RETURN_IF_ERROR(CheckNative(node.op, node.inputs, node.outputs));
      core::Node before = node;
      before.post_ops.clear();
      for (const core::PostOp& post : node.post_ops) {
        std::vector<ValueId> operands = {node.outputs[0]};
        operands.insert(operands.end(), post.extra_inputs.begin(), post.extra_inputs.end());
        MODELD_RETURN_IF_ERROR(CheckNative(post.op, operands, node.outputs));
        if (!backend_.Fuses(core_, before, post)) {
          return absl::UnimplementedError(absl::StrCat("plan: ", node.label, ": is not fused here"));
        }
        before.post_ops.push_back(post);
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status NoOperation(uint32_t index) {
    return Damaged(absl::StrCat("the graph has no operation ", index));
  }

  absl::Status RestoreOp(core::Op& op) const {
    auto* native = std::get_if<core::Native>(&op);
    if (native == nullptr) return absl::OkStatus();
    if (native->index >= places_.size()) return NoOperation(native->index);
    native->operation = *places_[native->index].operation;
    return absl::OkStatus();
  }

  absl::Status CheckNative(const core::Op& op, const std::vector<ValueId>& inputs,
                           const std::vector<ValueId>& outputs) const {
    const auto* native = std::get_if<core::Native>(&op);
    if (native == nullptr) return absl::OkStatus();
    const OperationPlace& place = places_[native->index];
    const auto same = [&](const std::vector<ValueId>& values, const std::vector<OperandId>& operands) {
      if (values.size() != operands.size()) return false;
      for (size_t i = 0; i < values.size(); ++i) {
        if (core_.descriptor(values[i]) != place.graph->descriptor(operands[i])) return false;
      }
      return true;
    };
    if (!same(inputs, OperandsRead(*place.operation)) || !same(outputs, place.operation->outputs)) {
      return Damaged(absl::StrCat(place.name, ": has other operands in the graph"));
    }
    if (!backend_.Claims(*place.graph, *place.operation)) {
      return absl::UnimplementedError(absl::StrCat("plan: ", place.name, ": is not claimed here"));
    }
    return absl::OkStatus();
  }

  const Graph& graph_;
  const Backend& backend_;
  const std::vector<OperationPlace> places_;
  core::Graph& core_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Program>> LoadPlan(const Graph& graph, absl::string_view metadata,
                                                        std::span<const Region> segments,
                                                        const Backend& backend, const CompileOptions& options,
                                                        ConstantSource constant) {
  MODELD_ASSIGN_OR_RETURN(plan::PlanContents contents, plan::DecodeContents(metadata));
  if (contents.structure != StructureDigest(graph)) return Damaged("is of another graph");
  const plan::BindingOrder order = plan::BindingOrderOf(graph);
  Restorer restorer(graph, backend, contents.graph);
  MODELD_RETURN_IF_ERROR(restorer.Restore());
  MODELD_RETURN_IF_ERROR(Annotate(core::Verify(contents.graph), "plan"));
  MODELD_RETURN_IF_ERROR(restorer.CheckBindings(order));
  MODELD_RETURN_IF_ERROR(restorer.CheckBackend());

  StoredWeights weights(graph, contents, segments, constant);
  MODELD_RETURN_IF_ERROR(weights.FindPacked());
  for (const auto& [id, place] : contents.constants) {
    if (weights.HasPacked(id)) continue;
    core::Value& value = contents.graph.values[id];
    MODELD_ASSIGN_OR_RETURN(value.constant, weights.Constant(id));
    value.deferred = false;
  }
  MODELD_ASSIGN_OR_RETURN(
      std::unique_ptr<Program> program,
      backend.Compile(contents.graph, options, {.packed = &weights, .layout = &contents.layout}));
  plan::Rebind(order, *program);
  return std::shared_ptr<const Program>(std::move(program));
}

}  // namespace modeld
