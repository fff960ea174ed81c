// CacheAdminService's part about what the user shares.
#include <optional>

#include "base/status.h"
#include "daemon/services/cache_admin_service.h"
#include "daemon/services/convert.h"
#include "daemon/services/rpc.h"

namespace modeld {
namespace {

constexpr auto kAdmin = CallGate::Door::kAdmin;

}  // namespace

grpc::Status CacheAdminService::Share(grpc::ServerContext* context, const v1::ShareRequest* request,
                                      v1::ShareResponse*) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/Share", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    return parts_.shares.Share(
        id, request->with(), request->has_commonness() ? std::optional(request->commonness()) : std::nullopt);
  });
}

grpc::Status CacheAdminService::Unshare(grpc::ServerContext* context, const v1::UnshareRequest* request,
                                        v1::UnshareResponse*) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/Unshare", [&](Call&) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
    return parts_.shares.Unshare(id, request->with());
  });
}

grpc::Status CacheAdminService::ListShares(grpc::ServerContext* context, const v1::ListSharesRequest*,
                                           v1::ListSharesResponse* response) {
  return Serve(parts_.gate, kAdmin, *context, "CacheAdminService/ListShares", [&](Call&) {
    *response = parts_.shares.List();
    return absl::OkStatus();
  });
}

}  // namespace modeld
