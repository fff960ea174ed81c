#include "daemon/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

namespace modeld {

absl::StatusOr<StopSignal> StopSignal::Block() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return absl::ResourceExhaustedError("signals: no descriptor is left");
  return StopSignal(std::move(fd));
}

bool StopSignal::Wait(absl::Duration at_most) {
  pollfd ready{fd_.get(), POLLIN, 0};
  // Rounded up: waking early would be waking twice.
  const int64_t ms = at_most == absl::InfiniteDuration() ? -1 : absl::ToInt64Milliseconds(at_most) + 1;
  if (poll(&ready, 1, static_cast<int>(std::min<int64_t>(ms, INT_MAX))) <= 0) return false;
  signalfd_siginfo info;
  if (read(fd_.get(), &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return false;
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
  return true;
}

int PrepareProcess() {
  umask(077);
  signal(SIGPIPE, SIG_IGN);
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 1024;
  const rlimit raised{files.rlim_max, files.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) files.rlim_cur = files.rlim_max;
  return static_cast<int>(std::min<rlim_t>(files.rlim_cur, INT_MAX));
}

void NotifyManager(absl::string_view state) {
  sd_notify(/*unset_environment=*/0, std::string(state).c_str());
}

absl::Duration WatchdogInterval() {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0) return absl::InfiniteDuration();
  return absl::Microseconds(microseconds) / 2;
}

}  // namespace modeld
