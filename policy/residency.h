// Which programs leave memory: keep-alive, a budget that counts shared weights once and does not make
// programs displace one another in turns, and memory pressure.
#ifndef MODELD_POLICY_RESIDENCY_H_
#define MODELD_POLICY_RESIDENCY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modeld::policy {

// Memory that programs may share: a constant or a packed segment. Equal ids are one piece of memory.
struct SharedWeights {
  uint64_t id = 0;
  uint64_t bytes = 0;
};

// A program in memory.
struct ResidentProgram {
  // The caller's name for it.
  uint64_t id = 0;
  // Its own memory alone: arena, steps.
  uint64_t own_bytes = 0;
  std::vector<SharedWeights> weights;
  // Partitions that have it.
  std::vector<std::string> owners;
  // When it came into memory; a use does not renew it.
  absl::Time loaded_at = absl::InfinitePast();
  // Last dispatch or fetch.
  absl::Time last_used = absl::InfinitePast();
  // Running, or about to: never dropped. A handle alone is no use: it gets its program back.
  bool in_use = false;
};

struct ResidencyBounds {
  // InfiniteDuration: never by age alone. Zero: at once.
  absl::Duration keep_alive = absl::Minutes(5);
  // Of all programs; 0: no bound.
  uint64_t budget_bytes = 0;
  // So long after its load a program is young, and not displaced for the budget's sake. Longer than most
  // loads take, so that little of the time is spent loading when more programs are used by turns than fit.
  absl::Duration min_residence = absl::Seconds(10);
};

// What all programs take, shared weights once; if the pieces of one id differ in size the largest counts.
// Stops at the largest uint64_t. Pure.
uint64_t ResidentBytes(std::span<const ResidentProgram> programs);

// Ids of the programs that leave now, in the order to drop them:
// 1. those idle for keep_alive or longer;
// 2. while the rest exceeds the budget, the longest unused that are not young (equal: the smaller id);
// 3. while it still does, the youngest (equal: the larger id): a newcomer for which there is no room makes
//    way for those before it. Programs of which each owner takes more than an equal part of the budget come
//    first: nobody keeps others out by filling the memory with young programs. When that one is in use, it is
//    waited for: it goes after its run, or what is idle does once it is not young any more.
// Programs in use stay, even above the budget. A last use in the future (the clock was set back) is one of
// now; a load in the future makes nothing young. Pure.
std::vector<uint64_t> ProgramsToDrop(std::span<const ResidentProgram> programs, const ResidencyBounds& bounds,
                                     absl::Time now);

// Percent of the last ten seconds in which some, or all, tasks waited for memory.
struct MemoryPressure {
  double some_avg10 = 0;
  double full_avg10 = 0;
};

// Parses the text of /proc/pressure/memory or of a control group's memory.pressure. INVALID_ARGUMENT when
// there is no line "some" with an avg10 in [0, 100]; "full" may be absent (older kernels' cgroup roots).
// Unknown lines and fields are passed over.
absl::StatusOr<MemoryPressure> ParseMemoryPressure(absl::string_view text);

// From these on memory is scarce (the whole budget shrinks to half of what is resident), or critical (to
// nothing: what is idle goes).
inline constexpr double kScarceSomeAvg10 = 10;
inline constexpr double kCriticalFullAvg10 = 10;

// The bounds under pressure: as given when there is none; a budget of half of `resident_bytes` when memory is
// scarce, of 1 byte when it is critical, never above the given one; and nothing is young then. NaN counts as
// no pressure. Pure.
ResidencyBounds UnderPressure(const ResidencyBounds& bounds, uint64_t resident_bytes,
                              const MemoryPressure& pressure);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_RESIDENCY_H_
