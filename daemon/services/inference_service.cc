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
#include "daemon/services/transfer_messages.h"

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

absl::StatusOr<std::vector<storage::BlobRef>> ParseBlobs(const v1::WatchUploadsRequest& request,
                                                         const GraphLimits& limits) {
  if (request.blobs().empty()) return BadField("blobs", "is empty");
  if (request.blobs_size() > static_cast<int64_t>(limits.max_operands)) {
    return BadField("blobs",
                    absl::StrCat("has ", request.blobs_size(), " elements, at most ", limits.max_operands));
  }
  std::vector<storage::BlobRef> blobs;
  for (int i = 0; i < request.blobs_size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(const storage::BlobRef blob,
                            ParseBlob(request.blobs(i), limits, absl::StrCat("blobs[", i, "]")));
    blobs.push_back(blob);
  }
  return blobs;
}

// None when the message holds none. INVALID_ARGUMENT: they are not those of the constant's digest chunks.
absl::StatusOr<std::vector<Digest>> ParseChunkDigests(const v1::UploadConstantRequest& request,
                                                      const storage::BlobRef& blob, uint64_t chunk_bytes) {
  std::vector<Digest> digests;
  if (!request.has_chunks()) return digests;
  const v1::ChunkDigests& chunks = request.chunks();
  if (chunks.chunk_bytes() != chunk_bytes) {
    return BadField("chunks.chunk_bytes",
                    absl::StrCat("is ", chunks.chunk_bytes(), ", must be ", chunk_bytes));
  }
  const uint64_t expected = blob.size_bytes / chunk_bytes + (blob.size_bytes % chunk_bytes != 0 ? 1 : 0);
  if (static_cast<uint64_t>(chunks.sha256_size()) != expected) {
    return BadField("chunks.sha256", absl::StrCat("has ", chunks.sha256_size(), " digests, a constant of ",
                                                  blob.size_bytes, " bytes has ", expected, " chunks"));
  }
  for (const std::string& bytes : chunks.sha256()) {
    const absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
    if (!digest.ok()) return BadField("chunks.sha256", "holds something other than digests of 32 bytes");
    digests.push_back(*digest);
  }
  return digests;
}

std::vector<storage::ByteRange> RestOf(const storage::BlobRef& blob, uint64_t committed) {
  if (committed >= blob.size_bytes) return {};
  return {{committed, blob.size_bytes}};
}

template <typename Response>
void AddMissing(const storage::UploadState& state, Response& response) {
  response.set_committed_bytes(state.committed_bytes);
  for (const storage::ByteRange& range : state.missing) {
    auto& missing = *response.add_missing();
    missing.set_begin_bytes(range.begin_bytes);
    missing.set_end_bytes(range.end_bytes);
  }
}

}  // namespace

grpc::Status InferenceService::Build(grpc::ServerContext* context, const v1::BuildRequest* request,
                                     v1::BuildResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/Build", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(Graph graph, DecodeGraph(request->graph(), limits_.graph));
    MODELD_ASSIGN_OR_RETURN(const auto built, maker_.Build(call, request->context_id(), std::move(graph),
                                                           request->uncacheable()));
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
    if (message.uncacheable()) {
      MODELD_ASSIGN_OR_RETURN(const uint64_t committed, constants_.UploadToMemory(call, blob, next));
      AddMissing({committed, false, RestOf(blob, committed)}, *response);
      return absl::OkStatus();
    }
    MODELD_ASSIGN_OR_RETURN(const std::vector<Digest> digests,
                            ParseChunkDigests(message, blob, limits_.digest_chunk_bytes));
    MODELD_ASSIGN_OR_RETURN(const storage::UploadState state, constants_.Upload(call, blob, digests, next));
    AddMissing(state, *response);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::QueryUpload(grpc::ServerContext* context,
                                           const v1::QueryUploadRequest* request,
                                           v1::QueryUploadResponse* response) {
  return Serve(gate_, kClient, *context, "InferenceService/QueryUpload", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(const storage::BlobRef blob, ParseBlob(request->blob(), limits_.graph, "blob"));
    MODELD_ASSIGN_OR_RETURN(const storage::UploadState state, constants_.Query(call, blob));
    AddMissing(state, *response);
    response->set_complete(state.complete);
    return absl::OkStatus();
  });
}

grpc::Status InferenceService::WatchUploads(grpc::ServerContext* context,
                                            const v1::WatchUploadsRequest* request,
                                            grpc::ServerWriter<v1::UploadProgress>* writer) {
  return Serve(gate_, kClient, *context, "InferenceService/WatchUploads", [&](Call& call) -> absl::Status {
    MODELD_ASSIGN_OR_RETURN(std::vector<storage::BlobRef> blobs, ParseBlobs(*request, limits_.graph));
    return constants_.Watch(call, std::move(blobs), [&](const Constants::Progress& progress) {
      v1::UploadProgress message;
      message.set_committed_bytes(progress.committed_bytes);
      message.set_total_bytes(progress.total_bytes);
      message.set_fraction(progress.fraction);
      message.set_state(StateMessage(progress.verdict.state));
      message.set_quiet_seconds(QuietSeconds(progress.verdict));
      return writer->Write(message);
    });
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
