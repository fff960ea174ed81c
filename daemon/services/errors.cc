#include "daemon/services/errors.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/grpc_status.h"
#include "modeld/v1/error.pb.h"
#include "storage/space.h"

namespace modeld {

absl::Status ModelNotFound() {
  return absl::NotFoundError("model: not found");
}

absl::Status HandleNotFound(absl::string_view kind, uint64_t id) {
  return absl::NotFoundError(absl::StrCat(kind, " ", id, ": not found"));
}

absl::Status SessionLimit(absl::string_view things, uint64_t limit) {
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(things, ": this session has ", limit, " already, the limit")),
      v1::ErrorDetail::REASON_SESSION_LIMIT);
}

absl::Status ByteLimit(absl::string_view what, uint64_t wanted, uint64_t used, uint64_t limit) {
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(what, ": ", wanted, " bytes do not fit, ",
                                                              limit - used, " of ", limit, " are free")),
                    v1::ErrorDetail::REASON_SESSION_LIMIT);
}

absl::Status TensorMismatch(absl::string_view role, absl::string_view name, absl::string_view expected,
                            absl::string_view found) {
  v1::ErrorDetail detail;
  detail.set_reason(v1::ErrorDetail::REASON_TENSOR_MISMATCH);
  detail.set_field(std::string(name));
  detail.set_expected(std::string(expected));
  detail.set_found(std::string(found));
  return WithDetail(absl::InvalidArgumentError(
                        absl::StrCat(role, " \"", name, "\": expected ", expected, ", found ", found)),
                    std::move(detail));
}

absl::Status BadField(absl::string_view field, absl::string_view what) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(field, ": ", what)),
                    v1::ErrorDetail::REASON_INVALID_ARGUMENT, field);
}

absl::Status Uncacheable(uint64_t graph_id) {
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat("graph ", graph_id, ": was built as uncacheable and cannot be stored")),
                    v1::ErrorDetail::REASON_UNCACHEABLE);
}

absl::Status StoresTooOften() {
  return WithReason(
      absl::ResourceExhaustedError("store: this partition stored too many models lately; retry later"),
      v1::ErrorDetail::REASON_RATE_LIMITED);
}

absl::Status FromStorage(absl::Status status, Role role) {
  const std::optional<storage::Shortage> shortage = storage::ShortageOf(status);
  if (!shortage || role != Role::kAdmin) return FromStorage(std::move(status));
  v1::ErrorDetail detail;
  detail.set_reason(v1::ErrorDetail::REASON_NO_SPACE);
  detail.set_need_bytes(shortage->need_bytes);
  detail.set_have_bytes(shortage->have_bytes);
  return WithDetail(absl::ResourceExhaustedError(absl::StrCat(status.message(), ": ", shortage->need_bytes,
                                                              " bytes are wanted, ", shortage->have_bytes,
                                                              " could be given")),
                    std::move(detail));
}

absl::Status FromStorage(absl::Status status) {
  if (absl::IsResourceExhausted(status))
    return WithReason(std::move(status), v1::ErrorDetail::REASON_NO_SPACE);
  if (absl::IsDataLoss(status)) return WithReason(std::move(status), v1::ErrorDetail::REASON_DIGEST_MISMATCH);
  return status;
}

}  // namespace modeld
