// The daemon's configuration: flag > environment > config.toml > default.
#ifndef MODELD_DAEMON_CONFIG_CONFIG_H_
#define MODELD_DAEMON_CONFIG_CONFIG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/cache/privacy_options.h"
#include "daemon/services/limits.h"
#include "daemon/session/peer_identity.h"
#include "daemon/session/session_table.h"
#include "engine/backend/backend.h"
#include "policy/quota.h"
#include "policy/residency.h"
#include "policy/transfer.h"
#include "storage/store_types.h"

namespace modeld {

// All that can be configured, as the parts of the daemon take it. What each setting means, and how it is
// called outside: settings.cc. A plain value.
struct Config {
  storage::StoreOptions store;
  // Quota and limit; the store's bounds are made of them. Their floor is store.min_free_bytes.
  policy::SpaceSettings space;
  uint32_t keep_at_most = 0;
  absl::Duration max_age = absl::InfiniteDuration();
  // Reading all stored bytes again, in the background; 0: never. And the time between two rounds.
  uint64_t scrub_bytes_per_second = uint64_t{8} << 20;
  absl::Duration scrub_interval = absl::Hours(24 * 30);
  // Uploads that get no byte for longer are stalled.
  absl::Duration stall_after = policy::kStallAfter;
  // Holds the two sockets.
  std::string runtime_dir;
  std::string log_level = "info";
  std::string log_target = "auto";
  IdentityRules identity;
  SessionCaps sessions;
  ServiceLimits limits;
  PrivacyOptions privacy;
  // A name of policy::FirstBuild.
  std::string first_build = "compile";
  // See PlanKeeper::Options::write_delay.
  absl::Duration plan_write_delay = absl::Seconds(2);
  // A budget of 0 bytes: half of the machine's memory.
  policy::ResidencyBounds residency;
  // The device of contexts that name none; empty: the best.
  std::string device;
  // What every context's programs are compiled with; its number of threads is the context's.
  CompileOptions compile;
  // Ten minutes where systemd starts the daemon on demand (LISTEN_FDS).
  absl::Duration idle_exit = absl::InfiniteDuration();
  absl::Duration shutdown_grace = absl::Seconds(10);
};

// One setting in force.
struct SettingInForce {
  // As in config.toml: "log.level".
  std::string name;
  std::string value;
  // "flag", "environment", "file", "default".
  std::string origin;
};

struct LoadedConfig {
  Config config;
  // All settings, in the order of the table.
  std::vector<SettingInForce> settings;
  // When set: what --help or --version asks for. Print it and do nothing else.
  std::optional<std::string> print;
};

// What LoadConfig() looks at, apart from the file.
struct ConfigSources {
  // Without the program's name.
  std::vector<std::string> arguments;
  // An environment variable; nothing when it is not set. Set but empty counts as not set.
  std::function<std::optional<std::string>(const char* name)> environment;
  // Absolute path of the daemon's own executable; the default admin is "modelctl" beside it.
  std::string own_executable;
  uint32_t uid = 0;
};

// Reads everything. The file is --config, else MODELD_CONFIG, else $XDG_CONFIG_HOME/modeld/config.toml, which
// need not exist. INVALID_ARGUMENT, telling the flag, variable, or file and line: an unknown name or a wrong
// value. NOT_FOUND: the file that was named is not there. For people at the daemon's start, so messages do
// hold paths.
absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSources& sources);

}  // namespace modeld

#endif  // MODELD_DAEMON_CONFIG_CONFIG_H_
