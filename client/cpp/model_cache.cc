#include "client/cpp/model_cache.h"

#include "base/status.h"
#include "client/cpp/connector.h"
#include "client/cpp/handles.h"

namespace modeld::client {
namespace {

// Of a FetchResponse or a LoadResponse.
template <typename Response>
absl::StatusOr<CachedGraph> CachedGraphOf(const std::shared_ptr<const internal::ContextHandle>& context,
                                          const absl::StatusOr<Response>& response) {
  if (!response.ok()) return response.status();
  MODELD_ASSIGN_OR_RETURN(auto graph, internal::NewGraphHandle(context, response->graph()));
  MODELD_ASSIGN_OR_RETURN(const Digest model_id, Digest::FromBytes(response->model_id()));
  return CachedGraph{Graph(std::move(graph)), model_id};
}

v1::FetchRequest FetchRequestFor(const internal::ContextHandle& context, std::span<const Digest> model_ids) {
  v1::FetchRequest request;
  request.set_context_id(context.id);
  for (const Digest& id : model_ids) request.add_model_ids(std::string(id.bytes()));
  return request;
}

v1::LoadRequest LoadRequestFor(const internal::ContextHandle& context, absl::string_view key) {
  v1::LoadRequest request;
  request.set_context_id(context.id);
  request.set_key(std::string(key));
  return request;
}

v1::SaveRequest SaveRequestFor(uint64_t graph_id, absl::string_view key) {
  v1::SaveRequest request;
  request.set_graph_id(graph_id);
  request.set_key(std::string(key));
  return request;
}

absl::StatusOr<Digest> ModelIdOfResponse(const absl::StatusOr<v1::SaveResponse>& response) {
  if (!response.ok()) return response.status();
  return Digest::FromBytes(response->model_id());
}

absl::StatusOr<std::vector<StoredModel>> ModelsOf(const absl::StatusOr<v1::ListResponse>& response) {
  if (!response.ok()) return response.status();
  std::vector<StoredModel> models;
  for (const auto& model : response->models()) {
    MODELD_ASSIGN_OR_RETURN(const Digest model_id, Digest::FromBytes(model.model_id()));
    models.push_back({model_id, {model.keys().begin(), model.keys().end()}, model.size_bytes()});
  }
  return models;
}

v1::DeleteRequest DeleteRequestFor(const Digest& model_id) {
  v1::DeleteRequest request;
  request.set_model_id(std::string(model_id.bytes()));
  return request;
}

v1::DeleteRequest DeleteRequestFor(absl::string_view key) {
  v1::DeleteRequest request;
  request.set_key(std::string(key));
  return request;
}

absl::Status Delete(const absl::StatusOr<internal::Caller>& caller, const v1::DeleteRequest& request,
                    const CallOptions& options) {
  if (!caller.ok()) return caller.status();
  return caller->Call(internal::kDelete, request, caller->Scope(options)).status();
}

void DeleteAsync(const absl::StatusOr<internal::Caller>& caller, v1::DeleteRequest request,
                 std::function<void(absl::Status)> done, const CallOptions& options) {
  if (!caller.ok()) return done(caller.status());
  caller->CallAsync(internal::kDelete, std::move(request), caller->Scope(options),
                    std::function([done = std::move(done)](absl::StatusOr<v1::DeleteResponse> response) {
                      done(response.status());
                    }));
}

}  // namespace

absl::StatusOr<CachedGraph> ModelCache::Fetch(const Context& context, std::span<const Digest> model_ids,
                                              const CallOptions& options) const {
  const auto& handle = context.handle_;
  return CachedGraphOf(handle, handle->caller.Call(internal::kFetch, FetchRequestFor(*handle, model_ids),
                                                   handle->caller.Scope(options)));
}

void ModelCache::FetchAsync(const Context& context, std::span<const Digest> model_ids,
                            std::function<void(absl::StatusOr<CachedGraph>)> done,
                            const CallOptions& options) const {
  const auto& handle = context.handle_;
  handle->caller.CallAsync(
      internal::kFetch, FetchRequestFor(*handle, model_ids), handle->caller.Scope(options),
      std::function([handle, done = std::move(done)](absl::StatusOr<v1::FetchResponse> response) {
        done(CachedGraphOf(handle, response));
      }));
}

absl::StatusOr<CachedGraph> ModelCache::Load(const Context& context, absl::string_view key,
                                             const CallOptions& options) const {
  const auto& handle = context.handle_;
  return CachedGraphOf(handle, handle->caller.Call(internal::kLoad, LoadRequestFor(*handle, key),
                                                   handle->caller.Scope(options)));
}

void ModelCache::LoadAsync(const Context& context, absl::string_view key,
                           std::function<void(absl::StatusOr<CachedGraph>)> done,
                           const CallOptions& options) const {
  const auto& handle = context.handle_;
  handle->caller.CallAsync(
      internal::kLoad, LoadRequestFor(*handle, key), handle->caller.Scope(options),
      std::function([handle, done = std::move(done)](absl::StatusOr<v1::LoadResponse> response) {
        done(CachedGraphOf(handle, response));
      }));
}

absl::StatusOr<Digest> ModelCache::Save(const Graph& graph, absl::string_view key,
                                        const CallOptions& options) const {
  const internal::Caller& caller = graph.handle_->caller();
  return ModelIdOfResponse(
      caller.Call(internal::kSave, SaveRequestFor(graph.handle_->id, key), caller.Scope(options)));
}

void ModelCache::SaveAsync(const Graph& graph, absl::string_view key,
                           std::function<void(absl::StatusOr<Digest>)> done,
                           const CallOptions& options) const {
  const internal::Caller& caller = graph.handle_->caller();
  caller.CallAsync(internal::kSave, SaveRequestFor(graph.handle_->id, key), caller.Scope(options),
                   std::function([graph, done = std::move(done)](absl::StatusOr<v1::SaveResponse> response) {
                     done(ModelIdOfResponse(response));
                   }));
}

absl::StatusOr<std::vector<StoredModel>> ModelCache::List(const CallOptions& options) const {
  MODELD_ASSIGN_OR_RETURN(const internal::Caller caller, connector_->Get(partition_));
  return ModelsOf(caller.Call(internal::kList, {}, caller.Scope(options)));
}

void ModelCache::ListAsync(std::function<void(absl::StatusOr<std::vector<StoredModel>>)> done,
                           const CallOptions& options) const {
  absl::StatusOr<internal::Caller> caller = connector_->Get(partition_);
  if (!caller.ok()) return done(caller.status());
  caller->CallAsync(internal::kList, {}, caller->Scope(options),
                    std::function([done = std::move(done)](absl::StatusOr<v1::ListResponse> response) {
                      done(ModelsOf(response));
                    }));
}

absl::Status ModelCache::Delete(const Digest& model_id, const CallOptions& options) const {
  return client::Delete(connector_->Get(partition_), DeleteRequestFor(model_id), options);
}

absl::Status ModelCache::DeleteKey(absl::string_view key, const CallOptions& options) const {
  return client::Delete(connector_->Get(partition_), DeleteRequestFor(key), options);
}

void ModelCache::DeleteAsync(const Digest& model_id, std::function<void(absl::Status)> done,
                             const CallOptions& options) const {
  client::DeleteAsync(connector_->Get(partition_), DeleteRequestFor(model_id), std::move(done), options);
}

void ModelCache::DeleteKeyAsync(absl::string_view key, std::function<void(absl::Status)> done,
                                const CallOptions& options) const {
  client::DeleteAsync(connector_->Get(partition_), DeleteRequestFor(key), std::move(done), options);
}

}  // namespace modeld::client
