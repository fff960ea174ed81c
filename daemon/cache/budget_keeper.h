// What partitions may learn of what is not theirs, and how often they may store: policy's decisions, carried
// out.
#ifndef MODELD_DAEMON_CACHE_BUDGET_KEEPER_H_
#define MODELD_DAEMON_CACHE_BUDGET_KEEPER_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/cache/commonness_list.h"
#include "daemon/cache/privacy_options.h"
#include "daemon/metrics/metrics.h"
#include "policy/information_budget.h"
#include "policy/probe_budget.h"
#include "policy/store_rate.h"
#include "storage/ledger.h"

namespace modeld {

// Charges budgets before anything is looked up or confirmed. What cannot be written durably is refused, and
// no refusal has a reason that a client could see. Partitions are in their normal form. Thread-safe.
// References must outlive it.
class BudgetKeeper {
 public:
  // `commonness`: of the signed lists.
  BudgetKeeper(storage::Ledger& ledger, const PrivacyOptions& options, CommonnessTable commonness,
               const Clock& clock, Metrics& metrics);

  // Whether a partition may ask for a model that is not its own; charges its site unless it asked before.
  // Durable when it returns true.
  bool MayLookUp(absl::string_view partition, const Digest& model_id);

  // Whether the user shares the model with the partition.
  static bool IsSharedWith(const storage::ShareInfo& share, absl::string_view partition);
  // Whether a model that is shared with the partition may be confirmed to it; spends the bits of its site
  // unless it was confirmed before. Durable when it returns true.
  bool MayConfirm(absl::string_view partition, const storage::ShareInfo& share);

  struct Commonness {
    double value = 0;
    // "user", "list", "default".
    absl::string_view from;
  };
  // The user's word, else the lists', else the setting.
  Commonness CommonnessOf(const storage::ShareInfo& share) const;

  // Takes a store from a partition's allowance. False: it has stored too often lately.
  bool TakeStore(absl::string_view partition);

 private:
  // The site's budget; a damaged one is replaced by one that is spent, which then is what comes back.
  storage::SiteBudget Read(absl::string_view site, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetFullBuckets(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Fixed at construction.
  storage::Ledger& ledger_;
  const policy::ProbeBudget probes_;
  const policy::InformationBudget bits_;
  const policy::StoreRate rate_;
  const double default_commonness_;
  const CommonnessTable commonness_;
  const Clock& clock_;
  Counter& probe_refusals_;
  Counter& bits_refusals_;

  // Under mu_, which is held from the reading of a budget to its writing.
  absl::Mutex mu_;
  std::map<std::string, policy::StoreBucket, std::less<>> buckets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_CACHE_BUDGET_KEEPER_H_
