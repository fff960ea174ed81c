#include "daemon/services/model_cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/errors.h"
#include "policy/partition.h"
#include "storage/ledger.h"
#include "storage/space.h"

namespace modeld {

absl::Status ModelCache::CheckKey(const std::string& key) const {
  if (!key.empty() && key.size() <= limits_.max_key_bytes) return absl::OkStatus();
  return BadField("key", absl::StrCat("has ", key.size(), " bytes, must have 1 to ", limits_.max_key_bytes));
}

absl::Status ModelCache::CheckStorable(Call& call, const LoadedGraph& graph) {
  if (graph.uncacheable) return Uncacheable(graph.id);
  // An admin brings back what it exported; storing again what is there adds nothing.
  const bool bounded = call.objects().session().identity().role != Role::kAdmin &&
                       !store_.Holds(call.partition(), graph.model_id);
  return bounded && !budgets_.TakeStore(call.partition()) ? StoresTooOften() : absl::OkStatus();
}

absl::StatusOr<Digest> ModelCache::Store(Call& call, uint64_t graph_id,
                                         const std::optional<std::string>& key) {
  if (key) MODELD_RETURN_IF_ERROR(CheckKey(*key));
  MODELD_ASSIGN_OR_RETURN(auto graph, call.objects().FindGraph(call.partition(), graph_id));
  MODELD_RETURN_IF_ERROR(CheckStorable(call, *graph));
  storage::StoreRequest request;
  request.manifest = graph->manifest;
  request.constants = graph->constants;
  request.key = key;
  storage::Lease& lease = *graph->lease;
  const storage::BlobRef manifest{graph->model_id, graph->manifest.size()};
  auto model_id = space_.WithRoom(call.partition(), manifest, lease, graph->model_id,
                                  [&] { return store_.StoreModel(call.partition(), request, lease); });
  if (!model_id.ok()) return FromStorage(model_id.status(), call.objects().session().identity().role);
  // From here on the model keeps what the session presented for it, as long as the model is kept.
  store_.LetGo(call.partition(), request.constants, *call.lease());
  space_.Used(call.partition(), *model_id, graph->compile_time);
  graph->stored = true;
  return model_id;
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> ModelCache::LoadOwn(
    Call& call, const std::shared_ptr<const Context>& context, const Digest& model_id) {
  const std::shared_ptr<storage::Lease> lease = store_.NewLease();
  auto model = store_.GetModel(call.partition(), model_id, *lease);
  if (absl::IsNotFound(model.status())) return ModelNotFound();
  if (!model.ok()) return FromStorage(model.status());
  MODELD_ASSIGN_OR_RETURN(auto graph, maker_.Load(call, context, model_id, *model, lease));
  space_.Used(call.partition(), model_id, graph->compile_time);
  return graph;
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> ModelCache::LoadShared(
    Call& call, const std::shared_ptr<const Context>& context, const Digest& model_id) {
  if (!budgets_.MayLookUp(call.partition(), model_id)) return ModelNotFound();
  const std::optional<storage::ShareInfo> share = store_.ledger().FindShare(model_id);
  const bool shown = share && BudgetKeeper::IsSharedWith(*share, call.partition()) &&
                     budgets_.MayConfirm(call.partition(), *share);
  if (!shown) return ModelNotFound();
  const std::shared_ptr<storage::Lease> lease = store_.NewLease();
  auto model = store_.ledger().OpenShared(call.partition(), model_id, *lease);
  // Damage of what is not its own is no news for the partition.
  if (!model.ok()) return ModelNotFound();
  auto graph = maker_.Load(call, context, model_id, *model, lease);
  if (absl::IsDataLoss(graph.status())) return ModelNotFound();
  if (graph.ok()) (*graph)->stored = false;
  return graph;
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
    auto graph = LoadOwn(call, context, model_id);
    if (absl::IsNotFound(graph.status())) graph = LoadShared(call, context, model_id);
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
  auto graph = LoadOwn(call, context, *model_id);
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

absl::StatusOr<std::vector<std::string>> ModelCache::ToClear(Call& call, const Clearing& clearing) const {
  if (!clearing.site && !clearing.origin) return std::vector<std::string>{call.partition()};
  if (call.objects().session().identity().role == Role::kApp) {
    return absl::PermissionDeniedError("partition: an app clears its own and no other");
  }
  const absl::string_view field = clearing.site ? "site" : "origin";
  const absl::StatusOr<std::string> wanted =
      clearing.site ? ParseSite(*clearing.site) : ParseWebOrigin(*clearing.origin);
  if (!wanted.ok()) return BadField(field, wanted.status().message());
  std::vector<std::string> partitions;
  for (const std::string& partition : store_.space().PartitionNames()) {
    const PartitionParts parts = PartsOf(partition);
    if ((clearing.site ? parts.site : parts.origin) == *wanted) partitions.push_back(partition);
  }
  return partitions;
}

absl::Status ModelCache::Clear(Call& call, const Clearing& clearing) {
  if (clearing.from > clearing.to) return BadField("from", "is after `to`");
  MODELD_ASSIGN_OR_RETURN(const std::vector<std::string> partitions, ToClear(call, clearing));
  absl::Status first;
  for (const std::string& partition : partitions) {
    maker_.Forget(partition);
    const auto cleared = store_.space().Clear(partition, clearing.from, clearing.to);
    if (first.ok()) first = FromStorage(cleared.status());
  }
  return first;
}

}  // namespace modeld
