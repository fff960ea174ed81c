// Everything that one session holds.
#ifndef MODELD_DAEMON_SERVICES_SESSION_OBJECTS_H_
#define MODELD_DAEMON_SERVICES_SESSION_OBJECTS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "daemon/memory/ticket_office.h"
#include "daemon/services/cancellation.h"
#include "daemon/services/handle_table.h"
#include "daemon/services/limits.h"
#include "daemon/services/memory_constants.h"
#include "daemon/services/objects.h"
#include "daemon/session/session.h"
#include "storage/model_store.h"

namespace modeld {

// What the objects of all sessions share; must outlive them.
struct SessionEnvironment {
  const ServiceLimits& limits;
  storage::ModelStore& store;
  TicketOffice& tickets;
  const Clock& clock;
  std::shared_ptr<MemorySlots> memory_slots;
};

// A graph that is about to get a handle; the members are LoadedGraph's.
struct NewGraph {
  std::shared_ptr<const Context> context;
  Digest model_id;
  std::string manifest;
  std::vector<storage::BlobRef> constants;
  std::vector<GraphBinding> inputs;
  std::vector<GraphBinding> outputs;
  std::shared_ptr<const ProgramHandle> program;
  bool stored = false;
  bool uncacheable = false;
  std::shared_ptr<storage::Lease> lease;
  std::optional<absl::Duration> compile_time;
};

// One session's contexts, graphs, tensors, memory, leases and calls, each under the partition in whose name
// it was made and unknown under every other. Numbers are never used twice. Thread-safe. All is let go by
// Close(); a call that still uses something keeps just that alive until it ends.
//
// Errors of every Add..., Open... and Enter...: RESOURCE_EXHAUSTED past a limit (REASON_SESSION_LIMIT),
// CANCELLED after Close(). Of every Find...: NOT_FOUND.
class SessionObjects {
 public:
  SessionObjects(const Session& session, const SessionEnvironment& environment);
  ~SessionObjects();
  SessionObjects(const SessionObjects&) = delete;
  SessionObjects& operator=(const SessionObjects&) = delete;

  // --- Calls in flight ---

  // Counts a call until the returned number is left. Close() and CancelAll() cancel `call`.
  absl::StatusOr<uint64_t> EnterCall(std::shared_ptr<Cancellation> call);
  // Also cancels the call when this context is destroyed or this graph (0: none) is stopped. NOT_FOUND when
  // that has happened already.
  absl::Status BindCall(uint64_t call_id, uint64_t context_id, uint64_t graph_id);
  void LeaveCall(uint64_t call_id);
  void CancelAll();

  // A place among the session's open uploads, until the result is dropped.
  absl::StatusOr<std::shared_ptr<void>> EnterUpload();

  // --- Contexts ---

  absl::StatusOr<std::shared_ptr<const Context>> AddContext(const std::string& partition,
                                                            const Backend& backend,
                                                            const CompileOptions& options);
  absl::StatusOr<std::shared_ptr<const Context>> FindContext(absl::string_view partition, uint64_t id) const;
  // With its graphs and tensors; cancels what runs in it. An unknown id is fine.
  void RemoveContext(absl::string_view partition, uint64_t id);

  // --- Tensors ---

  absl::StatusOr<std::shared_ptr<const Tensor>> AddTensor(const std::string& partition, uint64_t context_id,
                                                          const TensorDescriptor& descriptor);
  absl::StatusOr<std::shared_ptr<const Tensor>> FindTensor(absl::string_view partition, uint64_t id) const;
  void RemoveTensor(absl::string_view partition, uint64_t id);

  // --- Graphs ---

  // What AddGraph would say, before work is put into a graph.
  absl::Status CheckRoomForGraph() const;
  // NOT_FOUND when the context has been destroyed meanwhile.
  absl::StatusOr<std::shared_ptr<LoadedGraph>> AddGraph(NewGraph graph);
  absl::StatusOr<std::shared_ptr<LoadedGraph>> FindGraph(absl::string_view partition, uint64_t id) const;
  // What runs goes on.
  void RemoveGraph(absl::string_view partition, uint64_t id);
  // Takes out the graphs of one model, or all, and cancels their runs. Returns what was taken out.
  std::vector<std::shared_ptr<LoadedGraph>> StopGraphs(const std::optional<Digest>& model_id);

  // --- Memory ---

  struct Announced {
    uint64_t memory_id;
    std::string ticket;
  };
  // A place for memory that the client will send. What was announced, never sent and can no longer be is
  // dropped first.
  absl::StatusOr<Announced> OpenMemory(const std::string& partition, uint64_t size_bytes);
  absl::StatusOr<std::shared_ptr<HandedMemory>> FindMemory(absl::string_view partition, uint64_t id) const;
  void RemoveMemory(absl::string_view partition, uint64_t id);

  // Constants of uncacheable graphs; those of a partition go with a broker's last context of it, all with the
  // session.
  MemoryConstants& memory_constants() { return *memory_constants_; }

  // --- Leases ---

  // The lease under which this session's blobs of `partition` are kept: until the session ends; for a broker,
  // until its last context of that partition ends, and for the caller's use alone where there is none.
  std::shared_ptr<storage::Lease> LeaseFor(const std::string& partition);

  // --- For everybody else ---

  const Session& session() const { return session_; }
  // Counts, for the user's view.
  struct Counts {
    uint32_t contexts = 0;
    uint32_t graphs = 0;
    uint32_t tensors = 0;
    uint32_t memories = 0;
    uint32_t calls = 0;
    uint64_t tensor_bytes = 0;
  };
  Counts counts() const;
  std::vector<std::shared_ptr<LoadedGraph>> Graphs() const;

  // Cancels all calls and lets everything go.
  void Close();

 private:
  struct CallRecord {
    std::shared_ptr<Cancellation> cancellation;
    uint64_t context_id = 0;
    uint64_t graph_id = 0;
  };
  absl::Status CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CancelBoundTo(uint64_t context_id, uint64_t graph_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropStaleMemory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasContextIn(absl::string_view partition) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Fixed at construction.
  const Session& session_;
  const SessionEnvironment environment_;
  const std::shared_ptr<ByteBudget> tensor_budget_;
  const std::shared_ptr<ByteBudget> memory_budget_;
  const std::shared_ptr<ByteBudget> graph_budget_;
  const std::shared_ptr<MemoryConstants> memory_constants_;
  const std::shared_ptr<std::atomic<uint32_t>> uploads_;

  // Under mu_.
  mutable absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<uint64_t, CallRecord> calls_ ABSL_GUARDED_BY(mu_);
  HandleTable<const Context> contexts_ ABSL_GUARDED_BY(mu_);
  HandleTable<const Tensor> tensors_ ABSL_GUARDED_BY(mu_);
  HandleTable<LoadedGraph> graphs_ ABSL_GUARDED_BY(mu_);
  HandleTable<HandedMemory> memories_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<storage::Lease>, std::less<>> leases_ ABSL_GUARDED_BY(mu_);
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_SESSION_OBJECTS_H_
