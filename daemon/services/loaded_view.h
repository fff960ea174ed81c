// What is in memory, for the user's eyes.
#ifndef MODELD_DAEMON_SERVICES_LOADED_VIEW_H_
#define MODELD_DAEMON_SERVICES_LOADED_VIEW_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "daemon/services/objects.h"
#include "daemon/services/program_cache.h"
#include "daemon/services/session_objects.h"
#include "modeld/v1/admin.pb.h"
#include "storage/model_store.h"

namespace modeld {

// All are pure but for the counters that they read; thread-safe.

// What tells loaded models apart. It names one also when it is not stored, whose message has no id.
struct LoadedName {
  std::string partition;
  ProgramKey program;

  friend auto operator<=>(const LoadedName&, const LoadedName&) = default;
};
// All sessions' graphs and what is in memory without a session, of all models or of one.
std::map<LoadedName, v1::LoadedGraph> DescribeLoaded(
    const std::vector<std::shared_ptr<SessionObjects>>& sessions, const ProgramCache& cache,
    const storage::ModelStore& store, const std::optional<Digest>& model_id);

struct LoadedTotals {
  uint64_t graphs = 0;
  // Those in memory, whether sessions hold them or not.
  uint64_t programs = 0;
  // Their weights, shared ones once, and arenas; in all, and by the device's name.
  uint64_t resident_bytes = 0;
  std::map<std::string, uint64_t> resident_by_device;
};
LoadedTotals SumLoaded(const std::vector<std::shared_ptr<SessionObjects>>& sessions,
                       const ProgramCache& cache);

// A session with the counts of what it holds (null: it has made no call).
v1::ListSessionsResponse::Session DescribeSession(const Session& session, const SessionObjects* objects);

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_LOADED_VIEW_H_
