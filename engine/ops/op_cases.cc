#include "engine/ops/op_cases.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/core/print.h"
#include "engine/core/verify.h"
#include "engine/graph/graph_error.h"
#include "engine/ops/decompose.h"
#include "engine/ops/infer.h"
#include "engine/ops/table.h"
#include "engine/ops/validate.h"

namespace modeld {
namespace {

void CheckError(const OpCase& op_case, const absl::Status& status) {
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()) == absl::StrCat(op_case.type, " \"op\": ", op_case.expected.substr(2)));
  const std::optional<ErrorSite> site = ErrorSiteOf(status);
  REQUIRE(site.has_value());
  CHECK(site->label == "op");
  CHECK(site->operation_index == 0u);
  CHECK(!site->field.empty());
  // The text begins with the field, so that it reads alone, too.
  CHECK(op_case.expected.rfind(absl::StrCat("! ", site->field, " "), 0) == 0);
  CHECK(site->found.size() + site->expected.size() > 0);
}

core::Graph Decomposed(const Graph& graph) {
  core::Graph result;
  core::CoreBuilder builder(result);
  std::vector<core::ValueId> values(graph.operands.size());
  for (OperandId id : graph.inputs) {
    values[id.value] = builder.AddValue(graph.descriptor(id));
    result.inputs.push_back(values[id.value]);
  }
  absl::StatusOr<std::vector<core::ValueId>> outputs = Decompose(graph, graph.operations[0], values, builder);
  INFO(outputs.status());
  REQUIRE(outputs.ok());
  result.outputs = *std::move(outputs);
  return result;
}

std::string Text(const std::vector<TensorDescriptor>& descriptors) {
  const auto append = [](std::string* out, const TensorDescriptor& d) { out->append(d.ToString()); };
  return absl::StrJoin(descriptors, " ", append);
}

void RunCase(const OpCase& op_case, const GraphLimits& limits) {
  Graph graph = GraphOf(op_case, 1);
  Operation operation = graph.operations[0];
  const absl::StatusOr<std::vector<TensorDescriptor>> inferred = InferOperation(graph, operation, 0, limits);
  if (!inferred.ok()) return CheckError(op_case, inferred.status());
  CHECK(Text(*inferred) == op_case.expected);
  if (Text(*inferred) != op_case.expected) return;
  const absl::StatusOr<Graph> valid = Validate(GraphOf(op_case, inferred->size()), limits);
  INFO(valid.status());
  REQUIRE(valid.ok());
  // What carries a body has no decomposition but that.
  if (FindOp(op_case.type)->decompose == nullptr) return;
  const absl::StatusOr<Graph> again = Validate(*valid, limits);
  REQUIRE(again.ok());
  CHECK(again->operations[0].attributes == valid->operations[0].attributes);
  CHECK(core::Verify(Decomposed(*valid)) == absl::OkStatus());
}

}  // namespace

Graph GraphOf(const OpCase& op_case, size_t outputs) {
  Graph graph;
  const auto add = [&](const TensorDescriptor& descriptor, OperandKind kind) {
    const OperandId id{static_cast<uint32_t>(graph.operands.size())};
    Operand operand;
    operand.kind = kind;
    operand.descriptor = descriptor;
    operand.name = absl::StrCat("in", id.value);
    graph.operands.push_back(std::move(operand));
    if (kind == OperandKind::kInput) graph.inputs.push_back(id);
    return id;
  };
  Operation operation;
  operation.type = op_case.type;
  operation.label = "op";
  operation.attributes = op_case.attributes;
  for (const TensorDescriptor& operand : op_case.operands) {
    operation.inputs.push_back(add(operand, OperandKind::kInput));
  }
  std::vector<OperandId> extras;
  for (const TensorDescriptor& extra : op_case.extras) extras.push_back(add(extra, OperandKind::kInput));
  for (auto& [name, value] : operation.attributes) {
    auto* id = std::get_if<OperandId>(&value);
    if (id != nullptr && id->value < extras.size()) *id = extras[id->value];
  }
  for (size_t i = 0; i < outputs; ++i) {
    operation.outputs.push_back(add({}, OperandKind::kIntermediate));
    graph.outputs.push_back({absl::StrCat("out", i), operation.outputs.back()});
  }
  graph.operations.push_back(std::move(operation));
  return graph;
}

void RunCases(const std::vector<OpCase>& cases, const GraphLimits& limits) {
  for (size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i << ": " << cases[i].type << " " << Text(cases[i].operands) << " -> "
                 << cases[i].expected);
    RunCase(cases[i], limits);
  }
}

core::Graph CoreGraphOf(const OpCase& op_case) {
  Graph once = GraphOf(op_case, 1);
  const absl::StatusOr<std::vector<TensorDescriptor>> inferred =
      InferOperation(once, once.operations[0], 0, {});
  INFO(inferred.status());
  REQUIRE(inferred.ok());
  const absl::StatusOr<Graph> valid = Validate(GraphOf(op_case, inferred->size()), {});
  REQUIRE(valid.ok());
  return Decomposed(*valid);
}

std::string DecompositionOf(const OpCase& op_case) {
  return core::ToString(CoreGraphOf(op_case));
}

}  // namespace modeld
