#include "daemon/services/session_objects.h"

#include <utility>

#include "base/status.h"

namespace modeld {
namespace {

// Tickets are good for a minute; a little more for a redemption under way.
constexpr absl::Duration kTicketAge = absl::Seconds(90);

}  // namespace

SessionObjects::SessionObjects(const Session& session, const SessionEnvironment& environment)
    : session_(session),
      environment_(environment),
      tensor_budget_(ByteBudget::Create("tensor memory", environment.limits.max_session_tensor_bytes)),
      memory_budget_(ByteBudget::Create("handed-over memory", environment.limits.max_session_memory_bytes)),
      graph_budget_(ByteBudget::Create("graphs", environment.limits.max_session_graph_bytes)),
      memory_constants_(MemoryConstants::Create(environment.limits.max_session_uncacheable_bytes)),
      uploads_(std::make_shared<std::atomic<uint32_t>>(0)),
      contexts_("context", "contexts", environment.limits.max_contexts),
      tensors_("tensor", "tensors", environment.limits.max_tensors),
      graphs_("graph", "graphs", environment.limits.max_graphs),
      memories_("memory", "memories", environment.limits.max_memories) {}

SessionObjects::~SessionObjects() {
  Close();
}

absl::Status SessionObjects::CheckOpen() const {
  return closed_ ? absl::CancelledError("the session: has ended") : absl::OkStatus();
}

absl::StatusOr<uint64_t> SessionObjects::EnterCall(std::shared_ptr<Cancellation> call) {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  if (calls_.size() >= environment_.limits.max_calls) {
    return SessionLimit("calls in flight", environment_.limits.max_calls);
  }
  const uint64_t id = next_id_++;
  CallRecord& record = calls_[id];
  record.cancellation = std::move(call);
  return id;
}

absl::Status SessionObjects::BindCall(uint64_t call_id, uint64_t context_id, uint64_t graph_id) {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  auto it = calls_.find(call_id);
  if (it == calls_.end()) return absl::OkStatus();
  it->second.context_id = context_id;
  it->second.graph_id = graph_id;
  // The graph or context may have been taken away between the caller's Find and now.
  if (graph_id != 0 && !graphs_.Contains(graph_id)) return HandleNotFound("graph", graph_id);
  if (!contexts_.Contains(context_id)) return HandleNotFound("context", context_id);
  return absl::OkStatus();
}

void SessionObjects::LeaveCall(uint64_t call_id) {
  absl::MutexLock lock(&mu_);
  calls_.erase(call_id);
}

void SessionObjects::CancelAll() {
  absl::MutexLock lock(&mu_);
  for (auto& [id, record] : calls_) record.cancellation->token().Cancel();
}

void SessionObjects::CancelBoundTo(uint64_t context_id, uint64_t graph_id) {
  for (auto& [id, record] : calls_) {
    if ((context_id != 0 && record.context_id == context_id) ||
        (graph_id != 0 && record.graph_id == graph_id)) {
      record.cancellation->token().Cancel();
    }
  }
}

absl::StatusOr<std::shared_ptr<void>> SessionObjects::EnterUpload() {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  if (*uploads_ >= environment_.limits.max_uploads) {
    return SessionLimit("uploads", environment_.limits.max_uploads);
  }
  ++*uploads_;
  return std::shared_ptr<void>(nullptr, [uploads = uploads_](void*) { --*uploads; });
}

absl::StatusOr<std::shared_ptr<const Context>> SessionObjects::AddContext(const std::string& partition,
                                                                          const Backend& backend,
                                                                          const CompileOptions& options) {
  std::string device = backend.Describe().name;
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  MODELD_RETURN_IF_ERROR(contexts_.CheckRoom());
  std::shared_ptr<const Context> context(
      new Context{next_id_++, partition, backend, std::move(device), options});
  contexts_.Add(context);
  return context;
}

absl::StatusOr<std::shared_ptr<const Context>> SessionObjects::FindContext(absl::string_view partition,
                                                                           uint64_t id) const {
  absl::MutexLock lock(&mu_);
  return contexts_.Find(partition, id);
}

bool SessionObjects::HasContextIn(absl::string_view partition) const {
  for (const auto& context : contexts_.All()) {
    if (partition == context->partition) return true;
  }
  return false;
}

void SessionObjects::RemoveContext(absl::string_view partition, uint64_t id) {
  // Their memory is given back after the lock.
  std::shared_ptr<const Context> context;
  std::vector<std::shared_ptr<LoadedGraph>> graphs;
  std::vector<std::shared_ptr<const Tensor>> tensors;
  std::shared_ptr<storage::Lease> lease;
  absl::MutexLock lock(&mu_);
  context = contexts_.Remove(partition, id);
  if (context == nullptr) return;
  graphs = graphs_.RemoveIf([&](const LoadedGraph& graph) { return graph.context == context; });
  tensors = tensors_.RemoveIf([&](const Tensor& tensor) { return tensor.context == context; });
  CancelBoundTo(id, 0);
  if (session_.identity().role != Role::kBroker || HasContextIn(partition)) return;
  memory_constants_->Clear(std::string(partition));
  if (auto it = leases_.find(std::string(partition)); it != leases_.end()) {
    lease = std::move(it->second);
    leases_.erase(it);
  }
}

absl::StatusOr<std::shared_ptr<const Tensor>> SessionObjects::AddTensor(const std::string& partition,
                                                                        uint64_t context_id,
                                                                        const TensorDescriptor& descriptor) {
  MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, descriptor.ByteSize());
  std::shared_ptr<const Context> context;
  {
    absl::MutexLock lock(&mu_);
    MODELD_RETURN_IF_ERROR(CheckOpen());
    MODELD_ASSIGN_OR_RETURN(context, contexts_.Find(partition, context_id));
    MODELD_RETURN_IF_ERROR(tensors_.CheckRoom());
  }
  MODELD_ASSIGN_OR_RETURN(MemorySlots::Slot slot,
                          environment_.memory_slots->Take(session_.identity().app_id));
  MODELD_ASSIGN_OR_RETURN(ByteBudget::Charge charge, tensor_budget_->Take(bytes));
  MODELD_ASSIGN_OR_RETURN(std::shared_ptr<SharedMemory> memory, SharedMemory::Create(bytes));

  absl::MutexLock lock(&mu_);
  // All may have changed while the lock was off.
  MODELD_RETURN_IF_ERROR(CheckOpen());
  MODELD_RETURN_IF_ERROR(contexts_.Find(partition, context_id).status());
  MODELD_RETURN_IF_ERROR(tensors_.CheckRoom());
  std::shared_ptr<const Tensor> tensor(new Tensor{next_id_++, partition, std::move(context), descriptor,
                                                  std::move(memory), std::move(charge), std::move(slot)});
  tensors_.Add(tensor);
  return tensor;
}

absl::StatusOr<std::shared_ptr<const Tensor>> SessionObjects::FindTensor(absl::string_view partition,
                                                                         uint64_t id) const {
  absl::MutexLock lock(&mu_);
  return tensors_.Find(partition, id);
}

void SessionObjects::RemoveTensor(absl::string_view partition, uint64_t id) {
  std::shared_ptr<const Tensor> tensor;
  absl::MutexLock lock(&mu_);
  tensor = tensors_.Remove(partition, id);
}

absl::Status SessionObjects::CheckRoomForGraph() const {
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  return graphs_.CheckRoom();
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> SessionObjects::AddGraph(NewGraph graph) {
  MODELD_ASSIGN_OR_RETURN(ByteBudget::Charge charge, graph_budget_->Take(graph.manifest.size()));
  absl::MutexLock lock(&mu_);
  MODELD_RETURN_IF_ERROR(CheckOpen());
  MODELD_RETURN_IF_ERROR(contexts_.Find(graph.context->partition, graph.context->id).status());
  MODELD_RETURN_IF_ERROR(graphs_.CheckRoom());
  std::shared_ptr<LoadedGraph> loaded(
      new LoadedGraph{std::make_shared<char>(), next_id_++, graph.context->partition, graph.context,
                      graph.model_id, std::move(graph.manifest), std::move(graph.constants),
                      std::move(graph.inputs), std::move(graph.outputs), std::move(graph.program),
                      std::move(charge), ArenaPool(environment_.limits.max_idle_arena_bytes)});
  loaded->stored = graph.stored;
  loaded->uncacheable = graph.uncacheable;
  loaded->lease = std::move(graph.lease);
  loaded->compile_time = graph.compile_time;
  graphs_.Add(loaded);
  return loaded;
}

absl::StatusOr<std::shared_ptr<LoadedGraph>> SessionObjects::FindGraph(absl::string_view partition,
                                                                       uint64_t id) const {
  absl::MutexLock lock(&mu_);
  return graphs_.Find(partition, id);
}

void SessionObjects::RemoveGraph(absl::string_view partition, uint64_t id) {
  std::shared_ptr<LoadedGraph> graph;
  absl::MutexLock lock(&mu_);
  graph = graphs_.Remove(partition, id);
}

std::vector<std::shared_ptr<LoadedGraph>> SessionObjects::StopGraphs(const std::optional<Digest>& model_id) {
  absl::MutexLock lock(&mu_);
  auto stopped =
      graphs_.RemoveIf([&](const LoadedGraph& graph) { return !model_id || graph.model_id == *model_id; });
  for (const auto& graph : stopped) CancelBoundTo(0, graph->id);
  return stopped;
}

void SessionObjects::DropStaleMemory() {
  const absl::Time now = environment_.clock.Now();
  memories_.RemoveIf([&](const HandedMemory& memory) {
    return !memory.delivered() && now - memory.announced_at > kTicketAge;
  });
}

absl::StatusOr<SessionObjects::Announced> SessionObjects::OpenMemory(const std::string& partition,
                                                                     uint64_t size_bytes) {
  std::shared_ptr<HandedMemory> memory;
  {
    absl::MutexLock lock(&mu_);
    MODELD_RETURN_IF_ERROR(CheckOpen());
    DropStaleMemory();
    MODELD_RETURN_IF_ERROR(memories_.CheckRoom());
    MODELD_ASSIGN_OR_RETURN(MemorySlots::Slot slot,
                            environment_.memory_slots->Take(session_.identity().app_id));
    MODELD_ASSIGN_OR_RETURN(ByteBudget::Charge charge, memory_budget_->Take(size_bytes));
    memory = std::make_shared<HandedMemory>(next_id_++, partition, size_bytes, environment_.clock.Now(),
                                            std::move(charge), std::move(slot));
    memories_.Add(memory);
  }
  // The ticket must not keep alive what the session has let go.
  auto ticket = environment_.tickets.IssueSend(session_.id(), size_bytes,
                                               [weak = std::weak_ptr<HandedMemory>(memory)](UniqueFd fd) {
                                                 if (auto alive = weak.lock()) alive->Deliver(std::move(fd));
                                               });
  if (!ticket.ok()) {
    RemoveMemory(partition, memory->id);
    return ticket.status();
  }
  return Announced{memory->id, *std::move(ticket)};
}

absl::StatusOr<std::shared_ptr<HandedMemory>> SessionObjects::FindMemory(absl::string_view partition,
                                                                         uint64_t id) const {
  absl::MutexLock lock(&mu_);
  return memories_.Find(partition, id);
}

void SessionObjects::RemoveMemory(absl::string_view partition, uint64_t id) {
  std::shared_ptr<HandedMemory> memory;
  absl::MutexLock lock(&mu_);
  memory = memories_.Remove(partition, id);
}

std::shared_ptr<storage::Lease> SessionObjects::LeaseFor(const std::string& partition) {
  absl::MutexLock lock(&mu_);
  if (auto it = leases_.find(partition); it != leases_.end()) return it->second;
  std::shared_ptr<storage::Lease> lease = environment_.store.NewLease();
  const bool keep = session_.identity().role != Role::kBroker || HasContextIn(partition);
  if (keep && !closed_) leases_.emplace(partition, lease);
  return lease;
}

SessionObjects::Counts SessionObjects::counts() const {
  absl::MutexLock lock(&mu_);
  return {static_cast<uint32_t>(contexts_.size()), static_cast<uint32_t>(graphs_.size()),
          static_cast<uint32_t>(tensors_.size()),  static_cast<uint32_t>(memories_.size()),
          static_cast<uint32_t>(calls_.size()),    tensor_budget_->used()};
}

std::vector<std::shared_ptr<LoadedGraph>> SessionObjects::Graphs() const {
  absl::MutexLock lock(&mu_);
  return graphs_.All();
}

void SessionObjects::Close() {
  std::vector<std::shared_ptr<LoadedGraph>> graphs;
  std::vector<std::shared_ptr<const Tensor>> tensors;
  std::vector<std::shared_ptr<HandedMemory>> memories;
  std::map<std::string, std::shared_ptr<storage::Lease>, std::less<>> leases;
  {
    absl::MutexLock lock(&mu_);
    if (closed_) return;
    closed_ = true;
    for (auto& [id, record] : calls_) record.cancellation->token().Cancel();
    graphs = graphs_.RemoveIf([](const LoadedGraph&) { return true; });
    tensors = tensors_.RemoveIf([](const Tensor&) { return true; });
    memories = memories_.RemoveIf([](const HandedMemory&) { return true; });
    contexts_.RemoveIf([](const Context&) { return true; });
    leases.swap(leases_);
  }
  memory_constants_->Clear();
  environment_.tickets.Revoke(session_.id());
}

}  // namespace modeld
