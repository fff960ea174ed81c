#include "tests/conformance/run_case.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tests/conformance/adapt.h"
#include "tests/conformance/bind.h"

namespace modeld::conformance {
namespace {

constexpr uint64_t kComparedOfFilled = 1000;

// Puts a case's graph together, call by call.
class Assembly {
 public:
  explicit Assembly(const client::Context& context) : builder_(context) {}

  absl::Status AddTensor(const std::string& name, const CaseTensor& tensor) {
    const DataType type = tensor.descriptor.data_type;
    const client::MaybeOperand operand =
        tensor.constant ? builder_.ConstantCopy(tensor.descriptor, Pack(type, tensor.elements))
                        : builder_.Input(name, tensor.descriptor);
    if (!operand.ok()) return Annotate(operand.status(), name);
    return Name(name, *operand);
  }

  absl::Status AddOperator(const Operator& op) {
    const auto descriptor_of = [this](const std::string& name) -> std::optional<TensorDescriptor> {
      const auto operand = operands_.find(name);
      if (operand == operands_.end()) return std::nullopt;
      return operand->second.descriptor();
    };
    for (const Operator& call : Adapt(op, descriptor_of)) MODELD_RETURN_IF_ERROR(AddCall(call));
    return absl::OkStatus();
  }

  absl::StatusOr<client::Graph> Build(const std::map<std::string, CaseTensor>& expected) {
    client::NamedOperands outputs;
    for (const auto& [name, tensor] : expected) {
      const auto operand = operands_.find(name);
      if (operand == operands_.end()) {
        return absl::InvalidArgumentError(absl::StrCat("expectedOutputs: nothing computes \"", name, "\""));
      }
      outputs.emplace_back(name, operand->second);
    }
    return builder_.Build(outputs);
  }

 private:
  absl::Status AddCall(const Operator& call) {
    MODELD_ASSIGN_OR_RETURN(BoundCall bound, Bind(call, operands_));
    auto results = builder_.AddOperation(bound.type, bound.inputs, std::move(bound.attributes), bound.label);
    if (!results.ok()) return results.status();
    if (call.outputs.empty() || call.outputs.size() > results->size()) {
      return absl::InvalidArgumentError(absl::StrCat(call.name, ": returns ", results->size(),
                                                     " operands, the case names ", call.outputs.size()));
    }
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      MODELD_RETURN_IF_ERROR(Name(call.outputs[i], (*results)[i]));
    }
    return absl::OkStatus();
  }

  absl::Status Name(const std::string& name, const client::Operand& operand) {
    if (operands_.emplace(name, operand).second) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" names two operands"));
  }

  client::GraphBuilder builder_;
  Operands operands_;
};

// What is wrong with one output; empty: nothing.
std::string CheckOutput(const CaseTensor& expected, const CaseTensor& got, const Tolerance& tolerance,
                        double& worst) {
  if (got.descriptor != expected.descriptor) {
    return absl::StrCat("expected ", expected.descriptor.ToString(), ", got ", got.descriptor.ToString());
  }
  const size_t count = expected.filled ? std::min<size_t>(expected.elements.size(), kComparedOfFilled)
                                       : expected.elements.size();
  const DataType type = expected.descriptor.data_type;
  const Comparison comparison = Compare(type, std::span(expected.elements).first(count),
                                        std::span(got.elements).first(count), tolerance);
  worst = std::max(worst, comparison.worst);
  return comparison.wrong == 0 ? "" : Describe(type, comparison, tolerance);
}

}  // namespace

absl::StatusOr<CaseOutputs> ComputeCase(const client::Context& context, const Case& parsed) {
  Assembly assembly(context);
  for (const auto& [name, tensor] : parsed.inputs) MODELD_RETURN_IF_ERROR(assembly.AddTensor(name, tensor));
  for (const Operator& op : parsed.operators) MODELD_RETURN_IF_ERROR(assembly.AddOperator(op));
  MODELD_ASSIGN_OR_RETURN(const client::Graph graph, assembly.Build(parsed.expected));
  std::map<std::string, std::vector<std::byte>> bytes;
  client::NamedBytes inputs;
  for (const client::Binding& input : graph.inputs()) {
    bytes[input.name] = Pack(input.descriptor.data_type, parsed.inputs.at(input.name).elements);
    inputs[input.name] = bytes[input.name];
  }
  MODELD_ASSIGN_OR_RETURN(const client::RunResult result, graph.Run(inputs));
  CaseOutputs outputs;
  for (const client::Binding& output : graph.outputs()) {
    CaseTensor& tensor = outputs[output.name];
    tensor.descriptor = output.descriptor;
    MODELD_RETURN_IF_ERROR(output.descriptor.ByteSize().status());
    MODELD_ASSIGN_OR_RETURN(tensor.elements,
                            Unpack(output.descriptor.data_type, result.outputs.at(output.name),
                                   output.descriptor.ElementCount()));
  }
  return outputs;
}

CaseVerdict CheckOutputs(const Case& parsed, const CaseOutputs& outputs) {
  CaseVerdict verdict;
  for (const auto& [name, expected] : parsed.expected) {
    const auto got = outputs.find(name);
    const std::string message = got == outputs.end()
                                    ? "was not computed"
                                    : CheckOutput(expected, got->second, parsed.tolerance, verdict.worst);
    if (!message.empty()) verdict.wrong.push_back(absl::StrCat("output \"", name, "\": ", message));
  }
  return verdict;
}

}  // namespace modeld::conformance
