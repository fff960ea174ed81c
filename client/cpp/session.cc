#include "client/cpp/session.h"

#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <poll.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/cpp/memory_socket.h"
#include "client/cpp/status.h"

namespace modeld::client::internal {
namespace {

using google::protobuf::MessageLite;
using GenericStub = grpc::TemplatedGenericStub<MessageLite, MessageLite>;

std::shared_ptr<grpc::Channel> NewChannel(int fd) {
  // Held for the life of the process: when the last user of gRPC 1.51 goes, its shutdown may wait ten seconds
  // for a poller.
  static const bool initialised = [] { return grpc_init(), true; }();
  static_cast<void>(initialised);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomInsecureChannelFromFd("modeld", fd, arguments);
}

}  // namespace

Session::Session(UniqueFd watched, std::shared_ptr<grpc::Channel> channel)
    : watched_(std::move(watched)), channel_(std::move(channel)) {}

absl::StatusOr<std::shared_ptr<Session>> Session::Open(const std::string& socket_path, absl::Duration timeout,
                                                       const std::string& partition) {
  const absl::Time deadline = absl::Now() + timeout;
  MODELD_ASSIGN_OR_RETURN(UniqueFd fd, ConnectUnix(socket_path, timeout));
  UniqueFd watched(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!watched.valid())
    return absl::ResourceExhaustedError("modeld: no file descriptor left for its connection");
  std::shared_ptr<grpc::Channel> channel = NewChannel(fd.release());
  std::shared_ptr<Session> session(new Session(std::move(watched), std::move(channel)));
  // A probe of its own. Whether a partition is allowed, the call that needs it will tell; only a broker must
  // name one on each call.
  const auto probe = [&](const std::string& named) {
    const Caller caller(session, named, absl::InfiniteDuration(), false);
    return caller.Call(kGetCapabilities, {}, CallScope{.deadline = deadline});
  };
  absl::StatusOr<v1::Capabilities> capabilities = probe("");
  if (absl::IsInvalidArgument(capabilities.status()) && !partition.empty()) capabilities = probe(partition);
  MODELD_RETURN_IF_ERROR(capabilities.status());
  session->capabilities_ = *std::move(capabilities);
  return session;
}

Session::~Session() {
  // What was just freed is told the daemon before the line is cut, so that it logs no lost calls. It frees it
  // either way.
  if (Alive()) calls_.Drain(absl::Milliseconds(500));
  ::shutdown(watched_.get(), SHUT_RDWR);
}

bool Session::Alive() const {
  pollfd poll = {.fd = watched_.get(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&poll, 1, 0) == 0;
}

CallScope Caller::Scope(const CallOptions& options) const {
  const absl::Duration deadline = options.deadline.value_or(default_deadline_);
  return {.deadline = deadline == absl::InfiniteDuration() ? absl::InfiniteFuture() : absl::Now() + deadline,
          .cancellation = options.cancellation};
}

std::shared_ptr<grpc::ClientContext> Caller::NewContext(const CallScope& scope) const {
  auto context = std::make_shared<grpc::ClientContext>();
  if (scope.deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(scope.deadline));
  if (!partition_.empty()) context->AddMetadata("modeld-partition", partition_);
  return context;
}

absl::Status Caller::CheckAlive() const {
  return session_->Alive() ? absl::OkStatus() : SessionEndedError();
}

absl::Status Caller::ErrorOf(absl::Status status) const {
  if (status.code() != absl::StatusCode::kUnavailable || session_->Alive()) return status;
  return absl::UnavailableError(absl::StrCat("modeld: the connection was lost (", status.message(), ")"));
}

absl::Status Caller::CallRaw(const char* path, const MessageLite& request, MessageLite& response,
                             const CallScope& scope) const {
  MODELD_RETURN_IF_ERROR(CheckAlive());
  std::shared_ptr<grpc::ClientContext> context = NewContext(scope);
  CancelGuard guard(scope, context);
  grpc::CompletionQueue queue;
  grpc::Status status;
  auto call = GenericStub(session_->channel()).PrepareUnaryCall(context.get(), path, request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag;
  bool ok;
  queue.Next(&tag, &ok);
  return ErrorOf(FromGrpcStatus(status));
}

void Caller::CallRawAsync(const char* path, const MessageLite& request, MessageLite& response,
                          const CallScope& scope, std::function<void(const absl::Status&)> done) const {
  if (absl::Status alive = CheckAlive(); !alive.ok()) return done(alive);
  std::shared_ptr<grpc::ClientContext> context = NewContext(scope);
  auto guard = std::make_shared<CancelGuard>(scope, context);
  session_->calls().Start(session_->channel(), std::move(context), path, request, response,
                          [guard, done = std::move(done)](const absl::Status& status) { done(status); });
}

CancelGuard::CancelGuard(const CallScope& scope, const std::shared_ptr<grpc::ClientContext>& context)
    : cancellation_(scope.cancellation) {
  if (cancellation_) id_ = cancellation_->Watch([context] { context->TryCancel(); });
}

CancelGuard::~CancelGuard() {
  if (cancellation_) cancellation_->Forget(id_);
}

}  // namespace modeld::client::internal
