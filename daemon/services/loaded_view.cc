#include "daemon/services/loaded_view.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "policy/partition.h"

namespace modeld {

namespace {

uint64_t WeightBytes(const Program& program) {
  uint64_t bytes = 0;
  for (const Region& constant : program.constants) bytes += constant.size();
  return bytes;
}

void AddGraph(const LoadedGraph& graph, v1::LoadedGraph& entry) {
  if (graph.stored) entry.set_model_id(std::string(graph.model_id.bytes()));
  entry.set_arena_bytes(entry.arena_bytes() + graph.arenas.bytes());
  entry.set_runs(entry.runs() + graph.runs);
  entry.set_last_run_at(std::max<int64_t>(entry.last_run_at(), graph.last_run_at));
  if (const auto& own = graph.program->own(); own != nullptr) {
    entry.set_packed_bytes(entry.packed_bytes() + own->packed_bytes);
    entry.set_weight_bytes(entry.weight_bytes() + WeightBytes(*own));
    entry.set_residency(v1::RESIDENCY_KEPT);
  }
}

void AddResidency(const ProgramCache::Residency& residency, v1::LoadedGraph& entry) {
  entry.set_packed_bytes(entry.packed_bytes() + residency.program->packed_bytes);
  entry.set_weight_bytes(entry.weight_bytes() + WeightBytes(*residency.program));
  if (residency.running) {
    entry.set_residency(v1::RESIDENCY_RUNNING);
  } else if (residency.idle_left == absl::InfiniteDuration()) {
    entry.set_residency(v1::RESIDENCY_KEPT);
  } else if (entry.residency() != v1::RESIDENCY_KEPT) {
    entry.set_residency(v1::RESIDENCY_IDLE);
    entry.set_idle_seconds_left(absl::ToDoubleSeconds(residency.idle_left));
  }
}

}  // namespace

std::map<LoadedName, v1::LoadedGraph> DescribeLoaded(
    const std::vector<std::shared_ptr<SessionObjects>>& sessions, const ProgramCache& cache,
    const storage::ModelStore& store, const std::optional<Digest>& model_id) {
  std::map<LoadedName, v1::LoadedGraph> loaded;
  const auto entry_of = [&](const LoadedName& name) -> v1::LoadedGraph& {
    v1::LoadedGraph& entry = loaded[name];
    entry.set_partition(name.partition);
    entry.set_device(name.program.device);
    return entry;
  };
  for (const auto& session : sessions) {
    std::set<v1::LoadedGraph*> counted;
    for (const auto& graph : session->Graphs()) {
      if (model_id && graph->model_id != *model_id) continue;
      const Context& context = *graph->context;
      v1::LoadedGraph& entry =
          entry_of({graph->partition, {graph->model_id, context.device, context.options.num_threads}});
      if (counted.insert(&entry).second) entry.set_sessions(entry.sessions() + 1);
      AddGraph(*graph, entry);
    }
  }
  for (const ProgramCache::Residency& residency : cache.Residencies()) {
    const Digest& id = residency.key.model_id;
    if (model_id && id != *model_id) continue;
    v1::LoadedGraph& entry = entry_of({residency.partition, residency.key});
    if (entry.sessions() == 0 && store.Holds(residency.partition, id)) {
      entry.set_model_id(std::string(id.bytes()));
    }
    AddResidency(residency, entry);
  }
  return loaded;
}

LoadedTotals SumLoaded(const std::vector<std::shared_ptr<SessionObjects>>& sessions,
                       const ProgramCache& cache) {
  LoadedTotals totals;
  std::vector<ProgramCache::OwnProgram> own;
  for (const auto& session : sessions) {
    for (const auto& graph : session->Graphs()) {
      ++totals.graphs;
      const std::string& device = graph->context->device;
      const uint64_t arena_bytes = graph->arenas.bytes();
      totals.resident_bytes += arena_bytes;
      totals.resident_by_device[device] += arena_bytes;
      if (graph->program->own() != nullptr) own.push_back({device, graph->program->own()});
    }
  }
  const ProgramCache::Totals weights = cache.totals(own);
  totals.programs = weights.programs;
  totals.resident_bytes += weights.bytes;
  for (const auto& [device, bytes] : weights.bytes_by_device) totals.resident_by_device[device] += bytes;
  return totals;
}

v1::ListSessionsResponse::Session DescribeSession(const Session& session, const SessionObjects* objects) {
  v1::ListSessionsResponse::Session message;
  message.set_session_id(session.id());
  message.set_role(std::string(RoleName(session.identity().role)));
  // A broker speaks for many.
  if (session.identity().role != Role::kBroker) {
    message.set_partition(AppPartition(session.identity().app_id).value_or(""));
  }
  message.set_pid(static_cast<uint64_t>(session.identity().pid));
  message.set_connected_at(absl::ToUnixSeconds(session.connected_at()));
  if (objects == nullptr) return message;
  const SessionObjects::Counts counts = objects->counts();
  message.set_contexts(counts.contexts);
  message.set_graphs(counts.graphs);
  message.set_tensors(counts.tensors);
  message.set_tensor_bytes(counts.tensor_bytes);
  return message;
}

}  // namespace modeld
