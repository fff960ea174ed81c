#include "daemon/call_log.h"

#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/grpc_status.h"

namespace modeld {
namespace {

spdlog::level::level_enum LevelOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnknown:
      return spdlog::level::err;
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kNotFound:
      return spdlog::level::debug;
    default:
      return spdlog::level::info;
  }
}

void Log(absl::string_view method, absl::string_view who, absl::string_view private_who,
         const absl::Status& status) {
  const spdlog::level::level_enum level = LevelOf(status.code());
  const bool tell_all = level == spdlog::level::err || spdlog::should_log(spdlog::level::debug);
  std::string line = absl::StrCat(method, " failed: ", absl::StatusCodeToString(status.code()), who);
  const v1::ErrorDetail detail = DetailOf(status);
  if (detail.reason() != v1::ErrorDetail::REASON_UNSPECIFIED) {
    absl::StrAppend(&line, ", ", v1::ErrorDetail::Reason_Name(detail.reason()));
  }
  if (detail.has_operation_index()) absl::StrAppend(&line, ", operation ", detail.operation_index());
  if (spdlog::should_log(spdlog::level::debug)) absl::StrAppend(&line, private_who);
  if (tell_all) absl::StrAppend(&line, ": ", status.message());
  // A client's text must not forge lines of the log.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  spdlog::log(level, "{}", line);
}

}  // namespace

void LogFailedCall(absl::string_view method, const Session& session, const absl::Status& status) {
  if (status.ok()) return;
  Log(method, absl::StrCat(", session ", session.id(), " (", RoleName(session.identity().role), ")"),
      absl::StrCat(" of ", session.identity().app_id), status);
}

void LogFailedCall(absl::string_view method, const absl::Status& status) {
  if (status.ok()) return;
  Log(method, "", "", status);
}

}  // namespace modeld
