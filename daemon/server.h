// The whole daemon, built by hand.
#ifndef MODELD_DAEMON_SERVER_H_
#define MODELD_DAEMON_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "daemon/cache/scrubber.h"
#include "daemon/config/config.h"
#include "daemon/memory/memory_socket.h"
#include "daemon/memory/ticket_office.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/services.h"
#include "daemon/session/listener.h"
#include "daemon/session/peer_identity.h"
#include "daemon/session/session_table.h"
#include "daemon/signals.h"
#include "daemon/sockets/runtime_dir.h"
#include "daemon/sockets/unix_listener.h"
#include "daemon/upkeep.h"
#include "engine/backend/backend.h"
#include "storage/model_store.h"

namespace modeld {

// Serves from Start() until destroyed. Run() and the destructor belong to one thread.
class Server {
 public:
  // What main() has found out before there were threads.
  struct Start {
    LoadedConfig loaded;
    ActivatedSockets sockets;
    int max_descriptors;
  };
  // Opens the store and the sockets and serves. The error is for the person who starts the daemon;
  // FAILED_PRECONDITION: the folders or sockets are not to be had (another modeld has them, they are
  // read-only, ...), INVALID_ARGUMENT: a setting does not fit.
  static absl::StatusOr<std::unique_ptr<Server>> Create(Start start);

  // As after Run().
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until a signal comes or the daemon was idle for the configured time. Then takes in no more, lets
  // calls finish within daemon.shutdown_grace, cancels what is left, and returns.
  void Run(StopSignal& signal);

 private:
  Server(LoadedConfig loaded, RuntimeDir runtime_dir, UnixListener modeld, UnixListener memory);
  absl::Status Open();
  absl::Status MakeBackends();
  absl::Status Serve(int max_descriptors);
  ServicesOptions MakeServicesOptions();
  bool busy() const;
  void Stop();

  // In the order in which they are built; each refers only to those before it, and they are taken down
  // backwards.
  const LoadedConfig loaded_;
  RuntimeDir runtime_dir_;
  UnixListener modeld_listener_;
  UnixListener memory_listener_;
  RealClock clock_;
  Metrics metrics_;
  const absl::Time started_at_;
  const PeerIdentifier identifier_;
  std::unique_ptr<storage::ModelStore> store_;
  TicketOffice tickets_;
  SessionTable sessions_;
  std::vector<std::unique_ptr<Backend>> backends_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<MemorySocket> memory_socket_;
  std::unique_ptr<Listener> listener_;
  std::optional<Upkeep> upkeep_;
  std::optional<Scrubber> scrubber_;
  bool stopped_ = false;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVER_H_
