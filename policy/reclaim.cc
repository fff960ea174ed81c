#include "policy/reclaim.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/units.h"
#include "policy/figures.h"

namespace modeld::policy {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// `bytes` in parts of a thousand, rounded down; stops at the largest number.
uint64_t PerMille(uint64_t bytes, uint64_t parts) {
  const auto product = static_cast<unsigned __int128>(bytes) * parts / 1000;
  return static_cast<uint64_t>(std::min<unsigned __int128>(product, std::numeric_limits<uint64_t>::max()));
}

// The first position of `bounds` that `value` does not exceed; their number when it exceeds all.
template <typename T, size_t kCount>
size_t ClassOf(const T& value, const std::array<T, kCount>& bounds) {
  return std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
}

absl::string_view SizeClassName(SizeClass size) {
  constexpr absl::string_view kNames[] = {"up to 64 MiB", "up to 512 MiB", "up to 4 GiB", "more than 4 GiB"};
  return kNames[static_cast<size_t>(size)];
}

absl::string_view CostClassName(CostClass cost) {
  constexpr absl::string_view kNames[] = {"cheap", "moderate", "dear", "very dear"};
  return kNames[static_cast<size_t>(cost)];
}

bool MayGo(const ReclaimableModel& model) {
  return !model.pinned && !model.in_use;
}
bool MayGo(const ReclaimablePlan& plan) {
  return !plan.in_use;
}

// Settles ties by what the caller keeps secret. Between two models of one partition it depends on these two
// alone.
Digest Tie(uint64_t salt, absl::string_view partition, const Digest& id) {
  return Digest::Of(absl::StrCat(salt, "/", partition, "/", id.bytes()));
}

// Smallest goes first: low priority, old, large, cheap.
auto Rank(const ReclaimableModel& model, absl::Time now) {
  return std::tuple(static_cast<int>(model.priority), -static_cast<int>(AgeClassOf(now - model.last_used)),
                    -static_cast<int>(SizeClassOf(model.exclusive_bytes)),
                    static_cast<int>(CostClassOf(model.size_bytes, model.compile_time)));
}

auto Rank(const ReclaimablePlan& plan, absl::Time now) {
  return std::tuple(-static_cast<int>(AgeClassOf(now - plan.last_used)),
                    -static_cast<int>(SizeClassOf(plan.size_bytes)),
                    static_cast<int>(CostClassOf(0, plan.compile_time)));
}

// The thing that goes first, or nothing. Hashes only where classes are equal.
template <typename Thing, typename TieOf>
const Thing* First(const std::vector<Thing>& things, absl::Time now, TieOf tie_of) {
  const Thing* first = nullptr;
  for (const Thing& thing : things) {
    if (!MayGo(thing)) continue;
    if (first == nullptr) {
      first = &thing;
      continue;
    }
    const auto a = Rank(thing, now);
    const auto b = Rank(*first, now);
    if (a < b || (a == b && tie_of(thing) < tie_of(*first))) first = &thing;
  }
  return first;
}

std::string Occasion(const GlobalSnapshot& all) {
  return absl::StrCat("to make room on the disk (", HumanBytes(all.used_bytes), " in use, limit ",
                      all.limit_bytes == 0 ? "none" : HumanBytes(all.limit_bytes), "; ",
                      HumanBytes(all.free_disk_bytes), " free, floor ", HumanBytes(all.floor_bytes), ")");
}

}  // namespace

AgeClass AgeClassOf(absl::Duration since_last_use) {
  constexpr std::array<int, 4> kDays = {1, 7, 30, 91};
  size_t position = 0;
  while (position < kDays.size() && since_last_use >= absl::Hours(24 * kDays[position])) ++position;
  return static_cast<AgeClass>(position);
}

SizeClass SizeClassOf(uint64_t bytes) {
  constexpr std::array<uint64_t, 3> kBounds = {64 * kMiB, 512 * kMiB, 4096 * kMiB};
  return static_cast<SizeClass>(ClassOf(bytes, kBounds));
}

CostClass CostClassOf(uint64_t bytes, absl::Duration compile_time) {
  constexpr std::array<double, 3> kSeconds = {10, 120, 600};
  const double seconds = static_cast<double>(bytes) / kNetworkBytesPerSecond +
                         std::max(0.0, absl::ToDoubleSeconds(compile_time));
  return static_cast<CostClass>(ClassOf(seconds, kSeconds));
}

absl::string_view AgeClassName(AgeClass age) {
  constexpr absl::string_view kNames[] = {"day", "week", "month", "quarter", "older"};
  return kNames[static_cast<size_t>(age)];
}

bool NeedsReclaim(const GlobalSnapshot& all) {
  const uint64_t limit_parts = all.running ? kReclaimStopsPerMille : kReclaimBeginsPerMille;
  const uint64_t floor_parts = all.running ? kFloorStopsPerMille : kFloorBeginsPerMille;
  return (all.limit_bytes != 0 && all.used_bytes > PerMille(all.limit_bytes, limit_parts)) ||
         all.free_disk_bytes < PerMille(all.floor_bytes, floor_parts);
}

std::optional<ReclaimAction> NextReclaim(const GlobalSnapshot& all) {
  if (!NeedsReclaim(all)) return std::nullopt;
  const ReclaimablePlan* plan = First(all.plans, all.now, [&](const ReclaimablePlan& p) {
    return std::pair(Tie(all.tie_salt, "", p.key), p.key);
  });
  if (plan != nullptr) {
    return ReclaimAction{
        .what = ReclaimAction::What::kPlan,
        .partition = "",
        .id = plan->key,
        .why = absl::StrCat("compiled plan of ", HumanBytes(plan->size_bytes), ", age class ",
                            AgeClassName(AgeClassOf(all.now - plan->last_used)), ", ", Occasion(all))};
  }
  const ReclaimableModel* model = First(all.models, all.now, [&](const ReclaimableModel& m) {
    return std::tuple(Tie(all.tie_salt, m.partition, m.id), m.partition, m.id);
  });
  if (model == nullptr) return std::nullopt;
  constexpr absl::string_view kPriorities[] = {"low", "normal", "high"};
  return ReclaimAction{
      .what = ReclaimAction::What::kModel,
      .partition = model->partition,
      .id = model->id,
      .why = absl::StrCat("priority ", kPriorities[static_cast<int>(model->priority) + 1], ", age class ",
                          AgeClassName(AgeClassOf(all.now - model->last_used)), ", size ",
                          SizeClassName(SizeClassOf(model->exclusive_bytes)), ", ",
                          CostClassName(CostClassOf(model->size_bytes, model->compile_time)),
                          " to get back, ", Occasion(all))};
}

}  // namespace modeld::policy
