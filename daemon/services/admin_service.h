// modeld.v1.AdminService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_ADMIN_SERVICE_H_
#define MODELD_DAEMON_SERVICES_ADMIN_SERVICE_H_

#include <functional>
#include <vector>

#include "daemon/services/admin.h"
#include "daemon/services/admin_activity.h"
#include "daemon/services/admin_diagnosis.h"
#include "daemon/services/call_context.h"
#include "daemon/services/services_options.h"
#include "modeld/v1/admin.grpc.pb.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. All that Parts refers to must outlive it.
class AdminService final : public v1::AdminService::Service {
 public:
  struct Parts {
    CallGate& gate;
    Admin& admin;
    Activity& activity;
    const Diagnosis& diagnosis;
    // Called by GetConfig, from any thread.
    std::function<std::vector<ConfigSetting>()> config;
  };
  explicit AdminService(const Parts& parts)
      : gate_(parts.gate),
        admin_(parts.admin),
        activity_(parts.activity),
        diagnosis_(parts.diagnosis),
        config_(parts.config) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::GetStatusResponse*) override;
  grpc::Status ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                          v1::ListModelsResponse*) override;
  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest*, v1::GetModelResponse*) override;
  grpc::Status DeleteModel(grpc::ServerContext*, const v1::DeleteModelRequest*,
                           v1::DeleteModelResponse*) override;
  grpc::Status ListPartitions(grpc::ServerContext*, const v1::ListPartitionsRequest*,
                              v1::ListPartitionsResponse*) override;
  grpc::Status RemovePartition(grpc::ServerContext*, const v1::RemovePartitionRequest*,
                               v1::RemovePartitionResponse*) override;
  grpc::Status ListSessions(grpc::ServerContext*, const v1::ListSessionsRequest*,
                            v1::ListSessionsResponse*) override;
  grpc::Status StopModel(grpc::ServerContext*, const v1::StopModelRequest*, v1::StopModelResponse*) override;
  grpc::Status ExportModel(grpc::ServerContext*, const v1::ExportModelRequest*,
                           grpc::ServerWriter<v1::ExportModelResponse>*) override;
  grpc::Status GetMetrics(grpc::ServerContext*, const v1::GetMetricsRequest*,
                          v1::GetMetricsResponse*) override;
  grpc::Status WatchActivity(grpc::ServerContext*, const v1::WatchActivityRequest*,
                             grpc::ServerWriter<v1::ActivityResponse>*) override;
  grpc::Status Diagnose(grpc::ServerContext*, const v1::DiagnoseRequest*, v1::DiagnoseResponse*) override;
  grpc::Status GetConfig(grpc::ServerContext*, const v1::GetConfigRequest*, v1::GetConfigResponse*) override;
  grpc::Status Verify(grpc::ServerContext*, const v1::VerifyRequest*,
                      grpc::ServerWriter<v1::VerifyResponse>*) override;

 private:
  CallGate& gate_;
  Admin& admin_;
  Activity& activity_;
  const Diagnosis& diagnosis_;
  const std::function<std::vector<ConfigSetting>()> config_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_ADMIN_SERVICE_H_
