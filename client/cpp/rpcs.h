// The unary calls of modeld.v1 as data. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_RPCS_H_
#define MODELD_CLIENT_CPP_RPCS_H_

#include "modeld/v1/admin.pb.h"
#include "modeld/v1/cache_admin.pb.h"
#include "modeld/v1/context.pb.h"
#include "modeld/v1/inference.pb.h"
#include "modeld/v1/model_cache.pb.h"

namespace modeld::client::internal {

// A unary call: its path on the wire, and its types.
template <typename RequestType, typename ResponseType>
struct Rpc {
  using Request = RequestType;
  using Response = ResponseType;
  const char* path;
};

#define MODELD_RPC(service, name)                                       \
  inline constexpr Rpc<v1::name##Request, v1::name##Response> k##name { \
    "/modeld.v1." #service "/" #name                                    \
  }

inline constexpr Rpc<v1::GetCapabilitiesRequest, v1::Capabilities> kGetCapabilities{
    "/modeld.v1.ContextService/GetCapabilities"};
MODELD_RPC(ContextService, CreateContext);
MODELD_RPC(ContextService, GetOpSupportLimits);
MODELD_RPC(ContextService, DestroyContext);
MODELD_RPC(ContextService, CreateTensor);
MODELD_RPC(ContextService, DestroyTensor);
MODELD_RPC(ContextService, WriteTensor);
MODELD_RPC(ContextService, ReadTensor);
MODELD_RPC(ContextService, OpenMemory);

MODELD_RPC(InferenceService, Build);
MODELD_RPC(InferenceService, QueryUpload);
MODELD_RPC(InferenceService, ImportConstants);
MODELD_RPC(InferenceService, Dispatch);
MODELD_RPC(InferenceService, Run);
MODELD_RPC(InferenceService, DestroyGraph);

MODELD_RPC(ModelCacheService, Store);
MODELD_RPC(ModelCacheService, Fetch);
MODELD_RPC(ModelCacheService, Save);
MODELD_RPC(ModelCacheService, Load);
MODELD_RPC(ModelCacheService, List);
MODELD_RPC(ModelCacheService, Delete);
MODELD_RPC(ModelCacheService, ClearPartition);

MODELD_RPC(AdminService, GetStatus);
MODELD_RPC(AdminService, ListModels);
MODELD_RPC(AdminService, GetModel);
MODELD_RPC(AdminService, DeleteModel);
MODELD_RPC(AdminService, ListPartitions);
MODELD_RPC(AdminService, RemovePartition);
MODELD_RPC(AdminService, ListSessions);
MODELD_RPC(AdminService, StopModel);
MODELD_RPC(AdminService, GetConfig);
MODELD_RPC(AdminService, GetMetrics);
MODELD_RPC(AdminService, Diagnose);

MODELD_RPC(CacheAdminService, ListCache);
MODELD_RPC(CacheAdminService, GetUsage);
MODELD_RPC(CacheAdminService, Prune);
MODELD_RPC(CacheAdminService, DeleteUpload);
MODELD_RPC(CacheAdminService, SetModelWish);
MODELD_RPC(CacheAdminService, SetPartitionLimits);
MODELD_RPC(CacheAdminService, Share);
MODELD_RPC(CacheAdminService, Unshare);
MODELD_RPC(CacheAdminService, ListShares);
MODELD_RPC(CacheAdminService, Why);

#undef MODELD_RPC

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_RPCS_H_
