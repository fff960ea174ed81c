// Signals, the service manager, and the process's own limits.
#ifndef MODELD_DAEMON_SIGNALS_H_
#define MODELD_DAEMON_SIGNALS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/memory/shared_memory.h"

namespace modeld {

// SIGTERM and SIGINT as something to wait for. Thread-safe.
class StopSignal {
 public:
  // Blocks the two signals for this thread and those that it starts: call before there are any.
  // RESOURCE_EXHAUSTED: no descriptor.
  static absl::StatusOr<StopSignal> Block();

  // Waits for a signal, at most so long; whether one came. After the first, another SIGINT (an impatient
  // Ctrl-C) ends the process.
  bool Wait(absl::Duration at_most);

 private:
  explicit StopSignal(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Prepares the process: files and sockets for this user alone (umask), SIGPIPE ignored, as many descriptors
// as the hard limit allows. Returns that number.
int PrepareProcess();

// Tells systemd, if it waits for that: "READY=1". Nothing happens without systemd.
void NotifyManager(absl::string_view state);

// Half of the interval at which systemd wants a sign of life; infinite when it wants none.
absl::Duration WatchdogInterval();

}  // namespace modeld

#endif  // MODELD_DAEMON_SIGNALS_H_
