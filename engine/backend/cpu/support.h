// What this backend runs natively above the core set, as one table.
#ifndef MODELD_ENGINE_BACKEND_CPU_SUPPORT_H_
#define MODELD_ENGINE_BACKEND_CPU_SUPPORT_H_

#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/backend/cpu/emitter.h"
#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld::cpu {

// A claimed operation. Each computes its decomposition's formula with the same special values, in one step
// instead of several.
struct NativeRule {
  // WebNN's name.
  absl::string_view type;
  // Whether this case of it is claimed; `graph` is validated.
  bool (*claims)(const modeld::Graph& graph, const Operation& operation);
  // Adds the node's steps (see emit.h).
  absl::Status (*emit)(Emitter& emitter, const core::Node& node, const Operation& operation);
  // Whether `emit` fuses the node's post-ops itself.
  bool takes_post_ops = false;
};

// All rules. Thread-safe; they live as long as the process.
std::span<const NativeRule> NativeRules();
// The rule of this type, or null.
const NativeRule* FindNativeRule(absl::string_view type);

// True for the products: their emitters take the node's post-ops along.
bool TakesPostOps(const core::Op& op);

// core::OpSupport's answers. Pure.
bool Claims(const modeld::Graph& graph, const Operation& operation);
bool Fuses(const core::Graph& graph, const core::Node& node, const core::PostOp& next);

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_SUPPORT_H_
