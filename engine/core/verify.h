// The rules of core graphs.
#ifndef MODELD_ENGINE_CORE_VERIFY_H_
#define MODELD_ENGINE_CORE_VERIFY_H_

#include <span>

#include "absl/status/status.h"
#include "engine/core/core_graph.h"

namespace modeld::core {

// Checks all that a backend may rely on: ids in range, sizes that fit, constants of the right size, every
// value written once and before it is read, and each operation's rules of count, type and shape. INTERNAL
// otherwise, naming the node by its label and index: core graphs are made by us, so a bad one is our mistake.
// Thread-safe.
absl::Status Verify(const Graph& graph);

// Checks one operation against its operands' descriptors, which have passed ByteSize(). INTERNAL with the
// rule that is broken. A Native always passes. Thread-safe.
absl::Status VerifyOp(const Op& op, std::span<const TensorDescriptor* const> inputs,
                      std::span<const TensorDescriptor* const> outputs);

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_VERIFY_H_
