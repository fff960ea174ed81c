// The objects of all sessions.
#ifndef MODELD_DAEMON_SERVICES_OBJECT_TABLE_H_
#define MODELD_DAEMON_SERVICES_OBJECT_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/services/session_objects.h"
#include "daemon/session/session.h"

namespace modeld {

// Finds a session's objects and lets them go when the session ends. Thread-safe. Sessions may outlive it.
class ObjectTable {
 public:
  explicit ObjectTable(const SessionEnvironment& environment) : environment_(environment) {}
  ~ObjectTable();
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  // The objects of `session`, made at its first call; closed ones if it has ended.
  std::shared_ptr<SessionObjects> For(const std::shared_ptr<Session>& session);

  // Of all open sessions that have made a call, by session id.
  std::vector<std::shared_ptr<SessionObjects>> All() const;

 private:
  struct Entry {
    std::shared_ptr<Session> session;
    std::shared_ptr<SessionObjects> objects;
    uint64_t callback_id = 0;
  };
  void Drop(uint64_t session_id);

  // Fixed at construction.
  const SessionEnvironment environment_;

  // Under mu_.
  mutable absl::Mutex mu_;
  std::map<uint64_t, Entry> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_OBJECT_TABLE_H_
