// What callers of the library may choose.
#ifndef MODELD_CLIENT_CPP_OPTIONS_H_
#define MODELD_CLIENT_CPP_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/cpp/cancellation.h"

namespace modeld::client {

// How to reach the daemon.
struct ConnectOptions {
  // "unix:///absolute/path", or "/absolute/path". Empty: $MODELD_HOST, else where the daemon listens by
  // default: $XDG_RUNTIME_DIR/modeld/modeld.sock.
  std::string host = {};
  // For brokers and admins: the partition that all calls speak for, "web:<site>|<origin>" or "app:<id>".
  // Empty: the partition that the daemon knows this process by.
  std::string partition = {};
  // How long Connect and a later reconnect may take.
  absl::Duration connect_timeout = absl::Seconds(10);
  // For calls that set no deadline of their own.
  absl::Duration default_deadline = absl::InfiniteDuration();
  // Whether a Client whose connection was lost makes a new one, and so a new session, for the next call that
  // needs nothing of the old session. Else that call is UNAVAILABLE.
  bool reconnect = true;
  // Whether tensors and constants may go through shared memory. Else everything travels in messages, only
  // slower.
  bool shared_memory = true;
};

// Of one call.
struct CallOptions {
  // From now; past it the call ends with DEADLINE_EXCEEDED and the daemon stops working on it.
  // Unset: ConnectOptions::default_deadline.
  std::optional<absl::Duration> deadline = {};
  std::optional<Cancellation> cancellation = {};
};

// WebNN's MLPowerPreference.
enum class PowerPreference { kDefault, kHighPerformance, kLowPower };

// Of a context.
struct ContextOptions {
  PowerPreference power_preference = PowerPreference::kDefault;
  // Threads that one execution may use. 0: the daemon decides.
  uint32_t num_threads = 0;
  // "cpu" or "reference". Empty: the daemon decides.
  std::string device = {};
};

// How far the upload of a graph's constants has come. `committed_bytes` never goes back; the last report has
// both equal, and is not stalled.
struct UploadProgress {
  // Safely kept by the daemon.
  uint64_t committed_bytes = 0;
  // All that it lacked when the upload began.
  uint64_t total_bytes = 0;
  // Above zero while the upload is stalled: the daemon waits, and for so long no byte has come. Whole
  // seconds.
  absl::Duration stalled = absl::ZeroDuration();
};

// Of building a graph.
struct BuildOptions {
  CallOptions call = {};
  // Called whenever the daemon has kept more, each second while the upload is stalled, and when it no longer
  // is; from the thread that builds or one that the library starts for the call, never twice at once and
  // never after Build has returned; not at all when the daemon lacks nothing. It must not block.
  std::function<void(const UploadProgress&)> progress = {};
  // Nothing of the graph is ever written to disk: what is uploaded for it lives in the daemon's memory, for
  // as long as this client's session, and it can be neither stored nor saved (FAILED_PRECONDITION).
  bool uncacheable = false;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_OPTIONS_H_
