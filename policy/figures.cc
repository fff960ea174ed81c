#include "policy/figures.h"

#include "absl/strings/str_cat.h"

namespace modeld::policy {

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
