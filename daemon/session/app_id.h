// App ids out of the texts in which the system keeps them. All functions are pure.
#ifndef MODELD_DAEMON_SESSION_APP_ID_H_
#define MODELD_DAEMON_SESSION_APP_ID_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace modeld {

// The application's name in a flatpak instance's /.flatpak-info: "org.mozilla.firefox". Nothing when the text
// names no application, or one that flatpak would not allow (at least two periods, of [A-Za-z0-9._-]).
std::optional<std::string> FlatpakAppId(absl::string_view flatpak_info);

// "snap.NAME" of a snap's AppArmor label: "snap.firefox.firefox (enforce)". Nothing for other labels.
std::optional<std::string> SnapAppIdOfLabel(absl::string_view apparmor_label);

// "snap.NAME" of /proc/PID/cgroup, where snapd puts an app into snap.NAME.APP-UUID.scope or
// snap.NAME.APP.service.
std::optional<std::string> SnapAppIdOfCgroup(absl::string_view cgroup);

// The application id in the innermost systemd unit of /proc/PID/cgroup that follows the desktop's naming
// (systemd.io/DESKTOP_ENVIRONMENTS): app[-LAUNCHER]-ID-RANDOM.scope, app[-LAUNCHER]-ID[@RANDOM].service.
// Nothing when there is none.
std::optional<std::string> UnitAppId(absl::string_view cgroup);

// The last part of an executable's path and eight digits of the path's SHA-256: "modelctl-3fa94c1e". The "
// (deleted)" that the kernel appends when the file was replaced makes no difference.
std::string ExecutableAppId(absl::string_view path);

// `text` as AppPartition() (policy/partition.h) accepts it: itself when that is so, else with '_' for what is
// not allowed, cut, and with eight digits of its SHA-256, so that different texts stay different.
std::string SafeAppId(absl::string_view text);

}  // namespace modeld

#endif  // MODELD_DAEMON_SESSION_APP_ID_H_
