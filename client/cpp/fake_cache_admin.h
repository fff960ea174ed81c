// CacheAdminService of the fake daemon.
#ifndef MODELD_CLIENT_CPP_FAKE_CACHE_ADMIN_H_
#define MODELD_CLIENT_CPP_FAKE_CACHE_ADMIN_H_

#include <grpcpp/support/status.h>

#include <functional>
#include <string>
#include <vector>

#include "client/cpp/fake_daemon.h"
#include "modeld/v1/cache_admin.grpc.pb.h"

namespace modeld::client {

// Answers with what the test put into FakeDaemon::CacheAdmin, and notes what it was told. Thread-safe, but
// for the answers, which are for before the first call.
class FakeCacheAdmin : public v1::CacheAdminService::Service {
 public:
  // `answers` must outlive this. `begin` notes a call by its method's name; the error that the test wants, if
  // any. `note` keeps a request, as text.
  FakeCacheAdmin(
      const FakeDaemon::CacheAdmin& answers, std::function<grpc::Status(const std::string& method)> begin,
      std::function<void(const std::string& method, const google::protobuf::Message& request)> note)
      : answers_(answers), begin_(std::move(begin)), note_(std::move(note)) {}

 private:
  // Notes the call and its request, and answers with `canned`.
  template <typename Request, typename Response>
  grpc::Status Answer(const std::string& method, const Request& request, const Response& canned,
                      Response& response) {
    note_(method, request);
    response = canned;
    return begin_(method);
  }

  grpc::Status ListCache(grpc::ServerContext*, const v1::ListCacheRequest* request,
                         v1::ListCacheResponse* response) override;
  grpc::Status GetUsage(grpc::ServerContext*, const v1::GetUsageRequest* request,
                        v1::GetUsageResponse* response) override;
  grpc::Status Prune(grpc::ServerContext*, const v1::PruneRequest* request,
                     v1::PruneResponse* response) override;
  grpc::Status DeleteUpload(grpc::ServerContext*, const v1::DeleteUploadRequest* request,
                            v1::DeleteUploadResponse* response) override;
  grpc::Status SetModelWish(grpc::ServerContext*, const v1::SetModelWishRequest* request,
                            v1::SetModelWishResponse* response) override;
  grpc::Status SetPartitionLimits(grpc::ServerContext*, const v1::SetPartitionLimitsRequest* request,
                                  v1::SetPartitionLimitsResponse* response) override;
  grpc::Status Share(grpc::ServerContext*, const v1::ShareRequest* request,
                     v1::ShareResponse* response) override;
  grpc::Status Unshare(grpc::ServerContext*, const v1::UnshareRequest* request,
                       v1::UnshareResponse* response) override;
  grpc::Status ListShares(grpc::ServerContext*, const v1::ListSharesRequest* request,
                          v1::ListSharesResponse* response) override;
  grpc::Status Why(grpc::ServerContext*, const v1::WhyRequest* request, v1::WhyResponse* response) override;
  grpc::Status MoveCache(grpc::ServerContext*, const v1::MoveCacheRequest* request,
                         grpc::ServerWriter<v1::MoveCacheResponse>* writer) override;

  const FakeDaemon::CacheAdmin& answers_;
  const std::function<grpc::Status(const std::string&)> begin_;
  const std::function<void(const std::string&, const google::protobuf::Message&)> note_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_FAKE_CACHE_ADMIN_H_
