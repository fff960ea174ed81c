// One partition's models: stored, fetched, named and forgotten.
#ifndef MODELD_DAEMON_SERVICES_MODEL_CACHE_H_
#define MODELD_DAEMON_SERVICES_MODEL_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "daemon/cache/budget_keeper.h"
#include "daemon/cache/space_keeper.h"
#include "daemon/services/call_context.h"
#include "daemon/services/graph_maker.h"
#include "daemon/services/limits.h"
#include "daemon/services/objects.h"
#include "storage/model_store.h"

namespace modeld {

// ModelCacheService without its messages; its comments state effects and errors. Every model that a partition
// cannot have is ModelNotFound(), whatever the reason. Thread-safe. Its arguments must outlive it.
class ModelCache {
 public:
  ModelCache(storage::ModelStore& store, SpaceKeeper& space, GraphMaker& maker, BudgetKeeper& budgets,
             const ServiceLimits& limits)
      : store_(store), space_(space), maker_(maker), budgets_(budgets), limits_(limits) {}

  // With `key`: Save. Returns the model id.
  absl::StatusOr<Digest> Store(Call& call, uint64_t graph_id, const std::optional<std::string>& key);

  absl::StatusOr<std::shared_ptr<LoadedGraph>> Fetch(Call& call, uint64_t context_id,
                                                     const std::vector<Digest>& candidates);
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Load(Call& call, uint64_t context_id, const std::string& key);

  // By model id.
  std::vector<storage::ModelInfo> List(Call& call) const;

  absl::Status DeleteKey(Call& call, const std::string& key);
  absl::Status DeleteModel(Call& call, const Digest& model_id);

  // Of whom to clear what came from `from` up to, not including, `to`; at most one of the two is set, texts
  // as the client sent them.
  struct Clearing {
    std::optional<std::string> site;
    std::optional<std::string> origin;
    absl::Time from = absl::InfinitePast();
    absl::Time to = absl::InfiniteFuture();
  };
  // Goes on after an error and returns the first.
  absl::Status Clear(Call& call, const Clearing& clearing);

 private:
  // Nothing: the partition does not have it.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> LoadOwn(Call& call,
                                                       const std::shared_ptr<const Context>& context,
                                                       const Digest& model_id);
  // A model that the user shares with the partition, as far as its site's budgets go. Nothing: in every other
  // case.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> LoadShared(Call& call,
                                                          const std::shared_ptr<const Context>& context,
                                                          const Digest& model_id);
  absl::Status CheckKey(const std::string& key) const;
  // The partitions that a clearing is about.
  absl::StatusOr<std::vector<std::string>> ToClear(Call& call, const Clearing& clearing) const;
  // Whether the graph may be kept, and its partition may store one more now. That it is a model and nothing
  // else was checked when it was built.
  absl::Status CheckStorable(Call& call, const LoadedGraph& graph);

  storage::ModelStore& store_;
  SpaceKeeper& space_;
  GraphMaker& maker_;
  BudgetKeeper& budgets_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_MODEL_CACHE_H_
