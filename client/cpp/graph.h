// Graphs that are ready to run: WebNN's MLGraph.
#ifndef MODELD_CLIENT_CPP_GRAPH_H_
#define MODELD_CLIENT_CPP_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "client/cpp/binding.h"
#include "client/cpp/options.h"
#include "client/cpp/tensor.h"

namespace modeld::client {

namespace internal {
struct GraphHandle;
}

// Tensors by the graph's names for its inputs or outputs.
using NamedTensors = std::map<std::string, Tensor>;
// Borrowed bytes by name.
using NamedBytes = std::map<std::string, std::span<const std::byte>>;

// What a run gives back.
struct RunResult {
  // The bytes of the wanted outputs by name, packed and row-major.
  std::map<std::string, std::vector<std::byte>> outputs;
  // What the run itself took, without waiting and transport.
  absl::Duration run_time;
};

// Bytes as elements. Requires: T is the C++ type of the data type (float for float32). Bytes that make no
// whole element are left out.
template <typename T>
std::vector<T> ElementsOf(std::span<const std::byte> bytes) {
  std::vector<T> elements(bytes.size() / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(T));
  return elements;
}

// A compiled graph of a context. Copies are the same graph; the last one frees it. Thread-safe.
// Every call is FAILED_PRECONDITION once the session has ended, and NOT_FOUND once the user stopped the
// model.
class Graph {
 public:
  // For Context and ModelCache.
  explicit Graph(std::shared_ptr<const internal::GraphHandle> handle) : handle_(std::move(handle)) {}

  // In the order that the graph was built with.
  const std::vector<Binding>& inputs() const;
  const std::vector<Binding>& outputs() const;
  // The daemon's name for it, within this session.
  uint64_t id() const;

  // WebNN's dispatch(): runs on tensors of the same context, all inputs and all outputs; returns when the
  // outputs are written, with the time that the run itself took. Dispatches of one context run in the order
  // of their arrival. INVALID_ARGUMENT: a name is missing or unknown, a type or shape differs, an output is
  // bound twice or also an input. RESOURCE_EXHAUSTED: the queue is full or memory is short. CANCELLED,
  // DEADLINE_EXCEEDED: outputs are undefined.
  absl::StatusOr<absl::Duration> Dispatch(const NamedTensors& inputs, const NamedTensors& outputs,
                                          const CallOptions& options = {}) const;
  // As Dispatch; `done` is called once, from a thread of the library's, and must not block. The tensors are
  // kept until then.
  void DispatchAsync(const NamedTensors& inputs, const NamedTensors& outputs,
                     std::function<void(absl::StatusOr<absl::Duration>)> done,
                     const CallOptions& options = {}) const;

  // Runs on bytes, for one-shot use; what does not fit a message goes through tensors. `outputs` names those
  // that are wanted; empty: all. Errors: as Dispatch.
  absl::StatusOr<RunResult> Run(const NamedBytes& inputs, const std::vector<std::string>& outputs = {},
                                const CallOptions& options = {}) const;
  // As Run; returns at once. The bytes are copied.
  void RunAsync(const NamedBytes& inputs, std::function<void(absl::StatusOr<RunResult>)> done,
                const std::vector<std::string>& outputs = {}, const CallOptions& options = {}) const;

  // Stores the graph in the partition; durable when it returns its model id. Safe to retry.
  // RESOURCE_EXHAUSTED: no room.
  absl::StatusOr<Digest> Store(const CallOptions& options = {}) const;
  void StoreAsync(std::function<void(absl::StatusOr<Digest>)> done, const CallOptions& options = {}) const;

 private:
  friend class ModelCache;
  std::shared_ptr<const internal::GraphHandle> handle_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_GRAPH_H_
