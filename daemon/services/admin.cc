#include "daemon/services/admin.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "client/codec/graph_codec.h"
#include "daemon/heap.h"
#include "daemon/services/cache_messages.h"
#include "daemon/services/errors.h"
#include "daemon/services/graph_maker.h"
#include "daemon/services/loaded_view.h"
#include "engine/graph/canonical.h"
#include "engine/ops/validate.h"
#include "storage/ledger.h"
#include "storage/space.h"

namespace modeld {
namespace {

// How often Stop looks whether the memory has been given back.
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

void AddBinding(const std::string& name, const TensorDescriptor& descriptor, v1::TensorBinding& out) {
  out.set_name(name);
  *out.mutable_tensor_descriptor() = EncodeTensorDescriptor(descriptor);
}

void DescribeGraph(const Graph& graph, v1::GetModelResponse& out) {
  for (OperandId id : graph.inputs) {
    AddBinding(graph.operand(id).name, graph.descriptor(id), *out.add_inputs());
  }
  for (const GraphOutput& output : graph.outputs) {
    AddBinding(output.name, graph.descriptor(output.operand), *out.add_outputs());
  }
  std::map<std::string, uint32_t> counts;
  for (const Operation& operation : graph.operations) ++counts[operation.type];
  for (const auto& [type, count] : counts) {
    auto& entry = *out.add_operations();
    entry.set_type(type);
    entry.set_count(count);
  }
  std::set<Digest> distinct;
  uint64_t parameters = 0;
  uint64_t bytes = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind != OperandKind::kConstant) continue;
    out.set_constants(out.constants() + 1);
    if (IsFloat(operand.descriptor.data_type)) parameters += operand.descriptor.ElementCount();
    if (distinct.insert(operand.digest).second) bytes += operand.descriptor.ByteSize().value_or(0);
  }
  out.set_parameters(parameters);
  out.set_constant_bytes(bytes);
}

}  // namespace

v1::GetStatusResponse Admin::Status() const {
  v1::GetStatusResponse status;
  const DaemonInfo& info = parts_.info;
  status.set_version(info.version);
  status.set_pid(static_cast<uint64_t>(getpid()));
  status.set_started_at(absl::ToUnixSeconds(info.started_at));
  status.set_cache_dir(info.cache_dir);
  status.set_state_dir(info.state_dir);
  status.set_socket(info.socket);
  status.set_memory_socket(info.memory_socket);
  const storage::StoreUsage usage = parts_.store.Usage();
  status.set_models(usage.models);
  status.set_partitions(usage.partitions);
  status.set_physical_bytes(usage.physical_bytes + usage.unreferenced_bytes);
  status.set_logical_bytes(usage.logical_bytes);
  status.set_staged_bytes(usage.staged_bytes);
  status.set_free_bytes(usage.free_bytes);
  status.set_sessions(parts_.sessions.List().size());
  const LoadedTotals loaded = SumLoaded(parts_.table.All(), parts_.programs);
  status.set_loaded_graphs(loaded.graphs);
  status.set_loaded_programs(loaded.programs);
  status.set_resident_bytes(loaded.resident_bytes);
  for (const DeviceDescription& description : parts_.devices.Describe()) {
    v1::Device& device = *status.add_devices();
    device.set_name(description.name);
    device.set_description(description.description);
  }
  return status;
}

absl::StatusOr<v1::ListModelsResponse> Admin::Models(const std::string& partition) const {
  MODELD_RETURN_IF_ERROR(CheckPartitionField(partition));
  v1::ListModelsResponse response;
  for (v1::ModelSummary& summary : Summaries(partition, std::nullopt)) {
    *response.add_models() = std::move(summary);
  }
  return response;
}

std::vector<v1::ModelSummary> Admin::Summaries(const std::string& partition,
                                               const std::optional<Digest>& model_id) const {
  std::vector<storage::ModelInfo> models = parts_.store.ListModels();
  std::map<Digest, size_t> holders;
  for (const storage::ModelInfo& info : models) ++holders[info.model_id];
  std::set<Digest> shared;
  for (const storage::ShareInfo& share : parts_.store.ledger().Shares()) shared.insert(share.model_id);
  std::vector<v1::ModelSummary> summaries;
  std::map<std::string, storage::PartitionSnapshot> snapshots;
  for (const storage::ModelInfo& info : models) {
    if (!partition.empty() && info.partition != partition) continue;
    if (model_id && info.model_id != *model_id) continue;
    auto [snapshot, fresh] = snapshots.try_emplace(info.partition);
    if (fresh) snapshot->second = parts_.store.space().Snapshot(info.partition);
    summaries.push_back(Summarize(info, FindHeld(snapshot->second, info.model_id), holders[info.model_id],
                                  shared.contains(info.model_id)));
  }
  return summaries;
}

std::vector<storage::ModelInfo> Admin::HoldsOf(const Digest& model_id) const {
  auto models = parts_.store.ListModels();
  std::erase_if(models, [&](const storage::ModelInfo& info) { return info.model_id != model_id; });
  return models;
}

absl::StatusOr<Admin::Found> Admin::Find(const Digest& model_id, storage::Lease& lease) const {
  absl::Status status = ModelNotFound();
  for (const storage::ModelInfo& info : HoldsOf(model_id)) {
    auto model = parts_.store.GetModel(info.partition, model_id, lease);
    if (model.ok()) return Found{info.partition, *std::move(model)};
    status = FromStorage(model.status());
  }
  return status;
}

absl::StatusOr<v1::GetModelResponse> Admin::Model(const Digest& model_id) const {
  v1::GetModelResponse response;
  for (v1::ModelSummary& summary : Summaries("", model_id)) *response.add_entries() = std::move(summary);
  if (response.entries().empty()) return ModelNotFound();
  for (auto& [name, loaded] : DescribeLoaded(parts_.table.All(), parts_.programs, parts_.store, model_id)) {
    *response.add_loaded() = std::move(loaded);
  }
  // A damaged model is still shown, by what the catalogue knows.
  const auto lease = parts_.store.NewLease();
  const auto found = Find(model_id, *lease);
  if (!found.ok()) return response;
  response.set_graph_bytes(found->model.manifest.size());
  auto graph = DecodeCanonical(found->model.manifest.view(), parts_.limits.graph);
  if (graph.ok()) graph = Validate(*std::move(graph), parts_.limits.graph);
  if (graph.ok()) DescribeGraph(*graph, response);
  return response;
}

absl::StatusOr<v1::DeleteModelResponse> Admin::DeleteModel(const Digest& model_id,
                                                           const std::string& partition) {
  MODELD_RETURN_IF_ERROR(CheckPartitionField(partition));
  std::vector<storage::HoldName> holds;
  for (const storage::ModelInfo& hold : HoldsOf(model_id)) {
    if (partition.empty() || hold.partition == partition) holds.push_back({hold.partition, model_id});
  }
  if (holds.empty()) return ModelNotFound();
  v1::DeleteModelResponse response;
  // Before they go: what they name is forgotten with them.
  response.set_freed_bytes(parts_.store.FreedBy(holds));
  for (const storage::HoldName& hold : holds) {
    auto deleted = parts_.store.DeleteModel(hold.partition, model_id);
    if (!deleted.ok()) return FromStorage(deleted.status());
  }
  Collect();
  return response;
}

v1::ListPartitionsResponse Admin::Partitions() const {
  v1::ListPartitionsResponse response;
  for (const storage::PartitionInfo& info : parts_.store.ListPartitions()) {
    auto& partition = *response.add_partitions();
    partition.set_name(info.partition);
    partition.set_models(info.models);
    partition.set_logical_bytes(info.logical_bytes);
    partition.set_staged_bytes(info.staged_bytes);
    partition.set_quota_bytes(parts_.store.space().QuotaOf(info.partition));
    *partition.mutable_limits() = LimitsMessage(parts_.store.space().LimitsOf(info.partition));
    partition.set_keys(info.keys);
    partition.set_last_used_at(absl::ToUnixSeconds(info.last_used));
  }
  return response;
}

absl::StatusOr<v1::RemovePartitionResponse> Admin::RemovePartition(const std::string& partition) {
  if (partition.empty()) return BadField("partition", "is empty");
  MODELD_RETURN_IF_ERROR(CheckPartitionField(partition));
  v1::RemovePartitionResponse response;
  std::vector<storage::HoldName> holds;
  for (const storage::ModelInfo& info : parts_.store.ListModels(partition)) {
    holds.push_back({partition, info.model_id});
  }
  response.set_freed_bytes(parts_.store.FreedBy(holds));
  // What waits to be written for it must not come back behind its removal.
  parts_.plans.Forget(partition);
  auto removed = parts_.store.RemovePartition(partition);
  parts_.programs.DropPartition(partition);
  if (!removed.ok()) return FromStorage(removed.status());
  if (!*removed) return absl::NotFoundError("partition: not found");
  Collect();
  return response;
}

void Admin::Collect() {
  // Only sooner than the next upkeep would; what fails here is tried again there.
  (void)parts_.store.Collect(parts_.clock.Now());
}

v1::ListSessionsResponse Admin::Sessions() const {
  v1::ListSessionsResponse response;
  const auto all = parts_.table.All();
  std::map<uint64_t, const SessionObjects*> objects;
  for (const auto& session : all) objects[session->session().id()] = session.get();
  for (const auto& session : parts_.sessions.List()) {
    auto it = objects.find(session->id());
    *response.add_sessions() = DescribeSession(*session, it == objects.end() ? nullptr : it->second);
  }
  for (auto& [name, loaded] : DescribeLoaded(all, parts_.programs, parts_.store, std::nullopt)) {
    *response.add_graphs() = std::move(loaded);
  }
  return response;
}

absl::StatusOr<v1::StopModelResponse> Admin::Stop(const std::optional<Digest>& model_id,
                                                  Cancellation& cancellation) {
  v1::StopModelResponse response;
  // They hold packed weights, also of programs that have gone.
  std::vector<std::weak_ptr<const void>> going = parts_.plans.HurryWrites(model_id);
  std::vector<ProgramCache::OwnProgram> own;
  uint64_t arena_bytes = 0;
  uint32_t stopped = 0;
  for (const auto& session : parts_.table.All()) {
    for (const auto& graph : session->StopGraphs(model_id)) {
      going.push_back(graph->alive);
      ++stopped;
      arena_bytes += graph->arenas.bytes();
      if (graph->program->own() != nullptr) own.push_back({graph->context->device, graph->program->own()});
    }
  }
  // What is kept without a handle goes, too.
  const ProgramCache::Dropped dropped = parts_.programs.Drop(model_id, std::exchange(own, {}));
  if (dropped.programs == 0 && stopped == 0) return absl::NotFoundError("model: not loaded");
  response.set_stopped_graphs(stopped);
  response.set_dropped_programs(static_cast<uint32_t>(dropped.programs));
  response.set_freed_bytes(dropped.bytes + arena_bytes);
  going.insert(going.end(), dropped.going.begin(), dropped.going.end());
  // Of compilations that ended meanwhile.
  for (auto& plan : parts_.plans.HurryWrites(model_id)) going.push_back(std::move(plan));
  // Runs that were cancelled still hold theirs until their current step is done.
  while (!std::all_of(going.begin(), going.end(), [](const auto& one) { return one.expired(); })) {
    MODELD_RETURN_IF_ERROR(cancellation.Check());
    absl::SleepFor(kPollInterval);
  }
  ReturnFreeMemory();
  return response;
}

absl::Status Admin::Export(const Digest& model_id, const SendExport& send) {
  const auto lease = parts_.store.NewLease();
  MODELD_ASSIGN_OR_RETURN(const Found found, Find(model_id, *lease));
  auto graph = DecodeCanonical(found.model.manifest.view(), parts_.limits.graph);
  if (!graph.ok()) {
    return absl::DataLossError(absl::StrCat("model ", model_id.ToHex(), ": its graph cannot be read"));
  }
  const absl::Status gone = absl::CancelledError("the call: cancelled");
  const uint64_t chunk = parts_.limits.max_chunk_bytes;
  const absl::string_view canonical = found.model.manifest.view();
  for (uint64_t offset = 0; offset < canonical.size(); offset += chunk) {
    v1::ExportModelResponse response;
    response.set_canonical_graph(std::string(canonical.substr(offset, chunk)));
    if (!send(response)) return gone;
  }
  for (const storage::BlobRef& ref : ConstantsOf(*graph)) {
    auto blob = parts_.store.MapBlob(found.partition, ref.digest, *lease);
    if (!blob.ok()) return FromStorage(blob.status());
    const absl::string_view bytes = blob->view();
    for (uint64_t offset = 0; offset < bytes.size(); offset += chunk) {
      v1::ExportModelResponse response;
      *response.mutable_blob() = EncodeBlobRef(ref.digest, bytes.size());
      response.set_offset_bytes(offset);
      response.set_data(std::string(bytes.substr(offset, chunk)));
      if (!send(response)) return gone;
    }
  }
  return absl::OkStatus();
}

absl::Status Admin::Verify(const storage::VerifyOptions& options, const SendVerify& send) {
  double progress = 0;
  const absl::Status verified =
      parts_.store.integrity().VerifyAll(options, [&](const storage::VerifyNews& news) {
        v1::VerifyResponse response;
        const double share = news.total_bytes == 0 ? 0.0
                                                   : static_cast<double>(news.done_bytes) /
                                                         static_cast<double>(news.total_bytes);
        progress = std::max(progress, std::min(share, 1.0));
        response.set_progress(progress);
        response.set_problem(news.problem);
        response.set_repaired(news.repaired);
        for (const Digest& model : news.models) response.add_affected_models(std::string(model.bytes()));
        return send(response);
      });
  if (!verified.ok()) return FromStorage(verified);
  // What was found to be of no use goes now.
  if (options.repair) Collect();
  v1::VerifyResponse last;
  last.set_progress(1.0);
  last.set_done(true);
  return send(last) ? absl::OkStatus() : absl::CancelledError("the call: cancelled");
}

}  // namespace modeld
