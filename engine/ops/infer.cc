#include "engine/ops/infer.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "engine/graph/graph_error.h"
#include "engine/ops/attribute_check.h"
#include "engine/ops/op_context.h"
#include "engine/ops/shared_rules.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

// Quoted and cut: names that come from outside may hold anything.
std::string RankText(const RankRange& ranks, uint32_t max_rank) {
  if (ranks.min == ranks.max) return absl::StrCat(ranks.min);
  return absl::StrCat(ranks.min, " to ", std::min(ranks.max, max_rank));
}

absl::Status CheckCountOfInputs(const InferContext& context, const OpSchema& schema) {
  const size_t found = context.input_count();
  const size_t least = schema.operands.size();
  const bool fits = schema.variadic ? found >= least : found == least;
  if (!fits) {
    const std::string expected = absl::StrCat(schema.variadic ? "at least " : "", least);
    return context.Error("operands", absl::StrCat("are ", found, ", expected ", expected), expected,
                         absl::StrCat(found));
  }
  if (found > context.limits().max_list_elements) {
    return context.Error("operands", absl::StrCat("are more than ", context.limits().max_list_elements),
                         absl::StrCat("at most ", context.limits().max_list_elements), absl::StrCat(found));
  }
  return absl::OkStatus();
}

absl::Status CheckIds(const Graph& graph, const InferContext& context, const Operation& operation) {
  const auto check = [&](absl::string_view field, OperandId id) -> absl::Status {
    if (id.value < graph.operands.size()) return absl::OkStatus();
    return context.Error(field, absl::StrCat("is operand ", id.value, " of ", graph.operands.size()),
                         absl::StrCat("below ", graph.operands.size()), absl::StrCat(id.value));
  };
  for (size_t i = 0; i < operation.inputs.size(); ++i) {
    MODELD_RETURN_IF_ERROR(check(absl::StrCat("operand ", i), operation.inputs[i]));
  }
  for (const auto& [name, value] : operation.attributes) {
    if (const auto* id = std::get_if<OperandId>(&value)) MODELD_RETURN_IF_ERROR(check(name, *id));
    if (const auto* ids = std::get_if<std::vector<OperandId>>(&value)) {
      for (OperandId id : *ids) MODELD_RETURN_IF_ERROR(check(name, id));
    }
  }
  return absl::OkStatus();
}

// The operand's type and rank. `same_as`: the operand whose type it shares, or null.
absl::Status CheckOperand(const InferContext& context, absl::string_view name,
                          const TensorDescriptor& descriptor, TypeSet types, RankRange ranks,
                          const TensorDescriptor* same_as, absl::string_view same_as_name) {
  if (!types.Contains(descriptor.data_type)) {
    return context.Error(
        name,
        absl::StrCat("has data type ", DataTypeName(descriptor.data_type), ", expected ", types.ToString()),
        types.ToString(), std::string(DataTypeName(descriptor.data_type)));
  }
  if (same_as != nullptr && descriptor.data_type != same_as->data_type) {
    return context.Error(name,
                         absl::StrCat("has data type ", DataTypeName(descriptor.data_type), ", expected ",
                                      DataTypeName(same_as->data_type), " like ", same_as_name),
                         std::string(DataTypeName(same_as->data_type)),
                         std::string(DataTypeName(descriptor.data_type)));
  }
  const size_t rank = descriptor.shape.size();
  if (rank < ranks.min || rank > ranks.max) {
    const std::string expected = RankText(ranks, context.limits().max_rank);
    return context.Error(name, absl::StrCat("has rank ", rank, ", expected ", expected), expected,
                         absl::StrCat(rank));
  }
  return absl::OkStatus();
}

absl::Status CheckOperands(const InferContext& context, const OpSchema& schema) {
  const auto operand_schema = [&](size_t i) -> const OperandSchema& {
    return schema.operands[std::min(i, schema.operands.size() - 1)];
  };
  for (size_t i = 0; i < context.input_count(); ++i) {
    const OperandSchema& row = operand_schema(i);
    const TensorDescriptor* same = row.same_type_as < 0 ? nullptr : &context.input(row.same_type_as);
    const absl::string_view same_name = row.same_type_as < 0 ? "" : operand_schema(row.same_type_as).name;
    const std::string name = schema.variadic && i + 1 >= schema.operands.size()
                                 ? absl::StrCat(row.name, "[", i + 1 - schema.operands.size(), "]")
                                 : std::string(row.name);
    MODELD_RETURN_IF_ERROR(
        CheckOperand(context, name, context.input(i), row.types, row.ranks, same, same_name));
  }
  for (const AttributeSchema& row : schema.attributes) {
    if (row.kind != AttributeKind::kOperand || !context.Has(row.name)) continue;
    const TensorDescriptor* same = row.same_type_as < 0 ? nullptr : &context.input(row.same_type_as);
    const absl::string_view same_name = row.same_type_as < 0 ? "" : operand_schema(row.same_type_as).name;
    MODELD_RETURN_IF_ERROR(CheckOperand(context, row.name, *context.OptionalInput(row.name), row.types,
                                        row.ranks, same, same_name));
  }
  return absl::OkStatus();
}

// Validates the bodies that the operation carries and puts the completed ones in their place.
absl::Status CompleteBodies(InferContext& context, const OpSchema& schema) {
  for (const AttributeSchema& row : schema.attributes) {
    if (row.kind != AttributeKind::kGraph || !context.Has(row.name)) continue;
    const std::shared_ptr<const Graph> body = context.Body(row.name).graph;
    if (body == nullptr) return context.Error(row.name, "is empty", "a graph");
    GraphLimits limits = context.limits();
    if (limits.max_composite_depth == 0) return context.Error(row.name, "is nested too deeply");
    --limits.max_composite_depth;
    absl::StatusOr<Graph> completed = ValidateBody(*body, limits);
    if (!completed.ok())
      return context.Error(row.name, absl::StrCat("is wrong: ", completed.status().message()));
    context.Set(row.name, GraphValue{std::make_shared<const Graph>(*std::move(completed))});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TensorDescriptor>> InferOperation(const Graph& graph, Operation& operation,
                                                             uint32_t index, const GraphLimits& limits) {
  MODELD_RETURN_IF_ERROR(CheckLabel(operation, index, limits));
  const OpSchema* schema = FindOp(operation.type);
  if (schema == nullptr) {
    return OperationError(absl::StatusCode::kUnimplemented, operation, index, "the operation is unknown",
                          {.field = "type", .found = operation.type.substr(0, limits.max_string_bytes)});
  }
  InferContext context(graph, operation, index, limits);
  MODELD_RETURN_IF_ERROR(CheckCountOfInputs(context, *schema));
  MODELD_RETURN_IF_ERROR(CheckIds(graph, context, operation));
  MODELD_RETURN_IF_ERROR(CheckAttributes(context, *schema));
  MODELD_RETURN_IF_ERROR(CheckOperands(context, *schema));
  MODELD_RETURN_IF_ERROR(CompleteAttributes(context, *schema));
  MODELD_RETURN_IF_ERROR(CompleteBodies(context, *schema));
  MODELD_ASSIGN_OR_RETURN(std::vector<TensorDescriptor> outputs, schema->infer(context));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const absl::Status status = CheckDescriptor(outputs[i], limits);
    if (status.ok()) continue;
    return context.Error(outputs.size() == 1 ? "output" : absl::StrCat("output ", i), status.message(), "",
                         outputs[i].ToString());
  }
  return outputs;
}

absl::Status CheckDescriptor(const TensorDescriptor& descriptor, const GraphLimits& limits) {
  const size_t rank = descriptor.shape.size();
  if (rank > limits.max_rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("has rank ", rank, ", expected at most ", limits.max_rank));
  }
  const auto fail = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(descriptor.ToString(), " ", what));
  };
  int64_t count = 1;
  for (uint32_t size : descriptor.shape) {
    if (size == 0) return fail("has a dimension of size 0");
    const auto product = CheckedMul<int64_t>(count, size);
    if (!product || *product > kMaxDimension) {
      return fail(absl::StrCat("has more than ", kMaxDimension, " elements"));
    }
    count = *product;
  }
  const absl::StatusOr<uint64_t> bytes = descriptor.ByteSize();
  if (!bytes.ok()) return bytes.status();
  if (*bytes > limits.max_tensor_bytes) {
    return fail(absl::StrCat("takes ", *bytes, " bytes, expected at most ", limits.max_tensor_bytes));
  }
  return absl::OkStatus();
}

}  // namespace modeld
