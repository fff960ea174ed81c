// modeld.v1.CacheAdminService on gRPC.
#ifndef MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_
#define MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_

#include "daemon/services/cache_admin.h"
#include "daemon/services/call_context.h"
#include "daemon/services/shares.h"
#include "modeld/v1/cache_admin.grpc.pb.h"
#include "storage/model_store.h"

namespace modeld {

// Parses, calls, converts. Thread-safe. All that Parts names must outlive it.
class CacheAdminService final : public v1::CacheAdminService::Service {
 public:
  struct Parts {
    CallGate& gate;
    CacheAdmin& admin;
    Shares& shares;
    storage::ModelStore& store;
  };
  explicit CacheAdminService(const Parts& parts) : parts_(parts) {}

  grpc::Status ListCache(grpc::ServerContext*, const v1::ListCacheRequest*, v1::ListCacheResponse*) override;
  grpc::Status GetUsage(grpc::ServerContext*, const v1::GetUsageRequest*, v1::GetUsageResponse*) override;
  grpc::Status Prune(grpc::ServerContext*, const v1::PruneRequest*, v1::PruneResponse*) override;
  grpc::Status SetModelWish(grpc::ServerContext*, const v1::SetModelWishRequest*,
                            v1::SetModelWishResponse*) override;
  grpc::Status SetPartitionLimits(grpc::ServerContext*, const v1::SetPartitionLimitsRequest*,
                                  v1::SetPartitionLimitsResponse*) override;
  grpc::Status Why(grpc::ServerContext*, const v1::WhyRequest*, v1::WhyResponse*) override;

  // What became of bytes: cache_admin_integrity.cc.
  grpc::Status DeleteUpload(grpc::ServerContext*, const v1::DeleteUploadRequest*,
                            v1::DeleteUploadResponse*) override;
  grpc::Status MoveCache(grpc::ServerContext*, const v1::MoveCacheRequest*,
                         grpc::ServerWriter<v1::MoveCacheResponse>*) override;

  // What the user shares: cache_admin_shares.cc.
  grpc::Status Share(grpc::ServerContext*, const v1::ShareRequest*, v1::ShareResponse*) override;
  grpc::Status Unshare(grpc::ServerContext*, const v1::UnshareRequest*, v1::UnshareResponse*) override;
  grpc::Status ListShares(grpc::ServerContext*, const v1::ListSharesRequest*,
                          v1::ListSharesResponse*) override;

 private:
  const Parts parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CACHE_ADMIN_SERVICE_H_
