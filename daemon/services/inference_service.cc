#include "daemon/services/inference_service.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "daemon/services/convert.h"
#include "daemon/services/errors.h"
#include "daemon/services/rpc.h"

namespace modeld {
namespace {

constexpr auto kClient = CallGate::Door::kClient;

absl::StatusOr<std::vector<Constants::Range>> ParseRanges(const v1::ImportConstantsRequest& request,
                                                          const GraphLimits& limits) {
  if (request.ranges_size() > static_cast<int64_t>(limits.max_operands)) {
    return BadField("ranges",
                    absl::StrCat("has ", request.ranges_size(), " elements, at most ", limits.max_operands));
  }
  std::vector<Constants::Range> ranges;
  ranges.reserve(request.ranges_size());
  for (int i = 0; i < request.ranges_size(); ++i) {
    const auto& range = request.ranges(i);
    MODELD_ASSIGN_OR_RETURN(const storage::BlobRef blob,
                            ParseBlob(range.blob(), limits, absl::StrCat("ranges[", i, "].blob")));
    ranges.push_back({blob, range.offset_bytes()});
  }
  return ranges;
}

}  // namespace

grpc::Status InferenceService::Build(grpc::ServerContext* context, const v1::BuildRequest* request,
                                     v1::BuildResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/Build", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(Graph graph, DecodeGraph(request->graph(), limits_.graph));
    MODELD_ASSIGN_OR_RETURN(const auto built, maker_.Build(call, request->context_id(), std::move(graph)));
    if (built.graph != nullptr) *response->mutable_graph() = ToMessage(*built.graph);
    for (const storage::BlobRef& ref : built.missing) *response->add_missing() = ToMessage(ref);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::UploadConstant(grpc::ServerContext* context,
                                              grpc::ServerReader<v1::UploadConstantRequest>* reader,
                                              v1::UploadConstantResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/UploadConstant", [&](Call& call) -> absl::Status {
    v1::UploadConstantRequest message;
    if (!reader->Read(&message)) return BadField("blob", "is missing, the stream is empty");
    MODELD_ASSIGN_OR_RETURN(const storage::BlobRef blob, ParseBlob(message.blob(), limits_.graph, "blob"));
    bool first = true;
    const auto next = [&]() -> std::optional<Constants::Chunk> {
      if (!std::exchange(first, false) && !reader->Read(&message)) return std::nullopt;
      return Constants::Chunk{message.offset_bytes(), message.data()};
    };
    MODELD_ASSIGN_OR_RETURN(const uint64_t committed, constants_.Upload(call, blob, next));
    response->set_committed_bytes(committed);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::QueryUpload(grpc::ServerContext* context,
                                           const v1::QueryUploadRequest* request,
                                           v1::QueryUploadResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/QueryUpload", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const storage::BlobRef blob, ParseBlob(request->blob(), limits_.graph, "blob"));
    MODELD_ASSIGN_OR_RETURN(const Constants::Progress progress, constants_.Query(call, blob));
    response->set_committed_bytes(progress.committed_bytes);
    response->set_complete(progress.complete);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::ImportConstants(grpc::ServerContext* context,
                                               const v1::ImportConstantsRequest* request,
                                               v1::ImportConstantsResponse*) {
  return Serve(gate_, kClient, *context, "InferenceService/ImportConstants", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto ranges, ParseRanges(*request, limits_.graph));
    return constants_.Import(call, request->memory_id(), ranges, request->last());
  });
}

grpc::Status InferenceService::Dispatch(grpc::ServerContext* context, const v1::DispatchRequest* request,
                                        v1::DispatchResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/Dispatch", [&](Call& call) -> absl::Status {
    const Runner::TensorIds inputs(request->inputs().begin(), request->inputs().end());
    const Runner::TensorIds outputs(request->outputs().begin(), request->outputs().end());
    MODELD_ASSIGN_OR_RETURN(const absl::Duration run_time,
                            runner_.Dispatch(call, request->graph_id(), inputs, outputs));
    response->set_run_nanos(static_cast<uint64_t>(absl::ToInt64Nanoseconds(run_time)));
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::Run(grpc::ServerContext* context, const v1::RunRequest* request,
                                   v1::RunResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/Run", [&](Call& call) -> absl::Status {
    std::map<std::string, absl::string_view> inputs;
    for (const auto& [name, bytes] : request->inputs()) inputs.emplace(name, bytes);
    const std::vector<std::string> wanted(request->outputs().begin(), request->outputs().end());
    MODELD_ASSIGN_OR_RETURN(Runner::RunResult result, runner_.Run(call, request->graph_id(), inputs, wanted));
    for (auto& [name, bytes] : result.outputs) (*response->mutable_outputs())[name] = std::move(bytes);
    response->set_run_nanos(static_cast<uint64_t>(absl::ToInt64Nanoseconds(result.run_time)));
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::DescribeGraph(grpc::ServerContext* context,
                                             const v1::DescribeGraphRequest* request,
                                             v1::GraphHandle* response) {
  return Serve(gate_, kClient, *context, "InferenceService/DescribeGraph", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const auto graph,
                            call.objects().FindGraph(call.partition(), request->graph_id()));
    *response = ToMessage(*graph);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::DestroyGraph(grpc::ServerContext* context,
                                            const v1::DestroyGraphRequest* request,
                                            v1::DestroyGraphResponse*) {
  return Serve(gate_, kClient, *context, "InferenceService/DestroyGraph", [&](Call& call) {
    call.objects().RemoveGraph(call.partition(), request->graph_id());
    return absl::OkStatus();
  });
}

}  // namespace modeld
