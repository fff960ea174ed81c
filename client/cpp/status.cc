#include "client/cpp/status.h"

#include <grpcpp/support/status.h>

#include "absl/strings/cord.h"
#include "engine/graph/graph_error.h"
#include "modeld/v1/error.pb.h"

namespace modeld::client {
namespace {

constexpr absl::string_view kDetailUrl = "type.googleapis.com/modeld.v1.ErrorDetail";
constexpr absl::string_view kSessionEndedUrl = "modeld/session-ended";

ErrorDetail FromMessage(const v1::ErrorDetail& message) {
  ErrorDetail detail;
  if (v1::ErrorDetail::Reason_IsValid(message.reason())) {
    detail.reason = v1::ErrorDetail::Reason_Name(message.reason());
  }
  if (message.has_operation_index()) detail.operation_index = message.operation_index();
  detail.label = message.label();
  detail.field = message.field();
  detail.expected = message.expected();
  detail.found = message.found();
  return detail;
}

}  // namespace

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.error_message();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), text);
  v1::StatusDetails details;
  if (!details.ParseFromString(status.error_details())) return result;
  for (const auto& any : details.details()) {
    v1::ErrorDetail detail;
    if (any.Is<v1::ErrorDetail>() && any.UnpackTo(&detail)) {
      result.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
    }
  }
  return result;
}

std::optional<ErrorDetail> ErrorDetailOf(const absl::Status& status) {
  if (auto payload = status.GetPayload(kDetailUrl)) {
    v1::ErrorDetail message;
    if (message.ParseFromString(std::string(*payload))) return FromMessage(message);
  }
  if (auto site = ErrorSiteOf(status)) {
    const auto reason = absl::IsUnimplemented(status) ? v1::ErrorDetail::REASON_UNSUPPORTED_OPERATION
                                                      : v1::ErrorDetail::REASON_INVALID_GRAPH;
    return ErrorDetail{.reason = v1::ErrorDetail::Reason_Name(reason),
                       .operation_index = site->operation_index,
                       .label = site->label,
                       .field = site->field,
                       .expected = site->expected,
                       .found = site->found};
  }
  return std::nullopt;
}

absl::Status SessionEndedError() {
  absl::Status status = absl::FailedPreconditionError(
      "modeld: the session of this object ended with its connection; connect anew, and build or fetch it "
      "again");
  status.SetPayload(kSessionEndedUrl, absl::Cord());
  return status;
}

bool IsSessionEnded(const absl::Status& status) {
  return status.GetPayload(kSessionEndedUrl).has_value();
}

}  // namespace modeld::client
