#include "policy/residency.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace modeld::policy {
namespace {

// Wide enough for any number of programs: what is taken off must be what was added.
using Sum = unsigned __int128;

Sum BytesOf(const ResidentProgram& program) {
  Sum bytes = program.own_bytes;
  for (const SharedWeights& weights : program.weights) bytes += weights.bytes;
  return bytes;
}

// Who holds each piece of shared weights, so that dropping programs one by one is counted in one pass.
class Ledger {
 public:
  explicit Ledger(std::span<const ResidentProgram> programs) {
    for (const ResidentProgram& program : programs) {
      sum_ += program.own_bytes;
      for (const SharedWeights& weights : program.weights) {
        Piece& piece = pieces_[weights.id];
        piece.bytes = std::max(piece.bytes, weights.bytes);
        ++piece.holders;
      }
      for (const std::string& owner : program.owners) owners_[owner] += BytesOf(program);
    }
    for (const auto& [id, piece] : pieces_) sum_ += piece.bytes;
    partitions_ = std::max<size_t>(owners_.size(), 1);
  }

  void Drop(const ResidentProgram& program) {
    sum_ -= program.own_bytes;
    for (const SharedWeights& weights : program.weights) {
      Piece& piece = pieces_.at(weights.id);
      if (--piece.holders == 0) sum_ -= piece.bytes;
    }
    for (const std::string& owner : program.owners) owners_.at(owner) -= BytesOf(program);
  }

  uint64_t Bytes() const {
    return static_cast<uint64_t>(std::min<Sum>(sum_, std::numeric_limits<uint64_t>::max()));
  }

  // Whether each owner takes more than an equal part of the budget; what owners share counts for each.
  bool OfGreedyAlone(const ResidentProgram& program, uint64_t budget_bytes) const {
    return std::all_of(program.owners.begin(), program.owners.end(), [&](const std::string& owner) {
      return owners_.at(owner) > budget_bytes / partitions_;
    });
  }

 private:
  struct Piece {
    uint64_t bytes = 0;
    uint64_t holders = 0;
  };
  Sum sum_ = 0;
  std::map<uint64_t, Piece> pieces_;
  std::map<std::string, Sum> owners_;
  uint64_t partitions_ = 1;
};

absl::Duration IdleTime(const ResidentProgram& program, absl::Time now) {
  return std::max(now - program.last_used, absl::ZeroDuration());
}

bool IsYoung(const ResidentProgram& program, const ResidencyBounds& bounds, absl::Time now) {
  const absl::Duration age = now - program.loaded_at;
  return age >= absl::ZeroDuration() && age < bounds.min_residence;
}

// "avg10" of a line "some avg10=0.12 avg60=... total=...".
std::optional<double> Avg10(absl::string_view fields) {
  for (absl::string_view field : absl::StrSplit(fields, ' ', absl::SkipEmpty())) {
    if (!absl::ConsumePrefix(&field, "avg10=")) continue;
    double value = 0;
    if (!absl::SimpleAtod(field, &value) || !(value >= 0 && value <= 100)) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace

uint64_t ResidentBytes(std::span<const ResidentProgram> programs) {
  return Ledger(programs).Bytes();
}

std::vector<uint64_t> ProgramsToDrop(std::span<const ResidentProgram> programs, const ResidencyBounds& bounds,
                                     absl::Time now) {
  std::vector<const ResidentProgram*> idle;
  for (const ResidentProgram& program : programs) {
    if (!program.in_use) idle.push_back(&program);
  }
  std::sort(idle.begin(), idle.end(), [&](const ResidentProgram* a, const ResidentProgram* b) {
    return std::tuple(IdleTime(*b, now), a->id) < std::tuple(IdleTime(*a, now), b->id);
  });
  Ledger rest(programs);
  std::vector<uint64_t> drop;
  std::vector<const ResidentProgram*> young;
  const auto too_much = [&] { return bounds.budget_bytes != 0 && rest.Bytes() > bounds.budget_bytes; };
  const auto leave = [&](const ResidentProgram& program) {
    rest.Drop(program);
    drop.push_back(program.id);
  };
  for (const ResidentProgram* program : idle) {
    const bool expired =
        bounds.keep_alive != absl::InfiniteDuration() && IdleTime(*program, now) >= bounds.keep_alive;
    // The list begins with the longest unused: the first one that may stay ends it.
    if (!expired && !too_much()) return drop;
    if (expired || !IsYoung(*program, bounds, now)) {
      leave(*program);
    } else {
      young.push_back(program);
    }
  }
  for (const ResidentProgram& program : programs) {
    if (program.in_use && IsYoung(program, bounds, now)) young.push_back(&program);
  }
  while (too_much() && !young.empty()) {
    const auto next = std::max_element(young.begin(), young.end(), [&](const auto* a, const auto* b) {
      const auto rank = [&](const ResidentProgram& program) {
        return std::tuple(rest.OfGreedyAlone(program, bounds.budget_bytes), program.loaded_at, program.id);
      };
      return rank(*a) < rank(*b);
    });
    if ((*next)->in_use) break;
    leave(**next);
    young.erase(next);
  }
  return drop;
}

absl::StatusOr<MemoryPressure> ParseMemoryPressure(absl::string_view text) {
  MemoryPressure pressure;
  bool some = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool is_some = absl::ConsumePrefix(&line, "some ");
    if (!is_some && !absl::ConsumePrefix(&line, "full ")) continue;
    const std::optional<double> avg10 = Avg10(line);
    if (!avg10.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("memory pressure: line \"", is_some ? "some" : "full", "\" has no avg10 in 0 to 100"));
    }
    (is_some ? pressure.some_avg10 : pressure.full_avg10) = *avg10;
    some |= is_some;
  }
  if (!some) return absl::InvalidArgumentError("memory pressure: no line \"some\"");
  return pressure;
}

ResidencyBounds UnderPressure(const ResidencyBounds& bounds, uint64_t resident_bytes,
                              const MemoryPressure& pressure) {
  const bool critical = pressure.full_avg10 >= kCriticalFullAvg10;
  if (!critical && !(pressure.some_avg10 >= kScarceSomeAvg10)) return bounds;
  const uint64_t budget = critical ? 1 : std::max<uint64_t>(resident_bytes / 2, 1);
  ResidencyBounds tight = bounds;
  tight.budget_bytes = bounds.budget_bytes == 0 ? budget : std::min(bounds.budget_bytes, budget);
  tight.min_residence = absl::ZeroDuration();
  return tight;
}

}  // namespace modeld::policy
