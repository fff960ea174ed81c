// What the services are built with.
#ifndef MODELD_DAEMON_SERVICES_SERVICES_OPTIONS_H_
#define MODELD_DAEMON_SERVICES_SERVICES_OPTIONS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/cache/commonness_list.h"
#include "daemon/cache/plan_keeper.h"
#include "daemon/cache/privacy_options.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/memory/ticket_office.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/limits.h"
#include "daemon/services/program_cache.h"
#include "daemon/session/session.h"
#include "engine/backend/backend.h"
#include "policy/transfer.h"
#include "storage/model_store.h"

namespace modeld {

// What GetStatus and GetCapabilities tell of the running daemon.
struct DaemonInfo {
  std::string version;
  absl::Time started_at;
  std::string cache_dir;
  std::string state_dir;
  std::string socket;
  // Empty when there is none.
  std::string memory_socket;
};

// One setting in force, as GetConfig shows it.
struct ConfigSetting {
  std::string name;
  std::string value;
  // "flag", "environment", "file", "default".
  std::string origin;
};

// What the services work with. All references must outlive the Services.
struct ServicesOptions {
  ServiceLimits limits;
  DaemonInfo info;
  storage::ModelStore& store;
  TicketOffice& tickets;
  const SessionRegistry& sessions;
  // By their Describe().name; the first is the default device. At least one.
  std::vector<const Backend*> backends;
  const Clock& clock;
  // Called by GetConfig, from any thread.
  std::function<std::vector<ConfigSetting>()> config;
  Metrics& metrics;
  // Of every program, but for the number of threads, which is the context's.
  CompileOptions compile = {};
  PrivacyOptions privacy = {};
  SpaceKeeper::Options space = {};
  // Of the signed lists; what was refused of them is diagnosed.
  LoadedCommonness commonness = {};
  PlanKeeper::Options plans = {};
  policy::ResidencyBounds residency = {};
  // Uploads that get no byte for longer are stalled.
  absl::Duration stall_after = policy::kStallAfter;
  // How partitions wait for what others have compiled. Null: by the real time.
  ProgramCache::Pause pause = nullptr;
  // How short of memory the machine is, asked every few seconds. Null: the kernel's word.
  std::function<policy::MemoryPressure()> memory_pressure = nullptr;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_SERVICES_OPTIONS_H_
