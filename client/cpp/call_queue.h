// Calls under way whose answers a callback awaits. Internal to the client library.
#ifndef MODELD_CLIENT_CPP_CALL_QUEUE_H_
#define MODELD_CLIENT_CPP_CALL_QUEUE_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace google::protobuf {
class MessageLite;
}
namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace modeld::client::internal {

// Starts unary calls and calls back from one thread, which begins with the first call. A queue of our own:
// gRPC 1.51's callback calls run on threads that cannot survive the end of the last channel when a callback
// brings it about. Thread-safe.
class CallQueue {
 public:
  CallQueue();
  // Waits for the calls under way; from a callback: without waiting. Requires: they are about to end (the
  // connection is cut).
  ~CallQueue();
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  // Waits until no call is under way, but not longer than this; from a callback: not at all.
  void Drain(absl::Duration limit);

  // Makes the call; `done` is called once, from the queue's thread. `request` and `response` live until then.
  void Start(const std::shared_ptr<grpc::Channel>& channel, std::shared_ptr<grpc::ClientContext> context,
             const char* path, const google::protobuf::MessageLite& request,
             google::protobuf::MessageLite& response, std::function<void(const absl::Status&)> done);

 private:
  struct State;
  static void Loop(const std::shared_ptr<State>& state);

  // Shared with the thread, which outlives this when a callback drops the last handle.
  const std::shared_ptr<State> state_;
  absl::Mutex mu_;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_CALL_QUEUE_H_
