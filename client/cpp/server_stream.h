// Calls whose answer is a stream of messages. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_SERVER_STREAM_H_
#define MODELD_CLIENT_CPP_SERVER_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <functional>
#include <memory>
#include <type_traits>

#include "absl/status/status.h"
#include "client/cpp/options.h"
#include "client/cpp/session.h"
#include "client/cpp/status.h"

namespace modeld::client::internal {

// Makes a server-streaming call of `Service` and hands `take` each message, from this thread, until the
// stream ends or `take` fails; that error stops the call and is returned. Else the call's own error.
template <typename Service, typename Request, typename Response>
absl::Status ReadStream(const Caller& caller, const CallOptions& options,
                        std::unique_ptr<grpc::ClientReader<Response>> (Service::Stub::*start)(
                            grpc::ClientContext*, const Request&),
                        const std::type_identity_t<Request>& request,
                        const std::type_identity_t<std::function<absl::Status(const Response&)>>& take) {
  if (absl::Status alive = caller.CheckAlive(); !alive.ok()) return alive;
  const CallScope scope = caller.Scope(options);
  const std::shared_ptr<grpc::ClientContext> context = caller.NewContext(scope);
  const CancelGuard guard(scope, context);
  const auto stub = Service::NewStub(caller.session().channel());
  const std::unique_ptr<grpc::ClientReader<Response>> reader = (stub.get()->*start)(context.get(), request);
  Response response;
  absl::Status taken;
  while (taken.ok() && reader->Read(&response)) taken = take(response);
  if (!taken.ok()) context->TryCancel();
  const absl::Status status = caller.ErrorOf(FromGrpcStatus(reader->Finish()));
  return taken.ok() ? status : taken;
}

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_SERVER_STREAM_H_
