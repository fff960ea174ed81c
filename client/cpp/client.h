// The way in: a connection to the daemon.
#ifndef MODELD_CLIENT_CPP_CLIENT_H_
#define MODELD_CLIENT_CPP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/cpp/context.h"
#include "client/cpp/model_cache.h"
#include "client/cpp/options.h"
#include "modeld/v1/context.pb.h"

namespace modeld::client {

namespace internal {
class Connector;
}

// A client of the daemon. One connection is one session there, and all contexts, graphs and tensors belong to
// it. When the connection is lost (the daemon was restarted), calls under way end with UNAVAILABLE, every
// handle of the old session answers FAILED_PRECONDITION from then on, and the next call of the Client itself
// or its ModelCache makes a new session, in which contexts are made and graphs fetched anew; stored models
// are still there. Copies share the connection. Thread-safe.
class Client {
 public:
  // Connects. UNAVAILABLE: no daemon answers in time. INVALID_ARGUMENT: host or partition is malformed.
  // PERMISSION_DENIED: what listens there is another user's.
  static absl::StatusOr<Client> Connect(ConnectOptions options = {});

  // The same connection, speaking for another partition (ConnectOptions::partition): a browser's client for
  // one site.
  Client ForPartition(std::string partition) const;

  // Limits and version of the daemon, as it told when the connection was made.
  absl::StatusOr<v1::Capabilities> GetCapabilities() const;

  // Makes a context. RESOURCE_EXHAUSTED: the session has as many as it may. UNIMPLEMENTED: no such device.
  // PERMISSION_DENIED: this client may not speak for that partition.
  absl::StatusOr<Context> CreateContext(const ContextOptions& context = {},
                                        const CallOptions& options = {}) const;
  // As CreateContext, without waiting for the answer (a new connection, where one is needed, is waited for).
  // `done` is called once, from a thread of the library's, and must not block.
  void CreateContextAsync(const ContextOptions& context, std::function<void(absl::StatusOr<Context>)> done,
                          const CallOptions& options = {}) const;

  // The cache of the partition that this client speaks for.
  ModelCache Cache() const;

  // Whether the current session lives.
  bool Connected() const;

 private:
  friend class Admin;
  friend class CacheAdmin;
  Client(std::shared_ptr<internal::Connector> connector, std::string partition)
      : connector_(std::move(connector)), partition_(std::move(partition)) {}

  std::shared_ptr<internal::Connector> connector_;
  std::string partition_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_CLIENT_H_
