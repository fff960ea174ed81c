#include "daemon/services/object_table.h"

#include <utility>

namespace modeld {

ObjectTable::~ObjectTable() {
  std::map<uint64_t, Entry> entries;
  {
    absl::MutexLock lock(&mu_);
    entries.swap(entries_);
  }
  for (auto& [id, entry] : entries) {
    entry.session->RemoveOnClose(entry.callback_id);
    entry.objects->Close();
  }
}

std::shared_ptr<SessionObjects> ObjectTable::For(const std::shared_ptr<Session>& session) {
  std::shared_ptr<SessionObjects> objects;
  {
    absl::MutexLock lock(&mu_);
    Entry& entry = entries_[session->id()];
    if (entry.objects != nullptr) return entry.objects;
    // The objects refer to their session: whoever holds them holds it.
    struct Pair {
      std::shared_ptr<Session> session;
      SessionObjects objects;
    };
    auto pair = std::shared_ptr<Pair>(new Pair{session, {*session, environment_}});
    objects = std::shared_ptr<SessionObjects>(pair, &pair->objects);
    entry.session = session;
    entry.objects = objects;
  }
  // Calls back at once when the session has ended, so not under the lock.
  const uint64_t callback_id = session->OnClose([this, id = session->id()] { Drop(id); });
  absl::MutexLock lock(&mu_);
  if (auto it = entries_.find(session->id()); it != entries_.end()) it->second.callback_id = callback_id;
  return objects;
}

std::vector<std::shared_ptr<SessionObjects>> ObjectTable::All() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<SessionObjects>> all;
  for (const auto& [id, entry] : entries_) all.push_back(entry.objects);
  return all;
}

void ObjectTable::Drop(uint64_t session_id) {
  Entry entry;
  {
    absl::MutexLock lock(&mu_);
    auto it = entries_.find(session_id);
    if (it == entries_.end()) return;
    entry = std::move(it->second);
    entries_.erase(it);
  }
  entry.objects->Close();
}

}  // namespace modeld
