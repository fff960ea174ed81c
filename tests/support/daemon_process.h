// The built daemon as a child process, for tests in C++.
#ifndef MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_
#define MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace modeld::testing {

// A daemon in a scratch folder of its own. Not thread-safe. The destructor kills it and removes the folder.
// All functions REQUIRE (Catch2) what they promise.
class DaemonProcess {
 public:
  // Starts it; returns when its socket is there. `flags` go to the daemon.
  explicit DaemonProcess(const std::vector<std::string>& flags = {});
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // What ConnectOptions::host takes.
  std::string host() const { return "unix://" + folder_ + "/run/modeld.sock"; }
  const std::string& folder() const { return folder_; }
  pid_t pid() const { return pid_; }

  // kill -9, then Start() again on the same folders.
  void Kill();
  void Start();

 private:
  const std::vector<std::string> flags_;
  std::string folder_;
  pid_t pid_ = 0;
};

}  // namespace modeld::testing

#endif  // MODELD_TESTS_SUPPORT_DAEMON_PROCESS_H_
