#include "policy/eviction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "policy/figures.h"

namespace modeld::policy {
namespace {

// A number from a record, which may have been damaged.
double Sane(double value) {
  return std::isfinite(value) && value > 0 ? value : 0;
}

bool MayGo(const HeldModel& model) {
  return !model.pinned && !model.in_use;
}
bool MayGo(const OwnPlan& plan) {
  return !plan.in_use && plan.size_bytes > 0;
}

// Low priority, little credit, long unused, small digest first: a total order.
auto Rank(const HeldModel& model) {
  return std::tuple(static_cast<int>(model.priority), Sane(model.uses.credit), model.uses.last_used,
                    model.id);
}

// A plan is worth what it takes to compile again, so long as somebody wants it.
auto Rank(const OwnPlan& plan, absl::Time now) {
  const double seconds = Sane(absl::ToDoubleSeconds(plan.compile_time));
  const double uses = Faded(plan.uses, now - plan.last_used);
  return std::tuple(Credit(0, uses, seconds, plan.size_bytes), plan.last_used, plan.key);
}

absl::string_view PriorityName(Priority priority) {
  switch (priority) {
    case Priority::kLow:
      return "low";
    case Priority::kNormal:
      return "normal";
    case Priority::kHigh:
      return "high";
  }
  return "normal";
}

// Who names each blob.
class BlobCount {
 public:
  explicit BlobCount(const PartitionSnapshot& partition)
      : partition_(partition), namers_(partition.blob_bytes.size()), keepers_(partition.blob_bytes.size()) {
    for (const HeldModel& model : partition.models) {
      for (uint32_t blob : model.blobs) {
        if (blob >= namers_.size()) continue;
        ++namers_[blob];
        if (!MayGo(model)) ++keepers_[blob];
      }
    }
  }

  // What the partition's sum falls by when `model` goes and all others stay.
  uint64_t FreedBy(const HeldModel& model) const { return Sum(model, namers_, 1); }
  // What it contributes when all go that may.
  uint64_t ObtainableFrom(const HeldModel& model) const { return Sum(model, keepers_, 0); }
  // When all models go that may.
  uint64_t Obtainable() const {
    uint64_t sum = 0;
    for (size_t blob = 0; blob < namers_.size(); ++blob) {
      if (namers_[blob] > 0 && keepers_[blob] == 0) sum = SaturatingAdd(sum, partition_.blob_bytes[blob]);
    }
    return sum;
  }

 private:
  uint64_t Sum(const HeldModel& model, const std::vector<uint32_t>& count, uint32_t wanted) const {
    uint64_t sum = 0;
    for (uint32_t blob : model.blobs) {
      if (blob < count.size() && count[blob] == wanted) {
        sum = SaturatingAdd(sum, partition_.blob_bytes[blob]);
      }
    }
    return sum;
  }

  const PartitionSnapshot& partition_;
  std::vector<uint32_t> namers_;
  std::vector<uint32_t> keepers_;
};

// The model among those that may go and that `wanted` accepts which `less` puts first, or nothing.
template <typename Wanted, typename Less>
const HeldModel* First(const std::vector<HeldModel>& models, Wanted wanted, Less less) {
  const HeldModel* first = nullptr;
  for (const HeldModel& model : models) {
    if (MayGo(model) && wanted(model) && (first == nullptr || less(model, *first))) first = &model;
  }
  return first;
}

bool ByRank(const HeldModel& a, const HeldModel& b) {
  return Rank(a) < Rank(b);
}

std::string Figures(const HeldModel& model, absl::Time now) {
  return absl::StrFormat("credit %.3g, priority %s, used %.2g times lately, last use %s ago",
                         Sane(model.uses.credit), PriorityName(model.priority),
                         Faded(model.uses.frequency, now - model.uses.last_used),
                         AgeText(now - model.uses.last_used));
}

// GreedyDual's clock is the least credit of all that may go: a victim of low priority with a high credit does
// not age the others.
double InflationAfter(const PartitionSnapshot& partition) {
  double least = std::numeric_limits<double>::infinity();
  for (const HeldModel& model : partition.models) {
    if (MayGo(model)) least = std::min(least, Sane(model.uses.credit));
  }
  return std::isfinite(least) ? std::max(Sane(partition.inflation), least) : Sane(partition.inflation);
}

EvictionAction Take(const PartitionSnapshot& partition, const BlobCount& blobs, const HeldModel& model,
                    EvictionAction::Reason reason, std::string why) {
  const bool expired = reason == EvictionAction::Reason::kMaxAge;
  return {.what = EvictionAction::What::kModel,
          .reason = reason,
          .id = model.id,
          .freed_bytes = blobs.FreedBy(model),
          .inflation = expired ? Sane(partition.inflation) : InflationAfter(partition),
          .verdict = expired ? "expired" : "evicted",
          .why = std::move(why)};
}

std::optional<EvictionAction> TooOld(const PartitionSnapshot& partition, const BlobCount& blobs) {
  if (!partition.max_age.has_value() || *partition.max_age <= absl::ZeroDuration()) return std::nullopt;
  const absl::Time now = partition.now;
  const HeldModel* oldest = First(
      partition.models, [&](const HeldModel& m) { return now - m.uses.last_used > *partition.max_age; },
      [](const HeldModel& a, const HeldModel& b) {
        return std::tie(a.uses.last_used, a.id) < std::tie(b.uses.last_used, b.id);
      });
  if (oldest == nullptr) return std::nullopt;
  return Take(partition, blobs, *oldest, EvictionAction::Reason::kMaxAge,
              absl::StrCat("not used for longer than ", AgeText(*partition.max_age), ": last use ",
                           AgeText(now - oldest->uses.last_used), " ago"));
}

std::optional<EvictionAction> TooMany(const PartitionSnapshot& partition, const BlobCount& blobs) {
  if (!partition.keep_at_most.has_value() || partition.models.size() <= *partition.keep_at_most) {
    return std::nullopt;
  }
  const HeldModel* least = First(
      partition.models, [](const HeldModel&) { return true; }, ByRank);
  if (least == nullptr) return std::nullopt;
  return Take(partition, blobs, *least, EvictionAction::Reason::kKeepAtMost,
              absl::StrCat("the least of ", partition.models.size(), " models, where ",
                           *partition.keep_at_most, " are kept: ", Figures(*least, partition.now)));
}

std::optional<EvictionAction> LeastPlan(const PartitionSnapshot& partition, uint64_t bytes_to_free) {
  const OwnPlan* least = nullptr;
  for (const OwnPlan& plan : partition.plans) {
    if (!MayGo(plan)) continue;
    if (least == nullptr || Rank(plan, partition.now) < Rank(*least, partition.now)) least = &plan;
  }
  if (least == nullptr) return std::nullopt;
  return EvictionAction{
      .what = EvictionAction::What::kPlan,
      .reason = EvictionAction::Reason::kRoom,
      .id = least->key,
      .freed_bytes = least->size_bytes,
      .inflation = Sane(partition.inflation),
      .verdict = "evicted",
      .why = absl::StrCat("compiled plan of ", BytesText(least->size_bytes), " for ",
                          BytesText(bytes_to_free), " of room: plans go before models; last use ",
                          AgeText(partition.now - least->last_used), " ago")};
}

const HeldModel* LeastForRoom(const PartitionSnapshot& partition, const BlobCount& blobs) {
  return First(
      partition.models, [&](const HeldModel& m) { return blobs.ObtainableFrom(m) > 0; }, ByRank);
}

uint64_t ObtainableFromPlans(const PartitionSnapshot& partition) {
  uint64_t sum = 0;
  for (const OwnPlan& plan : partition.plans) {
    if (MayGo(plan)) sum = SaturatingAdd(sum, plan.size_bytes);
  }
  return sum;
}

}  // namespace

double Faded(double frequency, absl::Duration since, absl::Duration half_life) {
  frequency = Sane(frequency);
  if (since <= absl::ZeroDuration() || half_life <= absl::ZeroDuration() ||
      half_life == absl::InfiniteDuration()) {
    return frequency;
  }
  return frequency * std::exp2(-absl::FDivDuration(since, half_life));
}

double RegainCost(uint64_t bytes, absl::Duration compile_time) {
  const double compile =
      compile_time == absl::InfiniteDuration() ? 0 : std::max(0.0, Sane(absl::ToDoubleSeconds(compile_time)));
  return kRegainSeconds + static_cast<double>(bytes) / kRegainBytesPerSecond + compile;
}

double Credit(double inflation, double frequency, double cost, uint64_t size_bytes) {
  const double size = static_cast<double>(std::max<uint64_t>(size_bytes, 1));
  const double credit = Sane(inflation) + Sane(frequency) * (Sane(cost) / size);
  return std::min(credit, std::numeric_limits<double>::max());
}

UseTrace Used(const std::optional<UseTrace>& before, double inflation, uint64_t size_bytes,
              absl::Duration compile_time, absl::Time now) {
  UseTrace after;
  after.frequency = 1;
  if (before.has_value()) after.frequency += Faded(before->frequency, now - before->last_used);
  after.credit = Credit(inflation, after.frequency, RegainCost(size_bytes, compile_time), size_bytes);
  after.last_used = now;
  return after;
}

std::optional<EvictionAction> NextEviction(const PartitionSnapshot& partition, uint64_t bytes_to_free) {
  const BlobCount blobs(partition);
  if (auto action = TooOld(partition, blobs)) return action;
  if (auto action = TooMany(partition, blobs)) return action;
  if (bytes_to_free == 0) return std::nullopt;
  if (SaturatingAdd(ObtainableFromPlans(partition), blobs.Obtainable()) < bytes_to_free) return std::nullopt;
  if (auto action = LeastPlan(partition, bytes_to_free)) return action;
  const HeldModel* least = LeastForRoom(partition, blobs);
  if (least == nullptr) return std::nullopt;
  return Take(partition, blobs, *least, EvictionAction::Reason::kRoom,
              absl::StrCat("for ", BytesText(bytes_to_free), " of room within the partition's quota, frees ",
                           BytesText(blobs.FreedBy(*least)), ": ", Figures(*least, partition.now)));
}

std::string Outlook(const PartitionSnapshot& partition, const Digest& model) {
  const auto found = std::find_if(partition.models.begin(), partition.models.end(),
                                  [&](const HeldModel& m) { return m.id == model; });
  if (found == partition.models.end()) return "";
  if (found->pinned) return "stays: pinned by the user";
  if (found->in_use) return "stays: in use now";
  const BlobCount blobs(partition);
  if (blobs.ObtainableFrom(*found) == 0) {
    return "stays when room is made: models that stay share all of its bytes";
  }
  size_t before = 0;
  size_t all = 0;
  for (const HeldModel& other : partition.models) {
    if (!MayGo(other) || blobs.ObtainableFrom(other) == 0) continue;
    ++all;
    if (ByRank(other, *found)) ++before;
  }
  return absl::StrCat("would go as number ", before + 1, " of ", all, " models that may, after ",
                      std::count_if(partition.plans.begin(), partition.plans.end(),
                                    [](const OwnPlan& plan) { return MayGo(plan); }),
                      " plans: ", Figures(*found, partition.now));
}

}  // namespace modeld::policy
