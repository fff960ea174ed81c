// The server side of memory.sock: redeems tickets for memory. Protocol: proto/memory_socket.md.
#ifndef MODELD_DAEMON_MEMORY_MEMORY_SOCKET_H_
#define MODELD_DAEMON_MEMORY_MEMORY_SOCKET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/memory/shared_memory.h"
#include "daemon/memory/ticket_office.h"

namespace modeld {

// Accepts connections of this user, reads tickets, and passes memory. One thread does it all and never waits
// for a client: who sends garbage, stays silent or does not read its answers is dropped, and costs nobody
// else anything. A client's ticket is what entitles it; which connection it comes on does not matter.
// Thread-safe.
class MemorySocket {
 public:
  struct Options {
    // Past this number the connection that was silent longest is dropped for the new one.
    size_t max_connections = 256;
    // A connection that has not completed a request for longer is dropped.
    std::chrono::milliseconds max_silence = std::chrono::seconds(30);
  };

  // Serves on `listener`, a listening unix stream socket, until destroyed. `tickets` must outlive the result.
  // RESOURCE_EXHAUSTED: the kernel refuses what the thread needs.
  static absl::StatusOr<std::unique_ptr<MemorySocket>> Start(UniqueFd listener, TicketOffice& tickets,
                                                             const Options& options);
  // Closes all connections. Returns when no ticket's callback runs any more.
  ~MemorySocket();
  MemorySocket(const MemorySocket&) = delete;
  MemorySocket& operator=(const MemorySocket&) = delete;

 private:
  struct Connection;
  struct Request;
  using Time = std::chrono::steady_clock::time_point;

  MemorySocket(UniqueFd listener, UniqueFd wake, TicketOffice& tickets, const Options& options);
  // All that follows runs in thread_.
  void Serve();
  void Accept(Time now);
  void DropSilent(Time now);
  int PollTimeoutMs(Time now) const;
  // False: drop the connection.
  bool Read(Connection& connection, Time now);
  bool Answer(const Connection& connection, Request request) const;
  absl::StatusOr<std::shared_ptr<SharedMemory>> Redeem(Request request) const;

  // Fixed at construction.
  const UniqueFd listener_;
  const UniqueFd wake_;
  TicketOffice& tickets_;
  const Options options_;

  // Of thread_ alone.
  std::vector<std::unique_ptr<Connection>> connections_;
  Time accept_again_at_{};

  std::thread thread_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_MEMORY_MEMORY_SOCKET_H_
