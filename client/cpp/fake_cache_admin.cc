#include "client/cpp/fake_cache_admin.h"

namespace modeld::client {

using grpc::ServerContext;
using grpc::Status;

Status FakeCacheAdmin::ListCache(ServerContext*, const v1::ListCacheRequest* request,
                                 v1::ListCacheResponse* response) {
  return Answer("ListCache", *request, answers_.cache, *response);
}
Status FakeCacheAdmin::GetUsage(ServerContext*, const v1::GetUsageRequest* request,
                                v1::GetUsageResponse* response) {
  return Answer("GetUsage", *request, answers_.usage, *response);
}
Status FakeCacheAdmin::Prune(ServerContext*, const v1::PruneRequest* request, v1::PruneResponse* response) {
  return Answer("Prune", *request, answers_.pruned, *response);
}
Status FakeCacheAdmin::DeleteUpload(ServerContext*, const v1::DeleteUploadRequest* request,
                                    v1::DeleteUploadResponse* response) {
  return Answer("DeleteUpload", *request, answers_.deleted_upload, *response);
}
Status FakeCacheAdmin::SetModelWish(ServerContext*, const v1::SetModelWishRequest* request,
                                    v1::SetModelWishResponse* response) {
  return Answer("SetModelWish", *request, v1::SetModelWishResponse(), *response);
}
Status FakeCacheAdmin::SetPartitionLimits(ServerContext*, const v1::SetPartitionLimitsRequest* request,
                                          v1::SetPartitionLimitsResponse* response) {
  return Answer("SetPartitionLimits", *request, v1::SetPartitionLimitsResponse(), *response);
}
Status FakeCacheAdmin::Share(ServerContext*, const v1::ShareRequest* request, v1::ShareResponse* response) {
  return Answer("Share", *request, v1::ShareResponse(), *response);
}
Status FakeCacheAdmin::Unshare(ServerContext*, const v1::UnshareRequest* request,
                               v1::UnshareResponse* response) {
  return Answer("Unshare", *request, v1::UnshareResponse(), *response);
}
Status FakeCacheAdmin::ListShares(ServerContext*, const v1::ListSharesRequest* request,
                                  v1::ListSharesResponse* response) {
  return Answer("ListShares", *request, answers_.shares, *response);
}
Status FakeCacheAdmin::Why(ServerContext*, const v1::WhyRequest* request, v1::WhyResponse* response) {
  return Answer("Why", *request, answers_.why, *response);
}
Status FakeCacheAdmin::MoveCache(ServerContext*, const v1::MoveCacheRequest* request,
                                 grpc::ServerWriter<v1::MoveCacheResponse>* writer) {
  note_("MoveCache", *request);
  for (const auto& message : answers_.move) writer->Write(message);
  return begin_("MoveCache");
}

}  // namespace modeld::client
