// modelctl: the user's view and control of modeld.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <ctime>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "client/cpp/cancellation.h"
#include "tools/modelctl/app.h"

namespace {

using modeld::tools::ExitCode;

// Waits for interrupts on a thread: the first stops calls under way, what does not end soon after is cut off.
void WatchInterrupts(const modeld::client::Cancellation& cancellation) {
  static sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([cancellation] {
    int signal;
    sigwait(&signals, &signal);
    cancellation.Cancel();
    const timespec grace = {.tv_sec = 2, .tv_nsec = 0};
    sigtimedwait(&signals, nullptr, &grace);
    _exit(static_cast<int>(ExitCode::kInterrupted));
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  const modeld::client::Cancellation cancellation;
  WatchInterrupts(cancellation);
  modeld::tools::Environment environment({.in = std::cin,
                                          .out = std::cout,
                                          .err = std::cerr,
                                          .in_is_terminal = isatty(STDIN_FILENO) == 1,
                                          .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                                          .err_is_terminal = isatty(STDERR_FILENO) == 1,
                                          .in_fd = STDIN_FILENO,
                                          .out_fd = STDOUT_FILENO},
                                         cancellation);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return static_cast<int>(modeld::tools::RunCommandLine(arguments, environment));
}
