// One node of whatever graph, and the graphs within a node.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/inexpressible.h"

namespace modeld::importer {

const Converter* FindConverter(absl::string_view domain, absl::string_view op_type) {
  if (domain == "ai.onnx") domain = "";
  for (const std::span<const Converter> family : {MathConverters(),
                                                  TrigonometryConverters(),
                                                  ActivationConverters(),
                                                  ReduceConverters(),
                                                  ConvolutionConverters(),
                                                  PoolConverters(),
                                                  NnConverters(),
                                                  ShapeConverters(),
                                                  MovementConverters(),
                                                  SampleConverters(),
                                                  SignalConverters(),
                                                  ControlConverters(),
                                                  RecurrentConverters(),
                                                  QuantizedConverters(),
                                                  QuantizedProductConverters(),
                                                  NormalizationConverters(),
                                                  AttentionConverters(),
                                                  FusedConverters(),
                                                  EinsumConverters(),
                                                  ResizeConverters()}) {
    for (const Converter& converter : family) {
      if (converter.op_type == op_type && converter.domain == domain) return &converter;
    }
  }
  return nullptr;
}

absl::StatusOr<bool> ImportNode(NodeContext& node) {
  const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
  if (standard) {
    MODELD_ASSIGN_OR_RETURN(const bool folded, FoldNode(node));
    if (folded) return true;
  }
  if (const Converter* converter = FindConverter(node.domain(), node.op_type())) {
    MODELD_RETURN_IF_ERROR(converter->convert(node));
    return false;
  }
  if (const std::optional<Reason> reason = WhyInexpressible(node.domain(), node.op_type())) {
    return node.Unsupported(absl::StrCat("is not supported: ", ReasonText(*reason)), *reason);
  }
  if (!standard || !CanFold(node.op_type())) {
    return absl::UnimplementedError(absl::StrCat(node.Name(), ": is not supported"));
  }
  for (int i = 0; i < node.input_count(); ++i) {
    if (node.HasInput(i) && node.HostInput(i) == nullptr) return node.MustBeKnown(i, "an input");
  }
  return node.Unsupported("has operands too large to be computed while importing");
}

absl::StatusOr<std::vector<Value>> NodeContext::Subgraph(absl::string_view name) {
  const auto* attribute = FindAttribute(name);
  if (attribute == nullptr || !attribute->has_g()) {
    return Invalid(absl::StrCat("attribute ", name, " is no graph"));
  }
  const onnx::GraphProto& graph = attribute->g();
  if (graph.input_size() > 0) return Invalid(absl::StrCat(name, " has inputs"));
  context_.EnterScope();
  const auto convert = [&]() -> absl::StatusOr<std::vector<Value>> {
    for (const auto& tensor : graph.initializer()) {
      absl::StatusOr<HostTensor> host = ReadTensor(tensor, owner_, files_);
      if (!host.ok()) return Annotate(host.status(), absl::StrCat("initializer \"", tensor.name(), "\""));
      MODELD_RETURN_IF_ERROR(context_.Define(tensor.name(), {.host = *std::move(host)}));
    }
    for (const auto& node : graph.node()) {
      NodeContext inner(node, opset_, context_, files_, owner_);
      MODELD_RETURN_IF_ERROR(ImportNode(inner).status());
    }
    std::vector<Value> outputs;
    for (const auto& output : graph.output()) {
      const Value* value = context_.Find(output.name());
      if (value == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("output \"", output.name(), "\" is never computed"));
      }
      outputs.push_back(*value);
    }
    return outputs;
  };
  absl::StatusOr<std::vector<Value>> outputs = convert();
  context_.LeaveScope();
  if (!outputs.ok()) return Annotate(outputs.status(), absl::StrCat(Name(), ": ", name));
  return outputs;
}

}  // namespace modeld::importer
