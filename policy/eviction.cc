#include "policy/eviction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/units.h"
#include "policy/figures.h"

namespace modeld::policy {
namespace {

constexpr double kMiB = 1 << 20;

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

double CompileSeconds(absl::Duration compile_time) {
  return absl::ToDoubleSeconds(std::clamp(compile_time, absl::ZeroDuration(), absl::Hours(24 * 365)));
}

// A plan is worth what it takes to compile again, so long as somebody wants it.
auto Rank(const OwnPlan& plan, absl::Time now) {
  const double uses = Expected(plan.uses, now - plan.last_used);
  return std::tuple(Credit(0, uses, CompileSeconds(plan.compile_time), plan.size_bytes), plan.last_used,
                    plan.key);
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
  uint64_t FreedBy(const HeldModel& model) const {
    uint64_t sum = 0;
    for (uint32_t blob : model.blobs) {
      if (blob < namers_.size() && namers_[blob] == 1) sum = SaturatingAdd(sum, partition_.blob_bytes[blob]);
    }
    return sum;
  }
  // Its part of Obtainable(): each blob divided by the models that name it, rounded up so that a part of
  // something is never nothing.
  uint64_t ShareOf(const HeldModel& model) const {
    uint64_t sum = 0;
    for (uint32_t blob : model.blobs) {
      if (blob >= namers_.size() || keepers_[blob] > 0) continue;
      const uint64_t bytes = partition_.blob_bytes[blob];
      sum = SaturatingAdd(sum, bytes / namers_[blob] + (bytes % namers_[blob] != 0));
    }
    return sum;
  }
  // When all models go that may.
  uint64_t Obtainable() const {
    uint64_t sum = 0;
    for (size_t blob = 0; blob < namers_.size(); ++blob) {
      if (namers_[blob] > 0 && keepers_[blob] == 0) sum = SaturatingAdd(sum, partition_.blob_bytes[blob]);
    }
    return sum;
  }

 private:
  const PartitionSnapshot& partition_;
  std::vector<uint32_t> namers_;
  std::vector<uint32_t> keepers_;
};

// A model that may go, with what decides.
struct Candidate {
  const HeldModel* model = nullptr;
  // Its share of what all that may go would free.
  uint64_t bytes = 0;
  // The loss if it goes: expected frequency times cost. And per MiB of `bytes`.
  double worth = 0;
  double credit = 0;
};

// Total orders. Of equals the longest unused goes first, then the smaller digest.
auto Equals(const Candidate& c) {
  return std::tie(c.model->uses.last_used, c.model->id);
}
bool LessCredit(const Candidate& a, const Candidate& b) {
  return std::tuple(a.credit, Equals(a)) < std::tuple(b.credit, Equals(b));
}
bool LessWorth(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& c) { return std::tuple(c.model->priority, c.worth, Equals(c)); };
  return rank(a) < rank(b);
}

Candidate Describe(const PartitionSnapshot& partition, const BlobCount& blobs, const HeldModel& model) {
  uint64_t whole = 0;
  for (uint32_t blob : model.blobs) {
    if (blob < partition.blob_bytes.size()) whole = SaturatingAdd(whole, partition.blob_bytes[blob]);
  }
  Candidate candidate{.model = &model, .bytes = blobs.ShareOf(model)};
  const double expected = Expected(model.uses.frequency, partition.now - model.uses.last_used);
  const double cost = RegainCost(whole, model.compile_time);
  candidate.worth = std::min(expected * cost, std::numeric_limits<double>::max());
  candidate.credit = Credit(0, expected, cost, candidate.bytes);
  return candidate;
}

// All models that may go.
std::vector<Candidate> CandidatesOf(const PartitionSnapshot& partition, const BlobCount& blobs) {
  std::vector<Candidate> candidates;
  for (const HeldModel& model : partition.models) {
    if (MayGo(model)) candidates.push_back(Describe(partition, blobs, model));
  }
  return candidates;
}

std::string Figures(const Candidate& candidate, absl::Time now) {
  const HeldModel& model = *candidate.model;
  return absl::StrFormat("credit %.3g, priority %s, used %.2g times lately, last use %s ago",
                         candidate.credit, PriorityName(model.priority),
                         Faded(model.uses.frequency, now - model.uses.last_used),
                         AgeText(now - model.uses.last_used));
}

EvictionAction Take(const BlobCount& blobs, const Candidate& candidate, EvictionAction::Reason reason,
                    double inflation, std::string why) {
  return {.what = EvictionAction::What::kModel,
          .reason = reason,
          .id = candidate.model->id,
          .freed_bytes = blobs.FreedBy(*candidate.model),
          .inflation = inflation,
          .verdict = reason == EvictionAction::Reason::kMaxAge ? "expired" : "evicted",
          .why = std::move(why)};
}

// The models that may not go, of lower priority than the victim or of the same and less worth; the least
// first.
std::vector<KeptModel> KeptInsteadOf(const PartitionSnapshot& partition, const BlobCount& blobs,
                                     const Candidate& victim) {
  std::vector<Candidate> kept;
  for (const HeldModel& model : partition.models) {
    if (MayGo(model)) continue;
    Candidate candidate = Describe(partition, blobs, model);
    if (LessWorth(candidate, victim)) kept.push_back(candidate);
  }
  std::sort(kept.begin(), kept.end(), LessWorth);
  if (kept.size() > kMaxKept) kept.resize(kMaxKept);
  std::vector<KeptModel> models;
  for (const Candidate& candidate : kept) {
    models.push_back({candidate.model->id,
                      absl::StrCat(candidate.model->pinned ? "pinned by the user" : "in use",
                                   ": another model, worth more, went instead; last use ",
                                   AgeText(partition.now - candidate.model->uses.last_used), " ago")});
  }
  return models;
}

std::optional<EvictionAction> TooOld(const PartitionSnapshot& partition, const BlobCount& blobs,
                                     const std::vector<Candidate>& candidates) {
  if (!partition.max_age.has_value() || *partition.max_age <= absl::ZeroDuration()) return std::nullopt;
  const auto oldest =
      std::min_element(candidates.begin(), candidates.end(),
                       [](const Candidate& a, const Candidate& b) { return Equals(a) < Equals(b); });
  if (oldest == candidates.end()) return std::nullopt;
  const absl::Duration age = partition.now - oldest->model->uses.last_used;
  if (age <= *partition.max_age) return std::nullopt;
  return Take(blobs, *oldest, EvictionAction::Reason::kMaxAge, Sane(partition.inflation),
              absl::StrCat("kept for ", AgeText(*partition.max_age), " without a use: last use ",
                           AgeText(age), " ago"));
}

std::optional<EvictionAction> TooMany(const PartitionSnapshot& partition, const BlobCount& blobs,
                                      const std::vector<Candidate>& candidates) {
  if (!partition.keep_at_most.has_value() || partition.models.size() <= *partition.keep_at_most) {
    return std::nullopt;
  }
  const auto least = std::min_element(candidates.begin(), candidates.end(), LessWorth);
  if (least == candidates.end()) return std::nullopt;
  EvictionAction action =
      Take(blobs, *least, EvictionAction::Reason::kKeepAtMost, Sane(partition.inflation),
           absl::StrCat("the least of ", partition.models.size(), " models, where ", *partition.keep_at_most,
                        " are kept: ", Figures(*least, partition.now)));
  action.kept = KeptInsteadOf(partition, blobs, *least);
  return action;
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
      .why = absl::StrCat("compiled plan of ", HumanBytes(least->size_bytes), " for ",
                          HumanBytes(bytes_to_free), " of room: plans go before models; last use ",
                          AgeText(partition.now - least->last_used), " ago")};
}

// Those of the lowest priority that can free something at all, by rising credit.
std::vector<Candidate> LowestByCredit(std::vector<Candidate> candidates) {
  std::erase_if(candidates, [](const Candidate& c) { return c.bytes == 0; });
  Priority lowest = Priority::kHigh;
  for (const Candidate& c : candidates) lowest = std::min(lowest, c.model->priority);
  std::erase_if(candidates, [&](const Candidate& c) { return c.model->priority != lowest; });
  std::sort(candidates.begin(), candidates.end(), LessCredit);
  return candidates;
}

// The first victim of the cheapest set that frees `needed` bytes. Greedy by rising credit; whatever would
// complete the set is weighed as its end and then passed over, so that one fitting model can stand for many
// and many for one too large (Csirik, Frenk, Labbe, Zhang 1991: never more than twice the least loss).
// `sorted` is not empty; if all of it is too little, its first.
const Candidate& FirstVictim(const std::vector<Candidate>& sorted, uint64_t needed) {
  uint64_t bytes = 0;
  double worth = 0;
  // The best set so far: those passed through before `end`, and `end`.
  double least = std::numeric_limits<double>::infinity();
  std::vector<const Candidate*> begun;
  size_t begun_in_best = 0;
  const Candidate* end = nullptr;
  for (const Candidate& candidate : sorted) {
    if (SaturatingAdd(bytes, candidate.bytes) >= needed) {
      if (worth + candidate.worth < least) {
        least = worth + candidate.worth;
        begun_in_best = begun.size();
        end = &candidate;
      }
      continue;
    }
    bytes += candidate.bytes;
    worth += candidate.worth;
    begun.push_back(&candidate);
  }
  if (end == nullptr) return sorted.front();
  // What the end makes superfluous stays, the most valuable first.
  std::vector<const Candidate*> chosen(begun.begin(), begun.begin() + begun_in_best);
  uint64_t freed = end->bytes;
  for (const Candidate* c : chosen) freed = SaturatingAdd(freed, c->bytes);
  std::sort(chosen.begin(), chosen.end(),
            [](const Candidate* a, const Candidate* b) { return LessWorth(*b, *a); });
  const Candidate* first = end;
  for (const Candidate* c : chosen) {
    if (freed - c->bytes >= needed) {
      freed -= c->bytes;
    } else if (LessCredit(*c, *first)) {
      first = c;
    }
  }
  return *first;
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

double Expected(double frequency, absl::Duration since, absl::Duration half_life) {
  const double faded = Faded(frequency, since, half_life);
  if (since <= absl::ZeroDuration() || half_life <= absl::ZeroDuration() ||
      half_life == absl::InfiniteDuration()) {
    return faded;
  }
  const absl::Duration silent = std::max(since - kPause, absl::ZeroDuration());
  const double missed = Sane(frequency) * std::numbers::ln2 * absl::FDivDuration(silent, half_life);
  // Dividing by infinity is right here: long overdue is worth nothing.
  return faded / (1 + kAbandoned * std::expm1(missed));
}

double RegainCost(uint64_t bytes, absl::Duration compile_time) {
  const double all = static_cast<double>(bytes) + CompileSeconds(compile_time) * kNetworkBytesPerSecond;
  return std::pow(all / kMiB, 0.4);
}

double Credit(double inflation, double frequency, double cost, uint64_t size_bytes) {
  const double size = static_cast<double>(std::max<uint64_t>(size_bytes, 1));
  const double credit = Sane(inflation) + Sane(frequency) * Sane(cost) / (size / kMiB);
  return std::min(credit, std::numeric_limits<double>::max());
}

UseTrace Used(const std::optional<UseTrace>& before, uint64_t size_bytes, absl::Duration compile_time,
              absl::Time now) {
  UseTrace after;
  after.frequency = 1;
  after.last_used = now;
  if (before.has_value()) after.frequency += Faded(before->frequency, now - before->last_used);
  after.credit = Credit(0, after.frequency, RegainCost(size_bytes, compile_time), size_bytes);
  return after;
}

std::optional<EvictionAction> NextEviction(const PartitionSnapshot& partition, uint64_t bytes_to_free) {
  const BlobCount blobs(partition);
  const std::vector<Candidate> candidates = CandidatesOf(partition, blobs);
  if (auto action = TooOld(partition, blobs, candidates)) return action;
  if (auto action = TooMany(partition, blobs, candidates)) return action;
  if (bytes_to_free == 0) return std::nullopt;
  if (SaturatingAdd(ObtainableFromPlans(partition), blobs.Obtainable()) < bytes_to_free) return std::nullopt;
  if (auto action = LeastPlan(partition, bytes_to_free)) return action;
  const std::vector<Candidate> lowest = LowestByCredit(candidates);
  const Candidate& victim = FirstVictim(lowest, bytes_to_free);
  EvictionAction action =
      Take(blobs, victim, EvictionAction::Reason::kRoom, victim.credit,
           absl::StrCat("for ", HumanBytes(bytes_to_free), " of room within the partition's quota, frees ",
                        HumanBytes(blobs.FreedBy(*victim.model)), ": ", Figures(victim, partition.now)));
  action.kept = KeptInsteadOf(partition, blobs, victim);
  return action;
}

std::string Outlook(const PartitionSnapshot& partition, const Digest& model) {
  const auto found = std::find_if(partition.models.begin(), partition.models.end(),
                                  [&](const HeldModel& m) { return m.id == model; });
  if (found == partition.models.end()) return "";
  if (found->pinned) return "stays: pinned by the user";
  if (found->in_use) return "stays: in use now";
  const BlobCount blobs(partition);
  std::vector<Candidate> candidates = CandidatesOf(partition, blobs);
  std::erase_if(candidates, [](const Candidate& c) { return c.bytes == 0; });
  const auto rank = [](const Candidate& c) { return std::tuple(c.model->priority, c.credit, Equals(c)); };
  std::sort(candidates.begin(), candidates.end(),
            [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
  const auto place = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return c.model == &*found; });
  if (place == candidates.end()) return "stays: models that stay name all of its bytes";
  const auto plans = std::count_if(partition.plans.begin(), partition.plans.end(),
                                   [](const OwnPlan& plan) { return MayGo(plan); });
  std::string text = absl::StrCat("may go for room, as number ", place - candidates.begin() + 1, " of ",
                                  candidates.size(), " by credit, after ", plans,
                                  plans == 1 ? " plan" : " plans", ": ", Figures(*place, partition.now));
  if (Sane(partition.inflation) > 0) {
    absl::StrAppendFormat(&text, "; the last that went had %.3g", Sane(partition.inflation));
  }
  return text;
}

}  // namespace modeld::policy
