#include "client/cpp/handles.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "client/cpp/uploader.h"
#include "engine/ops/validate.h"

namespace modeld::client::internal {
namespace {

absl::StatusOr<std::vector<Binding>> DecodeBindings(
    const google::protobuf::RepeatedPtrField<v1::TensorBinding>& bindings, const GraphLimits& limits) {
  std::vector<Binding> result;
  for (const v1::TensorBinding& binding : bindings) {
    auto descriptor = DecodeTensorDescriptor(binding.tensor_descriptor(), limits, binding.name());
    if (!descriptor.ok()) {
      return absl::InternalError(
          absl::StrCat("graph: the daemon's description: ", descriptor.status().message()));
    }
    result.push_back({binding.name(), *std::move(descriptor)});
  }
  return result;
}

}  // namespace

ContextHandle::ContextHandle(Caller the_caller, uint64_t the_id)
    : caller(std::move(the_caller)), id(the_id), limits(LimitsOf(caller.capabilities())) {}

GraphLimits LimitsOf(const v1::Capabilities& capabilities) {
  GraphLimits limits;
  const auto set = [](auto& limit, auto published) {
    if (published != 0) limit = published;
  };
  set(limits.max_rank, capabilities.max_rank());
  set(limits.max_tensor_bytes, capabilities.max_tensor_bytes());
  set(limits.max_constant_bytes, capabilities.max_constant_bytes());
  set(limits.max_operands, capabilities.max_operands());
  set(limits.max_operations, capabilities.max_operations());
  set(limits.max_bindings, capabilities.max_bindings());
  set(limits.max_composite_depth, capabilities.max_composite_depth());
  set(limits.max_recurrent_steps, capabilities.max_recurrent_steps());
  set(limits.max_string_bytes, capabilities.max_string_bytes());
  set(limits.max_list_elements, capabilities.max_list_elements());
  return limits;
}

absl::StatusOr<std::span<std::byte>> TensorHandle::Memory(const CallScope& scope) const {
  if (!caller().shared_memory()) return absl::UnimplementedError("tensor: shared memory is switched off");
  absl::MutexLock lock(&mu);
  if (!tried) {
    v1::OpenMemoryRequest request;
    request.set_receive_tensor_id(id);
    MODELD_ASSIGN_OR_RETURN(v1::OpenMemoryResponse response, caller().Call(kOpenMemory, request, scope));
    tried = true;
    auto memfd = ReceiveMemory(caller().capabilities().memory_socket(), response.ticket());
    if (memfd.ok()) {
      mapping = Mapping::Map(*memfd, size_bytes);
    } else {
      mapping = memfd.status();
    }
  }
  if (!mapping.ok()) return mapping.status();
  return (*mapping)->bytes();
}

absl::StatusOr<std::shared_ptr<const GraphHandle>> NewGraphHandle(
    std::shared_ptr<const ContextHandle> context, const v1::GraphHandle& handle) {
  MODELD_ASSIGN_OR_RETURN(auto inputs, DecodeBindings(handle.inputs(), context->limits));
  MODELD_ASSIGN_OR_RETURN(auto outputs, DecodeBindings(handle.outputs(), context->limits));
  return std::shared_ptr<const GraphHandle>(
      new GraphHandle{std::move(context), handle.graph_id(), std::move(inputs), std::move(outputs)});
}

absl::StatusOr<modeld::Graph> PrepareGraph(modeld::Graph graph, const GraphLimits& limits) {
  for (modeld::Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    MODELD_ASSIGN_OR_RETURN(const uint64_t size, operand.descriptor.ByteSize());
    if (!operand.bytes.empty() && operand.bytes.size() != size) {
      return absl::InvalidArgumentError(absl::StrCat("constant ", operand.descriptor.ToString(), ": ",
                                                     operand.bytes.size(), " bytes; expected ", size));
    }
    if (operand.digest == Digest()) operand.digest = Digest::Of(operand.bytes.bytes());
  }
  absl::StatusOr<modeld::Graph> valid = Validate(graph, limits);
  if (absl::IsUnimplemented(valid.status())) return graph;
  return valid;
}

absl::StatusOr<std::shared_ptr<const GraphHandle>> BuildPrepared(
    const std::shared_ptr<const ContextHandle>& context, const modeld::Graph& graph, const CallScope& scope,
    const BuildOptions& options) {
  // The daemon may give up what it had only just taken; then it asks again. More often is a fault.
  constexpr int kRounds = 3;
  v1::BuildRequest request;
  request.set_context_id(context->id);
  request.set_uncacheable(options.uncacheable);
  *request.mutable_graph() = EncodeGraph(graph);
  const uint64_t limit = context->caller.capabilities().max_message_bytes();
  if (limit != 0 && request.ByteSizeLong() > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph: ", request.ByteSizeLong(), " bytes as a message; expected at most ", limit));
  }
  Uploader uploader(context->caller, graph, scope, options.progress, options.uncacheable);
  for (int round = 0; round < kRounds; ++round) {
    MODELD_ASSIGN_OR_RETURN(v1::BuildResponse response, context->caller.Call(kBuild, request, scope));
    if (response.has_graph()) return NewGraphHandle(context, response.graph());
    MODELD_RETURN_IF_ERROR(uploader.Upload(response.missing()));
  }
  return absl::AbortedError("graph: the daemon keeps asking for constants that were uploaded");
}

}  // namespace modeld::client::internal
