// How much a site may learn from shared models being there: bits of surprise, spent before a hit is
// confirmed.
#ifndef MODELD_POLICY_INFORMATION_BUDGET_H_
#define MODELD_POLICY_INFORMATION_BUDGET_H_

#include <span>
#include <vector>

#include "absl/time/time.h"
#include "policy/model_mark.h"

namespace modeld::policy {

struct InformationBudget {
  // NaN and negative: nothing.
  double bits = 8;
  // Zero or less: what was spent stays spent.
  absl::Duration window = absl::Hours(24 * 30);
};

// A shared model that was confirmed to a site.
struct Spending {
  ModelMark mark;
  double bits = 0;
  absl::Time at;
};

// -log2(commonness): what a site learns about a user from a hit on a model that this part of all users has. 0
// for 1 and more (built-in); infinite for 0, less, and NaN. Pure.
double BitsOf(double commonness);

struct SpendingVerdict {
  enum class Kind {
    // Confirmed before within the window, or no surprise at all: answer, write nothing.
    kFree,
    // Record `bits` durably, then answer.
    kSpend,
    // Answer as for an absent model.
    kRefuse,
  };
  Kind kind = Kind::kRefuse;
  double bits = 0;
};

// What to do about a hit on `mark`. A spending from the future counts as within the window; one of NaN,
// infinite or negative bits (a damaged record) as a budget spent. Pure.
SpendingVerdict DecideSpending(std::span<const Spending> spendings, const ModelMark& mark, double commonness,
                               const InformationBudget& budget, absl::Time now);

// What is left, at least 0. Pure.
double BitsLeft(std::span<const Spending> spendings, const InformationBudget& budget, absl::Time now);

// The spendings that still count, in their order: what a spending writes back with the new one at the end.
// Pure.
std::vector<Spending> LiveSpendings(std::span<const Spending> spendings, const InformationBudget& budget,
                                    absl::Time now);

}  // namespace modeld::policy

#endif  // MODELD_POLICY_INFORMATION_BUDGET_H_
