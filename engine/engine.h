// The engine's front door: from a graph to a program that runs.
#ifndef MODELD_ENGINE_ENGINE_H_
#define MODELD_ENGINE_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace modeld {

// The first half of CompileGraph: the core graph that `backend` compiles. Requirements, errors:
// CompileGraph's.
absl::StatusOr<core::Graph> LowerGraph(const Graph& graph, const Backend& backend,
                                       const CompileOptions& options);

// Lowers and compiles `graph` for `backend`. Requires: `graph` came out of Validate (engine/ops/validate.h)
// and every constant's bytes are present. Thread-safe. Errors: INVALID_ARGUMENT (a constant's bytes are
// missing or of the wrong size), UNIMPLEMENTED (an operation that the device cannot run, named),
// RESOURCE_EXHAUSTED, INTERNAL.
absl::StatusOr<std::shared_ptr<const Program>> CompileGraph(const Graph& graph, const Backend& backend,
                                                            const CompileOptions& options);

}  // namespace modeld

#endif  // MODELD_ENGINE_ENGINE_H_
