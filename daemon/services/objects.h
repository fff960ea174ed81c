// What a session can hold: contexts, tensors, graphs and handed-over memory.
#ifndef MODELD_DAEMON_SERVICES_OBJECTS_H_
#define MODELD_DAEMON_SERVICES_OBJECTS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "base/region.h"
#include "daemon/memory/shared_memory.h"
#include "daemon/services/byte_budget.h"
#include "daemon/services/memory_slots.h"
#include "engine/backend/backend.h"
#include "engine/graph/tensor_descriptor.h"
#include "engine/runtime/executor.h"
#include "engine/runtime/program.h"
#include "storage/model_store.h"
#include "storage/store_types.h"

namespace modeld {

class ProgramHandle;

// A session's choice of device and preferences. Immutable; thread-safe.
struct Context {
  const uint64_t id;
  const std::string partition;
  const Backend& backend;
  const std::string device;
  const CompileOptions options;
};

// A tensor. Immutable but for its bytes, which clients share; thread-safe as far as these are not concerned.
struct Tensor {
  const uint64_t id;
  const std::string partition;
  const std::shared_ptr<const Context> context;
  const TensorDescriptor descriptor;
  const std::shared_ptr<SharedMemory> memory;
  const ByteBudget::Charge charge;
  const MemorySlots::Slot slot;
};

// A graph's input or output.
struct GraphBinding {
  std::string name;
  TensorDescriptor descriptor;
  uint64_t size_bytes = 0;
};

// Keeps one arena between runs of one graph: runs of one context follow one another. Thread-safe.
class ArenaPool {
 public:
  explicit ArenaPool(uint64_t max_idle_bytes) : max_idle_bytes_(max_idle_bytes) {}

  // RESOURCE_EXHAUSTED when the memory cannot be had.
  absl::StatusOr<Arena> Take(const Program& program);
  // Gives back what is kept and not in use.
  void Trim();
  // Ends the use of what Take gave. Of what was given back one is kept.
  void Give(Arena arena);
  // As Give(), keeping nothing: a run that did not end well gives its memory back.
  void Drop(Arena arena);
  // Bytes of arenas in use or kept.
  uint64_t bytes() const;

 private:
  // Fixed at construction.
  const uint64_t max_idle_bytes_;

  // Under mu_.
  mutable absl::Mutex mu_;
  std::vector<Arena> idle_ ABSL_GUARDED_BY(mu_);
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

// A model compiled for a context. Thread-safe. A run keeps it alive after its handle was freed.
struct LoadedGraph {
  // Goes last: who waits for the graph's end by a weak pointer to this finds its memory free.
  const std::shared_ptr<const void> alive;
  const uint64_t id;
  const std::string partition;
  const std::shared_ptr<const Context> context;
  const Digest model_id;
  // Canonical bytes, the model id's preimage: what Store keeps.
  const std::string manifest;
  // Distinct, in order of first use.
  const std::vector<storage::BlobRef> constants;
  // In the program's order.
  const std::vector<GraphBinding> inputs;
  const std::vector<GraphBinding> outputs;
  // Shared by sessions, and not always in memory; see ProgramCache.
  const std::shared_ptr<const ProgramHandle> program;
  const ByteBudget::Charge charge;

  ArenaPool arenas;
  // The next three are set before anybody else sees the graph. Must not be stored.
  bool uncacheable = false;
  // Holds the model's blobs for the partition, and keeps a model that it stored from being evicted.
  std::shared_ptr<storage::Lease> lease;
  // Of its compilation, when this handle was the one that waited for it.
  std::optional<absl::Duration> compile_time;
  // Whether the partition's cache is known to have the model.
  std::atomic<bool> stored = false;
  std::atomic<uint64_t> runs = 0;
  // Unix seconds; 0: never.
  std::atomic<int64_t> last_run_at = 0;
};

// Memory on its way in: announced by OpenMemory, delivered through the memory socket, read by
// ImportConstants. Thread-safe.
class HandedMemory {
 public:
  HandedMemory(uint64_t id_in, std::string partition_in, uint64_t size_bytes_in, absl::Time announced_at_in,
               ByteBudget::Charge charge, MemorySlots::Slot slot)
      : id(id_in),
        partition(std::move(partition_in)),
        size_bytes(size_bytes_in),
        announced_at(announced_at_in),
        charge_(std::move(charge)),
        slot_(std::move(slot)) {}

  const uint64_t id;
  const std::string partition;
  const uint64_t size_bytes;
  const absl::Time announced_at;

  // Takes the descriptor that the client sent.
  void Deliver(UniqueFd fd);
  bool delivered() const;
  // The bytes, mapped at the first call. NOT_FOUND: nothing was sent. Errors of MapSealedMemory, with each
  // call.
  absl::StatusOr<Region> Bytes();

 private:
  // Fixed at construction.
  const ByteBudget::Charge charge_;
  const MemorySlots::Slot slot_;

  // Under mu_.
  mutable absl::Mutex mu_;
  bool delivered_ ABSL_GUARDED_BY(mu_) = false;
  UniqueFd fd_ ABSL_GUARDED_BY(mu_);
  absl::StatusOr<Region> region_ ABSL_GUARDED_BY(mu_) = Region();
};

}  // namespace modeld

#endif  // MODELD_DAEMON_SERVICES_OBJECTS_H_
