#include "tools/bench/eviction_replay.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "policy/eviction.h"

namespace modeld::bench {
namespace {

constexpr size_t kNever = std::numeric_limits<size_t>::max();

// For each use, the position of the next one of the same model.
std::vector<size_t> NextUses(const Trace& trace) {
  std::vector<size_t> next(trace.uses.size(), kNever);
  std::vector<size_t> later(trace.size_bytes.size(), kNever);
  for (size_t i = trace.uses.size(); i-- > 0;) {
    next[i] = std::exchange(later[trace.uses[i].model], i);
  }
  return next;
}

// Which model goes next. Models are told of when they are used, stored ones and new ones alike, and when they
// went.
class Chooser {
 public:
  virtual ~Chooser() = default;
  virtual void Used(size_t use, const Use& what) = 0;
  virtual uint32_t Victim(uint64_t bytes_to_free, absl::Time now) = 0;
  virtual void Gone(uint32_t model) = 0;
};

// The least by a score that a use sets.
class Scored : public Chooser {
 public:
  Scored(const Trace& trace, Evictor kind)
      : trace_(trace), kind_(kind), next_(NextUses(trace)), states_(trace.size_bytes.size()) {}

  void Used(size_t use, const Use& what) override {
    State& state = states_[what.model];
    if (state.uses++ == 0) stored_.push_back(what.model);
    state.last = use;
    state.credit = clock_ + static_cast<double>(state.uses) * CostPerMegabyte(what.model);
  }

  uint32_t Victim(uint64_t, absl::Time) override {
    const uint32_t victim = *std::min_element(stored_.begin(), stored_.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(Score(a), states_[a].last) < std::pair(Score(b), states_[b].last);
    });
    if (IsGreedyDual()) clock_ = states_[victim].credit;
    return victim;
  }

  void Gone(uint32_t model) override {
    stored_.erase(std::find(stored_.begin(), stored_.end(), model));
    states_[model] = State();
  }

 private:
  struct State {
    uint64_t uses = 0;
    size_t last = 0;
    double credit = 0;
  };

  bool IsGreedyDual() const { return kind_ == Evictor::kGdsfHits || kind_ == Evictor::kGdsfBytes; }
  double CostPerMegabyte(uint32_t model) const {
    return kind_ == Evictor::kGdsfHits ? 1e6 / static_cast<double>(trace_.size_bytes[model]) : 1;
  }
  double Distance(uint32_t model) const {
    const size_t last = states_[model].last;
    return next_[last] == kNever ? std::numeric_limits<double>::infinity()
                                 : static_cast<double>(next_[last] - last_use_);
  }
  double Score(uint32_t model) {
    const State& state = states_[model];
    switch (kind_) {
      case Evictor::kLfu:
        return static_cast<double>(state.uses);
      case Evictor::kGdsfHits:
      case Evictor::kGdsfBytes:
        return state.credit;
      case Evictor::kBelady:
        return -Distance(model);
      case Evictor::kBeladySize:
        return -Distance(model) * static_cast<double>(trace_.size_bytes[model]);
      default:
        return static_cast<double>(state.last);
    }
  }

 public:
  // The use for which room is made.
  void At(size_t use) { last_use_ = use; }

 private:
  const Trace& trace_;
  const Evictor kind_;
  const std::vector<size_t> next_;
  std::vector<State> states_;
  std::vector<uint32_t> stored_;
  double clock_ = 0;
  size_t last_use_ = 0;
};

// The daemon's policy on a partition that holds the stored models, each with one blob.
class Modeld : public Chooser {
 public:
  explicit Modeld(const Trace& trace) : trace_(trace), traces_(trace.size_bytes.size()) {
    for (size_t model = 0; model < trace.size_bytes.size(); ++model) {
      ids_.push_back(Digest::Of(absl::StrCat(model)));
    }
    places_.resize(ids_.size(), kNever);
  }

  void Used(size_t, const Use& what) override {
    const uint64_t size = trace_.size_bytes[what.model];
    std::optional<policy::UseTrace>& uses = traces_[what.model];
    uses = policy::Used(uses, size, absl::ZeroDuration(), what.at);
    size_t& place = places_[what.model];
    if (place == kNever) {
      place = models_.size();
      models_.push_back(what.model);
      partition_.blob_bytes.push_back(size);
      partition_.models.push_back({.id = ids_[what.model], .blobs = {static_cast<uint32_t>(place)}});
    }
    partition_.models[place].uses = *uses;
  }

  uint32_t Victim(uint64_t bytes_to_free, absl::Time now) override {
    partition_.now = now;
    const auto action = policy::NextEviction(partition_, bytes_to_free);
    const auto found = std::find_if(models_.begin(), models_.end(),
                                    [&](uint32_t model) { return ids_[model] == action->id; });
    return *found;
  }

  // The last one takes its place. What uses it had stays known.
  void Gone(uint32_t model) override {
    const size_t place = std::exchange(places_[model], kNever);
    const uint32_t last = models_.back();
    if (last != model) {
      models_[place] = last;
      places_[last] = place;
      partition_.blob_bytes[place] = partition_.blob_bytes.back();
      partition_.models[place] = std::move(partition_.models.back());
      partition_.models[place].blobs = {static_cast<uint32_t>(place)};
    }
    models_.pop_back();
    partition_.blob_bytes.pop_back();
    partition_.models.pop_back();
  }

 private:
  const Trace& trace_;
  std::vector<Digest> ids_;
  std::vector<std::optional<policy::UseTrace>> traces_;
  // By model, and back.
  std::vector<size_t> places_;
  std::vector<uint32_t> models_;
  policy::PartitionSnapshot partition_;
};

}  // namespace

std::string NameOf(Evictor evictor) {
  switch (evictor) {
    case Evictor::kModeld:
      return "modeld";
    case Evictor::kLru:
      return "lru";
    case Evictor::kLfu:
      return "lfu";
    case Evictor::kGdsfHits:
      return "gdsf-hits";
    case Evictor::kGdsfBytes:
      return "gdsf-bytes";
    case Evictor::kBelady:
      return "belady";
    case Evictor::kBeladySize:
      return "belady-size";
  }
  return "";
}

std::vector<Evictor> OnlineEvictors() {
  return {Evictor::kModeld, Evictor::kLru, Evictor::kLfu, Evictor::kGdsfHits, Evictor::kGdsfBytes};
}

std::vector<Evictor> AllEvictors() {
  std::vector<Evictor> all = OnlineEvictors();
  all.insert(all.end(), {Evictor::kBelady, Evictor::kBeladySize});
  return all;
}

Outcome Replay(const Trace& trace, Evictor evictor) {
  std::unique_ptr<Scored> scored;
  std::unique_ptr<Modeld> modeld;
  if (evictor == Evictor::kModeld) {
    modeld = std::make_unique<Modeld>(trace);
  } else {
    scored = std::make_unique<Scored>(trace, evictor);
  }
  Chooser& chooser = modeld ? static_cast<Chooser&>(*modeld) : *scored;
  Outcome outcome;
  std::vector<bool> stored(trace.size_bytes.size());
  std::vector<bool> seen(trace.size_bytes.size());
  uint64_t used_bytes = 0;
  for (size_t i = 0; i < trace.uses.size(); ++i) {
    const Use& use = trace.uses[i];
    const uint64_t size = trace.size_bytes[use.model];
    ++outcome.uses;
    if (scored) scored->At(i);
    if (stored[use.model]) {
      ++outcome.hits;
    } else {
      if (seen[use.model]) outcome.refetched_bytes += size;
      while (used_bytes + size > trace.capacity_bytes) {
        const uint32_t victim = chooser.Victim(used_bytes + size - trace.capacity_bytes, use.at);
        chooser.Gone(victim);
        stored[victim] = false;
        used_bytes -= trace.size_bytes[victim];
      }
      stored[use.model] = seen[use.model] = true;
      used_bytes += size;
    }
    chooser.Used(i, use);
  }
  return outcome;
}

Outcome Unbeatable(const Trace& trace) {
  struct Interval {
    double bytes;
    double length;
  };
  const std::vector<size_t> next = NextUses(trace);
  std::vector<Interval> intervals;
  double all_bytes = 0;
  for (size_t i = 0; i < next.size(); ++i) {
    if (next[i] == kNever) continue;
    intervals.push_back(
        {static_cast<double>(trace.size_bytes[trace.uses[i].model]), static_cast<double>(next[i] - i)});
    all_bytes += intervals.back().bytes;
  }
  const double room = static_cast<double>(trace.capacity_bytes) * static_cast<double>(trace.uses.size());
  Outcome outcome{.uses = trace.uses.size()};
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.bytes * a.length < b.bytes * b.length; });
  double taken = 0;
  for (const Interval& interval : intervals) {
    if (taken >= room) break;
    taken += interval.bytes * interval.length;
    ++outcome.hits;
  }
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.length < b.length; });
  double spared = 0;
  taken = 0;
  for (const Interval& interval : intervals) {
    if (taken >= room) break;
    taken += interval.bytes * interval.length;
    spared += interval.bytes;
  }
  outcome.refetched_bytes = static_cast<uint64_t>(std::max(0.0, all_bytes - spared));
  return outcome;
}

}  // namespace modeld::bench
