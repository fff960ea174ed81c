#include "policy/information_budget.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace modeld::policy {
namespace {

bool Counts(const Spending& spending, const InformationBudget& budget, absl::Time now) {
  return budget.window <= absl::ZeroDuration() || now - spending.at < budget.window;
}

bool Sound(const Spending& spending) {
  return std::isfinite(spending.bits) && spending.bits >= 0;
}

}  // namespace

double BitsOf(double commonness) {
  if (!(commonness > 0)) return std::numeric_limits<double>::infinity();
  return commonness >= 1 ? 0 : -std::log2(commonness);
}

double BitsLeft(std::span<const Spending> spendings, const InformationBudget& budget, absl::Time now) {
  double left = std::isnan(budget.bits) ? 0 : budget.bits;
  for (const Spending& spending : spendings) {
    if (!Counts(spending, budget, now)) continue;
    if (!Sound(spending)) return 0;
    left -= spending.bits;
  }
  return std::max(left, 0.0);
}

SpendingVerdict DecideSpending(std::span<const Spending> spendings, const ModelMark& mark, double commonness,
                               const InformationBudget& budget, absl::Time now) {
  using Kind = SpendingVerdict::Kind;
  const double bits = BitsOf(commonness);
  if (bits == 0) return {Kind::kFree, 0};
  for (const Spending& spending : spendings) {
    if (spending.mark == mark && Sound(spending) && Counts(spending, budget, now)) return {Kind::kFree, 0};
  }
  // Infinite bits fit no budget, not even an infinite one.
  if (!std::isfinite(bits) || bits > BitsLeft(spendings, budget, now)) return {Kind::kRefuse, 0};
  return {Kind::kSpend, bits};
}

std::vector<Spending> LiveSpendings(std::span<const Spending> spendings, const InformationBudget& budget,
                                    absl::Time now) {
  std::vector<Spending> live;
  std::copy_if(spendings.begin(), spendings.end(), std::back_inserter(live),
               [&](const Spending& spending) { return Counts(spending, budget, now); });
  return live;
}

}  // namespace modeld::policy
