// The user's own view and control.
#ifndef MODELD_DAEMON_SERVICES_ADMIN_H_
#define MODELD_DAEMON_SERVICES_ADMIN_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/digest.h"
#include "daemon/cache/plan_keeper.h"
#include "daemon/services/cancellation.h"
#include "daemon/services/devices.h"
#include "daemon/services/limits.h"
#include "daemon/services/object_table.h"
#include "daemon/services/program_cache.h"
#include "daemon/services/services_options.h"
#include "daemon/session/session.h"
#include "modeld/v1/admin.pb.h"
#include "storage/integrity.h"
#include "storage/model_store.h"

namespace modeld {

// AdminService's work, in its own messages; admin.proto states effects and errors. Thread-safe. All that
// Parts names must outlive it.
class Admin {
 public:
  struct Parts {
    storage::ModelStore& store;
    ObjectTable& table;
    ProgramCache& programs;
    PlanKeeper& plans;
    const SessionRegistry& sessions;
    const Devices& devices;
    const ServiceLimits& limits;
    const DaemonInfo& info;
    const Clock& clock;
  };
  explicit Admin(const Parts& parts) : parts_(parts) {}

  v1::GetStatusResponse Status() const;
  // Empty `partition`: all.
  absl::StatusOr<v1::ListModelsResponse> Models(const std::string& partition) const;
  absl::StatusOr<v1::GetModelResponse> Model(const Digest& model_id) const;
  absl::StatusOr<v1::DeleteModelResponse> DeleteModel(const Digest& model_id, const std::string& partition);
  v1::ListPartitionsResponse Partitions() const;
  absl::StatusOr<v1::RemovePartitionResponse> RemovePartition(const std::string& partition);
  v1::ListSessionsResponse Sessions() const;
  // Nothing: everything. Waits until the programs are gone, and the plans of theirs that are being written.
  absl::StatusOr<v1::StopModelResponse> Stop(const std::optional<Digest>& model_id,
                                             Cancellation& cancellation);

  // `send` returns false when nobody listens any more: CANCELLED then.
  using SendExport = std::function<bool(const v1::ExportModelResponse&)>;
  absl::Status Export(const Digest& model_id, const SendExport& send);
  using SendVerify = std::function<bool(const v1::VerifyResponse&)>;
  absl::Status Verify(const storage::VerifyOptions& options, const SendVerify& send);

 private:
  // Of one partition or all (empty), of one model or all; by partition and model.
  std::vector<v1::ModelSummary> Summaries(const std::string& partition,
                                          const std::optional<Digest>& model_id) const;
  // Every partition's hold on a model.
  std::vector<storage::ModelInfo> HoldsOf(const Digest& model_id) const;
  // A model as one of its partitions has it, whole if any is. Its blobs are held by `lease`.
  struct Found {
    std::string partition;
    storage::StoredModel model;
  };
  absl::StatusOr<Found> Find(const Digest& model_id, storage::Lease& lease) const;
  void Collect();

  const Parts parts_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_ADMIN_H_
