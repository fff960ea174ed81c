#include "engine/backend/reference/reference_backend.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/reference/kernels.h"

namespace modeld {
namespace {

absl::StatusOr<reference::KernelPtr> KernelFor(const core::Graph& graph, const core::Node& node) {
  if (!node.post_ops.empty() || std::holds_alternative<core::Native>(node.op)) {
    return absl::UnimplementedError(
        absl::StrCat(node.label, ": the reference backend runs no ",
                     node.post_ops.empty() ? core::OpName(node.op) : std::string("fused operations")));
  }
  reference::Operands operands;
  for (core::ValueId id : node.inputs) operands.inputs.push_back(graph.descriptor(id));
  operands.output = graph.descriptor(node.outputs[0]);
  return std::visit(
      [&](const auto& op) -> reference::KernelPtr {
        if constexpr (std::is_same_v<decltype(op), const core::Native&>) {
          return nullptr;
        } else {
          return reference::MakeKernel(op, operands);
        }
      },
      node.op);
}

absl::StatusOr<Region> ConstantOf(const core::Graph& graph, core::ValueId id, const CompileReuse& reuse) {
  const core::Value& value = graph.values[id];
  if (!value.deferred) return value.constant;
  if (reuse.packed == nullptr) return absl::InternalError(absl::StrCat("constant ", id, " has no bytes"));
  return reuse.packed->Constant(id);
}

}  // namespace

DeviceDescription ReferenceBackend::Describe() const {
  return {.name = "reference", .description = "plain loops, one thread", .fingerprint = "reference 1"};
}

bool ReferenceBackend::Claims(const Graph&, const Operation&) const {
  return false;
}

bool ReferenceBackend::Fuses(const core::Graph&, const core::Node&, const core::PostOp&) const {
  return false;
}

absl::StatusOr<std::unique_ptr<Program>> ReferenceBackend::Compile(const core::Graph& graph,
                                                                   const CompileOptions&,
                                                                   const CompileReuse& reuse) const {
  ProgramBuilder builder;
  std::map<core::ValueId, ProgramBuilder::Value> values;
  for (core::ValueId id : graph.inputs) values[id] = builder.AddInput(graph.descriptor(id));
  const auto read = [&](core::ValueId id) -> absl::StatusOr<ProgramBuilder::Value> {
    const auto found = values.find(id);
    if (found != values.end()) return found->second;
    MODELD_ASSIGN_OR_RETURN(Region bytes, ConstantOf(graph, id, reuse));
    return values[id] = builder.AddConstant(std::move(bytes), /*packed=*/false);
  };
  for (const core::Node& node : graph.nodes) {
    MODELD_ASSIGN_OR_RETURN(reference::KernelPtr kernel, KernelFor(graph, node));
    std::vector<ProgramBuilder::Value> inputs;
    for (core::ValueId id : node.inputs) {
      MODELD_ASSIGN_OR_RETURN(inputs.emplace_back(), read(id));
    }
    const core::ValueId output = node.outputs[0];
    if (std::holds_alternative<core::Reshape>(node.op)) {
      values[output] = builder.AddAlias(inputs[0]);
      continue;
    }
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, graph.descriptor(output).ByteSize());
    values[output] = builder.AddIntermediate(bytes);
    builder.AddStep(std::move(kernel), std::move(inputs), {values[output]}, node.label);
  }
  for (core::ValueId id : graph.outputs) {
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, read(id));
    builder.AddOutput(value, graph.descriptor(id));
  }
  return std::move(builder).Build(reuse.layout);
}

absl::StatusOr<std::vector<Region>> ReferenceBackend::Evaluate(const core::Graph& graph,
                                                               const core::Node& node,
                                                               std::span<const Region> inputs) const {
  MODELD_ASSIGN_OR_RETURN(const reference::KernelPtr kernel, KernelFor(graph, node));
  MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, graph.descriptor(node.outputs[0]).ByteSize());
  std::vector<Region> aligned;
  std::vector<const std::byte*> in;
  for (const Region& input : inputs) {
    const bool is_aligned = reinterpret_cast<uintptr_t>(input.bytes().data()) % alignof(uint64_t) == 0;
    aligned.push_back(is_aligned ? input : Region::Copy(input.bytes()));
    in.push_back(aligned.back().bytes().data());
  }
  std::vector<std::byte> result(bytes);
  std::byte* const out = result.data();
  MODELD_RETURN_IF_ERROR(
      Annotate(kernel->Run({.inputs = in, .outputs = {&out, 1}, .scratch = nullptr}), node.label));
  return std::vector<Region>{Region::FromVector(std::move(result))};
}

}  // namespace modeld
