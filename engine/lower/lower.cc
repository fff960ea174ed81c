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
#include "engine/lower/operations.h"
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
        places_(OperationsInOrder(graph)),
        values_(graph.operands.size(), kNone) {}

  absl::StatusOr<core::Graph> Run() {
    for (OperandId id : graph_.inputs) {
      values_[id.value] = builder_.AddValue(graph_.descriptor(id));
      core_.inputs.push_back(values_[id.value]);
    }
    MODELD_RETURN_IF_ERROR(TranslateAll(0, places_.size(), values_));
    for (const GraphOutput& output : graph_.outputs) {
      MODELD_RETURN_IF_ERROR(
          Annotate(Need(graph_, output.operand, values_), absl::StrCat("output \"", output.name, "\"")));
      core_.outputs.push_back(values_[output.operand.value]);
    }
    return std::move(core_);
  }

 private:
  // Values by OperandId of the graph at hand: the whole one, or a body.
  using Values = std::vector<ValueId>;

  // The operations at places_[first, last), all of one graph.
  absl::Status TranslateAll(size_t first, size_t last, Values& values) {
    for (size_t i = first; i < last; i = places_[i].end) {
      const OperationPlace& place = places_[i];
      builder_.set_label(place.name, static_cast<uint32_t>(i));
      const absl::Status status = Translate(i, values);
      // What went wrong in a body has been named there.
      if (!status.ok()) return BodyOf(*place.operation) == nullptr ? Annotate(status, place.name) : status;
      if (core_.nodes.size() > options_.max_core_nodes) {
        return absl::ResourceExhaustedError(absl::StrCat(place.name, ": the graph comes to more than ",
                                                         options_.max_core_nodes, " core operations here"));
      }
    }
    return absl::OkStatus();
  }

  // Makes a constant's value when it is first used.
  absl::Status Need(const Graph& graph, OperandId id, Values& values) {
    if (values[id.value] != kNone) return absl::OkStatus();
    const Operand& operand = graph.operand(id);
    if (operand.kind != OperandKind::kConstant) {
      return absl::InternalError(absl::StrCat("operand ", id.value, " is used before it is computed"));
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t expected, operand.descriptor.ByteSize());
    if (operand.bytes.size() != expected) {
      return absl::InvalidArgumentError(absl::StrCat("constant ", id.value, ": ", operand.bytes.size(),
                                                     " bytes are present, ", operand.descriptor.ToString(),
                                                     " takes ", expected));
    }
    values[id.value] = builder_.AddConstant(operand.descriptor, operand.bytes);
    return absl::OkStatus();
  }

  absl::Status Translate(size_t at, Values& values) {
    const Graph& graph = *places_[at].graph;
    const Operation& operation = *places_[at].operation;
    // The operands, then those of the attributes by name: the order of a Native's inputs.
    std::vector<ValueId> inputs;
    for (OperandId id : OperandsRead(operation)) {
      MODELD_RETURN_IF_ERROR(Need(graph, id, values));
      inputs.push_back(values[id.value]);
    }
    std::vector<ValueId> outputs;
    if (options_.claim && support_.Claims(graph, operation)) {
      std::vector<TensorDescriptor> descriptors;
      for (OperandId id : operation.outputs) descriptors.push_back(graph.descriptor(id));
      outputs = builder_.AddNode(core::Native{operation, static_cast<uint32_t>(at)}, std::move(inputs),
                                 std::move(descriptors));
    } else if (const Graph* body = BodyOf(operation)) {
      MODELD_ASSIGN_OR_RETURN(outputs, TranslateBody(*body, at, inputs));
    } else {
      MODELD_ASSIGN_OR_RETURN(outputs, Decompose(graph, operation, absl::MakeConstSpan(values), builder_));
    }
    for (size_t i = 0; i < operation.outputs.size(); ++i) values[operation.outputs[i].value] = outputs[i];
    return absl::OkStatus();
  }

  // `at`: the place of the operation that carries the body.
  absl::StatusOr<Values> TranslateBody(const Graph& body, size_t at, const Values& inputs) {
    Values values(body.operands.size(), kNone);
    for (size_t i = 0; i < inputs.size(); ++i) values[body.inputs[i].value] = inputs[i];
    MODELD_RETURN_IF_ERROR(TranslateAll(at + 1, places_[at].end, values));
    Values outputs;
    for (const GraphOutput& output : body.outputs) outputs.push_back(values[output.operand.value]);
    return outputs;
  }

  const Graph& graph_;
  const core::OpSupport& support_;
  const LowerOptions& options_;
  core::Graph core_;
  core::CoreBuilder builder_;
  const std::vector<OperationPlace> places_;
  // kNone for what has no value yet.
  Values values_;
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
