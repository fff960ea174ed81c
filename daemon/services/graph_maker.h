// From a portable graph to a handle: constants found, program shared, loaded or compiled.
#ifndef MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_
#define MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "daemon/services/objects.h"
#include "daemon/services/program_cache.h"
#include "daemon/services/program_source.h"
#include "engine/graph/graph.h"
#include "storage/model_store.h"

namespace modeld {

// A graph's distinct constants in order of first use. Requires: descriptors have a ByteSize. Pure;
// thread-safe.
std::vector<storage::BlobRef> ConstantsOf(const Graph& graph);

// Thread-safe. Its arguments must outlive it.
class GraphMaker {
 public:
  GraphMaker(SpaceKeeper& space, ProgramCache& programs, const SourceParts& sources)
      : store_(sources.store),
        space_(space),
        programs_(programs),
        sources_(sources),
        limits_(sources.limits) {}

  // Either a graph, or the constants that its partition or session still has to send.
  struct Built {
    std::shared_ptr<LoadedGraph> graph;
    std::vector<storage::BlobRef> missing;
  };
  // InferenceService.Build on a decoded graph. An uncacheable one takes constants from the session's memory,
  // too, and nothing of it is written to disk.
  absl::StatusOr<Built> Build(Call& call, uint64_t context_id, Graph graph, bool uncacheable);

  // The handle of a model that GetModel found; keeps the lease that it was found with. DATA_LOSS: its
  // manifest cannot be read.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Load(Call& call, const std::shared_ptr<const Context>& context,
                                                    const Digest& model_id, const storage::StoredModel& model,
                                                    std::shared_ptr<storage::Lease> lease);

  // The program of a handle, for one run: it stays in memory while the result lives. Errors as Build()'s
  // where it has to be made anew.
  absl::StatusOr<ProgramCache::ProgramPtr> ProgramOf(Call& call, const LoadedGraph& graph);
  // Lets the partition's programs go, and what was to be written of them.
  void Forget(const std::string& partition) {
    sources_.plans.Forget(partition);
    programs_.DropPartition(partition);
  }

 private:
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Finish(Call& call,
                                                      const std::shared_ptr<const Context>& context,
                                                      Graph graph, NewGraph fresh);
  // Promises room for what has to be sent.
  absl::Status Reserve(Call& call, const Digest& model_id, const std::vector<storage::BlobRef>& missing,
                       storage::Lease& lease);

  storage::ModelStore& store_;
  SpaceKeeper& space_;
  ProgramCache& programs_;
  const SourceParts& sources_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_
