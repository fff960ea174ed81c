#include "client/cpp/call_queue.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "client/cpp/status.h"

namespace modeld::client::internal {
namespace {

using google::protobuf::MessageLite;

// A call under way: the queue's tag. Members are destroyed from the last to the first: the context goes last.
struct PendingCall {
  std::shared_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<MessageLite>> reader;
  grpc::Status status;
  std::function<void(const absl::Status&)> done;
};

}  // namespace

struct CallQueue::State {
  grpc::CompletionQueue queue;
  absl::Mutex mu;
  int pending ABSL_GUARDED_BY(mu) = 0;
};

CallQueue::CallQueue() : state_(std::make_shared<State>()) {}

CallQueue::~CallQueue() {
  state_->queue.Shutdown();
  absl::MutexLock lock(&mu_);
  if (!thread_.joinable()) return;
  if (thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void CallQueue::Drain(absl::Duration limit) {
  {
    absl::MutexLock lock(&mu_);
    if (thread_.get_id() == std::this_thread::get_id()) return;
  }
  absl::MutexLock lock(&state_->mu);
  state_->mu.AwaitWithTimeout(
      absl::Condition(
          +[](State* s) ABSL_NO_THREAD_SAFETY_ANALYSIS { return s->pending == 0; }, state_.get()),
      limit);
}

void CallQueue::Start(const std::shared_ptr<grpc::Channel>& channel,
                      std::shared_ptr<grpc::ClientContext> context, const char* path,
                      const MessageLite& request, MessageLite& response,
                      std::function<void(const absl::Status&)> done) {
  {
    absl::MutexLock lock(&mu_);
    if (!thread_.joinable()) thread_ = std::thread([state = state_] { Loop(state); });
  }
  {
    absl::MutexLock lock(&state_->mu);
    ++state_->pending;
  }
  auto call = std::make_unique<PendingCall>();
  call->context = std::move(context);
  call->done = std::move(done);
  call->reader = grpc::TemplatedGenericStub<MessageLite, MessageLite>(channel).PrepareUnaryCall(
      call->context.get(), path, request, &state_->queue);
  call->reader->StartCall();
  // The loop may end the call before Finish returns: nothing of it is touched afterwards.
  PendingCall* tag = call.release();
  tag->reader->Finish(&response, &tag->status, tag);
}

void CallQueue::Loop(const std::shared_ptr<State>& state) {
  void* tag;
  bool ok;
  while (state->queue.Next(&tag, &ok)) {
    const std::unique_ptr<PendingCall> call(static_cast<PendingCall*>(tag));
    call->done(FromGrpcStatus(call->status));
    absl::MutexLock lock(&state->mu);
    --state->pending;
  }
}

}  // namespace modeld::client::internal
