// Sessions: one per client connection, with the identity that the kernel vouches for.
#ifndef MODELD_DAEMON_SESSION_SESSION_H_
#define MODELD_DAEMON_SESSION_SESSION_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace modeld {

// What a client may do.
enum class Role {
  // Speaks for its own partition, app:<id>.
  kApp,
  // Names the web partition it speaks for on each call (a browser).
  kBroker,
  // The user's modelctl: own partition by default, any partition by name, AdminService.
  kAdmin,
};

// "app", "broker", "admin".
absl::string_view RoleName(Role role);

// Who is at the other end, from kernel-verified facts only.
struct PeerIdentity {
  Role role = Role::kApp;
  // The partition's id without "app:": flatpak or snap id, systemd unit, else a name made from the
  // executable.
  std::string app_id;
  pid_t pid = 0;
  uid_t uid = 0;
};

// One connection. Thread-safe. Lives as long as the connection or a call in flight.
class Session {
 public:
  Session(uint64_t id, PeerIdentity identity, absl::Time connected_at)
      : id_(id), identity_(std::move(identity)), connected_at_(connected_at) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Never 0, never reused while the daemon runs.
  uint64_t id() const { return id_; }
  const PeerIdentity& identity() const { return identity_; }
  absl::Time connected_at() const { return connected_at_; }

  // Whether the connection has ended.
  bool closed() const;

  // Calls `callback` once when the connection ends, from the thread that notices it; at once, from this
  // thread, if it has ended. The callback must not block for long, nor call into this session. Returns an id
  // for RemoveOnClose (0 if it was called).
  uint64_t OnClose(std::function<void()> callback);
  // Takes a callback back; when this returns, it is not running and will not run. Unknown ids are fine.
  void RemoveOnClose(uint64_t callback_id);

  // Marks the session closed and runs the callbacks. Only the first call does anything. For the registry.
  void Close();

 private:
  // Fixed at construction.
  const uint64_t id_;
  const PeerIdentity identity_;
  const absl::Time connected_at_;

  // Under mu_.
  mutable absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_callback_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t running_callback_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, std::function<void()>> callbacks_ ABSL_GUARDED_BY(mu_);
};

// Finds the session of a gRPC call. Thread-safe.
class SessionRegistry {
 public:
  virtual ~SessionRegistry() = default;
  // `grpc_peer` is ServerContext::peer(): "fd:N". UNAVAILABLE when that connection has ended.
  virtual absl::StatusOr<std::shared_ptr<Session>> Find(absl::string_view grpc_peer) const = 0;
  // All open sessions, by id.
  virtual std::vector<std::shared_ptr<Session>> List() const = 0;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SESSION_SESSION_H_
