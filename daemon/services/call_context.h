// Who calls, for whom, and what a call holds while it runs.
#ifndef MODELD_DAEMON_SERVICES_CALL_CONTEXT_H_
#define MODELD_DAEMON_SERVICES_CALL_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/services/cancellation.h"
#include "daemon/services/object_table.h"
#include "daemon/services/session_objects.h"
#include "daemon/session/session.h"

namespace modeld {

// The metadata in which a call names its partition.
inline constexpr char kPartitionMetadata[] = "modeld-partition";

// Whose cache a call speaks for. `named`: the values of kPartitionMetadata. Pure; thread-safe.
//   app:    its own; PERMISSION_DENIED when it names one.
//   broker: the web partition that it names; INVALID_ARGUMENT when it names none, or anything else.
//   admin:  the one that it names, else its own.
// INVALID_ARGUMENT when several are named or the name is malformed.
absl::StatusOr<std::string> ResolvePartition(const PeerIdentity& identity,
                                             const std::vector<std::string>& named);

class CallGate;

// One call that was let in. Belongs to the call's thread, but for cancellation().token(). Leaving is its
// destruction.
class Call {
 public:
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const std::string& partition() const { return partition_; }
  SessionObjects& objects() { return *objects_; }
  uint64_t session_id() const { return objects_->session().id(); }
  Cancellation& cancellation() { return *cancellation_; }
  // Ends with this context, and with this graph's being stopped (0: none). NOT_FOUND when they are gone
  // already.
  absl::Status BindTo(uint64_t context_id, uint64_t graph_id) {
    return objects_->BindCall(call_id_, context_id, graph_id);
  }
  std::shared_ptr<storage::Lease> lease() { return objects_->LeaseFor(partition_); }

 private:
  friend class CallGate;
  Call(CallGate& gate, std::shared_ptr<SessionObjects> objects, std::string partition,
       std::shared_ptr<Cancellation> cancellation, uint64_t call_id);

  CallGate& gate_;
  const std::shared_ptr<SessionObjects> objects_;
  const std::string partition_;
  const std::shared_ptr<Cancellation> cancellation_;
  const uint64_t call_id_;
};

// What the transport knows of a call.
struct CallOrigin {
  // ServerContext::peer().
  std::string peer;
  // Values of kPartitionMetadata.
  std::vector<std::string> partitions;
  // Asked now and then, from the call's thread; may be null.
  std::function<bool()> client_gone;
};

// Lets calls in and counts them. Thread-safe. Its arguments must outlive it, and it must outlive its calls.
class CallGate {
 public:
  CallGate(const SessionRegistry& sessions, ObjectTable& table) : sessions_(sessions), table_(table) {}

  enum class Door { kClient, kAdmin };
  // UNAVAILABLE: the connection has ended, or the daemon is shutting down. PERMISSION_DENIED: kAdmin and the
  // role is another, or an app named a partition. INVALID_ARGUMENT: ResolvePartition's. RESOURCE_EXHAUSTED:
  // the session has max_calls in flight.
  absl::StatusOr<std::unique_ptr<Call>> Enter(CallOrigin origin, Door door);

  // The session of a peer, for the log; null when it has ended.
  std::shared_ptr<Session> SessionOf(absl::string_view peer) const;

  // Lets nobody in from now on, and waits until all have left or `deadline`; returns whether all have.
  bool Drain(absl::Time deadline);
  uint32_t calls_in_flight() const;
  // UNAVAILABLE once Drain() was called: calls without an end of their own end then.
  absl::Status CheckOpen() const;

 private:
  friend class Call;
  void Leave();
  // CheckOpen().
  absl::Status OpenLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Fixed at construction.
  const SessionRegistry& sessions_;
  ObjectTable& table_;

  // Under mu_.
  mutable absl::Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t in_flight_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_CALL_CONTEXT_H_
