// The one line that each failed call leaves in the log.
#ifndef MODELD_DAEMON_CALL_LOG_H_
#define MODELD_DAEMON_CALL_LOG_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/session/session.h"

namespace modeld {

// Writes one line for a call that failed: method ("InferenceService/Run"), session number, its role, the code
// and, where it is surely harmless, the cause. The services call it once per failed call, from the edge;
// nothing below logs. Does nothing for OK. Thread-safe.
//
// Privacy: a message may quote what the client sent (keys, names, labels, a broker's web origins). So the
// message and the app's id are written at debug level only; above it stand only the method, the numbers and
// the code. INTERNAL, DATA_LOSS and UNKNOWN, which are the daemon's fault, are errors and keep their message,
// as only the daemon's own words may make them up: quote no client's text in such a message. CANCELLED and
// NOT_FOUND are everyday: debug. All others: info.
void LogFailedCall(absl::string_view method, const Session& session, const absl::Status& status);

// A call of which no session is known (it had ended): as above, without the session.
void LogFailedCall(absl::string_view method, const absl::Status& status);

}  // namespace modeld

#endif  // MODELD_DAEMON_CALL_LOG_H_
