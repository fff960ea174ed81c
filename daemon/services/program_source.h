// How a call comes by the program of a graph: from a plan, or by compiling.
#ifndef MODELD_DAEMON_SERVICES_PROGRAM_SOURCE_H_
#define MODELD_DAEMON_SERVICES_PROGRAM_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/cache/plan_keeper.h"
#include "daemon/metrics/metrics.h"
#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "daemon/services/objects.h"
#include "daemon/services/program_cache.h"
#include "engine/graph/graph.h"
#include "storage/model_store.h"

namespace modeld {

// What all sources share; must outlive them.
struct SourceParts {
  storage::ModelStore& store;
  PlanKeeper& plans;
  const ServiceLimits& limits;
  Metrics& metrics;
  const Clock& clock;
  ProgramCache::Pause pause;
};

// The source of one call's program. On the plan's path constants are mapped by their size alone, and only
// those that the plan names; before compiling, all are mapped and verified. An uncacheable graph takes
// constants from the session's memory, too, and has no plan. Used by one thread at a time.
class GraphSource : public ProgramSource {
 public:
  // What must be made. The graph is decoded from its manifest unless it is given.
  struct Wanted {
    Digest model_id;
    absl::string_view manifest;
    // Holds the constants.
    std::shared_ptr<storage::Lease> lease;
    std::optional<Graph> graph;
    bool uncacheable = false;
  };
  // `call` and the manifest must outlive it.
  GraphSource(const SourceParts& parts, Call& call, std::shared_ptr<const Context> context, Wanted wanted);

  absl::StatusOr<Made> Make() override;
  bool HasPaid() override;
  void NotePaid() override;
  // What compiling takes that which was made, if anything was.
  std::optional<absl::Duration> compile_time() const { return compile_time_; }

 private:
  // Decodes the graph and names its plan, once.
  absl::Status Prepare();
  std::optional<Made> FromPlan();
  absl::StatusOr<Made> Compile();
  // A constant's bytes: hashed once in this process, or believed by their size.
  absl::StatusOr<Region> Constant(const Digest& digest, bool trust);
  void RecompileLater();

  const SourceParts& parts_;
  Call& call_;
  const std::shared_ptr<const Context> context_;
  Wanted wanted_;
  std::optional<PlanSubject> subject_;
  // The plan that was loaded is not the best that could be had.
  bool stale_ = false;
  std::optional<absl::Duration> compile_time_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_PROGRAM_SOURCE_H_
