#include "engine/ops/validate.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "engine/graph/graph_error.h"
#include "engine/graph/utf8.h"
#include "engine/ops/attribute_check.h"
#include "engine/ops/infer.h"

namespace modeld {
namespace {

// An error of the graph itself, outside of any operation.
absl::Status GraphError(absl::string_view field, absl::string_view message, std::string expected = "",
                        std::string found = "") {
  return WithErrorSite(
      absl::InvalidArgumentError(absl::StrCat(field, " ", message)),
      {.field = std::string(field), .expected = std::move(expected), .found = std::move(found)});
}

std::string Quoted(absl::string_view name) {
  return absl::StrCat("\"", EscapedForMessage(name), "\"");
}

// Those of bodies included, down to `depth` of them within each other.
size_t CountOfOperations(const Graph& graph, uint32_t depth) {
  size_t count = graph.operations.size();
  for (const Operation& operation : graph.operations) {
    for (const auto& [name, value] : operation.attributes) {
      const auto* body = std::get_if<GraphValue>(&value);
      if (body != nullptr && body->graph != nullptr && depth > 0) {
        count += CountOfOperations(*body->graph, depth - 1);
      }
    }
  }
  return count;
}

// One validation. Every id that a step follows has been checked by an earlier one.
class Validator {
 public:
  // `is_body`: of a composite operation's body, which has neither names nor constants.
  Validator(Graph& graph, const GraphLimits& limits, bool is_body)
      : graph_(graph), limits_(limits), is_body_(is_body), is_written_(graph.operands.size(), false) {}

  absl::Status Run() {
    MODELD_RETURN_IF_ERROR(CheckCounts());
    MODELD_RETURN_IF_ERROR(CheckInputs());
    MODELD_RETURN_IF_ERROR(CheckOperands());
    for (uint32_t i = 0; i < graph_.operations.size(); ++i) MODELD_RETURN_IF_ERROR(CheckOperation(i));
    MODELD_RETURN_IF_ERROR(CheckOutputs());
    return CheckReachability();
  }

 private:
  absl::Status CheckCounts() const {
    const auto check = [](absl::string_view what, size_t found, size_t most) {
      if (found <= most) return absl::OkStatus();
      return GraphError("graph", absl::StrCat("has ", found, " ", what, ", expected at most ", most),
                        absl::StrCat(most), absl::StrCat(found));
    };
    MODELD_RETURN_IF_ERROR(check("operands", graph_.operands.size(), limits_.max_operands));
    MODELD_RETURN_IF_ERROR(
        check("operations", CountOfOperations(graph_, limits_.max_composite_depth), limits_.max_operations));
    MODELD_RETURN_IF_ERROR(check("inputs", graph_.inputs.size(), limits_.max_bindings));
    MODELD_RETURN_IF_ERROR(check("outputs", graph_.outputs.size(), limits_.max_bindings));
    if (graph_.outputs.empty()) return GraphError("graph", "has no output, expected at least one", "1", "0");
    return absl::OkStatus();
  }

  // `what`: "input", "output", for the message.
  absl::Status CheckName(absl::string_view what, const std::string& name,
                         absl::flat_hash_set<absl::string_view>& seen) const {
    const std::string field = absl::StrCat(what, " ", Quoted(name));
    if (is_body_) return name.empty() ? absl::OkStatus() : GraphError(field, "has a name within a body");
    if (name.empty()) return GraphError(field, "has an empty name");
    if (name.size() > limits_.max_string_bytes) {
      return GraphError(field, absl::StrCat("has a name of ", name.size(), " bytes"),
                        absl::StrCat("at most ", limits_.max_string_bytes), absl::StrCat(name.size()));
    }
    if (!IsUtf8(name)) return GraphError(field, "has a name that is not UTF-8");
    if (!seen.insert(name).second) return GraphError(field, "has the name of another one", "a unique name");
    return absl::OkStatus();
  }

  absl::Status CheckInputs() {
    absl::flat_hash_set<absl::string_view> names;
    for (OperandId id : graph_.inputs) {
      if (id.value >= graph_.operands.size() || graph_.operand(id).kind != OperandKind::kInput) {
        return GraphError("graph", absl::StrCat("lists operand ", id.value, " as an input, which it is not"));
      }
      if (is_written_[id.value]) {
        return GraphError("graph", absl::StrCat("lists operand ", id.value, " as an input twice"));
      }
      is_written_[id.value] = true;
      MODELD_RETURN_IF_ERROR(CheckName("input", graph_.operand(id).name, names));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOperands() {
    uint64_t constant_bytes = 0;
    for (size_t i = 0; i < graph_.operands.size(); ++i) {
      const Operand& operand = graph_.operands[i];
      std::string name = absl::StrCat("operand ", i);
      switch (operand.kind) {
        case OperandKind::kInput:
          if (!is_written_[i]) return GraphError(name, "is an input that the graph does not list");
          name = absl::StrCat("input ", Quoted(operand.name));
          break;
        case OperandKind::kConstant:
          name = absl::StrCat("constant ", i);
          if (is_body_) return GraphError(name, "stands in a body, which takes what it needs as inputs");
          is_written_[i] = true;
          break;
        case OperandKind::kIntermediate:
          continue;
        default:
          return GraphError(name, absl::StrCat("is of unknown kind ", static_cast<int>(operand.kind)));
      }
      const absl::Status status = CheckDescriptor(operand.descriptor, limits_);
      if (!status.ok()) return GraphError(name, status.message(), "", operand.descriptor.ToString());
      if (operand.kind == OperandKind::kConstant) {
        MODELD_RETURN_IF_ERROR(CheckConstant(name, operand, constant_bytes));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckConstant(const std::string& name, const Operand& operand, uint64_t& total) const {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, operand.descriptor.ByteSize());
    if (!operand.bytes.empty() && operand.bytes.size() != bytes) {
      return GraphError(name,
                        absl::StrCat("has ", operand.bytes.size(), " bytes, expected ", bytes, " for ",
                                     operand.descriptor.ToString()),
                        absl::StrCat(bytes), absl::StrCat(operand.bytes.size()));
    }
    const auto sum = CheckedAdd(total, bytes);
    if (!sum || *sum > limits_.max_constant_bytes) {
      return GraphError("graph",
                        absl::StrCat("has constants of more than ", limits_.max_constant_bytes, " bytes"),
                        absl::StrCat("at most ", limits_.max_constant_bytes));
    }
    total = *sum;
    return absl::OkStatus();
  }

  absl::Status Error(uint32_t index, absl::string_view field, absl::string_view message,
                     std::string expected = "", std::string found = "") const {
    return OperationError(
        absl::StatusCode::kInvalidArgument, graph_.operations[index], index,
        absl::StrCat(field, " ", message),
        {.field = std::string(field), .expected = std::move(expected), .found = std::move(found)});
  }

  absl::Status CheckOperation(uint32_t index) {
    Operation& operation = graph_.operations[index];
    if (operation.type.size() > limits_.max_string_bytes) operation.type.resize(limits_.max_string_bytes);
    MODELD_RETURN_IF_ERROR(CheckLabel(operation, index, limits_));
    for (OperandId id : OperandsRead(operation)) {
      // Ids beyond the end are InferOperation's to refuse.
      if (id.value < is_written_.size() && !is_written_[id.value]) {
        return Error(index, absl::StrCat("operand ", id.value), "is read before an operation writes it",
                     "an input, a constant or an earlier output");
      }
    }
    MODELD_ASSIGN_OR_RETURN(std::vector<TensorDescriptor> inferred,
                            InferOperation(graph_, operation, index, limits_));
    if (inferred.size() != operation.outputs.size()) {
      return Error(index, "outputs",
                   absl::StrCat("are ", operation.outputs.size(), ", expected ", inferred.size()),
                   absl::StrCat(inferred.size()), absl::StrCat(operation.outputs.size()));
    }
    for (size_t i = 0; i < inferred.size(); ++i) {
      MODELD_RETURN_IF_ERROR(WriteOutput(index, operation.outputs[i], std::move(inferred[i])));
    }
    return absl::OkStatus();
  }

  absl::Status WriteOutput(uint32_t index, OperandId id, TensorDescriptor inferred) {
    const std::string field = absl::StrCat("output operand ", id.value);
    if (id.value >= graph_.operands.size()) {
      return Error(index, field, absl::StrCat("is beyond the ", graph_.operands.size(), " operands"));
    }
    Operand& operand = graph_.operands[id.value];
    if (operand.kind != OperandKind::kIntermediate) {
      return Error(index, field, "is an input or a constant", "an intermediate operand");
    }
    if (is_written_[id.value]) return Error(index, field, "is written twice");
    if (!operand.descriptor.shape.empty() && !(operand.descriptor == inferred)) {
      return Error(
          index, field,
          absl::StrCat("is declared as ", operand.descriptor.ToString(), ", expected ", inferred.ToString()),
          inferred.ToString(), operand.descriptor.ToString());
    }
    operand.descriptor = std::move(inferred);
    is_written_[id.value] = true;
    return absl::OkStatus();
  }

  absl::Status CheckOutputs() const {
    absl::flat_hash_set<absl::string_view> names;
    for (const GraphOutput& output : graph_.outputs) {
      MODELD_RETURN_IF_ERROR(CheckName("output", output.name, names));
      const std::string field = absl::StrCat("output ", Quoted(output.name));
      if (output.operand.value >= graph_.operands.size()) {
        return GraphError(field,
                          absl::StrCat("is operand ", output.operand.value, " of ", graph_.operands.size()));
      }
      if (graph_.operand(output.operand).kind != OperandKind::kIntermediate) {
        return GraphError(field, "is an input or a constant, expected the result of an operation");
      }
      if (!is_written_[output.operand.value]) return GraphError(field, "is written by no operation");
    }
    return absl::OkStatus();
  }

  // Requires: all ids are in range.
  absl::Status CheckReachability() const {
    std::vector<bool> needed(graph_.operands.size(), false);
    for (const GraphOutput& output : graph_.outputs) needed[output.operand.value] = true;
    for (uint32_t i = static_cast<uint32_t>(graph_.operations.size()); i-- > 0;) {
      const Operation& operation = graph_.operations[i];
      const auto is_needed = [&](OperandId id) { return needed[id.value]; };
      if (std::none_of(operation.outputs.begin(), operation.outputs.end(), is_needed)) {
        return Error(i, "result", "does not contribute to any output of the graph");
      }
      for (OperandId id : OperandsRead(operation)) needed[id.value] = true;
    }
    for (size_t i = 0; i < graph_.operands.size(); ++i) {
      const OperandKind kind = graph_.operands[i].kind;
      if (kind == OperandKind::kConstant && !needed[i]) {
        return GraphError(absl::StrCat("constant ", i), "is read by no operation");
      }
      if (kind == OperandKind::kIntermediate && !is_written_[i]) {
        return GraphError(absl::StrCat("operand ", i), "is written by no operation");
      }
    }
    return absl::OkStatus();
  }

  // Fixed at construction.
  Graph& graph_;
  const GraphLimits& limits_;
  const bool is_body_;

  // By operand: it has a value at this point of the walk.
  std::vector<bool> is_written_;
};

}  // namespace

absl::StatusOr<Graph> Validate(Graph graph, const GraphLimits& limits) {
  MODELD_RETURN_IF_ERROR(Validator(graph, limits, /*is_body=*/false).Run());
  return graph;
}

absl::StatusOr<Graph> ValidateBody(Graph body, const GraphLimits& limits) {
  MODELD_RETURN_IF_ERROR(Validator(body, limits, /*is_body=*/true).Run());
  return body;
}

}  // namespace modeld
