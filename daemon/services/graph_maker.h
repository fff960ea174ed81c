// From a portable graph to a handle: constants found and mapped, program compiled or shared.
#ifndef MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_
#define MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "daemon/services/call_context.h"
#include "daemon/services/limits.h"
#include "daemon/services/objects.h"
#include "daemon/services/program_cache.h"
#include "engine/graph/graph.h"
#include "storage/model_store.h"

namespace modeld {

// A graph's distinct constants in order of first use. Requires: descriptors have a ByteSize. Pure;
// thread-safe.
std::vector<storage::BlobRef> ConstantsOf(const Graph& graph);

// Thread-safe. Its arguments must outlive it.
class GraphMaker {
 public:
  GraphMaker(storage::ModelStore& store, ProgramCache& programs, const ServiceLimits& limits)
      : store_(store), programs_(programs), limits_(limits) {}

  // Either a graph, or the constants that its partition or session still has to send.
  struct Built {
    std::shared_ptr<LoadedGraph> graph;
    std::vector<storage::BlobRef> missing;
  };
  // InferenceService.Build on a decoded graph.
  absl::StatusOr<Built> Build(Call& call, uint64_t context_id, Graph graph);

  // The handle of a model that GetModel found. DATA_LOSS: its manifest cannot be read.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Load(Call& call, const std::shared_ptr<const Context>& context,
                                                    const Digest& model_id,
                                                    const storage::StoredModel& model);

 private:
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Finish(Call& call,
                                                      const std::shared_ptr<const Context>& context,
                                                      Graph graph, NewGraph fresh);
  absl::StatusOr<ProgramCache::ProgramPtr> Compile(Call& call, const Context& context, Graph& graph);

  storage::ModelStore& store_;
  ProgramCache& programs_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_GRAPH_MAKER_H_
