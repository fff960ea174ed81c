// Which of several compiled plans fits this device, and whether it should be compiled anew.
#ifndef MODELD_POLICY_PLAN_VERDICT_H_
#define MODELD_POLICY_PLAN_VERDICT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace modeld::policy {

// What a plan was compiled for, or what would be compiled for now. Texts are compared byte by byte.
struct PlanTraits {
  // DeviceDescription.name: "cpu".
  std::string device;
  // Version of the plan's form, of the engine and of its libraries: packed weights of another build may mean
  // something else.
  std::string build;
  // Options that change results or what is claimed and fused.
  std::string options;
  // "avx2", "avx512_core", ...; in any order. A processor that lacks one of a plan's cannot run it.
  std::vector<std::string> instruction_sets;
  // Threads that it was laid out for.
  uint32_t threads = 0;
};

// A plan to choose from.
struct PlanCandidate {
  PlanTraits traits;
  // Marked damaged, or failed before on this device: never taken.
  bool distrusted = false;
  absl::Time created = absl::InfinitePast();
};

enum class PlanVerdict {
  // As good as a compilation now.
  kOptimal,
  // Right, but compiled for less than this device has: take it and recompile in the background.
  kWorks,
  // Compile.
  kUnusable,
};
// "optimal", "works", "unusable". Pure.
absl::string_view PlanVerdictName(PlanVerdict verdict);

// Another device, build or options, or an instruction set that is not here: unusable. Fewer instruction sets
// or another number of threads: works. Pure.
PlanVerdict JudgePlan(const PlanTraits& plan, const PlanTraits& here);

struct PlanChoice {
  // Position among the candidates.
  size_t index = 0;
  PlanVerdict verdict = PlanVerdict::kOptimal;
};
// The best usable plan: optimal before works; then more of this device's instruction sets, the nearer number
// of threads, the newer one, the earlier position. Nothing: compile. Pure.
std::optional<PlanChoice> BestPlan(std::span<const PlanCandidate> candidates, const PlanTraits& here);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_PLAN_VERDICT_H_
