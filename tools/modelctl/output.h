// How modelctl shows things.
#ifndef MODELD_TOOLS_MODELCTL_OUTPUT_H_
#define MODELD_TOOLS_MODELCTL_OUTPUT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// Keeps the order in which members are set: the order of the documented schema.
using Json = nlohmann::ordered_json;

// One object, indented, to `out`. Text that is not UTF-8 is mended.
void PrintJson(Environment& environment, const Json& object);

// As modeld::HumanBytes(); "none" for a bound that nothing reaches.
std::string HumanBound(uint64_t bytes);
// "1 model", "2 models".
std::string Counted(uint64_t count, absl::string_view thing);
// "40s", "12m", "3h", "90d": a time span in its largest unit, rounded down.
std::string HumanSpan(absl::Duration span);
// How far a transfer has come: "1.0 MiB of 4.0 MiB"; with "stalled 42s" behind it when no byte has come for
// the time `stalled`, which is zero while bytes come.
std::string AmountText(uint64_t done_bytes, uint64_t total_bytes, absl::Duration stalled);
// "1.25 ms", "3.1 s".
std::string HumanDuration(absl::Duration duration);
// "2026-03-01 14:05" in local time; "-" for 0. `seconds` since the epoch.
std::string HumanTime(int64_t seconds);
// The 64 digits of an id, or its first 12: enough for a person, and for the command line.
std::string FullId(absl::string_view id_bytes);
std::string ShortId(absl::string_view id_bytes);
// Text from outside, control characters escaped.
std::string Printable(absl::string_view text);

// A line of a description: `name`, then `text` in a column of its own; `text` is made printable.
void PrintLine(Environment& environment, absl::string_view name, absl::string_view text);

// Columns of text. Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  // As many cells as the header has. Cells are made printable.
  void Add(std::vector<std::string> cells);
  // To `out`, left-aligned, the header bold where colours are.
  void Print(Environment& environment) const;
  // Without the header and colours, each line behind two blanks: for talk.
  std::string Text() const;
  // The header and the rows, aligned.
  std::vector<std::string> Lines() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A bar on `err`, where that is a terminal and -q is not given; nothing elsewhere. Not thread-safe.
class ProgressBar {
 public:
  // `environment` must outlive this.
  ProgressBar(Environment& environment, std::string label);
  // Takes the bar away.
  ~ProgressBar();
  // 0 to 1, with a text behind the bar.
  void Update(double fraction, absl::string_view text);

 private:
  Environment& environment_;
  const std::string label_;
  const bool shown_;
  bool drawn_ = false;
};

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_OUTPUT_H_
