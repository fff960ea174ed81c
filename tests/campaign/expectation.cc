#include "tests/campaign/expectation.h"

namespace modeld::campaign {

bool Holdings::Resembles(const Holdings& other) const {
  const auto same_model = [](const auto& a, const auto& b) { return a.first == b.first; };
  const auto same_key = [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.model == b.second.model;
  };
  return std::equal(models.begin(), models.end(), other.models.begin(), other.models.end(), same_model) &&
         std::equal(keys.begin(), keys.end(), other.keys.begin(), other.keys.end(), same_key);
}

void Holdings::Store(size_t model, const std::string& key, int64_t now) {
  Model& held = models.try_emplace(model, Model{false, now}).first->second;
  if (key.empty()) {
    held.by_id = true;
  } else {
    SaveKey(key, model, now);
  }
}

void Holdings::SaveKey(const std::string& key, size_t model, int64_t now) {
  if (!Has(model)) return;
  auto old = keys.find(key);
  if (old != keys.end() && old->second.model == model) return;
  DeleteKey(key);
  keys[key] = {model, now};
}

void Holdings::DeleteKey(const std::string& key) {
  auto found = keys.find(key);
  if (found == keys.end()) return;
  const size_t model = found->second.model;
  keys.erase(found);
  const bool named =
      std::any_of(keys.begin(), keys.end(), [&](const auto& entry) { return entry.second.model == model; });
  auto held = models.find(model);
  if (!named && held != models.end() && !held->second.by_id) models.erase(held);
}

void Holdings::DeleteModel(size_t model) {
  models.erase(model);
  std::erase_if(keys, [&](const auto& entry) { return entry.second.model == model; });
}

void Holdings::Clear(int64_t from, int64_t to) {
  const auto within = [&](int64_t at) { return from <= at && at < to; };
  for (const auto& [model, held] : std::map<size_t, Model>(models)) {
    if (within(held.created)) DeleteModel(model);
  }
  for (const auto& [key, saved] : std::map<std::string, Key>(keys)) {
    if (within(saved.created)) DeleteKey(key);
  }
}

}  // namespace modeld::campaign
