// The frame of every gRPC method: let in, do, log, translate.
#ifndef MODELD_DAEMON_SERVICES_RPC_H_
#define MODELD_DAEMON_SERVICES_RPC_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/services/call_context.h"

namespace modeld {

// Runs `body` within a call that `gate` let in; returns its status for gRPC and logs it once if it is an
// error. `method`: "InferenceService/Run". Thread-safe.
grpc::Status Serve(CallGate& gate, CallGate::Door door, grpc::ServerContext& context,
                   absl::string_view method, const std::function<absl::Status(Call&)>& body);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_RPC_H_
