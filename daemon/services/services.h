// All services of modeld.v1 and the objects behind them, as one thing that a server can be built with.
#ifndef MODELD_DAEMON_SERVICES_SERVICES_H_
#define MODELD_DAEMON_SERVICES_SERVICES_H_

#include <grpcpp/server_builder.h>

#include <memory>

#include "absl/time/time.h"
#include "daemon/services/services_options.h"

namespace modeld {

// Thread-safe. Destroy it after the gRPC server has shut down (no call may be in flight) and before what its
// options name; sessions may still be open then.
class Services {
 public:
  explicit Services(ServicesOptions options);
  ~Services();
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  // Registers all services and sets message sizes and the number of streams of one connection. The
  // builder's server must end before this object.
  void Register(grpc::ServerBuilder& builder);

  // From now on new calls get UNAVAILABLE. Waits until no call is in flight and the plans that waited are
  // written, at most until `deadline`; returns whether all calls ended.
  bool Drain(absl::Time deadline);

  // Waits until what was compiled is on the disk as plans, as far as there is room for them.
  void Settle();

  // Cancels all that runs or waits, in all sessions: the calls end with CANCELLED, runs between two steps.
  void CancelAll();

  // The keepers' work in the background, for the upkeep thread: what is too old or too many goes, space is
  // reclaimed.
  void Tend();

  // Whether a call is in flight, a compiled plan waits to be written, or a session holds a context, graph,
  // tensor or handed-over memory: the daemon must not exit for idleness.
  bool busy() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_SERVICES_H_
