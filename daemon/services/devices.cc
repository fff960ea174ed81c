#include "daemon/services/devices.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace modeld {

absl::StatusOr<Devices::Choice> Devices::Choose(const ContextWishes& wishes) const {
  CompileOptions options = options_;
  options.num_threads = std::min(wishes.num_threads, cores_);
  if (options.num_threads == 0 && wishes.low_power) options.num_threads = 1;
  if (wishes.device.empty()) return Choice{*backends_.front(), options};
  for (const Backend* backend : backends_) {
    if (backend->Describe().name == wishes.device) return Choice{*backend, options};
  }
  return absl::UnimplementedError(absl::StrCat("device \"", wishes.device, "\": there is none of this name"));
}

std::vector<DeviceDescription> Devices::Describe() const {
  std::vector<DeviceDescription> all;
  for (const Backend* backend : backends_) all.push_back(backend->Describe());
  return all;
}

}  // namespace modeld
