// Single-use tickets that tie the memory socket to gRPC sessions.
#ifndef MODELD_DAEMON_MEMORY_TICKET_OFFICE_H_
#define MODELD_DAEMON_MEMORY_TICKET_OFFICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/memory/shared_memory.h"

namespace modeld {

// Issues and redeems tickets: 32 bytes from the kernel's random generator, good once, for a minute.
// Thread-safe.
class TicketOffice {
 public:
  static constexpr size_t kTicketBytes = 32;

  // `clock` must outlive this.
  TicketOffice(const Clock& clock, uint32_t max_per_session)
      : clock_(clock), max_per_session_(max_per_session) {}

  // A ticket whose holder receives `memory`. RESOURCE_EXHAUSTED: the session has max_per_session open ones.
  absl::StatusOr<std::string> IssueReceive(uint64_t session_id, std::shared_ptr<SharedMemory> memory);

  // A ticket whose holder sends a memfd of `size_bytes`: `deliver` gets it, from the memory socket's thread.
  // Errors as above.
  absl::StatusOr<std::string> IssueSend(uint64_t session_id, uint64_t size_bytes,
                                        std::function<void(UniqueFd)> deliver);

  // What a redeemed ticket stands for: exactly one of the two.
  struct Redeemed {
    std::shared_ptr<SharedMemory> receive;
    std::function<void(UniqueFd)> deliver;
    uint64_t size_bytes = 0;
  };
  // Ends the ticket. NOT_FOUND, whatever the reason.
  absl::StatusOr<Redeemed> Redeem(absl::string_view ticket);

  // Ends all tickets of a session.
  void Revoke(uint64_t session_id);

 private:
  struct Ticket {
    uint64_t session_id;
    absl::Time expires_at;
    Redeemed what;
  };
  absl::StatusOr<std::string> Issue(uint64_t session_id, Redeemed what);

  // Fixed at construction.
  const Clock& clock_;
  const uint32_t max_per_session_;

  // Under mu_.
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, Ticket> tickets_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_MEMORY_TICKET_OFFICE_H_
