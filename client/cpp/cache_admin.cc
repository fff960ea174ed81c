#include "client/cpp/cache_admin.h"

#include "base/status.h"
#include "client/cpp/connector.h"
#include "client/cpp/server_stream.h"
#include "client/cpp/session.h"
#include "modeld/v1/cache_admin.grpc.pb.h"

namespace modeld::client {
namespace {

template <typename Request>
Request ForModel(const Digest& model_id) {
  Request request;
  request.set_model_id(std::string(model_id.bytes()));
  return request;
}

}  // namespace

template <typename RpcType>
absl::StatusOr<typename RpcType::Response> CacheAdmin::Call(const RpcType& rpc,
                                                            const typename RpcType::Request& request) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  return caller.Call(rpc, request, caller.Scope(call_));
}

absl::StatusOr<v1::ListCacheResponse> CacheAdmin::ListCache(const std::string& partition) const {
  v1::ListCacheRequest request;
  request.set_partition(partition);
  return Call(internal::kListCache, request);
}

absl::StatusOr<v1::GetUsageResponse> CacheAdmin::GetUsage() const {
  return Call(internal::kGetUsage, {});
}

absl::StatusOr<v1::PruneResponse> CacheAdmin::Prune(const v1::PruneRequest& request) const {
  return Call(internal::kPrune, request);
}

absl::StatusOr<v1::DeleteUploadResponse> CacheAdmin::DeleteUpload(const Digest& digest) const {
  v1::DeleteUploadRequest request;
  request.set_digest(std::string(digest.bytes()));
  return Call(internal::kDeleteUpload, request);
}

absl::Status CacheAdmin::SetModelWish(const Digest& model_id, const ModelWish& wish) const {
  auto request = ForModel<v1::SetModelWishRequest>(model_id);
  if (wish.pinned) request.set_pinned(*wish.pinned);
  if (wish.priority) request.set_priority(*wish.priority);
  return Call(internal::kSetModelWish, request).status();
}

absl::Status CacheAdmin::SetPartitionLimits(const std::string& partition,
                                            const v1::PartitionLimits& limits) const {
  v1::SetPartitionLimitsRequest request;
  request.set_partition(partition);
  *request.mutable_limits() = limits;
  return Call(internal::kSetPartitionLimits, request).status();
}

absl::Status CacheAdmin::Share(const Digest& model_id, const std::string& with,
                               std::optional<double> commonness) const {
  auto request = ForModel<v1::ShareRequest>(model_id);
  request.set_with(with);
  if (commonness) request.set_commonness(*commonness);
  return Call(internal::kShare, request).status();
}

absl::Status CacheAdmin::Unshare(const Digest& model_id, const std::string& with) const {
  auto request = ForModel<v1::UnshareRequest>(model_id);
  request.set_with(with);
  return Call(internal::kUnshare, request).status();
}

absl::StatusOr<v1::ListSharesResponse> CacheAdmin::ListShares() const {
  return Call(internal::kListShares, {});
}

absl::StatusOr<v1::WhyResponse> CacheAdmin::Why(const Digest& model_id) const {
  return Call(internal::kWhy, ForModel<v1::WhyRequest>(model_id));
}

absl::Status CacheAdmin::ClearPartition(const std::string& partition,
                                        const v1::ClearPartitionRequest& request) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(partition));
  return caller.Call(internal::kClearPartition, request, caller.Scope(call_)).status();
}

absl::Status CacheAdmin::MoveCache(
    const std::string& directory,
    const std::function<absl::Status(const v1::MoveCacheResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  v1::MoveCacheRequest request;
  request.set_directory(directory);
  return internal::ReadStream<v1::CacheAdminService>(caller, call_, &v1::CacheAdminService::Stub::MoveCache,
                                                     request, take);
}

}  // namespace modeld::client
