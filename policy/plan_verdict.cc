#include "policy/plan_verdict.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace modeld::policy {
namespace {

std::set<absl::string_view> SetOf(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

uint32_t Distance(uint32_t a, uint32_t b) {
  return a > b ? a - b : b - a;
}

}  // namespace

absl::string_view PlanVerdictName(PlanVerdict verdict) {
  switch (verdict) {
    case PlanVerdict::kOptimal:
      return "optimal";
    case PlanVerdict::kWorks:
      return "works";
    case PlanVerdict::kUnusable:
      return "unusable";
  }
  return "unusable";
}

PlanVerdict JudgePlan(const PlanTraits& plan, const PlanTraits& here) {
  if (plan.device != here.device || plan.build != here.build || plan.options != here.options) {
    return PlanVerdict::kUnusable;
  }
  const auto wanted = SetOf(plan.instruction_sets);
  const auto present = SetOf(here.instruction_sets);
  if (!std::includes(present.begin(), present.end(), wanted.begin(), wanted.end())) {
    return PlanVerdict::kUnusable;
  }
  return wanted == present && plan.threads == here.threads ? PlanVerdict::kOptimal : PlanVerdict::kWorks;
}

std::optional<PlanChoice> BestPlan(std::span<const PlanCandidate> candidates, const PlanTraits& here) {
  std::optional<PlanChoice> best;
  const auto rank = [&](const PlanChoice& choice) {
    const PlanCandidate& candidate = candidates[choice.index];
    return std::tuple(choice.verdict, -static_cast<int64_t>(SetOf(candidate.traits.instruction_sets).size()),
                      Distance(candidate.traits.threads, here.threads), absl::UnixEpoch() - candidate.created,
                      choice.index);
  };
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].distrusted) continue;
    const PlanChoice choice{i, JudgePlan(candidates[i].traits, here)};
    if (choice.verdict == PlanVerdict::kUnusable) continue;
    if (!best.has_value() || rank(choice) < rank(*best)) best = choice;
  }
  return best;
}

}  // namespace modeld::policy
