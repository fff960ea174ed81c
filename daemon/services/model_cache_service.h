// modeld.v1.ModelCacheService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_MODEL_CACHE_SERVICE_H_
#define MODELD_DAEMON_SERVICES_MODEL_CACHE_SERVICE_H_

#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "daemon/services/model_cache.h"
#include "modeld/v1/model_cache.grpc.pb.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. Its arguments must outlive it.
class ModelCacheService final : public v1::ModelCacheService::Service {
 public:
  ModelCacheService(CallGate& gate, ModelCache& cache, const ServiceLimits& limits)
      : gate_(gate), cache_(cache), limits_(limits) {}

  grpc::Status Store(grpc::ServerContext*, const v1::StoreRequest*, v1::StoreResponse*) override;
  grpc::Status Fetch(grpc::ServerContext*, const v1::FetchRequest*, v1::FetchResponse*) override;
  grpc::Status Save(grpc::ServerContext*, const v1::SaveRequest*, v1::SaveResponse*) override;
  grpc::Status Load(grpc::ServerContext*, const v1::LoadRequest*, v1::LoadResponse*) override;
  grpc::Status List(grpc::ServerContext*, const v1::ListRequest*, v1::ListResponse*) override;
  grpc::Status Delete(grpc::ServerContext*, const v1::DeleteRequest*, v1::DeleteResponse*) override;
  grpc::Status ClearPartition(grpc::ServerContext*, const v1::ClearPartitionRequest*,
                              v1::ClearPartitionResponse*) override;

 private:
  CallGate& gate_;
  ModelCache& cache_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_MODEL_CACHE_SERVICE_H_
