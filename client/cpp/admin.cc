#include "client/cpp/admin.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "client/cpp/connector.h"
#include "client/cpp/server_stream.h"
#include "client/cpp/session.h"
#include "modeld/v1/admin.grpc.pb.h"

namespace modeld::client {
namespace {

template <typename Request>
Request ForModel(const Digest& model_id) {
  Request request;
  request.set_model_id(std::string(model_id.bytes()));
  return request;
}

template <typename Request>
Request ForPartition(const std::string& partition) {
  Request request;
  request.set_partition(partition);
  return request;
}

}  // namespace

template <typename RpcType>
absl::StatusOr<typename RpcType::Response> Admin::Call(const RpcType& rpc,
                                                       const typename RpcType::Request& request) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  return caller.Call(rpc, request, caller.Scope(call_));
}

absl::StatusOr<v1::GetStatusResponse> Admin::GetStatus() const {
  return Call(internal::kGetStatus, {});
}

absl::StatusOr<v1::ListModelsResponse> Admin::ListModels(const std::string& partition) const {
  return Call(internal::kListModels, ForPartition<v1::ListModelsRequest>(partition));
}

absl::StatusOr<v1::GetModelResponse> Admin::GetModel(const Digest& model_id) const {
  return Call(internal::kGetModel, ForModel<v1::GetModelRequest>(model_id));
}

absl::StatusOr<v1::DeleteModelResponse> Admin::DeleteModel(const Digest& model_id,
                                                           const std::string& partition) const {
  auto request = ForModel<v1::DeleteModelRequest>(model_id);
  request.set_partition(partition);
  return Call(internal::kDeleteModel, request);
}

absl::StatusOr<v1::ListPartitionsResponse> Admin::ListPartitions() const {
  return Call(internal::kListPartitions, {});
}

absl::StatusOr<v1::RemovePartitionResponse> Admin::RemovePartition(const std::string& partition) const {
  return Call(internal::kRemovePartition, ForPartition<v1::RemovePartitionRequest>(partition));
}

absl::StatusOr<v1::ListSessionsResponse> Admin::ListSessions() const {
  return Call(internal::kListSessions, {});
}

absl::StatusOr<v1::StopModelResponse> Admin::StopModel(const Digest& model_id) const {
  return Call(internal::kStopModel, ForModel<v1::StopModelRequest>(model_id));
}

absl::StatusOr<v1::StopModelResponse> Admin::StopAll() const {
  return Call(internal::kStopModel, {});
}

absl::StatusOr<v1::GetConfigResponse> Admin::GetConfig() const {
  return Call(internal::kGetConfig, {});
}

absl::StatusOr<v1::GetMetricsResponse> Admin::GetMetrics() const {
  return Call(internal::kGetMetrics, {});
}

absl::StatusOr<v1::DiagnoseResponse> Admin::Diagnose() const {
  return Call(internal::kDiagnose, {});
}

absl::Status Admin::ExportModel(
    const Digest& model_id, const std::function<absl::Status(const v1::ExportModelResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  return internal::ReadStream<v1::AdminService>(caller, call_, &v1::AdminService::Stub::ExportModel,
                                                ForModel<v1::ExportModelRequest>(model_id), take);
}

absl::Status Admin::Verify(const v1::VerifyRequest& request,
                           const std::function<absl::Status(const v1::VerifyResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  return internal::ReadStream<v1::AdminService>(caller, call_, &v1::AdminService::Stub::Verify, request,
                                                take);
}

absl::Status Admin::WatchActivity(
    absl::Duration interval, const std::function<absl::Status(const v1::ActivityResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  v1::WatchActivityRequest request;
  const int64_t milliseconds = absl::ToInt64Milliseconds(interval);
  request.set_interval_ms(
      static_cast<uint32_t>(std::clamp<int64_t>(milliseconds, 1, std::numeric_limits<uint32_t>::max())));
  return internal::ReadStream<v1::AdminService>(caller, call_, &v1::AdminService::Stub::WatchActivity,
                                                request, take);
}

}  // namespace modeld::client
