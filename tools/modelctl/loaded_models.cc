#include "tools/modelctl/loaded_models.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace modeld::tools {

std::string ResidencyName(v1::Residency residency) {
  switch (residency) {
    case v1::RESIDENCY_IDLE:
      return "idle";
    case v1::RESIDENCY_RUNNING:
      return "running";
    case v1::RESIDENCY_KEPT:
      return "kept";
    default:
      return "gone";
  }
}

std::string ResidencyText(v1::Residency residency, double idle_seconds_left) {
  if (residency == v1::RESIDENCY_KEPT) return "never";
  if (residency != v1::RESIDENCY_IDLE) return ResidencyName(residency);
  const absl::Duration left = absl::Trunc(absl::Seconds(idle_seconds_left), absl::Seconds(1));
  return absl::StrCat("idle, ", left < absl::Seconds(1) ? "0s" : absl::FormatDuration(left), " left");
}

Json IdleUntil(v1::Residency residency, double idle_seconds_left) {
  if (residency != v1::RESIDENCY_IDLE) return Json();
  return absl::ToUnixSeconds(absl::Now() + absl::Seconds(idle_seconds_left));
}

}  // namespace modeld::tools
