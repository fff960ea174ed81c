#include "daemon/memory/ticket_office.h"

#include <sys/random.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"

namespace modeld {
namespace {

constexpr absl::Duration kLifetime = absl::Minutes(1);

absl::StatusOr<std::string> RandomTicket() {
  std::string ticket(TicketOffice::kTicketBytes, '\0');
  // Requests of up to 256 bytes are answered whole once the kernel's pool is ready, and not interrupted.
  ssize_t got = 0;
  do {
    got = getrandom(ticket.data(), ticket.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(ticket.size()))
    return absl::InternalError("ticket: the kernel gives no random bytes");
  return ticket;
}

}  // namespace

absl::StatusOr<std::string> TicketOffice::IssueReceive(uint64_t session_id,
                                                       std::shared_ptr<SharedMemory> memory) {
  const uint64_t size_bytes = memory->bytes().size();
  return Issue(session_id,
               Redeemed{.receive = std::move(memory), .deliver = nullptr, .size_bytes = size_bytes});
}

absl::StatusOr<std::string> TicketOffice::IssueSend(uint64_t session_id, uint64_t size_bytes,
                                                    std::function<void(UniqueFd)> deliver) {
  return Issue(session_id,
               Redeemed{.receive = nullptr, .deliver = std::move(deliver), .size_bytes = size_bytes});
}

absl::StatusOr<std::string> TicketOffice::Issue(uint64_t session_id, Redeemed what) {
  absl::StatusOr<std::string> ticket = RandomTicket();
  if (!ticket.ok()) return ticket;
  const absl::Time now = clock_.Now();
  // Outlive the lock: freeing a ticket may unmap memory or run a captured object's destructor.
  std::vector<Redeemed> ended;
  absl::MutexLock lock(&mu_);
  uint32_t open = 0;
  for (auto it = tickets_.begin(); it != tickets_.end();) {
    const auto current = it++;
    if (current->second.expires_at <= now) {
      ended.push_back(std::move(current->second.what));
      tickets_.erase(current);
    } else if (current->second.session_id == session_id) {
      ++open;
    }
  }
  if (open >= max_per_session_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("ticket: the session has ", open, " open ones already, which is the limit"));
  }
  tickets_.emplace(*ticket, Ticket{session_id, now + kLifetime, std::move(what)});
  return ticket;
}

absl::StatusOr<TicketOffice::Redeemed> TicketOffice::Redeem(absl::string_view ticket) {
  const absl::Time now = clock_.Now();
  absl::MutexLock lock(&mu_);
  const auto it = tickets_.find(ticket);
  if (it == tickets_.end() || it->second.expires_at <= now) return absl::NotFoundError("ticket: unknown");
  Redeemed what = std::move(it->second.what);
  tickets_.erase(it);
  return what;
}

void TicketOffice::Revoke(uint64_t session_id) {
  std::vector<Redeemed> ended;
  absl::MutexLock lock(&mu_);
  for (auto it = tickets_.begin(); it != tickets_.end();) {
    const auto current = it++;
    if (current->second.session_id != session_id) continue;
    ended.push_back(std::move(current->second.what));
    tickets_.erase(current);
  }
}

}  // namespace modeld
