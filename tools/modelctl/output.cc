#include "tools/modelctl/output.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/units.h"

namespace modeld::tools {
namespace {

constexpr size_t kShortIdDigits = 12;
constexpr int kBarCells = 30;

// Columns that a UTF-8 text takes, one for each character.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void PrintJson(Environment& environment, const Json& object) {
  environment.out() << object.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

std::string HumanBound(uint64_t bytes) {
  return bytes > uint64_t{1} << 62 ? "none" : HumanBytes(bytes);
}

std::string Counted(uint64_t count, absl::string_view thing) {
  return absl::StrCat(count, " ", thing, count == 1 ? "" : "s");
}

std::string HumanSpan(absl::Duration span) {
  const int64_t seconds = absl::ToInt64Seconds(span);
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 120 * 60) return absl::StrCat(seconds / 60, "m");
  if (seconds < 48 * 3600) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::string AmountText(uint64_t done_bytes, uint64_t total_bytes, absl::Duration stalled) {
  return absl::StrCat(HumanBytes(done_bytes), " of ", HumanBytes(total_bytes),
                      stalled > absl::ZeroDuration() ? absl::StrCat(", stalled ", HumanSpan(stalled)) : "");
}

std::string HumanDuration(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds < 1e-3) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.2f ms", seconds * 1e3);
  return absl::StrFormat("%.2f s", seconds);
}

std::string HumanTime(int64_t seconds) {
  if (seconds == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixSeconds(seconds), absl::LocalTimeZone());
}

std::string FullId(absl::string_view id_bytes) {
  return absl::BytesToHexString(id_bytes);
}

std::string ShortId(absl::string_view id_bytes) {
  return FullId(id_bytes).substr(0, kShortIdDigits);
}

std::string Printable(absl::string_view text) {
  std::string result = absl::Utf8SafeCHexEscape(text);
  // Quotes need no escape here.
  for (const char* quote : {"\\\"", "\\'"}) {
    for (size_t at; (at = result.find(quote)) != std::string::npos;) result.erase(at, 1);
  }
  return result;
}

void PrintLine(Environment& environment, absl::string_view name, absl::string_view text) {
  constexpr size_t kNameColumns = 15;
  const size_t blanks = kNameColumns - std::min(kNameColumns - 1, name.size());
  environment.out() << name << std::string(blanks, ' ') << Printable(text) << "\n";
}

void Table::Add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::vector<std::string> Table::Lines() const {
  std::vector<size_t> widths(rows_[0].size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::vector<std::string> lines;
  for (const auto& row : rows_) {
    std::string& line = lines.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i]);
      if (i + 1 < row.size()) line.append(widths[i] - Width(row[i]) + 2, ' ');
    }
  }
  return lines;
}

void Table::Print(Environment& environment) const {
  std::vector<std::string> lines = Lines();
  if (environment.Colours()) lines[0] = absl::StrCat("\033[1m", lines[0], "\033[0m");
  for (const std::string& line : lines) environment.out() << line << "\n";
}

std::string Table::Text() const {
  const std::vector<std::string> lines = Lines();
  return absl::StrCat("  ", absl::StrJoin(lines.begin() + 1, lines.end(), "\n  "));
}

ProgressBar::ProgressBar(Environment& environment, std::string label)
    : environment_(environment),
      label_(std::move(label)),
      shown_(environment.streams().err_is_terminal && !environment.options().quiet) {}

ProgressBar::~ProgressBar() {
  if (drawn_) environment_.err() << "\r\033[K" << std::flush;
}

void ProgressBar::Update(double fraction, absl::string_view text) {
  if (!shown_) return;
  drawn_ = true;
  const int full = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * kBarCells));
  environment_.err() << "\r\033[K" << label_ << " [" << std::string(full, '#')
                     << std::string(kBarCells - full, '.') << "] " << text << std::flush;
}

}  // namespace modeld::tools
