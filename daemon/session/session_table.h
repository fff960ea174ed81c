// The open sessions, found by their connections' descriptors.
#ifndef MODELD_DAEMON_SESSION_SESSION_TABLE_H_
#define MODELD_DAEMON_SESSION_SESSION_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "daemon/session/session.h"

namespace modeld {

// How many sessions there may be.
struct SessionCaps {
  uint32_t max_sessions = 128;
  // Of one app; keeps one from taking all.
  uint32_t max_sessions_per_app = 32;
  // On top of max_sessions, for admins: the user's own tool gets in when apps fill the house.
  uint32_t admin_reserve = 8;
};

// Thread-safe.
class SessionTable : public SessionRegistry {
 public:
  // `clock` must outlive this.
  SessionTable(const Clock& clock, const SessionCaps& caps) : clock_(clock), caps_(caps) {}

  // A new session for the connection that gRPC knows as "fd:`number`". A session that had the number is
  // closed first. RESOURCE_EXHAUSTED: a cap is reached.
  absl::StatusOr<std::shared_ptr<Session>> Add(int number, PeerIdentity identity);
  // Closes the number's session, if there is one, from this thread: when this returns no call finds it, and
  // its OnClose callbacks have run.
  void Remove(int number);
  // Removes all.
  void Clear();

  // How many sessions there have been: tells whether somebody came and went.
  uint64_t ever() const;

  absl::StatusOr<std::shared_ptr<Session>> Find(absl::string_view grpc_peer) const override;
  std::vector<std::shared_ptr<Session>> List() const override;

 private:
  absl::Status CheckCaps(const PeerIdentity& identity) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Fixed at construction.
  const Clock& clock_;
  const SessionCaps caps_;

  // Under mu_.
  mutable absl::Mutex mu_;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<int, std::shared_ptr<Session>> by_number_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SESSION_SESSION_TABLE_H_
