#include "base/units.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace modeld {
namespace {

constexpr absl::string_view kUnits = "kmgt";

absl::Status NotASize(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not a size such as 4096, 64M or 2G"));
}

absl::Status NotADuration(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a duration such as 5m, 1h30m or 90 (seconds), or -1 for ever"));
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(absl::StripAsciiWhitespace(text));
  absl::string_view number = lower;
  int power = 0;
  const bool has_b = absl::ConsumeSuffix(&number, "b");
  const bool has_i = has_b && absl::ConsumeSuffix(&number, "i");
  if (!number.empty()) {
    const size_t unit = kUnits.find(number.back());
    if (unit != absl::string_view::npos) {
      power = static_cast<int>(unit) + 1;
      number.remove_suffix(1);
    }
  }
  if (has_i && power == 0) return NotASize(text);
  number = absl::StripTrailingAsciiWhitespace(number);
  const auto allowed = [](unsigned char c) { return absl::ascii_isdigit(c) || c == '.'; };
  uint64_t whole = 0;
  double value = 0;
  if (number.empty() || !std::all_of(number.begin(), number.end(), allowed)) return NotASize(text);
  if (power == 0) {
    if (!absl::SimpleAtoi(number, &whole) || whole > (uint64_t{1} << 63)) return NotASize(text);
    return whole;
  }
  if (!absl::SimpleAtod(number, &value)) return NotASize(text);
  value = std::ldexp(value, 10 * power);
  if (value > std::ldexp(1.0, 63)) return NotASize(text);
  return static_cast<uint64_t>(value);
}

std::string PrintBytes(uint64_t bytes) {
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  std::string text = absl::StrCat(bytes);
  if (unit > 0) text += absl::ascii_toupper(kUnits[unit - 1]);
  return text;
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  // What would be shown as 1024 of a unit is 1.0 of the next.
  for (; value >= (unit == 0 ? 1024 : 1023.95); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  int64_t number = 0;
  if (trimmed == "never") return absl::InfiniteDuration();
  if (absl::SimpleAtoi(trimmed, &number))
    return number < 0 ? absl::InfiniteDuration() : absl::Seconds(number);
  absl::string_view days = trimmed;
  if (absl::ConsumeSuffix(&days, "d") && absl::SimpleAtoi(days, &number) && number >= 0)
    return absl::Hours(24) * number;
  absl::Duration duration;
  if (trimmed.empty() || !absl::ascii_isdigit(trimmed[0]) ||
      !absl::ParseDuration(std::string(trimmed), &duration)) {
    return NotADuration(text);
  }
  return duration;
}

std::string PrintDuration(absl::Duration duration) {
  return duration == absl::InfiniteDuration() ? "-1" : absl::FormatDuration(duration);
}

}  // namespace modeld
