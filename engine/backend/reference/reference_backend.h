// The oracle: every core operation as the obvious loop.
#ifndef MODELD_ENGINE_BACKEND_REFERENCE_REFERENCE_BACKEND_H_
#define MODELD_ENGINE_BACKEND_REFERENCE_REFERENCE_BACKEND_H_

#include <memory>
#include <span>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/core/evaluator.h"

namespace modeld {

// Runs the core set on one thread, every operation and element type, slowly. Floats are computed and
// accumulated in double and rounded once when stored. Claims nothing, fuses nothing. Also computes single
// nodes for constant folding. Immutable; thread-safe.
class ReferenceBackend : public Backend, public core::Evaluator {
 public:
  DeviceDescription Describe() const override;
  bool Claims(const Graph& graph, const Operation& operation) const override;
  bool Fuses(const core::Graph& graph, const core::Node& node, const core::PostOp& next) const override;
  // UNIMPLEMENTED for a Native node or one with post-ops.
  using Backend::Compile;
  absl::StatusOr<std::unique_ptr<Program>> Compile(const core::Graph& graph, const CompileOptions& options,
                                                   const CompileReuse& reuse) const override;

  absl::StatusOr<std::vector<Region>> Evaluate(const core::Graph& graph, const core::Node& node,
                                               std::span<const Region> inputs) const override;
};

}  // namespace modeld

#endif  // MODELD_ENGINE_BACKEND_REFERENCE_REFERENCE_BACKEND_H_
