// The built daemon as a child process, for tests in C++.
#ifndef MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_
#define MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/scratch_daemon.h"

namespace modeld::testing {

// A ScratchDaemon of a test. Not thread-safe. All functions REQUIRE (Catch2) what they promise.
class DaemonProcess {
 public:
  // Starts it; returns when it listens. `flags` go to the daemon.
  explicit DaemonProcess(const std::vector<std::string>& flags = {});

  // What ConnectOptions::host takes.
  std::string host() const { return daemon_->host(); }
  const std::string& folder() const { return daemon_->folder(); }
  pid_t pid() const { return daemon_->pid(); }

  // kill -9, then Start() again on the same folders.
  void Kill() { daemon_->Kill(); }
  void Start();

 private:
  std::unique_ptr<ScratchDaemon> daemon_;
};

}  // namespace modeld::testing

#endif  // MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_
