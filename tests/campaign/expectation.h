// What a store must hold after a schedule of calls, some of which failed half way.
#ifndef MODELD_TESTS_CAMPAIGN_EXPECTATION_H_
#define MODELD_TESTS_CAMPAIGN_EXPECTATION_H_

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <utility>

namespace modeld::campaign {

// What one partition holds: models, by their number in the campaign, with the keys that name them; the key ""
// stands for a model that is kept by its id.
using Holdings = std::set<std::pair<std::string, size_t>>;

// Every state of one partition that the calls so far allow. A call that succeeded leaves one state for each
// state before; a call that failed may have been done or not. Not thread-safe.
class Expectation {
 public:
  // Under `key`, else ("") by id.
  void Store(size_t model, const std::string& key, bool succeeded) {
    Apply(succeeded, [&](Holdings& holdings) { Point(holdings, key, model); });
  }
  void SaveKey(const std::string& key, size_t model, bool succeeded) {
    Apply(succeeded, [&](Holdings& holdings) {
      if (Holds(holdings, model)) Point(holdings, key, model);
    });
  }
  void DeleteKey(const std::string& key, bool succeeded) {
    Apply(succeeded, [&](Holdings& holdings) {
      std::erase_if(holdings, [&](const auto& entry) { return entry.first == key; });
    });
  }
  void DeleteModel(size_t model, bool succeeded) {
    Apply(succeeded, [&](Holdings& holdings) {
      std::erase_if(holdings, [&](const auto& entry) { return entry.second == model; });
    });
  }
  void Clear(bool succeeded) {
    Apply(succeeded, [](Holdings& holdings) { holdings.clear(); });
  }
  // After a restart what the partition shows is what is: the other states are ruled out.
  void Settle(const Holdings& holdings) { states_ = {holdings}; }

  bool Allows(const Holdings& holdings) const { return states_.contains(holdings); }
  bool MayHave(size_t model) const {
    return std::any_of(states_.begin(), states_.end(),
                       [&](const Holdings& holdings) { return Holds(holdings, model); });
  }
  bool MustHave(size_t model) const {
    return std::all_of(states_.begin(), states_.end(),
                       [&](const Holdings& holdings) { return Holds(holdings, model); });
  }
  bool MayName(const std::string& key, size_t model) const {
    return std::any_of(states_.begin(), states_.end(), [&](const Holdings& holdings) {
      return holdings.contains({key, model});
    });
  }

 private:
  static bool Holds(const Holdings& holdings, size_t model) {
    return std::any_of(holdings.begin(), holdings.end(),
                       [&](const auto& entry) { return entry.second == model; });
  }
  // A key names one model; what only it kept goes.
  static void Point(Holdings& holdings, const std::string& key, size_t model) {
    std::erase_if(holdings, [&](const auto& entry) { return !key.empty() && entry.first == key; });
    holdings.insert({key, model});
  }
  template <typename Change>
  void Apply(bool succeeded, Change change) {
    std::set<Holdings> after;
    for (Holdings holdings : states_) {
      change(holdings);
      after.insert(std::move(holdings));
    }
    if (succeeded) {
      states_ = std::move(after);
    } else {
      states_.merge(after);
    }
  }

  std::set<Holdings> states_ = {Holdings()};
};

}  // namespace modeld::campaign

#endif  // MODELD_TESTS_CAMPAIGN_EXPECTATION_H_
