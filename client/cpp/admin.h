// The user's own view and control: what modelctl is made of.
#ifndef MODELD_CLIENT_CPP_ADMIN_H_
#define MODELD_CLIENT_CPP_ADMIN_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "client/cpp/client.h"
#include "modeld/v1/admin.pb.h"

namespace modeld::client {

// AdminService's calls (modeld/v1/admin.proto tells what each does and its errors). Sees all partitions.
// PERMISSION_DENIED for any session that is not the user's own modelctl. Thread-safe.
class Admin {
 public:
  // `call` bounds every call of this object.
  explicit Admin(Client client, CallOptions call = {}) : client_(std::move(client)), call_(std::move(call)) {}

  absl::StatusOr<v1::GetStatusResponse> GetStatus() const;
  // Of one partition; empty: of all.
  absl::StatusOr<v1::ListModelsResponse> ListModels(const std::string& partition) const;
  absl::StatusOr<v1::GetModelResponse> GetModel(const Digest& model_id) const;
  // From one partition; empty: from all.
  absl::StatusOr<v1::DeleteModelResponse> DeleteModel(const Digest& model_id,
                                                      const std::string& partition) const;
  absl::StatusOr<v1::ListPartitionsResponse> ListPartitions() const;
  absl::StatusOr<v1::RemovePartitionResponse> RemovePartition(const std::string& partition) const;
  absl::StatusOr<v1::ListSessionsResponse> ListSessions() const;
  absl::StatusOr<v1::StopModelResponse> StopModel(const Digest& model_id) const;
  absl::StatusOr<v1::StopModelResponse> StopAll() const;
  absl::StatusOr<v1::GetConfigResponse> GetConfig() const;
  absl::StatusOr<v1::GetMetricsResponse> GetMetrics() const;
  absl::StatusOr<v1::DiagnoseResponse> Diagnose() const;

  // Streams: `take` is called from this thread for each message; its error stops the call and is returned.
  absl::Status ExportModel(const Digest& model_id,
                           const std::function<absl::Status(const v1::ExportModelResponse&)>& take) const;
  absl::Status Verify(const v1::VerifyRequest& request,
                      const std::function<absl::Status(const v1::VerifyResponse&)>& take) const;
  // Goes on until `take` fails or the call is cancelled.
  absl::Status WatchActivity(absl::Duration interval,
                             const std::function<absl::Status(const v1::ActivityResponse&)>& take) const;

 private:
  template <typename RpcType>
  absl::StatusOr<typename RpcType::Response> Call(const RpcType& rpc,
                                                  const typename RpcType::Request& request) const;

  Client client_;
  CallOptions call_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_ADMIN_H_
