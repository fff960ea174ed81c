#include "engine/graph/graph_error.h"

#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace modeld {
namespace {

constexpr absl::string_view kPayloadUrl = "modeld/graph-error-site";

// The payload: for each member in order, its length in decimal, a colon, its bytes. The index is decimal, or
// empty.
void AppendField(std::string& out, absl::string_view field) {
  absl::StrAppend(&out, field.size(), ":", field);
}

bool TakeField(absl::string_view& in, std::string& field) {
  const size_t colon = in.find(':');
  size_t size = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(in.substr(0, colon), &size)) return false;
  in.remove_prefix(colon + 1);
  if (size > in.size()) return false;
  field = std::string(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

}  // namespace

absl::Status OperationError(absl::StatusCode code, const Operation& operation, uint32_t index,
                            absl::string_view message, ErrorSite site) {
  absl::Status status(code, absl::StrCat(OperationName(operation, index), ": ", message));
  site.operation_index = index;
  site.label = operation.label;
  return WithErrorSite(std::move(status), site);
}

absl::Status WithErrorSite(absl::Status status, const ErrorSite& site) {
  std::string payload;
  AppendField(payload, site.operation_index ? absl::StrCat(*site.operation_index) : "");
  for (const std::string* field : {&site.label, &site.field, &site.expected, &site.found}) {
    AppendField(payload, *field);
  }
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

std::optional<ErrorSite> ErrorSiteOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload) return std::nullopt;
  const std::string bytes(*payload);
  absl::string_view rest = bytes;
  ErrorSite site;
  std::string index;
  if (!TakeField(rest, index)) return std::nullopt;
  uint32_t number = 0;
  if (absl::SimpleAtoi(index, &number)) site.operation_index = number;
  for (std::string* field : {&site.label, &site.field, &site.expected, &site.found}) {
    if (!TakeField(rest, *field)) return std::nullopt;
  }
  return site;
}

}  // namespace modeld
