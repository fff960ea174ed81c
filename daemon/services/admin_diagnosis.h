// What the daemon finds wrong or unwise about itself and where it lives: `modelctl doctor`.
#ifndef MODELD_DAEMON_SERVICES_ADMIN_DIAGNOSIS_H_
#define MODELD_DAEMON_SERVICES_ADMIN_DIAGNOSIS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/services_options.h"
#include "modeld/v1/admin.pb.h"
#include "storage/model_store.h"
#include "storage/space.h"

namespace modeld {

using Finding = v1::DiagnoseResponse::Finding;

// Each looks at one thing and says in one finding how it stands; `what` is the user's name for it ("cache
// folder"). They read metadata alone, follow no link and change nothing. Thread-safe.

// A folder that must be there, be this user's, be closed to others and writable.
Finding CheckFolder(absl::string_view what, const std::string& path);
// A plain file that must be this user's and closed to others. Absent: a warning with the remedy `absent`.
Finding CheckPrivateFile(absl::string_view what, const std::string& path, absl::string_view absent);
// A socket that must be there, this user's, and closed to others. An empty path is no socket at all.
Finding CheckSocket(absl::string_view what, const std::string& path);

// Free disk and the cache's files against their bounds. Pure.
std::vector<Finding> CheckSpace(const storage::SpaceUsage& usage);

// The descriptors and mappings that the process has and may have. Pure.
Finding CheckDescriptors(uint64_t open, uint64_t limit);
Finding CheckMappings(uint64_t mapped, uint64_t limit);

// AdminService's Diagnose. Thread-safe. All that Parts names must outlive it.
class Diagnosis {
 public:
  struct Parts {
    storage::ModelStore& store;
    const DaemonInfo& info;
    Metrics& metrics;
    // What was wrong with the configured lists of how common models are.
    const std::vector<absl::Status>& refused_lists;
  };
  explicit Diagnosis(const Parts& parts) : parts_(parts) {}

  // Findings by area, those that are well among them.
  v1::DiagnoseResponse Run() const;

 private:
  void CheckPlaces(std::vector<Finding>& findings) const;
  void CheckProcess(std::vector<Finding>& findings) const;
  void CheckStore(std::vector<Finding>& findings) const;
  void CheckPlans(std::vector<Finding>& findings) const;
  void CheckLists(std::vector<Finding>& findings) const;

  const Parts parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_ADMIN_DIAGNOSIS_H_
