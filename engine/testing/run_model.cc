#include "engine/testing/run_model.h"

#include "base/status.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/engine.h"
#include "engine/runtime/executor.h"

namespace modeld::testing {

absl::StatusOr<std::vector<Tensor>> RunOnReference(const Graph& graph, std::span<const Tensor> inputs) {
  MODELD_ASSIGN_OR_RETURN(const auto program, CompileGraph(graph, ReferenceBackend(), {}));
  std::vector<Tensor> results;
  for (const TensorDescriptor& output : program->outputs) {
    MODELD_ASSIGN_OR_RETURN(const uint64_t bytes, output.ByteSize());
    results.push_back({.descriptor = output, .bytes = std::vector<std::byte>(bytes)});
  }
  std::vector<std::span<const std::byte>> in;
  std::vector<std::span<std::byte>> out;
  for (const Tensor& input : inputs) in.emplace_back(input.bytes);
  for (Tensor& result : results) out.emplace_back(result.bytes);
  MODELD_ASSIGN_OR_RETURN(Arena arena, Arena::Create(*program));
  MODELD_RETURN_IF_ERROR(Execute(*program, in, out, arena, nullptr));
  return results;
}

}  // namespace modeld::testing
