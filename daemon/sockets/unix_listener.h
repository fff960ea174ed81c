// Listening sockets: bound by ourselves or handed down by systemd.
#ifndef MODELD_DAEMON_SOCKETS_UNIX_LISTENER_H_
#define MODELD_DAEMON_SOCKETS_UNIX_LISTENER_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/memory/shared_memory.h"

namespace modeld {

// A listening unix stream socket. Not thread-safe; move only.
class UnixListener {
 public:
  // Binds `path`, with mode 0600 under the umask 077. A socket file there at which nobody listens is
  // replaced. FAILED_PRECONDITION: somebody listens there, or it is no socket. The error is for the person
  // who starts the daemon.
  static absl::StatusOr<UnixListener> Bind(const std::string& path);
  // Takes over a socket that listens already. Its file, if any, is not ours to remove.
  static absl::StatusOr<UnixListener> Adopt(UniqueFd fd);

  UnixListener(UnixListener&& other) noexcept
      : fd_(std::move(other.fd_)),
        path_(std::move(other.path_)),
        bound_(std::exchange(other.bound_, std::nullopt)) {}
  UnixListener& operator=(UnixListener&&) = delete;
  // As RemoveFile().
  ~UnixListener();

  // The file's path; empty for a socket without one.
  const std::string& path() const { return path_; }
  // Gives the descriptor away, once.
  UniqueFd TakeFd() { return std::move(fd_); }
  // Removes the file if Bind() made it and it is still that one. Clients then see at once that nobody is
  // there.
  void RemoveFile();

 private:
  UnixListener(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  struct FileId {
    dev_t device;
    ino_t inode;
  };
  UniqueFd fd_;
  std::string path_;
  // What Bind() made.
  std::optional<FileId> bound_;
};

// What systemd handed down.
struct ActivatedSockets {
  std::optional<UnixListener> modeld;
  std::optional<UnixListener> memory;
};

// Takes the sockets of LISTEN_FDS: by FileDescriptorName= "modeld" or "memory", else by the file's name
// "modeld.sock" or "memory.sock". Unsets the variables, so that no child takes them for its own.
// FAILED_PRECONDITION: a descriptor is something else, or a name comes twice. Call before there are threads.
absl::StatusOr<ActivatedSockets> TakeActivatedSockets();

}  // namespace modeld

#endif  // MODELD_DAEMON_SOCKETS_UNIX_LISTENER_H_
