// Contexts: WebNN's MLContext.
#ifndef MODELD_CLIENT_CPP_CONTEXT_H_
#define MODELD_CLIENT_CPP_CONTEXT_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "client/cpp/graph.h"
#include "client/cpp/options.h"
#include "client/cpp/tensor.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "engine/ops/support_limits.h"

namespace modeld::client {

namespace internal {
struct ContextHandle;
}

// A session's choice of device and preferences, in which graphs and tensors live. Copies are the same
// context; it ends with the last copy and the last of its graphs and tensors. Thread-safe. Every call is
// FAILED_PRECONDITION once the session has ended.
class Context {
 public:
  // For Client and the library's own handles.
  explicit Context(std::shared_ptr<const internal::ContextHandle> handle) : handle_(std::move(handle)) {}

  // Makes a tensor whose bytes are zero. INVALID_ARGUMENT: descriptor. RESOURCE_EXHAUSTED: the session's
  // tensors.
  absl::StatusOr<Tensor> CreateTensor(const TensorDescriptor& descriptor,
                                      const CallOptions& options = {}) const;
  void CreateTensorAsync(const TensorDescriptor& descriptor, std::function<void(absl::StatusOr<Tensor>)> done,
                         const CallOptions& options = {}) const;

  // Validates a portable graph (of a GraphBuilder, an importer, a file), brings the daemon the constants that
  // it lacks in this partition, and compiles it. Constants without a digest get one; those whose bytes are
  // absent must be known to the daemon. After a lost connection, a new context's BuildGraph goes on from the
  // bytes that arrived. INVALID_ARGUMENT: the graph is wrong; ErrorDetailOf (status.h) names the operation.
  // UNIMPLEMENTED: the daemon does not know an operation. FAILED_PRECONDITION: bytes are wanted that the
  // graph does not hold. RESOURCE_EXHAUSTED: graphs, memory, disk.
  absl::StatusOr<Graph> BuildGraph(const modeld::Graph& graph, const BuildOptions& options = {}) const;
  // As BuildGraph; returns at once. `done` and the progress are called from a thread of the library's.
  void BuildGraphAsync(modeld::Graph graph, std::function<void(absl::StatusOr<Graph>)> done,
                       const BuildOptions& options = {}) const;

  // Which types and ranks each operand of each operation may have here: WebNN's opSupportLimits.
  absl::StatusOr<modeld::OpSupportLimits> OpSupportLimits(const CallOptions& options = {}) const;

  // What the daemon bounds graphs by.
  const GraphLimits& limits() const;

 private:
  friend class ModelCache;
  std::shared_ptr<const internal::ContextHandle> handle_;
};

}  // namespace modeld::client

#endif  // MODELD_CLIENT_CPP_CONTEXT_H_
