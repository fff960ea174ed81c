// What the public handles share: ids within a session, freed with the last copy. Internal to the client
// library.
#ifndef MODELD_CLIENT_CPP_HANDLES_H_
#define MODELD_CLIENT_CPP_HANDLES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/binding.h"
#include "client/cpp/memory_socket.h"
#include "client/cpp/options.h"
#include "client/cpp/session.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"

namespace modeld::client::internal {

// A context of a session. Thread-safe.
struct ContextHandle {
  ContextHandle(Caller caller, uint64_t id);
  ~ContextHandle() {
    v1::DestroyContextRequest request;
    request.set_context_id(id);
    caller.Send(kDestroyContext, std::move(request));
  }
  ContextHandle(const ContextHandle&) = delete;
  ContextHandle& operator=(const ContextHandle&) = delete;

  const Caller caller;
  const uint64_t id;
  const GraphLimits limits;
};

// A graph of a context. Thread-safe.
struct GraphHandle {
  ~GraphHandle() {
    v1::DestroyGraphRequest request;
    request.set_graph_id(id);
    context->caller.Send(kDestroyGraph, std::move(request));
  }
  const Caller& caller() const { return context->caller; }

  const std::shared_ptr<const ContextHandle> context;
  const uint64_t id;
  const std::vector<Binding> inputs;
  const std::vector<Binding> outputs;
};

// A tensor of a context. Thread-safe.
struct TensorHandle {
  TensorHandle(std::shared_ptr<const ContextHandle> context, uint64_t id, TensorDescriptor descriptor,
               uint64_t size_bytes)
      : context(std::move(context)), id(id), descriptor(std::move(descriptor)), size_bytes(size_bytes) {}
  ~TensorHandle() {
    v1::DestroyTensorRequest request;
    request.set_tensor_id(id);
    context->caller.Send(kDestroyTensor, std::move(request));
  }
  TensorHandle(const TensorHandle&) = delete;
  TensorHandle& operator=(const TensorHandle&) = delete;

  const Caller& caller() const { return context->caller; }
  // The mapped memory; maps it at the first call. What went wrong then is the answer ever after.
  absl::StatusOr<std::span<std::byte>> Memory(const CallScope& scope) const;

  // Fixed at construction.
  const std::shared_ptr<const ContextHandle> context;
  const uint64_t id;
  const TensorDescriptor descriptor;
  const uint64_t size_bytes;

  // Under mu.
  mutable absl::Mutex mu;
  mutable absl::StatusOr<std::unique_ptr<Mapping>> mapping ABSL_GUARDED_BY(mu) =
      absl::UnknownError("not mapped");
  mutable bool tried ABSL_GUARDED_BY(mu) = false;
};

// The limits that the daemon publishes, for checks made here.
GraphLimits LimitsOf(const v1::Capabilities& capabilities);

// A graph handle from the daemon's answer. INTERNAL when the answer cannot be read.
absl::StatusOr<std::shared_ptr<const GraphHandle>> NewGraphHandle(
    std::shared_ptr<const ContextHandle> context, const v1::GraphHandle& handle);

// Completes a graph for sending: digests of constants whose bytes are here and that have none; then Validate,
// so that a wrong graph is reported without a round trip. A graph of operations that this library does not
// know passes: the daemon's table may be newer.
absl::StatusOr<modeld::Graph> PrepareGraph(modeld::Graph graph, const GraphLimits& limits);

// Builds a prepared graph: asks, uploads what is missing, asks again.
absl::StatusOr<std::shared_ptr<const GraphHandle>> BuildPrepared(
    const std::shared_ptr<const ContextHandle>& context, const modeld::Graph& graph, const CallScope& scope,
    const BuildOptions& options);

}  // namespace modeld::client::internal

#endif  // MODELD_CLIENT_CPP_HANDLES_H_
