#include "daemon/services/context_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "client/codec/support_limits_codec.h"
#include "daemon/services/errors.h"
#include "daemon/services/rpc.h"
#include "daemon/services/tensor_io.h"

namespace modeld {
namespace {

constexpr auto kClient = CallGate::Door::kClient;

absl::StatusOr<ContextWishes> ParseWishes(const v1::CreateContextRequest& request,
                                          uint32_t max_string_bytes) {
  if (!v1::PowerPreference_IsValid(request.power_preference())) {
    return BadField("power_preference",
                    absl::StrCat("is ", static_cast<int>(request.power_preference()), ", which is none"));
  }
  if (request.device().size() > max_string_bytes) {
    return BadField("device",
                    absl::StrCat("has ", request.device().size(), " bytes, at most ", max_string_bytes));
  }
  ContextWishes wishes;
  wishes.low_power = request.power_preference() == v1::POWER_PREFERENCE_LOW_POWER;
  wishes.num_threads = request.num_threads();
  wishes.device = request.device();
  return wishes;
}

void FillCapabilities(const ServiceLimits& limits, const DaemonInfo& info, v1::Capabilities& out) {
  out.set_version(info.version);
  out.set_max_message_bytes(limits.max_message_bytes);
  out.set_max_chunk_bytes(limits.max_chunk_bytes);
  out.set_digest_chunk_bytes(limits.digest_chunk_bytes);
  out.set_max_tensor_bytes(limits.graph.max_tensor_bytes);
  out.set_max_constant_bytes(limits.graph.max_constant_bytes);
  out.set_max_rank(limits.graph.max_rank);
  out.set_max_operations(limits.graph.max_operations);
  out.set_max_operands(limits.graph.max_operands);
  out.set_max_string_bytes(limits.graph.max_string_bytes);
  out.set_max_contexts(limits.max_contexts);
  out.set_max_graphs(limits.max_graphs);
  out.set_max_tensors(limits.max_tensors);
  out.set_max_session_tensor_bytes(limits.max_session_tensor_bytes);
  out.set_max_uploads(limits.max_uploads);
  out.set_max_fetch_candidates(limits.max_fetch_candidates);
  out.set_max_key_bytes(limits.max_key_bytes);
  out.set_memory_socket(info.memory_socket);
  out.set_max_list_elements(limits.graph.max_list_elements);
  out.set_max_bindings(limits.graph.max_bindings);
  out.set_max_calls(limits.max_calls);
  out.set_max_composite_depth(limits.graph.max_composite_depth);
  out.set_max_recurrent_steps(limits.graph.max_recurrent_steps);
}

}  // namespace

grpc::Status ContextService::GetCapabilities(grpc::ServerContext* context, const v1::GetCapabilitiesRequest*,
                                             v1::Capabilities* response) {
  return Serve(gate_, kClient, *context, "ContextService/GetCapabilities", [&](Call&) {
    FillCapabilities(limits_, info_, *response);
    return absl::OkStatus();
  });
}

grpc::Status ContextService::CreateContext(grpc::ServerContext* context,
                                           const v1::CreateContextRequest* request,
                                           v1::CreateContextResponse* response) {
  return Serve(gate_, kClient, *context, "ContextService/CreateContext", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const ContextWishes wishes,
                            ParseWishes(*request, limits_.graph.max_string_bytes));
    MODELD_ASSIGN_OR_RETURN(const Devices::Choice choice, devices_.Choose(wishes));
    MODELD_ASSIGN_OR_RETURN(const auto made,
                            call.objects().AddContext(call.partition(), choice.backend, choice.options));
    metrics_
        .counter(CounterName::kPlacements,
                 {DeviceKind(made->device), wishes.device.empty() ? "default" : "requested"})
        .Add();
    response->set_context_id(made->id);
    return absl::OkStatus();
  });
}

grpc::Status ContextService::GetOpSupportLimits(grpc::ServerContext* context,
                                                const v1::GetOpSupportLimitsRequest* request,
                                                v1::GetOpSupportLimitsResponse* response) {
  return Serve(
      gate_, kClient, *context, "ContextService/GetOpSupportLimits", [&](Call& call) -> absl::Status {
        MODELD_ASSIGN_OR_RETURN(const auto found,
                                call.objects().FindContext(call.partition(), request->context_id()));
        *response =
            EncodeOpSupportLimits(SupportLimitsOf(found->backend.Describe().data_types, limits_.graph));
        return absl::OkStatus();
      });
}

grpc::Status ContextService::DestroyContext(grpc::ServerContext* context,
                                            const v1::DestroyContextRequest* request,
                                            v1::DestroyContextResponse*) {
  return Serve(gate_, kClient, *context, "ContextService/DestroyContext", [&](Call& call) {
    call.objects().RemoveContext(call.partition(), request->context_id());
    return absl::OkStatus();
  });
}

grpc::Status ContextService::CreateTensor(grpc::ServerContext* context,
                                          const v1::CreateTensorRequest* request,
                                          v1::CreateTensorResponse* response) {
  return Serve(gate_, kClient, *context, "ContextService/CreateTensor", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(
        const TensorDescriptor descriptor,
        DecodeTensorDescriptor(request->tensor_descriptor(), limits_.graph, "tensor_descriptor"));
    MODELD_ASSIGN_OR_RETURN(const auto tensor,
                            call.objects().AddTensor(call.partition(), request->context_id(), descriptor));
    response->set_tensor_id(tensor->id);
    response->set_size_bytes(tensor->memory->bytes().size());
    return absl::OkStatus();
  });
}

grpc::Status ContextService::DestroyTensor(grpc::ServerContext* context,
                                           const v1::DestroyTensorRequest* request,
                                           v1::DestroyTensorResponse*) {
  return Serve(gate_, kClient, *context, "ContextService/DestroyTensor", [&](Call& call) {
    call.objects().RemoveTensor(call.partition(), request->tensor_id());
    return absl::OkStatus();
  });
}

grpc::Status ContextService::WriteTensor(grpc::ServerContext* context, const v1::WriteTensorRequest* request,
                                         v1::WriteTensorResponse*) {
  return Serve(gate_, kClient, *context, "ContextService/WriteTensor", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto tensor,
                            call.objects().FindTensor(call.partition(), request->tensor_id()));
    return WriteTensorBytes(*tensor, request->offset_bytes(), request->data(), limits_.max_chunk_bytes);
  });
}

grpc::Status ContextService::ReadTensor(grpc::ServerContext* context, const v1::ReadTensorRequest* request,
                                        v1::ReadTensorResponse* response) {
  return Serve(gate_, kClient, *context, "ContextService/ReadTensor", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto tensor,
                            call.objects().FindTensor(call.partition(), request->tensor_id()));
    MODELD_ASSIGN_OR_RETURN(
        *response->mutable_data(),
        ReadTensorBytes(*tensor, request->offset_bytes(), request->size_bytes(), limits_.max_chunk_bytes));
    return absl::OkStatus();
  });
}

grpc::Status ContextService::OpenMemory(grpc::ServerContext* context, const v1::OpenMemoryRequest* request,
                                        v1::OpenMemoryResponse* response) {
  return Serve(gate_, kClient, *context, "ContextService/OpenMemory", [&](Call& call) -> absl::Status {
    switch (request->what_case()) {
      case v1::OpenMemoryRequest::kReceiveTensorId: {
        MODELD_ASSIGN_OR_RETURN(const auto tensor,
                                call.objects().FindTensor(call.partition(), request->receive_tensor_id()));
        MODELD_ASSIGN_OR_RETURN(*response->mutable_ticket(),
                                // The memory stays charged to the session while the ticket holds it.
                                tickets_.IssueReceive(call.session_id(), std::shared_ptr<SharedMemory>(
                                                                             tensor, tensor->memory.get())));
        return absl::OkStatus();
      }
      case v1::OpenMemoryRequest::kSendBytes: {
        if (request->send_bytes() == 0) return BadField("send_bytes", "is 0");
        MODELD_ASSIGN_OR_RETURN(auto announced,
                                call.objects().OpenMemory(call.partition(), request->send_bytes()));
        response->set_ticket(std::move(announced.ticket));
        response->set_memory_id(announced.memory_id);
        return absl::OkStatus();
      }
      case v1::OpenMemoryRequest::WHAT_NOT_SET:
        break;
    }
    return BadField("what", "is not set");
  });
}

}  // namespace modeld
