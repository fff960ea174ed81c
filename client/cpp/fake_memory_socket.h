// The daemon's end of the memory socket, as far as tests of the client need it.
#ifndef MODELD_CLIENT_CPP_FAKE_MEMORY_SOCKET_H_
#define MODELD_CLIENT_CPP_FAKE_MEMORY_SOCKET_H_

#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/unique_fd.h"

namespace modeld::client {

// Listens at a path and redeems tickets on a thread of its own. Thread-safe.
class FakeMemorySocket {
 public:
  explicit FakeMemorySocket(const std::string& path);
  ~FakeMemorySocket();

  // A ticket whose holder is sent this descriptor (borrowed: it must stay open).
  std::string Offer(int fd);
  // A ticket whose holder sends one.
  std::string Expect(std::function<void(UniqueFd)> deliver);
  // Answers every ticket with an error from now on.
  void Refuse();

 private:
  struct Ticket {
    int offer = -1;
    std::function<void(UniqueFd)> deliver;
  };
  std::string Issue(Ticket ticket);
  void Serve();
  void Answer(const UniqueFd& connection);

  UniqueFd listener_;
  absl::Mutex mu_;
  bool refuse_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, Ticket> tickets_ ABSL_GUARDED_BY(mu_);
  uint64_t issued_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_FAKE_MEMORY_SOCKET_H_
