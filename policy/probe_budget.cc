#include "policy/probe_budget.h"

#include <algorithm>
#include <iterator>

namespace modeld::policy {
namespace {

bool Counts(const Probe& probe, const ProbeBudget& budget, absl::Time now) {
  return budget.window <= absl::ZeroDuration() || now - probe.at < budget.window;
}

}  // namespace

ProbeVerdict DecideProbe(std::span<const Probe> probes, const ModelMark& mark, const ProbeBudget& budget,
                         absl::Time now) {
  // A budget that was lowered takes back what was granted, newest first: only the oldest `models` marks are
  // known.
  uint64_t counted = 0;
  bool known = false;
  for (const Probe& probe : probes) {
    if (!Counts(probe, budget, now)) continue;
    ++counted;
    if (probe.mark == mark && counted <= budget.models) known = true;
  }
  if (known) return ProbeVerdict::kKnown;
  return counted < budget.models ? ProbeVerdict::kCharge : ProbeVerdict::kSpent;
}

std::vector<Probe> LiveProbes(std::span<const Probe> probes, const ProbeBudget& budget, absl::Time now) {
  std::vector<Probe> live;
  std::copy_if(probes.begin(), probes.end(), std::back_inserter(live),
               [&](const Probe& probe) { return Counts(probe, budget, now); });
  return live;
}

}  // namespace modeld::policy
