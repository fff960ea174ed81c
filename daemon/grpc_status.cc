#include "daemon/grpc_status.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/graph/graph_error.h"

namespace modeld {
namespace {

constexpr char kDetailUrl[] = "type.googleapis.com/modeld.v1.ErrorDetail";

// Bytes of the UTF-8 character at the start of `text`; 0 when there is none.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                        : (lead & 0xF0) == 0xE0       ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies past U+10FFFF show in the second byte.
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return length;
}

std::string CleanText(absl::string_view text, size_t max_bytes) {
  std::string clean;
  clean.reserve(std::min(text.size(), max_bytes));
  while (!text.empty()) {
    const size_t length = CharacterBytes(text);
    if (clean.size() + std::max<size_t>(length, 1) > max_bytes) break;
    if (length == 0) {
      clean.push_back('?');
      text.remove_prefix(1);
    } else {
      clean.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return clean;
}

v1::ErrorDetail::Reason DefaultReason(absl::StatusCode code, bool of_operation) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return of_operation ? v1::ErrorDetail::REASON_INVALID_GRAPH : v1::ErrorDetail::REASON_INVALID_ARGUMENT;
    case absl::StatusCode::kUnimplemented:
      return of_operation ? v1::ErrorDetail::REASON_UNSUPPORTED_OPERATION
                          : v1::ErrorDetail::REASON_UNSPECIFIED;
    default:
      return v1::ErrorDetail::REASON_UNSPECIFIED;
  }
}

grpc::StatusCode ToGrpcCode(absl::StatusCode code) {
  const int value = static_cast<int>(code);
  return value > 0 && value <= static_cast<int>(grpc::StatusCode::UNAUTHENTICATED)
             ? static_cast<grpc::StatusCode>(value)
             : grpc::StatusCode::UNKNOWN;
}

v1::ErrorDetail AttachedDetail(const absl::Status& status) {
  v1::ErrorDetail detail;
  if (const auto payload = status.GetPayload(kDetailUrl)) detail.ParseFromString(std::string(*payload));
  return detail;
}

bool IsEmpty(const v1::ErrorDetail& detail) {
  return detail.ByteSizeLong() == 0;
}

}  // namespace

absl::Status WithReason(absl::Status status, v1::ErrorDetail::Reason reason) {
  return WithReason(std::move(status), reason, "");
}

absl::Status WithReason(absl::Status status, v1::ErrorDetail::Reason reason, absl::string_view field) {
  if (status.ok()) return status;
  v1::ErrorDetail detail = AttachedDetail(status);
  detail.set_reason(reason);
  if (!field.empty()) detail.set_field(CleanText(field, kMaxDetailTextBytes));
  status.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
  return status;
}

absl::Status WithDetail(absl::Status status, v1::ErrorDetail detail) {
  if (status.ok()) return status;
  for (std::string* text :
       {detail.mutable_label(), detail.mutable_field(), detail.mutable_expected(), detail.mutable_found()}) {
    *text = CleanText(*text, kMaxDetailTextBytes);
  }
  status.SetPayload(kDetailUrl, absl::Cord(detail.SerializeAsString()));
  return status;
}

v1::ErrorDetail DetailOf(const absl::Status& status) {
  v1::ErrorDetail detail = AttachedDetail(status);
  const std::optional<ErrorSite> site = ErrorSiteOf(status);
  if (site.has_value()) {
    if (site->operation_index.has_value()) detail.set_operation_index(*site->operation_index);
    detail.set_label(CleanText(site->label, kMaxDetailTextBytes));
    if (!site->field.empty()) detail.set_field(CleanText(site->field, kMaxDetailTextBytes));
    detail.set_expected(CleanText(site->expected, kMaxDetailTextBytes));
    detail.set_found(CleanText(site->found, kMaxDetailTextBytes));
  }
  if (detail.reason() == v1::ErrorDetail::REASON_UNSPECIFIED) {
    detail.set_reason(DefaultReason(status.code(), site.has_value()));
  }
  return detail;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const grpc::StatusCode code = ToGrpcCode(status.code());
  const std::string message = CleanText(status.message(), kMaxMessageBytes);
  if (code == grpc::StatusCode::NOT_FOUND) return grpc::Status(code, message);
  const v1::ErrorDetail detail = DetailOf(status);
  if (IsEmpty(detail)) return grpc::Status(code, message);
  v1::StatusDetails details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(detail);
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace modeld
