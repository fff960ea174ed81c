#include "tools/modelctl/exit_code.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "client/cpp/status.h"

namespace modeld::tools {
namespace {

constexpr absl::string_view kUsageUrl = "modelctl/usage";

constexpr std::pair<absl::StatusCode, ExitCode> kCodes[] = {
    {absl::StatusCode::kOk, ExitCode::kOk},
    {absl::StatusCode::kNotFound, ExitCode::kNotFound},
    {absl::StatusCode::kUnavailable, ExitCode::kUnreachable},
    {absl::StatusCode::kResourceExhausted, ExitCode::kNoSpace},
    {absl::StatusCode::kDataLoss, ExitCode::kVerificationFailed},
    {absl::StatusCode::kPermissionDenied, ExitCode::kPermission},
    {absl::StatusCode::kUnauthenticated, ExitCode::kPermission},
    {absl::StatusCode::kAborted, ExitCode::kBusy},
    {absl::StatusCode::kCancelled, ExitCode::kInterrupted},
};

constexpr ExitMeaning kMeanings[] = {
    {ExitCode::kOk, "ok", ""},
    {ExitCode::kFailure, "failure", ": anything else; `doctor` found something"},
    {ExitCode::kUsage, "usage",
     ": wrong command line (also `--host` and `--partition`), ambiguous prefix, nobody to ask"},
    {ExitCode::kNotFound, "not found", ": model, key, partition, file"},
    {ExitCode::kUnreachable, "daemon unreachable", ", or its connection lost"},
    {ExitCode::kNoSpace, "no space or quota", ""},
    {ExitCode::kVerificationFailed, "verification failed",
     ", or damaged data; a backup that some model is not in"},
    {ExitCode::kPermission, "permission", ""},
    {ExitCode::kBusy, "busy", ", or the question was answered with no"},
    {ExitCode::kInterrupted, "interrupted", ""},
};

// Whether the daemon refused the name of a partition: such messages begin with what it calls that.
bool NamesPartition(absl::string_view message) {
  return absl::StartsWith(message, "partition: ") || absl::StartsWith(message, "modeld-partition: ");
}

}  // namespace

std::span<const ExitMeaning> ExitMeanings() {
  return kMeanings;
}

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.GetPayload(kUsageUrl)) return ExitCode::kUsage;
  if (absl::IsInvalidArgument(status) && NamesPartition(status.message())) return ExitCode::kUsage;
  if (client::IsSessionEnded(status)) return ExitCode::kUnreachable;
  const auto detail = client::ErrorDetailOf(status);
  if (detail && detail->reason == "REASON_QUEUE_FULL") return ExitCode::kBusy;
  for (const auto& [code, exit] : kCodes) {
    if (status.code() == code) return exit;
  }
  return ExitCode::kFailure;
}

}  // namespace modeld::tools
