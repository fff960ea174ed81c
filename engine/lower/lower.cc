#include "engine/lower/lower.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/core/core_builder.h"
#include "engine/core/verify.h"
#include "engine/lower/fold_constants.h"
#include "engine/lower/fuse.h"
#include "engine/lower/simplify.h"
#include "engine/ops/decompose.h"

namespace modeld {
namespace {

using core::ValueId;

constexpr ValueId kNone = std::numeric_limits<ValueId>::max();

// Translates one graph; see Lower.
class Lowerer {
 public:
  Lowerer(const Graph& graph, const core::OpSupport& support, const LowerOptions& options)
      : graph_(graph),
        support_(support),
        options_(options),
        builder_(core_),
        values_(graph.operands.size(), kNone) {}

  absl::StatusOr<core::Graph> Run() {
    for (OperandId id : graph_.inputs) {
      values_[id.value] = builder_.AddValue(graph_.descriptor(id));
      core_.inputs.push_back(values_[id.value]);
    }
    for (size_t i = 0; i < graph_.operations.size(); ++i) {
      const Operation& operation = graph_.operations[i];
      const std::string name = OperationName(operation, i);
      builder_.set_label(name);
      MODELD_RETURN_IF_ERROR(Annotate(Translate(operation), name));
      if (core_.nodes.size() > options_.max_core_nodes) {
        return absl::ResourceExhaustedError(absl::StrCat(name, ": the graph comes to more than ",
                                                         options_.max_core_nodes, " core operations here"));
      }
    }
    for (const GraphOutput& output : graph_.outputs) {
      MODELD_RETURN_IF_ERROR(Annotate(Need(output.operand), absl::StrCat("output \"", output.name, "\"")));
      core_.outputs.push_back(values_[output.operand.value]);
    }
    return std::move(core_);
  }

 private:
  // Makes a constant's value when it is first used.
  absl::Status Need(OperandId id) {
    if (values_[id.value] != kNone) return absl::OkStatus();
    const Operand& operand = graph_.operand(id);
    if (operand.kind != OperandKind::kConstant) {
      return absl::InternalError(absl::StrCat("operand ", id.value, " is used before it is computed"));
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t expected, operand.descriptor.ByteSize());
    if (operand.bytes.size() != expected) {
      return absl::InvalidArgumentError(absl::StrCat("constant ", id.value, ": ", operand.bytes.size(),
                                                     " bytes are present, ", operand.descriptor.ToString(),
                                                     " takes ", expected));
    }
    values_[id.value] = builder_.AddConstant(operand.descriptor, operand.bytes);
    return absl::OkStatus();
  }

  absl::Status Translate(const Operation& operation) {
    // The operands, then those of the attributes by name: the order of a Native's inputs.
    std::vector<OperandId> operands = operation.inputs;
    for (const auto& [name, value] : operation.attributes) {
      if (const auto* id = std::get_if<OperandId>(&value)) operands.push_back(*id);
    }
    std::vector<ValueId> inputs;
    for (OperandId id : operands) {
      MODELD_RETURN_IF_ERROR(Need(id));
      inputs.push_back(values_[id.value]);
    }
    std::vector<ValueId> outputs;
    if (options_.claim && support_.Claims(graph_, operation)) {
      std::vector<TensorDescriptor> descriptors;
      for (OperandId id : operation.outputs) descriptors.push_back(graph_.descriptor(id));
      outputs = builder_.AddNode(core::Native{operation}, std::move(inputs), std::move(descriptors));
    } else {
      MODELD_ASSIGN_OR_RETURN(outputs, Decompose(graph_, operation, absl::MakeConstSpan(values_), builder_));
    }
    for (size_t i = 0; i < operation.outputs.size(); ++i) values_[operation.outputs[i].value] = outputs[i];
    return absl::OkStatus();
  }

  const Graph& graph_;
  const core::OpSupport& support_;
  const LowerOptions& options_;
  core::Graph core_;
  core::CoreBuilder builder_;
  // By OperandId; kNone for what has no value yet.
  std::vector<ValueId> values_;
};

absl::Status Check(const core::Graph& graph, absl::string_view stage) {
  return Annotate(core::Verify(graph), absl::StrCat("after ", stage));
}

}  // namespace

absl::StatusOr<core::Graph> Lower(const Graph& graph, const core::OpSupport& support,
                                  const core::Evaluator& evaluator, const LowerOptions& options) {
  MODELD_ASSIGN_OR_RETURN(core::Graph core, Lowerer(graph, support, options).Run());
  MODELD_RETURN_IF_ERROR(Check(core, "decomposition"));
  Simplify(core);
  MODELD_RETURN_IF_ERROR(Check(core, "simplification"));
  MODELD_RETURN_IF_ERROR(FoldConstants(core, evaluator));
  // What was folded leaves constants that nobody reads, and casts or reshapes of what is now constant.
  Simplify(core);
  MODELD_RETURN_IF_ERROR(Check(core, "constant folding"));
  if (options.fuse) {
    Fuse(core, support);
    MODELD_RETURN_IF_ERROR(Check(core, "fusion"));
  }
  return core;
}

}  // namespace modeld
