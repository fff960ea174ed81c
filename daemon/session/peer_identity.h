// Who is at the other end of a unix socket.
#ifndef MODELD_DAEMON_SESSION_PEER_IDENTITY_H_
#define MODELD_DAEMON_SESSION_PEER_IDENTITY_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/session/session.h"

namespace modeld {

// Which programs the user trusts with more than their own partition.
struct IdentityRules {
  // Absolute paths of executables; or "app:ID" of a flatpak or snap, of which paths say nothing.
  std::vector<std::string> brokers;
  // Absolute paths of executables. Win over brokers.
  std::vector<std::string> admins;
};

// Works out identities from the kernel's peer credentials and /proc. Thread-safe.
//
// The app's id is the first that there is of: snap (AppArmor label), flatpak (/.flatpak-info in the peer's
// root), snap (cgroup), for a broker or admin by path its executable, systemd app unit (cgroup), executable.
// So a tool that an admin path names is the same app in whatever terminal it is started.
//
// A role by path is given when the peer's executable *is* the file that the path names now: the same inode,
// so a file of that name in another mount namespace, or one that was replaced, gains nothing. A flatpak or
// snap never has a role by path.
class PeerIdentifier {
 public:
  // `proc` stands for /proc, for tests.
  explicit PeerIdentifier(IdentityRules rules, std::string proc = "/proc")
      : rules_(std::move(rules)), proc_(std::move(proc)) {}

  // Of the peer of a connected socket. PERMISSION_DENIED: another user, or a process whose identity cannot be
  // read (then nothing may be assumed of it). UNAVAILABLE: the process has ended; where the kernel offers
  // SO_PEERPIDFD (Linux 6.5) this is exact, else a process that was replaced while it was looked at counts as
  // ended.
  absl::StatusOr<PeerIdentity> Identify(int socket) const;

  // Of a process, as it is now. Errors as above.
  absl::StatusOr<PeerIdentity> IdentifyProcess(pid_t pid, uid_t uid) const;

 private:
  const IdentityRules rules_;
  const std::string proc_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SESSION_PEER_IDENTITY_H_
