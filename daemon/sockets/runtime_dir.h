// The folder of the sockets, and the daemon's claim on it.
#ifndef MODELD_DAEMON_SOCKETS_RUNTIME_DIR_H_
#define MODELD_DAEMON_SOCKETS_RUNTIME_DIR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/memory/shared_memory.h"

namespace modeld {

// A folder that is this user's alone, locked for this process while the object lives (by modeld.lock in it,
// which stays). Not thread-safe; move only. Its errors are for the person who starts the daemon, and hold
// paths.
class RuntimeDir {
 public:
  // Opens `path`, an absolute path; makes its last component with mode 0700 when it is not there.
  // FAILED_PRECONDITION: it is a link or no folder, belongs to another user, is open to others, or another
  // modeld has it.
  static absl::StatusOr<RuntimeDir> Open(const std::string& path);

  // PATH/name. INVALID_ARGUMENT: longer than the address of a unix socket may be.
  absl::StatusOr<std::string> SocketPath(absl::string_view name) const;

 private:
  RuntimeDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  UniqueFd lock_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SOCKETS_RUNTIME_DIR_H_
