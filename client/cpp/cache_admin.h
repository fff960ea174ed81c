// What fills the disk, and the user's say in it: what modelctl's cache verbs are made of.
#ifndef MODELD_CLIENT_CPP_CACHE_ADMIN_H_
#define MODELD_CLIENT_CPP_CACHE_ADMIN_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "client/cpp/client.h"
#include "modeld/v1/cache_admin.pb.h"
#include "modeld/v1/model_cache.pb.h"

namespace modeld::client {

// What SetModelWish changes; unset members stay as they are.
struct ModelWish {
  std::optional<bool> pinned = {};
  std::optional<v1::Priority> priority = {};
};

// CacheAdminService's calls (modeld/v1/cache_admin.proto tells what each does and its errors). Sees all
// partitions. PERMISSION_DENIED for any session that is not the user's own modelctl. Thread-safe.
class CacheAdmin {
 public:
  // `call` bounds every call of this object.
  explicit CacheAdmin(Client client, CallOptions call = {})
      : client_(std::move(client)), call_(std::move(call)) {}

  // Of one partition; empty: of all.
  absl::StatusOr<v1::ListCacheResponse> ListCache(const std::string& partition) const;
  absl::StatusOr<v1::GetUsageResponse> GetUsage() const;
  absl::StatusOr<v1::PruneResponse> Prune(const v1::PruneRequest& request) const;
  absl::StatusOr<v1::DeleteUploadResponse> DeleteUpload(const Digest& digest) const;
  absl::Status SetModelWish(const Digest& model_id, const ModelWish& wish) const;
  absl::Status SetPartitionLimits(const std::string& partition, const v1::PartitionLimits& limits) const;
  // With a site, origin or partition; empty: with everybody. `commonness` unset: the daemon's own figure.
  absl::Status Share(const Digest& model_id, const std::string& with, std::optional<double> commonness) const;
  absl::Status Unshare(const Digest& model_id, const std::string& with) const;
  absl::StatusOr<v1::ListSharesResponse> ListShares() const;
  absl::StatusOr<v1::WhyResponse> Why(const Digest& model_id) const;
  // ModelCacheService.ClearPartition, as that partition; `request` may name a site or origin, and a time.
  absl::Status ClearPartition(const std::string& partition,
                              const v1::ClearPartitionRequest& request = {}) const;

  // `take` is called from this thread for each message; its error stops the call and is returned.
  absl::Status MoveCache(const std::string& directory,
                         const std::function<absl::Status(const v1::MoveCacheResponse&)>& take) const;

 private:
  template <typename RpcType>
  absl::StatusOr<typename RpcType::Response> Call(const RpcType& rpc,
                                                  const typename RpcType::Request& request) const;

  Client client_;
  CallOptions call_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_CACHE_ADMIN_H_
