#include "client/cpp/connector.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace modeld::client::internal {

absl::StatusOr<std::string> SocketPath(absl::string_view host) {
  const char* environment = std::getenv("MODELD_HOST");
  if (host.empty() && environment != nullptr) host = environment;
  if (host.empty()) {
    const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
    if (runtime_dir == nullptr || *runtime_dir == '\0') {
      return absl::FailedPreconditionError(
          "modeld: neither a host, MODELD_HOST nor XDG_RUNTIME_DIR tells its socket");
    }
    return absl::StrCat(runtime_dir, "/modeld/modeld.sock");
  }
  absl::string_view path = host;
  absl::ConsumePrefix(&path, "unix://");
  if (absl::StartsWith(path, "/")) return std::string(path);
  return absl::InvalidArgumentError("host: expected \"unix:///absolute/path\"");
}

absl::StatusOr<Caller> Connector::Get(const std::string& partition) {
  // gRPC takes printable ASCII in metadata, and nothing else.
  if (!std::all_of(partition.begin(), partition.end(), [](char c) { return absl::ascii_isprint(c); })) {
    return absl::InvalidArgumentError("partition: expected printable ASCII");
  }
  absl::MutexLock lock(&mu_);
  if (session_ != nullptr && !session_->Alive()) {
    if (!options_.reconnect) return absl::UnavailableError("modeld: the connection was lost");
    session_ = nullptr;
  }
  if (session_ == nullptr) {
    MODELD_ASSIGN_OR_RETURN(const std::string path, SocketPath(options_.host));
    MODELD_ASSIGN_OR_RETURN(session_, Session::Open(path, options_.connect_timeout));
  }
  return Caller(session_, partition, options_.default_deadline, options_.shared_memory);
}

bool Connector::Connected() const {
  absl::MutexLock lock(&mu_);
  return session_ != nullptr && session_->Alive();
}

}  // namespace modeld::client::internal
