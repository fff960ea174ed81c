#include "tests/campaign/expectation.h"

#include <algorithm>

namespace modeld::campaign {
namespace {

bool Holds(const Expectation::Holdings& holdings, size_t model) {
  return std::any_of(holdings.begin(), holdings.end(),
                     [&](const auto& entry) { return entry.second == model; });
}

// A key names one model.
void Point(Expectation::Holdings& holdings, const std::string& key, size_t model) {
  std::erase_if(holdings, [&](const auto& entry) { return entry.first == key && !key.empty(); });
  holdings.insert({key, model});
}

bool Names(const TestModel& model, const Digest& blob) {
  return model.id() == blob ||
         std::any_of(model.constants.begin(), model.constants.end(),
                     [&](const std::string& constant) { return storage::RefOf(constant).digest == blob; });
}

}  // namespace

const std::vector<TestModel>& Models() {
  using storage::Bytes;
  static const std::vector<TestModel> models = {
      {"graph 0", {Bytes(300, 1), Bytes(400, 2)}},
      {"graph 1", {Bytes(400, 2), Bytes(500, 3), Bytes(60, 4)}},
      {"graph 2", {Bytes(60, 4)}},
      {"graph 3", {}},
      {"graph 4", {Bytes(9000, 5), Bytes(300, 1)}},
      {"graph 5", {Bytes(1, 6), Bytes(2, 7), Bytes(3, 8), Bytes(4, 9)}},
  };
  return models;
}

template <typename Change>
void Expectation::Apply(const Partition& partition, bool succeeded, Change change) {
  std::set<Holdings>& states = states_[partition];
  if (states.empty()) states.insert(Holdings());
  std::set<Holdings> after;
  for (Holdings holdings : states) {
    change(holdings);
    after.insert(std::move(holdings));
  }
  if (succeeded) {
    states = std::move(after);
  } else {
    states.merge(after);
  }
}

void Expectation::Store(const Partition& partition, size_t model, const std::string& key, bool succeeded) {
  Apply(partition, succeeded, [&](Holdings& holdings) { Point(holdings, key, model); });
}

void Expectation::SaveKey(const Partition& partition, const std::string& key, size_t model, bool succeeded) {
  Apply(partition, succeeded, [&](Holdings& holdings) {
    if (Holds(holdings, model)) Point(holdings, key, model);
  });
}

void Expectation::DeleteKey(const Partition& partition, const std::string& key, bool succeeded) {
  Apply(partition, succeeded, [&](Holdings& holdings) {
    std::erase_if(holdings, [&](const auto& entry) { return entry.first == key; });
  });
}

void Expectation::DeleteModel(const Partition& partition, size_t model, bool succeeded) {
  Apply(partition, succeeded, [&](Holdings& holdings) {
    std::erase_if(holdings, [&](const auto& entry) { return entry.second == model; });
  });
}

void Expectation::Clear(const Partition& partition, bool succeeded) {
  Apply(partition, succeeded, [](Holdings& holdings) { holdings.clear(); });
}

void Expectation::Settle(const Partition& partition, const Holdings& holdings) {
  states_[partition] = {holdings};
}

const std::set<Expectation::Holdings>& Expectation::states(const Partition& partition) const {
  static const std::set<Holdings> empty = {Holdings()};
  const auto found = states_.find(partition);
  return found == states_.end() ? empty : found->second;
}

bool Expectation::MayHave(const Partition& partition, size_t model) const {
  const auto& all = states(partition);
  return std::any_of(all.begin(), all.end(),
                     [&](const Holdings& holdings) { return Holds(holdings, model); });
}

bool Expectation::MustHave(const Partition& partition, size_t model) const {
  const auto& all = states(partition);
  return std::all_of(all.begin(), all.end(),
                     [&](const Holdings& holdings) { return Holds(holdings, model); });
}

bool Expectation::MayBeDamaged(size_t model) const {
  return std::any_of(damaged_.begin(), damaged_.end(),
                     [&](const Digest& blob) { return Names(Models()[model], blob); });
}

bool Expectation::MayName(const Partition& partition, const std::string& key, const Digest& model) const {
  for (const Holdings& holdings : states(partition)) {
    for (const auto& [name, index] : holdings) {
      if (name == key && Models()[index].id() == model) return true;
    }
  }
  return false;
}

}  // namespace modeld::campaign
