#include "engine/engine.h"

#include <utility>

#include "base/status.h"
#include "engine/backend/reference/reference_backend.h"
#include "engine/lower/lower.h"

namespace modeld {

absl::StatusOr<core::Graph> LowerGraph(const Graph& graph, const Backend& backend,
                                       const CompileOptions& options) {
  // Constants are folded by the oracle whatever the device, so that folding changes no device's answers.
  const ReferenceBackend evaluator;
  return Lower(graph, backend, evaluator, {.fuse = options.fuse, .claim = options.claim});
}

absl::StatusOr<std::shared_ptr<const Program>> CompileGraph(const Graph& graph, const Backend& backend,
                                                            const CompileOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const core::Graph lowered, LowerGraph(graph, backend, options));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<Program> program, backend.Compile(lowered, options));
  return std::shared_ptr<const Program>(std::move(program));
}

}  // namespace modeld
