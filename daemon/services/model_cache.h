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
  ModelCache(storage::ModelStore& store, GraphMaker& maker, const ServiceLimits& limits)
      : store_(store), maker_(maker), limits_(limits) {}

  // With `key`: Save. Returns the model id.
  absl::StatusOr<Digest> Store(Call& call, uint64_t graph_id, const std::optional<std::string>& key);

  absl::StatusOr<std::shared_ptr<LoadedGraph>> Fetch(Call& call, uint64_t context_id,
                                                     const std::vector<Digest>& candidates);
  absl::StatusOr<std::shared_ptr<LoadedGraph>> Load(Call& call, uint64_t context_id, const std::string& key);

  // By model id.
  std::vector<storage::ModelInfo> List(Call& call) const;

  absl::Status DeleteKey(Call& call, const std::string& key);
  absl::Status DeleteModel(Call& call, const Digest& model_id);

 private:
  // Nothing: the partition does not have it.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> LoadModel(Call& call,
                                                         const std::shared_ptr<const Context>& context,
                                                         const Digest& model_id);
  absl::Status CheckKey(const std::string& key) const;

  storage::ModelStore& store_;
  GraphMaker& maker_;
  const ServiceLimits& limits_;
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_MODEL_CACHE_H_
