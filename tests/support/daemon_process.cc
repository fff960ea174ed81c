#include "tests/support/daemon_process.h"

#include <catch2/catch.hpp>
#include <utility>

namespace modeld::testing {

DaemonProcess::DaemonProcess(const std::vector<std::string>& flags) {
  auto daemon = ScratchDaemon::Start(flags);
  INFO(daemon.status());
  REQUIRE(daemon.ok());
  daemon_ = *std::move(daemon);
}

void DaemonProcess::Start() {
  const absl::Status started = daemon_->Restart();
  INFO(started);
  REQUIRE(started.ok());
}

}  // namespace modeld::testing
