// What a store must hold after a schedule of calls, some of which failed half way.
#ifndef MODELD_TESTS_CAMPAIGN_EXPECTATION_H_
#define MODELD_TESTS_CAMPAIGN_EXPECTATION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace modeld::campaign {

// How a call that changes something ended.
enum class Outcome {
  kDone,    // it was acknowledged: done, and durable
  kUnsure,  // it was acknowledged on a disk that has dropped a sync before: done, until the next crash
  kFailed,  // not done; but a crash may bring it about
};

// The states that calls allow something to be in: those that it may show now, and those that it may be found
// in after a crash. Not thread-safe.
template <typename State>
class Possible {
 public:
  // A call that turns a state into change(state).
  template <typename Change>
  void Apply(Outcome outcome, Change change) {
    if (outcome == Outcome::kFailed) {
      std::set<State> tried = Changed(now_, change);
      tried.merge(Changed(doubtful_, change));
      doubtful_.merge(tried);
      return;
    }
    if (outcome == Outcome::kUnsure) {
      earlier_.insert(now_.begin(), now_.end());
      earlier_.insert(doubtful_.begin(), doubtful_.end());
    }
    now_ = Changed(now_, change);
    doubtful_ = Changed(doubtful_, change);
  }
  // Either course of things may have been taken.
  void Join(const Possible& other) {
    now_.insert(other.now_.begin(), other.now_.end());
    doubtful_.insert(other.doubtful_.begin(), other.doubtful_.end());
    earlier_.insert(other.earlier_.begin(), other.earlier_.end());
  }
  // The process, or the machine, ended.
  void Crash() {
    now_.merge(doubtful_);
    now_.merge(earlier_);
    doubtful_.clear();
    earlier_.clear();
  }
  // Rules out what `allowed` does not allow of what may show now; false, and no effect, when it allows
  // nothing.
  template <typename Allowed>
  bool Keep(Allowed allowed) {
    std::set<State> kept;
    std::copy_if(now_.begin(), now_.end(), std::inserter(kept, kept.end()), allowed);
    if (kept.empty()) return false;
    now_ = std::move(kept);
    return true;
  }
  // Whether it may show a state now.
  bool Allows(const State& state) const { return now_.contains(state); }
  template <typename Predicate>
  bool Any(Predicate predicate) const {
    return std::any_of(now_.begin(), now_.end(), predicate);
  }
  template <typename Predicate>
  bool All(Predicate predicate) const {
    return std::all_of(now_.begin(), now_.end(), predicate);
  }
  // All(), now and after a crash that comes next.
  template <typename Predicate>
  bool AllForGood(Predicate predicate) const {
    return All(predicate) && std::all_of(doubtful_.begin(), doubtful_.end(), predicate) &&
           std::all_of(earlier_.begin(), earlier_.end(), predicate);
  }

 private:
  template <typename Change>
  static std::set<State> Changed(const std::set<State>& states, Change change) {
    std::set<State> after;
    for (State state : states) {
      change(state);
      after.insert(std::move(state));
    }
    return after;
  }

  std::set<State> now_ = {State()};
  // What calls that failed may have made of it.
  std::set<State> doubtful_;
  // What it was before calls whose syncs may have been dropped.
  std::set<State> earlier_;
};

// What one partition holds: models, by their number in the campaign, and keys. Times are in any unit that the
// campaign likes.
struct Holdings {
  struct Model {
    bool by_id = false;  // kept without keys, too
    int64_t created = 0;

    friend auto operator<=>(const Model&, const Model&) = default;
  };
  struct Key {
    size_t model = 0;
    int64_t created = 0;

    friend auto operator<=>(const Key&, const Key&) = default;
  };
  std::map<size_t, Model> models;
  std::map<std::string, Key> keys;

  bool Has(size_t model) const { return models.contains(model); }
  // The same models and keys, whenever they came, and whatever keeps models without keys.
  bool Resembles(const Holdings& other) const;

  // Under `key`, else ("") by id.
  void Store(size_t model, const std::string& key, int64_t now);
  // No effect when the model is not held.
  void SaveKey(const std::string& key, size_t model, int64_t now);
  void DeleteKey(const std::string& key);
  // With the keys that name it.
  void DeleteModel(size_t model);
  // What came from `from` up to, not including, `to`; and what only that kept.
  void Clear(int64_t from, int64_t to);

  friend auto operator<=>(const Holdings&, const Holdings&) = default;
};

// One partition's holdings.
class Expectation : public Possible<Holdings> {
 public:
  bool MayHave(size_t model) const {
    return Any([&](const Holdings& holdings) { return holdings.Has(model); });
  }
  bool MustHave(size_t model) const {
    return All([&](const Holdings& holdings) { return holdings.Has(model); });
  }
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_EXPECTATION_H_
