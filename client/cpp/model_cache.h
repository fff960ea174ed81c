// The partition's own cache of models.
#ifndef MODELD_CLIENT_CPP_MODEL_CACHE_H_
#define MODELD_CLIENT_CPP_MODEL_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "client/cpp/context.h"
#include "client/cpp/graph.h"
#include "client/cpp/options.h"

namespace modeld::client {

namespace internal {
class Connector;
}

// A model as the cache lists it.
struct StoredModel {
  Digest model_id;
  // Sorted.
  std::vector<std::string> keys;
  // Of the graph and its constants.
  uint64_t size_bytes = 0;
};

// A graph that came out of the cache, and which model it is.
struct CachedGraph {
  Graph graph;
  Digest model_id;
};

// Stores graphs and gives them back. Sees one partition: what others hold, and whether they hold anything,
// cannot be seen: every miss is the same NOT_FOUND. Keys are any UTF-8 text of 1 to
// Capabilities.max_key_bytes bytes; data, never file names. All calls are safe to retry. Thread-safe.
// Callbacks are called once, from a thread of the library's, and must not block.
class ModelCache {
 public:
  // For Client::Cache.
  ModelCache(std::shared_ptr<internal::Connector> connector, std::string partition)
      : connector_(std::move(connector)), partition_(std::move(partition)) {}

  // Builds, in this context, the first of these models that the partition has; nothing is uploaded.
  // NOT_FOUND: none is there. INVALID_ARGUMENT: too many ids. DATA_LOSS: the stored bytes are damaged;
  // building and storing it again repairs it.
  absl::StatusOr<CachedGraph> Fetch(const Context& context, std::span<const Digest> model_ids,
                                    const CallOptions& options = {}) const;
  void FetchAsync(const Context& context, std::span<const Digest> model_ids,
                  std::function<void(absl::StatusOr<CachedGraph>)> done,
                  const CallOptions& options = {}) const;
  // As Fetch, by key. INVALID_ARGUMENT: no valid key.
  absl::StatusOr<CachedGraph> Load(const Context& context, absl::string_view key,
                                   const CallOptions& options = {}) const;
  void LoadAsync(const Context& context, absl::string_view key,
                 std::function<void(absl::StatusOr<CachedGraph>)> done,
                 const CallOptions& options = {}) const;

  // Stores a graph under a key, which then names this one and no other. Durable when it returns. Errors: as
  // Graph::Store; INVALID_ARGUMENT: no valid key.
  absl::StatusOr<Digest> Save(const Graph& graph, absl::string_view key,
                              const CallOptions& options = {}) const;
  void SaveAsync(const Graph& graph, absl::string_view key, std::function<void(absl::StatusOr<Digest>)> done,
                 const CallOptions& options = {}) const;

  // The partition's models, sorted by id.
  absl::StatusOr<std::vector<StoredModel>> List(const CallOptions& options = {}) const;
  void ListAsync(std::function<void(absl::StatusOr<std::vector<StoredModel>>)> done,
                 const CallOptions& options = {}) const;

  // Takes a model, or a key, out of the partition; what is not there is OK. Graphs built from it go on
  // working.
  absl::Status Delete(const Digest& model_id, const CallOptions& options = {}) const;
  absl::Status DeleteKey(absl::string_view key, const CallOptions& options = {}) const;
  void DeleteAsync(const Digest& model_id, std::function<void(absl::Status)> done,
                   const CallOptions& options = {}) const;
  void DeleteKeyAsync(absl::string_view key, std::function<void(absl::Status)> done,
                      const CallOptions& options = {}) const;

 private:
  std::shared_ptr<internal::Connector> connector_;
  std::string partition_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_MODEL_CACHE_H_
