#include "daemon/cache/budget_keeper.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "policy/model_mark.h"
#include "policy/partition.h"

namespace modeld {
namespace {

// Buckets of partitions that stored lately; past this, those that are full again are forgotten.
constexpr size_t kManyBuckets = 1'024;

policy::ModelMark MarkOfTag(const std::string& tag) {
  policy::ModelMark mark{};
  std::copy_n(tag.begin(), std::min(tag.size(), mark.size()), mark.begin());
  return mark;
}

std::string TagOf(const policy::ModelMark& mark) {
  return std::string(mark.begin(), mark.end());
}

std::vector<policy::Probe> ProbesOf(const storage::SiteBudget& budget) {
  std::vector<policy::Probe> probes;
  for (const auto& probe : budget.probes) probes.push_back({MarkOfTag(probe.model), probe.at});
  return probes;
}

std::vector<policy::Spending> SpendingsOf(const storage::SiteBudget& budget) {
  std::vector<policy::Spending> spendings;
  for (const auto& spending : budget.spendings)
    spendings.push_back({MarkOfTag(spending.model), spending.bits, spending.at});
  return spendings;
}

}  // namespace

BudgetKeeper::BudgetKeeper(storage::Ledger& ledger, const PrivacyOptions& options, CommonnessTable commonness,
                           const Clock& clock, Metrics& metrics)
    : ledger_(ledger),
      probes_{.models = options.probe_budget, .window = options.probe_window},
      bits_{.bits = static_cast<double>(options.bits_budget), .window = options.bits_window},
      rate_{.stores_per_hour = options.stores_per_hour, .burst = options.store_burst},
      default_commonness_(options.commonness),
      commonness_(std::move(commonness)),
      clock_(clock),
      probe_refusals_(metrics.counter(CounterName::kProbeRefusals, {"probes"})),
      bits_refusals_(metrics.counter(CounterName::kProbeRefusals, {"bits"})) {}

storage::SiteBudget BudgetKeeper::Read(absl::string_view site, absl::Time now) {
  storage::SiteBudget budget = ledger_.Budget(site);
  if (!budget.unreadable) return budget;
  budget = storage::SiteBudget();
  budget.spent_until = probes_.window <= absl::ZeroDuration() ? absl::InfiniteFuture() : now + probes_.window;
  // Of no model, and more than any budget has.
  budget.spendings.push_back({TagOf(policy::ModelMark{}), std::numeric_limits<double>::infinity(), now});
  // When that cannot be written, the record is as unreadable as before.
  ledger_.SetBudget(site, budget).IgnoreError();
  return budget;
}

bool BudgetKeeper::MayLookUp(absl::string_view partition, const Digest& model_id) {
  const absl::string_view site = PartsOf(partition).site;
  const policy::ModelMark mark = policy::MarkOf(model_id);
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  storage::SiteBudget budget = Read(site, now);
  const std::vector<policy::Probe> probes = ProbesOf(budget);
  policy::ProbeVerdict verdict = policy::DecideProbe(probes, mark, probes_, now);
  if (now < budget.spent_until) verdict = policy::ProbeVerdict::kSpent;
  switch (verdict) {
    case policy::ProbeVerdict::kKnown:
      return true;
    case policy::ProbeVerdict::kCharge:
      budget.probes.clear();
      for (const policy::Probe& live : policy::LiveProbes(probes, probes_, now))
        budget.probes.push_back({TagOf(live.mark), live.at});
      budget.probes.push_back({TagOf(mark), now});
      return ledger_.SetBudget(site, budget).ok();
    case policy::ProbeVerdict::kSpent:
      break;
  }
  probe_refusals_.Add();
  return false;
}

bool BudgetKeeper::IsSharedWith(const storage::ShareInfo& share, absl::string_view partition) {
  return share.everybody || std::any_of(share.with.begin(), share.with.end(), [&](const std::string& party) {
           return IsOfParty(partition, party);
         });
}

bool BudgetKeeper::MayConfirm(absl::string_view partition, const storage::ShareInfo& share) {
  const absl::string_view site = PartsOf(partition).site;
  const policy::ModelMark mark = policy::MarkOf(share.model_id);
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  storage::SiteBudget budget = Read(site, now);
  const std::vector<policy::Spending> spendings = SpendingsOf(budget);
  const policy::SpendingVerdict verdict =
      policy::DecideSpending(spendings, mark, CommonnessOf(share).value, bits_, now);
  switch (verdict.kind) {
    case policy::SpendingVerdict::Kind::kFree:
      return true;
    case policy::SpendingVerdict::Kind::kSpend:
      budget.spendings.clear();
      for (const policy::Spending& live : policy::LiveSpendings(spendings, bits_, now))
        budget.spendings.push_back({TagOf(live.mark), live.bits, live.at});
      budget.spendings.push_back({TagOf(mark), verdict.bits, now});
      return ledger_.SetBudget(site, budget).ok();
    case policy::SpendingVerdict::Kind::kRefuse:
      break;
  }
  bits_refusals_.Add();
  return false;
}

BudgetKeeper::Commonness BudgetKeeper::CommonnessOf(const storage::ShareInfo& share) const {
  if (share.commonness) return {*share.commonness, "user"};
  const auto listed = commonness_.find(share.model_id);
  if (listed != commonness_.end()) return {listed->second, "list"};
  return {default_commonness_, "default"};
}

void BudgetKeeper::ForgetFullBuckets(absl::Time now) {
  std::erase_if(buckets_, [&](const auto& entry) {
    return policy::TakeStore(entry.second, rate_, now).bucket.taken <= 1;
  });
}

bool BudgetKeeper::TakeStore(absl::string_view partition) {
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_.Now();
  if (buckets_.size() >= kManyBuckets) ForgetFullBuckets(now);
  policy::StoreBucket& bucket = buckets_[std::string(partition)];
  const policy::StoreTurn turn = policy::TakeStore(bucket, rate_, now);
  bucket = turn.bucket;
  return turn.allowed;
}

}  // namespace modeld
