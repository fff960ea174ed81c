// modeld.v1.InferenceService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_INFERENCE_SERVICE_H_
#define MODELD_DAEMON_SERVICES_INFERENCE_SERVICE_H_

#include "daemon/services/call_context.h"
#include "daemon/services/constants.h"
#include "daemon/services/graph_maker.h"
#include "daemon/services/limits.h"
#include "daemon/services/runner.h"
#include "modeld/v1/inference.grpc.pb.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. Its arguments must outlive it.
class InferenceService final : public v1::InferenceService::Service {
 public:
  InferenceService(CallGate& gate, GraphMaker& maker, Constants& constants, Runner& runner,
                   const ServiceLimits& limits)
      : gate_(gate), maker_(maker), constants_(constants), runner_(runner), limits_(limits) {}

  grpc::Status Build(grpc::ServerContext*, const v1::BuildRequest*, v1::BuildResponse*) override;
  grpc::Status UploadConstant(grpc::ServerContext*, grpc::ServerReader<v1::UploadConstantRequest>*,
                              v1::UploadConstantResponse*) override;
  grpc::Status QueryUpload(grpc::ServerContext*, const v1::QueryUploadRequest*,
                           v1::QueryUploadResponse*) override;
  grpc::Status WatchUploads(grpc::ServerContext*, const v1::WatchUploadsRequest*,
                            grpc::ServerWriter<v1::UploadProgress>*) override;
  grpc::Status ImportConstants(grpc::ServerContext*, const v1::ImportConstantsRequest*,
                               v1::ImportConstantsResponse*) override;
  grpc::Status Dispatch(grpc::ServerContext*, const v1::DispatchRequest*, v1::DispatchResponse*) override;
  grpc::Status Run(grpc::ServerContext*, const v1::RunRequest*, v1::RunResponse*) override;
  grpc::Status DescribeGraph(grpc::ServerContext*, const v1::DescribeGraphRequest*,
                             v1::GraphHandle*) override;
  grpc::Status DestroyGraph(grpc::ServerContext*, const v1::DestroyGraphRequest*,
                            v1::DestroyGraphResponse*) override;

 private:
  CallGate& gate_;
  GraphMaker& maker_;
  Constants& constants_;
  Runner& runner_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_INFERENCE_SERVICE_H_
