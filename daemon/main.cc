// modeld: the local model-management daemon.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "daemon/config/config.h"
#include "daemon/heap.h"
#include "daemon/logging.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "daemon/sockets/unix_listener.h"

namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "modeld: %s\n", std::string(status.message()).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? kUsage : kFailure;
}

// The engine's threads are libgomp's, which by default spin while they wait and so take the cores from other
// runs and other programs. It reads its environment when it is loaded, before main: hence the program starts
// itself once more.
void LetIdleThreadsSleep(const std::string& own_executable, char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  if (setenv("OMP_WAIT_POLICY", "passive", 0) == 0) execv(own_executable.c_str(), argv);
}

}  // namespace

int main(int argc, char** argv) {
  std::error_code error;
  const std::string own_executable = std::filesystem::read_symlink("/proc/self/exe", error).string();
  LetIdleThreadsSleep(own_executable, argv);
  modeld::SetUpHeap();
  auto loaded = modeld::LoadConfig({.arguments = {argv + 1, argv + argc},
                                    .environment = Environment,
                                    .own_executable = own_executable,
                                    .uid = geteuid()});
  if (!loaded.ok()) return Fail(loaded.status());
  if (loaded->print.has_value()) return std::fputs(loaded->print->c_str(), stdout) < 0 ? kFailure : 0;
  modeld::StartLogging(loaded->config.log_level, loaded->config.log_target, Environment("JOURNAL_STREAM"));
  const int max_descriptors = modeld::PrepareProcess();
  auto signal = modeld::StopSignal::Block();
  if (!signal.ok()) return Fail(signal.status());
  auto sockets = modeld::TakeActivatedSockets();
  if (!sockets.ok()) return Fail(sockets.status());
  auto server = modeld::Server::Create({*std::move(loaded), *std::move(sockets), max_descriptors});
  if (!server.ok()) return Fail(server.status());
  (*server)->Run(*signal);
  return 0;
}
