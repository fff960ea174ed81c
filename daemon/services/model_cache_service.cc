#include "daemon/services/model_cache_service.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "daemon/services/convert.h"
#include "daemon/services/errors.h"
#include "daemon/services/rpc.h"

namespace modeld {
namespace {

constexpr auto kClient = CallGate::Door::kClient;

absl::StatusOr<std::vector<Digest>> ParseCandidates(const v1::FetchRequest& request, uint32_t limit) {
  if (request.model_ids_size() > static_cast<int64_t>(limit)) {
    return BadField("model_ids",
                    absl::StrCat("has ", request.model_ids_size(), " ids, must have 1 to ", limit));
  }
  std::vector<Digest> candidates;
  for (int i = 0; i < request.model_ids_size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(const Digest id,
                            ParseModelId(request.model_ids(i), absl::StrCat("model_ids[", i, "]")));
    candidates.push_back(id);
  }
  return candidates;
}

template <typename Response>
void Fill(const LoadedGraph& graph, Response& response) {
  *response.mutable_graph() = ToMessage(graph);
  response.set_model_id(std::string(graph.model_id.bytes()));
}

}  // namespace

grpc::Status ModelCacheService::Store(grpc::ServerContext* context, const v1::StoreRequest* request,
                                      v1::StoreResponse* response) {
  return Serve(gate_, kClient, *context, "ModelCacheService/Store", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, cache_.Store(call, request->graph_id(), std::nullopt));
    response->set_model_id(std::string(id.bytes()));
    return absl::OkStatus();
  });
}

grpc::Status ModelCacheService::Fetch(grpc::ServerContext* context, const v1::FetchRequest* request,
                                      v1::FetchResponse* response) {
  return Serve(gate_, kClient, *context, "ModelCacheService/Fetch", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto candidates, ParseCandidates(*request, limits_.max_fetch_candidates));
    MODELD_ASSIGN_OR_RETURN(const auto graph, cache_.Fetch(call, request->context_id(), candidates));
    Fill(*graph, *response);
    return absl::OkStatus();
  });
}

grpc::Status ModelCacheService::Save(grpc::ServerContext* context, const v1::SaveRequest* request,
                                     v1::SaveResponse* response) {
  return Serve(gate_, kClient, *context, "ModelCacheService/Save", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const Digest id, cache_.Store(call, request->graph_id(), request->key()));
    response->set_model_id(std::string(id.bytes()));
    return absl::OkStatus();
  });
}

grpc::Status ModelCacheService::Load(grpc::ServerContext* context, const v1::LoadRequest* request,
                                     v1::LoadResponse* response) {
  return Serve(gate_, kClient, *context, "ModelCacheService/Load", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto graph, cache_.Load(call, request->context_id(), request->key()));
    Fill(*graph, *response);
    return absl::OkStatus();
  });
}

grpc::Status ModelCacheService::List(grpc::ServerContext* context, const v1::ListRequest*,
                                     v1::ListResponse* response) {
  return Serve(gate_, kClient, *context, "ModelCacheService/List", [&](Call& call) {
    for (const storage::ModelInfo& info : cache_.List(call)) {
      v1::ListResponse::Model& model = *response->add_models();
      model.set_model_id(std::string(info.model_id.bytes()));
      for (const std::string& key : info.keys) model.add_keys(key);
      model.set_size_bytes(info.logical_bytes);
    }
    return absl::OkStatus();
  });
}

grpc::Status ModelCacheService::Delete(grpc::ServerContext* context, const v1::DeleteRequest* request,
                                       v1::DeleteResponse*) {
  return Serve(gate_, kClient, *context, "ModelCacheService/Delete", [&](Call& call) -> absl::Status {
    switch (request->what_case()) {
      case v1::DeleteRequest::kKey:
        return cache_.DeleteKey(call, request->key());
      case v1::DeleteRequest::kModelId: {
        MODELD_ASSIGN_OR_RETURN(const Digest id, ParseModelId(request->model_id(), "model_id"));
        return cache_.DeleteModel(call, id);
      }
      case v1::DeleteRequest::WHAT_NOT_SET:
        break;
    }
    return BadField("what", "is not set");
  });
}

grpc::Status ModelCacheService::ClearPartition(grpc::ServerContext* context,
                                               const v1::ClearPartitionRequest* request,
                                               v1::ClearPartitionResponse*) {
  return Serve(gate_, kClient, *context, "ModelCacheService/ClearPartition", [&](Call& call) -> absl::Status {
    ModelCache::Clearing clearing;
    if (request->has_site()) clearing.site = request->site();
    if (request->has_origin()) clearing.origin = request->origin();
    if (request->from() != 0) clearing.from = absl::FromUnixSeconds(request->from());
    if (request->to() != 0) clearing.to = absl::FromUnixSeconds(request->to());
    return cache_.Clear(call, clearing);
  });
}

}  // namespace modeld
