#include "daemon/services/model_cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"

namespace modeld {

absl::Status ModelCache::CheckKey(const std::string& key) const {
  if (!key.empty() && key.size() <= limits_.max_key_bytes) return absl::OkStatus();
  return BadField("key", absl::StrCat("has ", key.size(), " bytes, must have 1 to ", limits_.max_key_bytes));
}

absl::StatusOr<Digest> ModelCache::Store(Call& call, uint64_t graph_id,
                                         const std::optional<std::string>& key) {
  if (key) MODELD_RETURN_IF_ERROR(CheckKey(*key));
  MODELD_ASSIGN_OR_RETURN(auto graph, call.objects().FindGraph(call.partition(), graph_id));
  storage::StoreRequest request;
  request.manifest = graph->manifest;
  request.constants = graph->constants;
  request.key = key;
  const auto lease = call.lease();
  auto model_id = store_.StoreModel(call.partition(), request, *lease);
  if (!model_id.ok()) return FromStorage(model_id.status());
  graph->stored = true;
  return model_id;
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> ModelCache::LoadModel(
    Call& call, const std::shared_ptr<const Context>& context, const Digest& model_id) {
  const auto lease = call.lease();
  auto model = store_.GetModel(call.partition(), model_id, *lease);
  if (absl::IsNotFound(model.status())) return ModelNotFound();
  if (!model.ok()) return FromStorage(model.status());
  return maker_.Load(call, context, model_id, *model);
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> ModelCache::Fetch(Call& call, uint64_t context_id,
                                                               const std::vector<Digest>& candidates) {
  if (candidates.empty() || candidates.size() > limits_.max_fetch_candidates) {
    return BadField("model_ids", absl::StrCat("has ", candidates.size(), " ids, must have 1 to ",
                                              limits_.max_fetch_candidates));
  }
  MODELD_ASSIGN_OR_RETURN(auto context, call.objects().FindContext(call.partition(), context_id));
  for (const Digest& model_id : candidates) {
    MODELD_RETURN_IF_ERROR(call.cancellation().Check());
    auto graph = LoadModel(call, context, model_id);
    if (!absl::IsNotFound(graph.status())) return graph;
  }
  return ModelNotFound();
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> ModelCache::Load(Call& call, uint64_t context_id,
                                                              const std::string& key) {
  MODELD_RETURN_IF_ERROR(CheckKey(key));
  MODELD_ASSIGN_OR_RETURN(auto context, call.objects().FindContext(call.partition(), context_id));
  auto model_id = store_.LoadKey(call.partition(), key);
  if (absl::IsNotFound(model_id.status())) return ModelNotFound();
  if (!model_id.ok()) return FromStorage(model_id.status());
  auto graph = LoadModel(call, context, *model_id);
  if (absl::IsNotFound(graph.status())) return ModelNotFound();
  return graph;
}

std::vector<storage::ModelInfo> ModelCache::List(Call& call) const {
  auto models = store_.ListModels(call.partition());
  std::sort(models.begin(), models.end(),
            [](const auto& a, const auto& b) { return a.model_id < b.model_id; });
  return models;
}

absl::Status ModelCache::DeleteKey(Call& call, const std::string& key) {
  MODELD_RETURN_IF_ERROR(CheckKey(key));
  return FromStorage(store_.DeleteKey(call.partition(), key).status());
}

absl::Status ModelCache::DeleteModel(Call& call, const Digest& model_id) {
  return FromStorage(store_.DeleteModel(call.partition(), model_id).status());
}

}  // namespace modeld
