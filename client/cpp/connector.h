// Which session a client talks over at present. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_CONNECTOR_H_
#define MODELD_CLIENT_CPP_CONNECTOR_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/options.h"
#include "client/cpp/session.h"

namespace modeld::client::internal {

// The socket that ConnectOptions::host means; where nothing is said, the daemon's own default
// (daemon/config): modeld.sock in $MODELD_RUNTIME_DIR, else in $XDG_RUNTIME_DIR/modeld, else in
// /run/user/UID/modeld, else in /tmp/modeld-UID. INVALID_ARGUMENT: neither "unix:///path" nor an absolute
// path.
absl::StatusOr<std::string> SocketPath(absl::string_view host);

// Holds the current session, and makes a new one when it has ended and the options allow it. Thread-safe.
class Connector {
 public:
  explicit Connector(ConnectOptions options) : options_(std::move(options)) {}

  const ConnectOptions& options() const { return options_; }
  // For calls that need nothing of an earlier session. Errors: Session::Open's; UNAVAILABLE when the session
  // has ended and the options forbid another.
  absl::StatusOr<Caller> Get(const std::string& partition);
  // Whether the current session lives.
  bool Connected() const;

 private:
  // Fixed at construction.
  const ConnectOptions options_;

  // Under mu_.
  mutable absl::Mutex mu_;
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_CONNECTOR_H_
