#include "daemon/services/admin_service.h"

#include <optional>

#include "base/status.h"
#include "daemon/services/convert.h"
#include "daemon/services/rpc.h"

namespace modeld {
namespace {

constexpr auto kAdmin = CallGate::Door::kAdmin;

}  // namespace

grpc::Status AdminService::GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest*,
                                     v1::GetStatusResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/GetStatus", [&](Call&) {
    *response = admin_.Status();
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                                      v1::ListModelsResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/ListModels", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, admin_.Models(request->partition()));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                                    v1::GetModelResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/GetModel", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    MODELD_ASSIGN_OR_RETURN(*response, admin_.Model(id));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::DeleteModel(grpc::ServerContext* context, const v1::DeleteModelRequest* request,
                                       v1::DeleteModelResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/DeleteModel", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    MODELD_ASSIGN_OR_RETURN(*response, admin_.DeleteModel(id, request->partition()));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListPartitions(grpc::ServerContext* context, const v1::ListPartitionsRequest*,
                                          v1::ListPartitionsResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/ListPartitions", [&](Call&) {
    *response = admin_.Partitions();
    return absl::OkStatus();
  });
}

grpc::Status AdminService::RemovePartition(grpc::ServerContext* context,
                                           const v1::RemovePartitionRequest* request,
                                           v1::RemovePartitionResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/RemovePartition", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, admin_.RemovePartition(request->partition()));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest*,
                                        v1::ListSessionsResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/ListSessions", [&](Call&) {
    *response = admin_.Sessions();
    return absl::OkStatus();
  });
}

grpc::Status AdminService::StopModel(grpc::ServerContext* context, const v1::StopModelRequest* request,
                                     v1::StopModelResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/StopModel", [&](Call& call) -> absl::Status {
    std::optional<Digest> id;
    if (!request->model_id().empty()) {
      MODELD_ASSIGN_OR_RETURN(id, ParseModelId(request->model_id(), "model_id"));
    }
    MODELD_ASSIGN_OR_RETURN(*response, admin_.Stop(id, call.cancellation()));
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ExportModel(grpc::ServerContext* context, const v1::ExportModelRequest* request,
                                       grpc::ServerWriter<v1::ExportModelResponse>* writer) {
  return Serve(gate_, kAdmin, *context, "AdminService/ExportModel", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    return admin_.Export(id, [&](const v1::ExportModelResponse& message) {
      return !call.cancellation().Poll() && writer->Write(message);
    });
  });
}

grpc::Status AdminService::GetMetrics(grpc::ServerContext* context, const v1::GetMetricsRequest*,
                                      v1::GetMetricsResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/GetMetrics", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response->mutable_text(), activity_.MetricsText());
    return absl::OkStatus();
  });
}

grpc::Status AdminService::WatchActivity(grpc::ServerContext* context,
                                         const v1::WatchActivityRequest* request,
                                         grpc::ServerWriter<v1::ActivityResponse>* writer) {
  return Serve(gate_, kAdmin, *context, "AdminService/WatchActivity", [&](Call& call) -> absl::Status {
    const auto wanted = [&]() -> absl::Status {
      MODELD_RETURN_IF_ERROR(call.cancellation().Check());
      return gate_.CheckOpen();
    };
    return activity_.Watch(request->interval_ms(), wanted,
                           [&](const v1::ActivityResponse& message) { return writer->Write(message); });
  });
}

grpc::Status AdminService::Diagnose(grpc::ServerContext* context, const v1::DiagnoseRequest*,
                                    v1::DiagnoseResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/Diagnose", [&](Call&) {
    *response = diagnosis_.Run();
    return absl::OkStatus();
  });
}

grpc::Status AdminService::GetConfig(grpc::ServerContext* context, const v1::GetConfigRequest*,
                                     v1::GetConfigResponse* response) {
  return Serve(gate_, kAdmin, *context, "AdminService/GetConfig", [&](Call&) {
    for (const ConfigSetting& setting : config_()) {
      auto& message = *response->add_settings();
      message.set_name(setting.name);
      message.set_value(setting.value);
      message.set_origin(setting.origin);
    }
    return absl::OkStatus();
  });
}

grpc::Status AdminService::Verify(grpc::ServerContext* context, const v1::VerifyRequest* request,
                                  grpc::ServerWriter<v1::VerifyResponse>* writer) {
  return Serve(gate_, kAdmin, *context, "AdminService/Verify", [&](Call& call) -> absl::Status {
    return admin_.Verify({.rehash = request->rehash(), .repair = request->repair()},
                         [&](const v1::VerifyResponse& message) {
                           return !call.cancellation().Poll() && writer->Write(message);
                         });
  });
}

}  // namespace modeld
