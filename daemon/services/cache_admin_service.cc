#include "daemon/services/cache_admin_service.h"

#include <optional>

#include "base/status.h"
#include "daemon/services/convert.h"
#include "daemon/services/rpc.h"

namespace modeld {
namespace {

constexpr auto kAdmin = CallGate::Door::kAdmin;

}  // namespace

grpc::Status CacheAdminService::ListCache(grpc::ServerContext* context, const v1::ListCacheRequest* request,
                                          v1::ListCacheResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/ListCache", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, parts_.admin.List(request->partition()));
    return absl::OkStatus();
  });
}

grpc::Status CacheAdminService::GetUsage(grpc::ServerContext* context, const v1::GetUsageRequest*,
                                         v1::GetUsageResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/GetUsage", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, parts_.admin.Usage());
    return absl::OkStatus();
  });
}

grpc::Status CacheAdminService::Prune(grpc::ServerContext* context, const v1::PruneRequest* request,
                                      v1::PruneResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/Prune", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(*response, parts_.admin.Prune(*request));
    return absl::OkStatus();
  });
}

grpc::Status CacheAdminService::SetModelWish(grpc::ServerContext* context,
                                             const v1::SetModelWishRequest* request,
                                             v1::SetModelWishResponse*) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/SetModelWish", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    return parts_.admin.SetWish(id, request->has_pinned() ? std::optional(request->pinned()) : std::nullopt,
                                request->has_priority() ? std::optional(request->priority()) : std::nullopt);
  });
}

grpc::Status CacheAdminService::SetPartitionLimits(grpc::ServerContext* context,
                                                   const v1::SetPartitionLimitsRequest* request,
                                                   v1::SetPartitionLimitsResponse*) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/SetPartitionLimits",
               [&](Call&) { return parts_.admin.SetLimits(request->partition(), request->limits()); });
}

grpc::Status CacheAdminService::Why(grpc::ServerContext* context, const v1::WhyRequest* request,
                                    v1::WhyResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/Why", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    MODELD_ASSIGN_OR_RETURN(*response, parts_.admin.Why(id));
    return absl::OkStatus();
  });
}

}  // namespace modeld
