#include "policy/figures.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace modeld::policy {

std::string BytesText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1023.95 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string AgeText(absl::Duration age) {
  if (age == absl::InfiniteDuration()) return "never";
  if (age < absl::Seconds(1)) return "now";
  struct Unit {
    absl::Duration length;
    const char* name;
  };
  const Unit units[] = {{absl::Hours(24), "day"},
                        {absl::Hours(1), "hour"},
                        {absl::Minutes(1), "minute"},
                        {absl::Seconds(1), "second"}};
  for (const Unit& unit : units) {
    const int64_t count = age / unit.length;
    if (count > 0) return absl::StrCat(count, " ", unit.name, count == 1 ? "" : "s");
  }
  return "now";
}

}  // namespace modeld::policy
