// Whether anybody still wants the answer of a call.
#ifndef MODELD_DAEMON_SERVICES_CANCELLATION_H_
#define MODELD_DAEMON_SERVICES_CANCELLATION_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "engine/runtime/executor.h"

namespace modeld {

// Joins the two ways in which a call ends early: its token is cancelled (session closed, context destroyed,
// model stopped), or the client has gone, which has to be asked for. The token is thread-safe; Poll is for
// the call's thread.
class Cancellation {
 public:
  // `client_gone` may be null: the client never goes.
  explicit Cancellation(std::function<bool()> client_gone = nullptr) : client_gone_(std::move(client_gone)) {}
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  CancelToken& token() { return token_; }

  // Asks the client's side too; true from the first time that anything says so.
  bool Poll() {
    if (!token_.cancelled() && client_gone_ && client_gone_()) token_.Cancel();
    return token_.cancelled();
  }
  // CANCELLED or OK.
  absl::Status Check() {
    return Poll() ? absl::CancelledError("the call: cancelled, or its session has ended") : absl::OkStatus();
  }

 private:
  CancelToken token_;
  const std::function<bool()> client_gone_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CANCELLATION_H_
