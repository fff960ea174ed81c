#include "tests/fuzz/bound_graph.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/core/core_builder.h"
#include "engine/core/verify.h"
#include "engine/ops/decompose.h"
#include "tests/fuzz/bound_functions.h"
#include "tests/fuzz/bound_ops.h"

namespace modeld::fuzz {
namespace {

// Computes one node.
class NodeEvaluator {
 public:
  NodeEvaluator(Inputs in, BoundTensor& output) : in_(in), output_(output) {}

  void operator()(const core::Unary& op) {
    Elementwise([&](size_t i) { return Apply(op.function, in_[0]->descriptor.data_type, At(0, i)); });
  }
  void operator()(const core::Binary& op) {
    Elementwise(
        [&](size_t i) { return Apply(op.function, output_.descriptor.data_type, At(0, i), At(1, i)); });
  }
  void operator()(const core::Compare& op) {
    Elementwise([&](size_t i) { return Apply(op.comparison, At(0, i), At(1, i)); });
  }
  void operator()(const core::Select&) {
    Elementwise([&](size_t i) { return Select(At(0, i), At(1, i), At(2, i)); });
  }
  void operator()(const core::Cast&) {
    Elementwise(
        [&](size_t i) { return Cast(At(0, i), in_[0]->descriptor.data_type, output_.descriptor.data_type); });
  }
  void operator()(const core::Native&) {}
  template <typename Op>
  void operator()(const Op& op) {
    Evaluate(op, in_, output_);
  }

 private:
  const Bound& At(size_t input, size_t element) const { return in_[input]->elements[element]; }

  template <typename F>
  void Elementwise(F f) {
    for (size_t i = 0; i < output_.elements.size(); ++i) output_.elements[i] = f(i);
  }

  Inputs in_;
  BoundTensor& output_;
};

// Appends a graph, or a composite operation's body, whose inputs have these values; returns its outputs'.
absl::StatusOr<std::vector<core::ValueId>> Append(const Graph& graph,
                                                  const std::vector<core::ValueId>& inputs,
                                                  core::CoreBuilder& builder) {
  std::vector<core::ValueId> values(graph.operands.size(), 0);
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i].value] = inputs[i];
  for (size_t i = 0; i < graph.operands.size(); ++i) {
    const Operand& operand = graph.operands[i];
    if (operand.kind == OperandKind::kConstant) {
      values[i] = builder.AddConstant(operand.descriptor, operand.bytes);
    }
  }
  for (size_t i = 0; i < graph.operations.size(); ++i) {
    const Operation& operation = graph.operations[i];
    builder.set_label(OperationName(operation, i));
    absl::StatusOr<std::vector<core::ValueId>> outputs;
    const auto body = operation.attributes.find("body");
    if (operation.type == "composite" && body != operation.attributes.end()) {
      std::vector<core::ValueId> operands;
      for (OperandId id : operation.inputs) operands.push_back(values[id.value]);
      outputs = Append(*std::get<GraphValue>(body->second).graph, operands, builder);
    } else {
      outputs = Decompose(graph, operation, values, builder);
    }
    MODELD_RETURN_IF_ERROR(outputs.status());
    for (size_t k = 0; k < outputs->size(); ++k) values[operation.outputs[k].value] = (*outputs)[k];
  }
  std::vector<core::ValueId> outputs;
  for (const GraphOutput& output : graph.outputs) outputs.push_back(values[output.operand.value]);
  return outputs;
}

}  // namespace

absl::StatusOr<core::Graph> Decomposed(const Graph& graph) {
  core::Graph core;
  core::CoreBuilder builder(core);
  std::vector<core::ValueId> inputs;
  for (OperandId id : graph.inputs) inputs.push_back(builder.AddValue(graph.descriptor(id)));
  MODELD_ASSIGN_OR_RETURN(std::vector<core::ValueId> outputs, Append(graph, inputs, builder));
  core.inputs = std::move(inputs);
  core.outputs = std::move(outputs);
  MODELD_RETURN_IF_ERROR(core::Verify(core));
  return core;
}

std::vector<BoundTensor> Evaluate(const core::Graph& graph, std::span<const BoundTensor> inputs) {
  std::vector<BoundTensor> values(graph.values.size());
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const core::Value& value = graph.values[i];
    if (value.is_constant()) values[i] = Known(value.descriptor, value.constant.bytes().data());
  }
  for (size_t i = 0; i < graph.inputs.size(); ++i) values[graph.inputs[i]] = inputs[i];
  for (const core::Node& node : graph.nodes) {
    std::vector<const BoundTensor*> in;
    for (core::ValueId id : node.inputs) in.push_back(&values[id]);
    BoundTensor& output = values[node.outputs[0]];
    output.descriptor = graph.descriptor(node.outputs[0]);
    output.elements.resize(output.descriptor.ElementCount());
    NodeEvaluator evaluator(in, output);
    std::visit(evaluator, node.op);
  }
  std::vector<BoundTensor> outputs;
  for (core::ValueId id : graph.outputs) outputs.push_back(values[id]);
  return outputs;
}

}  // namespace modeld::fuzz
