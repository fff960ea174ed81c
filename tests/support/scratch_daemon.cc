#include "tests/support/scratch_daemon.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace modeld::testing {
namespace {

// Instrumented binaries are slow to start; this is not meant to be reached.
constexpr absl::Duration kPatience = absl::Minutes(5);

// Bazel starts tests in the root of their runfiles; a program that is started otherwise has them beside it.
std::string DaemonPath() {
  constexpr char kDaemon[] = "daemon/modeld";
  std::error_code error;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", error).string();
  const std::string beside = absl::StrCat(own, ".runfiles/modeld/", kDaemon);
  return std::filesystem::exists(beside, error) ? beside : kDaemon;
}

bool Answers(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

std::string Describe(int status) {
  return WIFSIGNALED(status) ? absl::StrCat("signal ", WTERMSIG(status))
                             : absl::StrCat("exit status ", WEXITSTATUS(status));
}

// This process's environment without what configures a daemon.
std::vector<char*> CleanEnvironment() {
  std::vector<char*> clean;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!absl::StartsWith(*variable, "MODELD_")) clean.push_back(*variable);
  }
  clean.push_back(nullptr);
  return clean;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScratchDaemon>> ScratchDaemon::Start(std::vector<std::string> flags) {
  std::string folder = "/tmp/modeldXXXXXX";  // socket paths must be short
  if (mkdtemp(folder.data()) == nullptr) return absl::UnavailableError("no scratch folder under /tmp");
  std::unique_ptr<ScratchDaemon> daemon(new ScratchDaemon(std::move(flags), std::move(folder)));
  MODELD_RETURN_IF_ERROR(daemon->Restart());
  return daemon;
}

ScratchDaemon::~ScratchDaemon() {
  Kill();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string ScratchDaemon::HowItEnded() {
  int status = 0;
  if (pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = 0;
    how_it_ended_ = Describe(status);
  }
  return pid_ > 0 ? "" : how_it_ended_;
}

void ScratchDaemon::Kill() {
  if (!HowItEnded().empty()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  how_it_ended_ = Describe(status);
}

absl::Status ScratchDaemon::Restart() {
  Kill();
  std::string program = DaemonPath();
  std::vector<std::string> args = {
      program,       "--config",         "/dev/null",     "--cache-dir",   folder_ + "/cache",
      "--state-dir", folder_ + "/state", "--runtime-dir", folder_ + "/run"};
  args.insert(args.end(), flags_.begin(), flags_.end());
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  const std::string socket = folder_ + "/run/modeld.sock";
  std::error_code ignored;
  std::filesystem::remove(socket, ignored);
  const int error =
      posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv.data(), CleanEnvironment().data());
  if (error != 0) {
    pid_ = 0;
    return absl::UnavailableError(absl::StrCat("the daemon cannot be started: ", strerror(error)));
  }
  const absl::Time deadline = absl::Now() + kPatience;
  // The file is there before the daemon listens.
  while (!Answers(socket)) {
    if (const std::string how = HowItEnded(); !how.empty()) {
      return absl::UnavailableError(absl::StrCat("the daemon ended when it was started: ", how));
    }
    if (absl::Now() > deadline) return absl::UnavailableError("the daemon does not listen");
    absl::SleepFor(absl::Milliseconds(10));
  }
  return absl::OkStatus();
}

}  // namespace modeld::testing
