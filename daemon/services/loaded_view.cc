#include "daemon/services/loaded_view.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "policy/partition.h"

namespace modeld {

std::vector<v1::LoadedGraph> DescribeLoaded(const std::vector<std::shared_ptr<SessionObjects>>& sessions,
                                            const std::optional<Digest>& model_id) {
  std::map<std::tuple<std::string, Digest, std::string, uint32_t>, v1::LoadedGraph> loaded;
  for (const auto& session : sessions) {
    std::set<v1::LoadedGraph*> counted;
    for (const auto& graph : session->Graphs()) {
      if (model_id && graph->model_id != *model_id) continue;
      const Context& context = *graph->context;
      v1::LoadedGraph& entry =
          loaded[{graph->partition, graph->model_id, context.device, context.options.num_threads}];
      if (graph->stored) entry.set_model_id(std::string(graph->model_id.bytes()));
      entry.set_partition(graph->partition);
      entry.set_device(graph->context->device);
      if (const auto program = graph->program->Peek()) entry.set_packed_bytes(program->packed_bytes);
      entry.set_arena_bytes(entry.arena_bytes() + graph->arenas.bytes());
      if (counted.insert(&entry).second) entry.set_sessions(entry.sessions() + 1);
      entry.set_runs(entry.runs() + graph->runs);
      entry.set_last_run_at(std::max<int64_t>(entry.last_run_at(), graph->last_run_at));
    }
  }
  std::vector<v1::LoadedGraph> entries;
  for (auto& [key, entry] : loaded) entries.push_back(std::move(entry));
  return entries;
}

LoadedTotals SumLoaded(const std::vector<std::shared_ptr<SessionObjects>>& sessions,
                       const ProgramCache& cache) {
  LoadedTotals totals;
  std::set<std::shared_ptr<const Program>> programs;
  std::vector<ProgramCache::OwnProgram> own;
  for (const auto& session : sessions) {
    for (const auto& graph : session->Graphs()) {
      ++totals.graphs;
      const std::string& device = graph->context->device;
      const uint64_t arena_bytes = graph->arenas.bytes();
      totals.resident_bytes += arena_bytes;
      totals.resident_by_device[device] += arena_bytes;
      if (const auto program = graph->program->Peek()) programs.insert(program);
      if (graph->program->own() != nullptr) own.push_back({device, graph->program->own()});
    }
  }
  totals.programs = programs.size();
  const ProgramCache::Totals weights = cache.totals(own);
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
