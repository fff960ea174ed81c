#include "client/cpp/admin.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>

#include "base/status.h"
#include "client/cpp/connector.h"
#include "client/cpp/session.h"
#include "client/cpp/status.h"
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

// Reads a stream to its end, or until `take` fails.
template <typename Response>
absl::Status ReadAll(const internal::Caller& caller, grpc::ClientContext& context,
                     grpc::ClientReader<Response>& reader,
                     const std::function<absl::Status(const Response&)>& take) {
  Response response;
  absl::Status taken;
  while (taken.ok() && reader.Read(&response)) taken = take(response);
  if (!taken.ok()) context.TryCancel();
  const absl::Status status = caller.ErrorOf(FromGrpcStatus(reader.Finish()));
  return taken.ok() ? status : taken;
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

absl::Status Admin::ExportModel(
    const Digest& model_id, const std::function<absl::Status(const v1::ExportModelResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  const internal::CallScope scope = caller.Scope(call_);
  auto context = caller.NewContext(scope);
  internal::CancelGuard guard(scope, context);
  auto stub = v1::AdminService::NewStub(caller.session().channel());
  auto reader = stub->ExportModel(context.get(), ForModel<v1::ExportModelRequest>(model_id));
  return ReadAll(caller, *context, *reader, take);
}

absl::Status Admin::Verify(bool rehash,
                           const std::function<absl::Status(const v1::VerifyResponse&)>& take) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, client_.connector_->Get(""));
  const internal::CallScope scope = caller.Scope(call_);
  auto context = caller.NewContext(scope);
  internal::CancelGuard guard(scope, context);
  auto stub = v1::AdminService::NewStub(caller.session().channel());
  v1::VerifyRequest request;
  request.set_rehash(rehash);
  auto reader = stub->Verify(context.get(), request);
  return ReadAll(caller, *context, *reader, take);
}

}  // namespace modeld::client
