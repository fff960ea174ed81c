// How the daemon fares: metrics, and the live view of what is loaded and running.
#ifndef MODELD_DAEMON_SERVICES_ADMIN_ACTIVITY_H_
#define MODELD_DAEMON_SERVICES_ADMIN_ACTIVITY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/loaded_view.h"
#include "daemon/services/object_table.h"
#include "daemon/services/program_cache.h"
#include "daemon/services/scheduler.h"
#include "daemon/session/session.h"
#include "modeld/v1/admin.pb.h"
#include "storage/model_store.h"
#include "storage/space.h"

namespace modeld {

// The bytes of memory that a process has, of the text of its /proc/self/statm and the page's size; 0 when the
// text is none of those. Pure.
uint64_t ResidentBytesIn(absl::string_view statm, uint64_t page_bytes);

// AdminService's GetMetrics and WatchActivity; admin.proto states effects and errors. Thread-safe. All that
// Parts names must outlive it.
class Activity {
 public:
  struct Parts {
    storage::ModelStore& store;
    ObjectTable& table;
    const SessionRegistry& sessions;
    const Scheduler& runs;
    const ProgramCache& programs;
    // What programs may take together; 0: no bound.
    uint64_t memory_budget_bytes;
    Metrics& metrics;
    const Clock& clock;
  };
  explicit Activity(const Parts& parts) : parts_(parts) {}

  // All metrics, the gauges as of now. Reads the sizes of the cache's files; errors are of that.
  absl::StatusOr<std::string> MetricsText();

  // Sends what is there at once and then after every interval (0: a second); rates are of the time since the
  // message before. Goes on until `wanted`, asked several times a second, gives an error, which is returned,
  // or until `send` returns false: CANCELLED. INVALID_ARGUMENT: the interval is too short.
  using Wanted = std::function<absl::Status()>;
  using Send = std::function<bool(const v1::ActivityResponse&)>;
  absl::Status Watch(uint32_t interval_ms, const Wanted& wanted, const Send& send);

 private:
  // Counts of runs at some moment, for rates.
  struct Counts {
    absl::Time at;
    uint64_t runs = 0;
    std::map<LoadedName, uint64_t> by_model;
  };
  // What is there now. `counts` are those of the message before, and of this one afterwards.
  v1::ActivityResponse Observe(Counts& counts) const;
  void RefreshGauges(const storage::SpaceUsage& usage);

  const Parts parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_ADMIN_ACTIVITY_H_
