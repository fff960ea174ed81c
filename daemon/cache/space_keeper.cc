#include "daemon/cache/space_keeper.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/cache/space_view.h"
#include "storage/plan_store.h"

namespace modeld {
namespace {

// So many steps in a row that find the state changed under them end a loop: somebody else is busy with it.
constexpr int kMaxVainSteps = 3;

// The metrics' words.
absl::string_view CauseOf(policy::EvictionAction::Reason reason) {
  switch (reason) {
    case policy::EvictionAction::Reason::kMaxAge:
      return "max_age";
    case policy::EvictionAction::Reason::kKeepAtMost:
      return "keep_at_most";
    case policy::EvictionAction::Reason::kRoom:
      return "quota";
  }
  return "other";
}

absl::string_view CauseOf(storage::Bound bound) {
  switch (bound) {
    case storage::Bound::kQuota:
      return "quota";
    case storage::Bound::kLimit:
      return "limit";
    case storage::Bound::kFloor:
      return "floor";
  }
  return "other";
}

uint64_t RandomSalt() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random();
}

}  // namespace

SpaceKeeper::SpaceKeeper(storage::ModelStore& store, const Clock& clock, Metrics& metrics, Options options)
    : store_(store), clock_(clock), metrics_(metrics), options_(std::move(options)), tie_salt_(RandomSalt()) {
  store_.space().SetBounds(CurrentBounds());
}

storage::SpaceBounds SpaceKeeper::CurrentBounds() const {
  // A disk that does not tell its size bounds nothing but what is set in bytes.
  const uint64_t disk_bytes = store_.space().DiskBytes().value_or(UINT64_MAX);
  const policy::SpaceBounds bounds = policy::BoundsInForce(options_.settings, disk_bytes, std::nullopt);
  return {bounds.quota_bytes, bounds.limit_bytes, options_.keep_at_most, options_.max_age};
}

absl::Status SpaceKeeper::Reserve(const std::string& partition, std::span<const storage::BlobRef> refs,
                                  storage::Lease& lease, const std::optional<Digest>& model_id) {
  storage::Space& space = store_.space();
  bool evicted = false, collected = false;
  for (int vain = 0; vain < kMaxVainSteps;) {
    absl::Status status = space.Reserve(partition, refs, lease);
    const std::optional<storage::Shortage> shortage = storage::ShortageOf(status);
    if (!shortage) return status;
    if (shortage->bound == storage::Bound::kFloor && evicted && !collected) {
      // What was evicted counts for the disk when its files have gone.
      MODELD_RETURN_IF_ERROR(store_.Collect(clock_.Now()).status());
      collected = true;
      continue;
    }
    const storage::PartitionSnapshot snapshot = space.Snapshot(partition);
    const storage::StoreTotals totals = space.Totals();
    const policy::Admission admission =
        policy::Admit(BoundsOf(snapshot, totals), FiguresOf(snapshot, totals), shortage->need_bytes);
    switch (admission.verdict) {
      case policy::Admission::Verdict::kAdmit:
        ++vain;  // room came meanwhile, or only the disk's floor says no
        if (shortage->bound == storage::Bound::kQuota) continue;
        return Refuse(partition, model_id, std::move(status), "the disk has no room for it");
      case policy::Admission::Verdict::kRefuse:
        return Refuse(partition, model_id, std::move(status), admission.why);
      case policy::Admission::Verdict::kEvictOwn:
        break;
    }
    const auto action = policy::NextEviction(ViewOf(snapshot, clock_.Now()), admission.evict_bytes);
    if (!action) {
      return Refuse(partition, model_id, std::move(status),
                    absl::StrCat(admission.why, "; all that may go would not be enough"));
    }
    if (CarryOut(partition, *action)) {
      evicted = true;
    } else {
      ++vain;
    }
  }
  return space.Reserve(partition, refs, lease);
}

absl::Status SpaceKeeper::Refuse(const std::string& partition, const std::optional<Digest>& model_id,
                                 absl::Status status, absl::string_view why) {
  const auto shortage = storage::ShortageOf(status);
  metrics_.counter(CounterName::kStoreRefusals, {shortage ? CauseOf(shortage->bound) : "other"}).Add();
  // Only the record is lost when it cannot be written.
  if (model_id) {
    store_.space().Record({*model_id, partition, "refused", std::string(why), clock_.Now()}).IgnoreError();
  }
  if (shortage && shortage->bound != storage::Bound::kQuota) Wake();
  return status;
}

bool SpaceKeeper::CarryOut(const std::string& partition, const policy::EvictionAction& action) {
  absl::StatusOr<bool> done =
      action.what == policy::EvictionAction::What::kPlan
          ? store_.space().DropPlanCause(partition, action.id)
          : store_.space().Evict(partition, action.id, action.verdict, action.why, action.inflation);
  if (!done.ok() || !*done) return false;
  metrics_.counter(CounterName::kEvictions, {CauseOf(action.reason)}).Add();
  for (const policy::KeptModel& kept : action.kept) RecordKept(partition, kept);
  return true;
}

void SpaceKeeper::RecordKept(const std::string& partition, const policy::KeptModel& kept) {
  // Once until something else is decided: each eviction finds the same ones in its way.
  for (const storage::Decision& decision : store_.space().DecisionsOf(kept.id)) {
    if (decision.partition != partition) continue;
    if (decision.what == "kept") return;
    break;
  }
  // Only the record is lost when it cannot be written.
  store_.space().Record({kept.id, partition, "kept", kept.why, clock_.Now()}).IgnoreError();
}

void SpaceKeeper::Used(const std::string& partition, const Digest& model_id,
                       std::optional<absl::Duration> compile_time) {
  const absl::Time now = clock_.Now();
  store_.space().Use(partition, model_id, [&](const storage::UseFigures& before, uint64_t bytes) {
    const policy::UseTrace trace{before.frequency, before.credit, before.last_used};
    const absl::Duration cost = compile_time.value_or(before.compile_time);
    const policy::UseTrace after = policy::Used(trace, bytes, cost, now);
    return storage::UseFigures{after.frequency, after.credit, cost, after.last_used};
  });
}

uint64_t SpaceKeeper::Tend() {
  store_.space().SetBounds(CurrentBounds());
  return Expire() + Reclaim();
}

uint64_t SpaceKeeper::Expire() {
  uint64_t gone = 0;
  for (const storage::PartitionSnapshot& listed : store_.space().SnapshotAll().partitions) {
    if (listed.keep_at_most == 0 && listed.max_age == absl::InfiniteDuration()) continue;
    storage::PartitionSnapshot snapshot = listed;
    while (const auto action = policy::NextEviction(ViewOf(snapshot, clock_.Now()), 0)) {
      if (!CarryOut(listed.partition, *action)) break;
      ++gone;
      snapshot = store_.space().Snapshot(listed.partition);
    }
  }
  return gone;
}

uint64_t SpaceKeeper::Reclaim() {
  uint64_t gone = 0;
  bool running = false;
  while (true) {
    std::vector<Digest> plans_in_use;
    for (const storage::PlanInfo& plan : store_.plans().List()) {
      if (plan.mapped) plans_in_use.push_back(plan.key);
    }
    policy::GlobalSnapshot view = ViewOf(store_.space().SnapshotAll(), plans_in_use, clock_.Now());
    view.running = running;
    view.tie_salt = tie_salt_;
    const auto action = policy::NextReclaim(view);
    if (!action || !CarryOut(*action)) return gone;
    ++gone;
    running = true;
    // The next look must see the disk without what went. What fails here is tried again by the upkeep.
    (void)store_.Collect(clock_.Now());
  }
}

bool SpaceKeeper::CarryOut(const policy::ReclaimAction& action) {
  if (action.what == policy::ReclaimAction::What::kPlan) {
    if (!store_.plans().Remove(action.id).ok()) return false;
  } else {
    const auto evicted = store_.space().Evict(action.partition, action.id, "reclaimed", action.why);
    if (!evicted.ok() || !*evicted) return false;
  }
  metrics_.counter(CounterName::kEvictions, {"reclaim"}).Add();
  return true;
}

std::vector<std::string> SpaceKeeper::Outlook(const Digest& model_id) const {
  std::vector<std::string> sentences;
  const absl::Time now = clock_.Now();
  for (const storage::PartitionSnapshot& partition : store_.space().SnapshotAll().partitions) {
    const std::string outlook = policy::Outlook(ViewOf(partition, now), model_id);
    if (!outlook.empty()) sentences.push_back(absl::StrCat(partition.partition, ": ", outlook));
  }
  return sentences;
}

}  // namespace modeld
