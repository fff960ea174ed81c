// The built daemon as a child process, for runners and tests in C++.
#ifndef MODELD_TESTS_SUPPORT_SCRATCH_DAEMON_H_
#define MODELD_TESTS_SUPPORT_SCRATCH_DAEMON_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace modeld::testing {

// A daemon in a scratch folder of its own, untouched by the user's configuration: it gets no MODELD_
// variable, and reads no file. Not thread-safe. The destructor kills it and removes the folder.
class ScratchDaemon {
 public:
  // Starts it; returns when it listens. `flags` go to it. The binary is the one among this program's
  // runfiles. UNAVAILABLE: it cannot be started, ends, or does not listen in time.
  static absl::StatusOr<std::unique_ptr<ScratchDaemon>> Start(std::vector<std::string> flags = {});
  ~ScratchDaemon();
  ScratchDaemon(const ScratchDaemon&) = delete;
  ScratchDaemon& operator=(const ScratchDaemon&) = delete;

  // What ConnectOptions::host takes.
  std::string host() const { return "unix://" + folder_ + "/run/modeld.sock"; }
  const std::string& folder() const { return folder_; }
  pid_t pid() const { return pid_; }

  // "" while it runs, else how it ended: "exit status 3", "signal 11".
  std::string HowItEnded();

  // kill -9, unless it has ended; then Restart() starts it again on the same folders. Errors: as Start.
  void Kill();
  absl::Status Restart();

 private:
  ScratchDaemon(std::vector<std::string> flags, std::string folder)
      : flags_(std::move(flags)), folder_(std::move(folder)) {}

  const std::vector<std::string> flags_;
  const std::string folder_;
  pid_t pid_ = 0;
  std::string how_it_ended_ = "not started";
};

}  // namespace modeld::testing

#endif  // MODELD_TESTS_SUPPORT_SCRATCH_DAEMON_H_
