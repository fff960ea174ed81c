// Objects that a session names by number, each visible under one partition only.
#ifndef MODELD_DAEMON_SERVICES_HANDLE_TABLE_H_
#define MODELD_DAEMON_SERVICES_HANDLE_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/services/errors.h"

namespace modeld {

// `T` has members `id` and `partition`. Not thread-safe.
template <typename T>
class HandleTable {
 public:
  using Ptr = std::shared_ptr<T>;

  // `kind` and `kinds` are for messages: "graph", "graphs".
  HandleTable(absl::string_view kind, absl::string_view kinds, uint32_t limit)
      : kind_(kind), kinds_(kinds), limit_(limit) {}

  // RESOURCE_EXHAUSTED, with REASON_SESSION_LIMIT, when the table is full.
  absl::Status CheckRoom() const {
    return objects_.size() < limit_ ? absl::OkStatus() : SessionLimit(kinds_, limit_);
  }
  // Requires: CheckRoom().ok(), and no object has this id.
  void Add(Ptr object) { objects_.emplace(object->id, std::move(object)); }

  // NOT_FOUND also for an object of another partition.
  absl::StatusOr<Ptr> Find(absl::string_view partition, uint64_t id) const {
    auto it = objects_.find(id);
    if (it == objects_.end() || partition != it->second->partition) return HandleNotFound(kind_, id);
    return it->second;
  }

  // Whether some partition has an object of this id.
  bool Contains(uint64_t id) const { return objects_.count(id) != 0; }

  // Takes an object out; null when Find would not find it.
  Ptr Remove(absl::string_view partition, uint64_t id) {
    auto it = objects_.find(id);
    if (it == objects_.end() || partition != it->second->partition) return nullptr;
    Ptr object = std::move(it->second);
    objects_.erase(it);
    return object;
  }

  // Takes all out for which `which` is true.
  std::vector<Ptr> RemoveIf(const std::function<bool(const T&)>& which) {
    std::vector<Ptr> removed;
    for (auto it = objects_.begin(); it != objects_.end();) {
      if (which(*it->second)) {
        removed.push_back(std::move(it->second));
        it = objects_.erase(it);
      } else {
        ++it;
      }
    }
    return removed;
  }

  std::vector<Ptr> All() const {
    std::vector<Ptr> all;
    for (const auto& [id, object] : objects_) all.push_back(object);
    return all;
  }
  size_t size() const { return objects_.size(); }

 private:
  const std::string kind_;
  const std::string kinds_;
  const uint32_t limit_;
  std::map<uint64_t, Ptr> objects_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_HANDLE_TABLE_H_
