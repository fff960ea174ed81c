#include "client/cpp/connector.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace modeld::client::internal {

namespace {

// A variable's value, "" where it is not set.
std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The folder of the daemon's sockets.
std::string RuntimeFolder() {
  if (std::string own = Variable("MODELD_RUNTIME_DIR"); !own.empty()) return own;
  if (const std::string xdg = Variable("XDG_RUNTIME_DIR"); absl::StartsWith(xdg, "/")) {
    return absl::StrCat(xdg, "/modeld");
  }
  const std::string logind = absl::StrCat("/run/user/", ::geteuid());
  struct stat info = {};
  if (::lstat(logind.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::StrCat(logind, "/modeld");
  return absl::StrCat("/tmp/modeld-", ::geteuid());
}

}  // namespace

absl::StatusOr<std::string> SocketPath(absl::string_view host) {
  const std::string environment = Variable("MODELD_HOST");
  absl::string_view path = host.empty() ? absl::string_view(environment) : host;
  if (path.empty()) return absl::StrCat(RuntimeFolder(), "/modeld.sock");
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
    MODELD_ASSIGN_OR_RETURN(session_, Session::Open(path, options_.connect_timeout, partition));
  }
  return Caller(session_, partition, options_.default_deadline, options_.shared_memory);
}

bool Connector::Connected() const {
  absl::MutexLock lock(&mu_);
  return session_ != nullptr && session_->Alive();
}

}  // namespace modeld::client::internal
