// Which backend a context gets, and with which options.
#ifndef MODELD_DAEMON_SERVICES_DEVICES_H_
#define MODELD_DAEMON_SERVICES_DEVICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/backend/backend.h"

namespace modeld {

// What a client wishes of a context.
struct ContextWishes {
  bool low_power = false;
  // 0: the daemon decides.
  uint32_t num_threads = 0;
  // Empty: the daemon decides.
  std::string device;
};

// The backends of this daemon. Immutable; thread-safe.
class Devices {
 public:
  // The first is the default; at least one. They must outlive this. `cores`: threads that the machine has, at
  // least 1. `options`: of every choice, but for its number of threads.
  Devices(std::vector<const Backend*> backends, uint32_t cores, const CompileOptions& options = {})
      : backends_(std::move(backends)), cores_(cores), options_(options) {}

  struct Choice {
    const Backend& backend;
    CompileOptions options;
  };
  // UNIMPLEMENTED: no such device. Low power without a number of threads means one thread.
  absl::StatusOr<Choice> Choose(const ContextWishes& wishes) const;

  std::vector<DeviceDescription> Describe() const;

 private:
  const std::vector<const Backend*> backends_;
  const uint32_t cores_;
  const CompileOptions options_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_DEVICES_H_
