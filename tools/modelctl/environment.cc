#include "tools/modelctl/environment.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/modelctl/exit_code.h"

namespace modeld::tools {

absl::StatusOr<client::Client> Environment::Connect() {
  if (!client_) {
    absl::StatusOr<client::Client> connected =
        client::Client::Connect({.host = options_.host, .partition = options_.partition});
    const absl::StatusCode code = connected.status().code();
    if (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kDeadlineExceeded) {
      return absl::UnavailableError(absl::StrCat(
          connected.status().message(),
          "\nIs it running? Try: systemctl --user start modeld.socket, or run modeld; --host and MODELD_HOST "
          "tell where it is."));
    }
    if (code == absl::StatusCode::kInvalidArgument) {
      return UsageError(absl::StrCat("--", connected.status().message()));
    }
    if (!connected.ok()) return connected.status();
    client_ = *std::move(connected);
  }
  return *client_;
}

absl::StatusOr<client::Admin> Environment::ConnectAdmin() {
  MODELD_ASSIGN_OR_RETURN(client::Client client, Connect());
  return client::Admin(std::move(client), call());
}

absl::StatusOr<client::CacheAdmin> Environment::ConnectCacheAdmin() {
  MODELD_ASSIGN_OR_RETURN(client::Client client, Connect());
  return client::CacheAdmin(std::move(client), call());
}

void Environment::Say(absl::string_view line) {
  if (!options_.quiet) err() << line << "\n";
}

absl::Status Environment::Confirm(absl::string_view question, bool yes) {
  if (yes) return absl::OkStatus();
  if (!streams_.in_is_terminal || !streams_.err_is_terminal) {
    return UsageError("nobody to ask here: say -y to go on without a question");
  }
  err() << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(streams_.in, answer);
  answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  if (answer == "y" || answer == "yes") return absl::OkStatus();
  return absl::AbortedError("nothing was changed");
}

bool Environment::Colours() const {
  const char* no_color = std::getenv("NO_COLOR");
  return streams_.out_is_terminal && (no_color == nullptr || *no_color == '\0');
}

}  // namespace modeld::tools
