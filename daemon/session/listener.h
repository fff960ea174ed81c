// Accepts connections, and notices when they end.
#ifndef MODELD_DAEMON_SESSION_LISTENER_H_
#define MODELD_DAEMON_SESSION_LISTENER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/memory/shared_memory.h"
#include "daemon/session/session.h"
#include "daemon/session/session_table.h"

namespace modeld {

// The accept loop of modeld.sock. Thread-safe.
//
// For each connection: the peer is identified, a session made, and the descriptor given to gRPC under a
// number from a rotating range. gRPC names a call's connection by that number ("fd:N"); as numbers rotate, N
// is not another connection's while a call of its former owner may still be queued. A duplicate of the
// descriptor stays here and tells when the other end hangs up (or gRPC shuts the connection down): the
// session is closed then, at once, whatever its calls are doing.
class Listener {
 public:
  struct Hooks {
    // Who the peer of a connected socket is. An error refuses the connection.
    std::function<absl::StatusOr<PeerIdentity>(int socket)> identify;
    // Takes the descriptor over and serves it (grpc::AddInsecureChannelFromFd). It is non-blocking.
    std::function<void(int socket)> serve;
    // Told of each connection that is not served, and why. May be null.
    std::function<void(const absl::Status&)> refused;
  };
  // Half-open. The process must be allowed that many descriptors; numbers past its limit are not used.
  struct NumberRange {
    int first = 4'096;
    int end = 65'536;
  };

  // Serves `listening`, a listening unix stream socket, until destroyed. The hooks are called from one thread
  // of its own. `sessions` must outlive the result. RESOURCE_EXHAUSTED: the kernel refuses what the thread
  // needs.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(UniqueFd listening, SessionTable& sessions,
                                                         Hooks hooks, const NumberRange& numbers);
  // Stops, and closes all sessions.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts no more; sessions go on. When this returns `serve` is not running and will not run. Waiting
  // connections stay in the socket's queue, for whoever listens next. The second call does nothing.
  void StopAccepting();

 private:
  Listener(UniqueFd listening, UniqueFd epoll, UniqueFd wake, SessionTable& sessions, Hooks hooks,
           const NumberRange& numbers);
  // All that follows runs in thread_.
  void Loop();
  // The error of accept(), or 0.
  int Accept();
  absl::Status Adopt(UniqueFd socket);
  UniqueFd MoveToNumber(UniqueFd socket);
  void HungUp(int number);
  void SetAccepting(bool on);

  // Fixed at construction.
  const UniqueFd listening_;
  const UniqueFd epoll_;
  const UniqueFd wake_;
  SessionTable& sessions_;
  const Hooks hooks_;
  const NumberRange numbers_;

  // Between the threads.
  std::atomic<bool> stop_accepting_ = false;
  std::atomic<bool> accepting_stopped_ = false;
  std::atomic<bool> stop_ = false;

  // Of thread_ alone.
  int next_number_;
  // Duplicates of the connections' descriptors, by the number that gRPC has.
  std::map<int, UniqueFd> watched_;

  std::thread thread_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SESSION_LISTENER_H_
