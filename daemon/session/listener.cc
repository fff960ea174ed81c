#include "daemon/session/listener.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/status.h"

namespace modeld {
namespace {

// What an epoll event is about: a connection's number, or one of these.
constexpr uint64_t kListening = uint64_t{1} << 32;
constexpr uint64_t kWake = kListening + 1;
// After accept() failed for want of descriptors.
constexpr int kAcceptPauseMs = 100;

bool Watch(int epoll, int fd, uint32_t events, uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(UniqueFd listening, SessionTable& sessions,
                                                          Hooks hooks, const NumberRange& numbers) {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int flags = fcntl(listening.get(), F_GETFL);
  if (!epoll.valid() || !wake.valid() || flags < 0 ||
      fcntl(listening.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      !Watch(epoll.get(), listening.get(), EPOLLIN, kListening) ||
      !Watch(epoll.get(), wake.get(), EPOLLIN, kWake)) {
    return absl::ResourceExhaustedError("listener: the kernel gives no descriptor");
  }
  std::unique_ptr<Listener> listener(new Listener(std::move(listening), std::move(epoll), std::move(wake),
                                                  sessions, std::move(hooks), numbers));
  listener->thread_ = std::thread([raw = listener.get()] { raw->Loop(); });
  return listener;
}

Listener::Listener(UniqueFd listening, UniqueFd epoll, UniqueFd wake, SessionTable& sessions, Hooks hooks,
                   const NumberRange& numbers)
    : listening_(std::move(listening)),
      epoll_(std::move(epoll)),
      wake_(std::move(wake)),
      sessions_(sessions),
      hooks_(std::move(hooks)),
      numbers_(numbers),
      next_number_(numbers.first) {}

Listener::~Listener() {
  if (!thread_.joinable()) return;
  stop_ = true;
  eventfd_write(wake_.get(), 1);
  thread_.join();
  for (const auto& [number, fd] : watched_) sessions_.Remove(number);
}

void Listener::StopAccepting() {
  stop_accepting_ = true;
  eventfd_write(wake_.get(), 1);
  accepting_stopped_.wait(false);
}

void Listener::SetAccepting(bool on) {
  epoll_event event{};
  event.events = on ? static_cast<uint32_t>(EPOLLIN) : 0;
  event.data.u64 = kListening;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listening_.get(), &event);
}

void Listener::Loop() {
  std::vector<epoll_event> events(64);
  bool paused = false;
  while (!stop_) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 paused ? kAcceptPauseMs : -1);
    if (count < 0 && errno != EINTR) break;
    bool accept = false;
    for (int i = 0; i < count; ++i) {
      const uint64_t key = events[i].data.u64;
      if (key == kListening) {
        accept = true;
      } else if (key == kWake) {
        eventfd_t ignored = 0;
        eventfd_read(wake_.get(), &ignored);
      } else {
        HungUp(static_cast<int>(key));
      }
    }
    if (stop_accepting_) {
      SetAccepting(false);
      paused = false;
      accepting_stopped_ = true;
      accepting_stopped_.notify_all();
      continue;
    }
    if (paused) SetAccepting(true);
    paused = false;
    if (!accept) continue;
    const int error = Accept();
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
      // The connection stays in the queue, and epoll would report it again at once.
      SetAccepting(false);
      paused = true;
    }
  }
  accepting_stopped_ = true;
  accepting_stopped_.notify_all();
}

int Listener::Accept() {
  UniqueFd socket(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.valid()) return errno;
  const absl::Status adopted = Adopt(std::move(socket));
  if (!adopted.ok() && hooks_.refused != nullptr) hooks_.refused(adopted);
  return 0;
}

absl::Status Listener::Adopt(UniqueFd socket) {
  MODELD_ASSIGN_OR_RETURN(PeerIdentity identity, hooks_.identify(socket.get()));
  UniqueFd watched(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  UniqueFd numbered = MoveToNumber(std::move(socket));
  if (!watched.valid() || !numbered.valid())
    return absl::ResourceExhaustedError("listener: no descriptor is left");
  const int number = numbered.get();
  MODELD_RETURN_IF_ERROR(sessions_.Add(number, std::move(identity)).status());
  // A hang-up that has already happened is reported too, by the next epoll_wait.
  if (!Watch(epoll_.get(), watched.get(), EPOLLRDHUP | EPOLLONESHOT, static_cast<uint64_t>(number))) {
    sessions_.Remove(number);
    return absl::ResourceExhaustedError("listener: the kernel watches no more connections");
  }
  watched_[number] = std::move(watched);
  hooks_.serve(numbered.release());
  return absl::OkStatus();
}

UniqueFd Listener::MoveToNumber(UniqueFd socket) {
  for (const int first : {next_number_, numbers_.first}) {
    UniqueFd moved(fcntl(socket.get(), F_DUPFD_CLOEXEC, first));
    if (!moved.valid() || moved.get() >= numbers_.end) continue;
    next_number_ = moved.get() + 1 < numbers_.end ? moved.get() + 1 : numbers_.first;
    return moved;
  }
  return UniqueFd();
}

void Listener::HungUp(int number) {
  sessions_.Remove(number);
  watched_.erase(number);
}

}  // namespace modeld
