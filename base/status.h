// Macros for functions that return absl::Status or absl::StatusOr. (Abseil ships its own from 2026 on.)
#ifndef MODELD_BASE_STATUS_H_
#define MODELD_BASE_STATUS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// Returns from the enclosing function when `expr`, a Status, is not OK.
#define MODELD_RETURN_IF_ERROR(expr)                                  \
  do {                                                                \
    if (::absl::Status modeld_status = (expr); !modeld_status.ok()) { \
      return modeld_status;                                           \
    }                                                                 \
  } while (false)

// MODELD_ASSIGN_OR_RETURN(auto x, F()): x gets the value of F(), a StatusOr; an error returns.
#define MODELD_ASSIGN_OR_RETURN(lhs, expr) \
  MODELD_ASSIGN_OR_RETURN_IMPL(MODELD_STATUS_CONCAT(modeld_statusor_, __LINE__), lhs, expr)
#define MODELD_ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr)  \
  auto statusor = (expr);                                  \
  if (!statusor.ok()) return std::move(statusor).status(); \
  lhs = *std::move(statusor)
#define MODELD_STATUS_CONCAT(a, b) MODELD_STATUS_CONCAT_IMPL(a, b)
#define MODELD_STATUS_CONCAT_IMPL(a, b) a##b

namespace modeld {

// `status` with "`context`: " put before its message; its code and payloads stay. OK stays OK.
inline absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

}  // namespace modeld

#endif  // MODELD_BASE_STATUS_H_
