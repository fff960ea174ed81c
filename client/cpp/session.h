// One connection to the daemon, which is one session there. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_SESSION_H_
#define MODELD_CLIENT_CPP_SESSION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "client/cpp/call_queue.h"
#include "client/cpp/options.h"
#include "client/cpp/rpcs.h"
#include "client/cpp/worker.h"

namespace google::protobuf {
class MessageLite;
}
namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace modeld::client::internal {

// A connected socket that gRPC talks over. The library connects it itself and hands it to gRPC: such a
// channel is never shared and never reconnects behind one's back, so an id of an old session can never reach
// an object of a new one. Thread-safe.
class Session {
 public:
  // Connects to the socket at this path and asks for the capabilities. UNAVAILABLE: nobody answers within
  // `timeout`. INVALID_ARGUMENT: the path does not fit a socket address. PERMISSION_DENIED: another user
  // listens there. `partition` is named where the daemon wants one, as it does of a broker.
  static absl::StatusOr<std::shared_ptr<Session>> Open(const std::string& socket_path, absl::Duration timeout,
                                                       const std::string& partition);
  // Ends the connection, and so the daemon's session with all that it held.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // False once the daemon has hung up. Then it stays false.
  bool Alive() const;
  const v1::Capabilities& capabilities() const { return capabilities_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // Awaits the answers of asynchronous calls.
  CallQueue& calls() { return calls_; }
  // Runs the composite calls' asynchronous forms.
  Worker& worker() { return worker_; }

 private:
  Session(UniqueFd watched, std::shared_ptr<grpc::Channel> channel);

  // Fixed at construction.
  const UniqueFd watched_;  // a duplicate of gRPC's descriptor
  const std::shared_ptr<grpc::Channel> channel_;
  v1::Capabilities capabilities_;
  CallQueue calls_;
  Worker worker_;
};

// A call's bounds, with the deadline as a point in time: what the parts of a composite call share.
struct CallScope {
  absl::Time deadline = absl::InfiniteFuture();
  std::optional<Cancellation> cancellation = {};
};

// Makes calls on a session for one partition. A plain value, copied into every handle; thread-safe.
class Caller {
 public:
  Caller() = default;
  Caller(std::shared_ptr<Session> session, std::string partition, absl::Duration default_deadline,
         bool shared_memory)
      : session_(std::move(session)),
        partition_(std::move(partition)),
        default_deadline_(default_deadline),
        shared_memory_(shared_memory) {}

  Session& session() const { return *session_; }
  const v1::Capabilities& capabilities() const { return session_->capabilities(); }
  // Whether to try the memory socket.
  bool shared_memory() const { return shared_memory_ && !session_->capabilities().memory_socket().empty(); }

  CallScope Scope(const CallOptions& options) const;
  // A context for one call, with deadline and partition set.
  std::shared_ptr<grpc::ClientContext> NewContext(const CallScope& scope) const;

  // Makes the call and waits. FAILED_PRECONDITION when the session had ended before, UNAVAILABLE when it ends
  // meanwhile, and whatever the daemon answers.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const Rpc<Request, Response>& rpc,
                                const std::type_identity_t<Request>& request, const CallScope& scope) const {
    Response response;
    absl::Status status = CallRaw(rpc.path, request, response, scope);
    if (!status.ok()) return status;
    return response;
  }

  // As Call; returns at once. `done` is called exactly once, from the session's thread or, when there is
  // nothing to wait for, from this one. It must not block.
  template <typename Request, typename Response>
  void CallAsync(const Rpc<Request, Response>& rpc, std::type_identity_t<Request> request,
                 const CallScope& scope, std::function<void(absl::StatusOr<Response>)> done) const {
    auto messages = std::make_shared<std::pair<Request, Response>>(std::move(request), Response());
    CallRawAsync(rpc.path, messages->first, messages->second, scope,
                 [caller = *this, messages, done = std::move(done)](const absl::Status& status) {
                   if (status.ok()) {
                     done(std::move(messages->second));
                   } else {
                     done(caller.ErrorOf(status));
                   }
                 });
  }

  // Sends a call whose answer nobody needs (freeing things); nothing when the session has ended. The call
  // does not keep the session alive: where that ends, the daemon frees everything itself.
  template <typename Request, typename Response>
  void Send(const Rpc<Request, Response>& rpc, std::type_identity_t<Request> request) const {
    auto messages = std::make_shared<std::pair<Request, Response>>(std::move(request), Response());
    CallRawAsync(rpc.path, messages->first, messages->second, CallScope{},
                 [messages](const absl::Status&) {});
  }

  // OK while the session lives, else FAILED_PRECONDITION.
  absl::Status CheckAlive() const;
  // The error of a call that gRPC ended with `status`; the lost connection is told apart.
  absl::Status ErrorOf(absl::Status status) const;

 private:
  absl::Status CallRaw(const char* path, const google::protobuf::MessageLite& request,
                       google::protobuf::MessageLite& response, const CallScope& scope) const;
  void CallRawAsync(const char* path, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite& response, const CallScope& scope,
                    std::function<void(const absl::Status&)> done) const;

  std::shared_ptr<Session> session_;
  std::string partition_;
  absl::Duration default_deadline_ = absl::InfiniteDuration();
  bool shared_memory_ = true;
};

// Ties a cancellation to one call for as long as this lives. Not thread-safe.
class CancelGuard {
 public:
  CancelGuard(const CallScope& scope, const std::shared_ptr<grpc::ClientContext>& context);
  ~CancelGuard();
  CancelGuard(const CancelGuard&) = delete;
  CancelGuard& operator=(const CancelGuard&) = delete;

 private:
  const std::optional<Cancellation> cancellation_;
  uint64_t id_ = 0;
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_SESSION_H_
