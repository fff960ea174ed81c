// Plans of a schedule: best effort, but never wrong, never another's, and not lost without reason.
#include <algorithm>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "storage/space.h"
#include "tests/campaign/schedule.h"
#include "tests/campaign/stored_models.h"

namespace modeld::campaign {
namespace {

// Model and number of the plan of a key.
std::pair<size_t, size_t> PlanOf(const Digest& key) {
  for (size_t model = 0; model < Models().size(); ++model) {
    for (size_t plan = 0; plan < kPlansPerModel; ++plan) {
      if (PlanKey(model, plan) == key) return {model, plan};
    }
  }
  FAIL("a plan that nobody wrote: " << key.ToHex());
  return {};
}

}  // namespace

void Schedule::WritePlan(const Partition& partition, size_t model) {
  const size_t plan = Random(kPlansPerModel);
  const uint64_t version = Random(1000);
  const storage::NewPlan written{.key = PlanKey(model, plan),
                                 .structure = Models()[model].id(),
                                 .device = "cpu",
                                 .fingerprint = "this machine",
                                 .metadata = PlanMetadata(model, plan, version),
                                 .segments = PlanSegments(model, plan, version),
                                 .compile_time = absl::Seconds(1),
                                 .partition = partition,
                                 .model_id = Models()[model].id()};
  const Outcome outcome = Called(store_->plans().Write(written));
  ++totals_.plans;
  PlanState& state = plans_[written.key];
  state.may.insert(partition);
  const auto has = [&](const Holdings& holdings) { return holdings.Has(model); };
  state.rewritten = true;
  // A file that replaced another one, and whose record did not come, takes that one along; one that was found
  // damaged took its causes along.
  if (outcome != Outcome::kDone || state.damaged) state.must.clear();
  if (outcome == Outcome::kDone) {
    state.damaged = false;
    if (expected_[partition].AllForGood(has)) state.must.insert(partition);
  }
}

void Schedule::UsePlan(const Partition& partition, size_t model) {
  const Digest key = PlanKey(model, Random(kPlansPerModel));
  PlanState& state = plans_[key];
  switch (Random(4)) {
    case 0:
      Called(store_->plans().AddUse(key, partition, Models()[model].id()));
      state.may.insert(partition);
      return;
    case 1: {
      const auto dropped = store_->space().DropPlanCause(partition, key);
      const Outcome outcome = Called(dropped.status());
      state.must.erase(partition);
      if (outcome == Outcome::kDone) state.may.erase(partition);
      return;
    }
    case 2: {
      const Outcome outcome = Called(store_->plans().Remove(key));
      state.must.clear();
      if (outcome == Outcome::kDone) state.may.clear();
      return;
    }
    default: {
      const absl::Status verified = store_->plans().Verify(key);
      if (!verified.ok() && !armed_) CHECK((state.damaged || state.must.empty()));
      if (verified.ok()) CHECK((!state.damaged || state.rewritten));
      if (!verified.ok()) state.must.clear();
    }
  }
}

void Schedule::PrunePlanCauses(const Partition& partition) {
  for (auto& [key, state] : plans_) {
    const size_t model = PlanOf(key).first;
    const auto has = [&](const Holdings& holdings) { return holdings.Has(model); };
    if (!expected_[partition].AllForGood(has)) state.must.erase(partition);
  }
}

void Schedule::ForgetPlanCauses(const Partition& partition, Outcome outcome, bool all) {
  for (auto& [key, state] : plans_) {
    state.must.erase(partition);
    if (all && outcome == Outcome::kDone) state.may.erase(partition);
  }
}

void Schedule::CheckPlans() {
  std::set<Digest> listed;
  uint64_t bytes = 0;
  for (const storage::PlanInfo& plan : store_->plans().List()) {
    listed.insert(plan.key);
    bytes += plan.size_bytes;
  }
  CHECK(store_->plans().Bytes() == bytes);
  for (auto& [key, state] : plans_) {
    if (!state.must.empty() && !state.damaged) CHECK(listed.contains(key));
    if (!listed.contains(key)) state.must.clear();
    for (const Partition& partition : state.must) CHECK(store_->plans().IsCause(key, partition));
  }
  // Opening may find a plan damaged and remove it.
  for (const storage::PlanInfo& plan : store_->plans().List()) CheckPlan(plan);
}

void Schedule::CheckPlan(const storage::PlanInfo& info) {
  const auto [model, plan] = PlanOf(info.key);
  CAPTURE(model, plan);
  PlanState& state = plans_[info.key];
  CHECK_FALSE(info.causes.empty());
  for (const Digest& cause : info.causes) {
    const bool known = std::any_of(state.may.begin(), state.may.end(), [&](const Partition& partition) {
      return Digest::Of(absl::string_view(partition)) == cause;
    });
    CHECK(known);
  }
  const auto opened = store_->plans().Open(info.key);
  if (const auto* fault = std::get_if<storage::PlanFault>(&opened)) {
    CAPTURE(storage::PlanFaultName(*fault));
    CHECK((state.damaged || state.must.empty()));
    state.must.clear();
    return;
  }
  const auto& found = std::get<storage::OpenedPlan>(opened);
  uint64_t version = 0;
  const std::vector<std::string> words = absl::StrSplit(found.metadata, ' ');
  REQUIRE(absl::SimpleAtoi(words[0], &version));
  CHECK(found.metadata == PlanMetadata(model, plan, version));
  // Opening believes the segments: only the scrub reads them.
  if (state.damaged) return;
  const std::vector<Region> segments = PlanSegments(model, plan, version);
  REQUIRE(found.segments.size() == segments.size());
  for (size_t i = 0; i < segments.size(); ++i) CHECK(found.segments[i].view() == segments[i].view());
}

}  // namespace modeld::campaign
