// What a FakeDaemon tells of uploads that a test holds up.
#ifndef MODELD_CLIENT_CPP_FAKE_WATCH_H_
#define MODELD_CLIENT_CPP_FAKE_WATCH_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "modeld/v1/inference.pb.h"

namespace modeld::client {

// Thread-safe.
class FakeWatch {
 public:
  // From now on uploads wait, and who watches is told `news`.
  void Hold(std::vector<v1::UploadProgress> news) {
    absl::MutexLock lock(&mu_);
    news_ = std::move(news);
    held_ = true;
  }
  void Let() {
    absl::MutexLock lock(&mu_);
    held_ = false;
  }

  // An upload's call: returns when the test lets it, or nobody waits for it any more.
  void Wait(const grpc::ServerContext& context) {
    while (held() && !context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
  }
  // A watching call: tells the news, then goes on until it is cancelled.
  void Tell(const grpc::ServerContext& context, grpc::ServerWriter<v1::UploadProgress>& writer) {
    for (const v1::UploadProgress& news : Take()) writer.Write(news);
    while (held() && !context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
  }

 private:
  bool held() {
    absl::MutexLock lock(&mu_);
    return held_;
  }
  std::vector<v1::UploadProgress> Take() {
    absl::MutexLock lock(&mu_);
    return std::exchange(news_, {});
  }

  absl::Mutex mu_;
  bool held_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<v1::UploadProgress> news_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_FAKE_WATCH_H_
