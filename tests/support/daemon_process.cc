#include "tests/support/daemon_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace modeld::testing {
namespace {

constexpr char kDaemon[] = "daemon/modeld";
// Instrumented binaries are slow to start; this is not meant to be reached.
constexpr absl::Duration kPatience = absl::Seconds(60);

bool Answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

}  // namespace

DaemonProcess::DaemonProcess(const std::vector<std::string>& flags) : flags_(flags) {
  std::string name = "/tmp/modeldXXXXXX";  // socket paths must be short
  REQUIRE(mkdtemp(name.data()) != nullptr);
  folder_ = name;
  Start();
}

DaemonProcess::~DaemonProcess() {
  if (pid_ > 0) Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void DaemonProcess::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void DaemonProcess::Start() {
  std::vector<std::string> args = {kDaemon,         "--cache-dir",      folder_ + "/cache",
                                   "--state-dir",   folder_ + "/state", "--runtime-dir",
                                   folder_ + "/run"};
  args.insert(args.end(), flags_.begin(), flags_.end());
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  std::filesystem::remove(folder_ + "/run/modeld.sock");
  REQUIRE(posix_spawn(&pid_, kDaemon, nullptr, nullptr, argv.data(), environ) == 0);
  const absl::Time deadline = absl::Now() + kPatience;
  // The file is there before the daemon listens.
  while (!Answers(folder_ + "/run/modeld.sock")) {
    REQUIRE(waitpid(pid_, nullptr, WNOHANG) == 0);
    REQUIRE(absl::Now() < deadline);
    absl::SleepFor(absl::Milliseconds(10));
  }
}

}  // namespace modeld::testing
