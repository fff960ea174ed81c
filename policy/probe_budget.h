// How many models a site may ask for that are not its own: distinct ones within a sliding window.
#ifndef MODELD_POLICY_PROBE_BUDGET_H_
#define MODELD_POLICY_PROBE_BUDGET_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "policy/model_mark.h"

namespace modeld::policy {

struct ProbeBudget {
  // Distinct models per window. 0: none, ever.
  uint32_t models = 100;
  // Zero or less: what was asked is never forgotten.
  absl::Duration window = absl::Hours(24 * 30);
};

// A model that was asked for. `mark` is what BudgetRecord.Probe.model keeps of its id.
struct Probe {
  ModelMark mark;
  // When it was charged: asking again within the window neither costs nor prolongs.
  absl::Time at;
};

enum class ProbeVerdict {
  // Asked for within the window: look up, charge nothing.
  kKnown,
  // Record it durably, then look up.
  kCharge,
  // Answer as for an absent model, without a look-up.
  kSpent,
};

// What to do about a question for `mark`. Charged before the look-up, hit or miss alike. A probe from the
// future (the clock was set back) counts as within the window. Pure.
ProbeVerdict DecideProbe(std::span<const Probe> probes, const ModelMark& mark, const ProbeBudget& budget,
                         absl::Time now);

// The probes that still count, in their order: what a charge writes back with the new one at the end. Pure.
std::vector<Probe> LiveProbes(std::span<const Probe> probes, const ProbeBudget& budget, absl::Time now);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_PROBE_BUDGET_H_
