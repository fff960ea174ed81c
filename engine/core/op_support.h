// What lowering asks of a backend, as a pure interface: so lowering and backends never include each other.
#ifndef MODELD_ENGINE_CORE_OP_SUPPORT_H_
#define MODELD_ENGINE_CORE_OP_SUPPORT_H_

#include "engine/core/core_graph.h"
#include "engine/graph/graph.h"

namespace modeld::core {

// Thread-safe: answers depend on the arguments only.
class OpSupport {
 public:
  virtual ~OpSupport() = default;

  // True when the backend runs this graph-level operation natively; otherwise it is decomposed. `graph` is
  // validated: descriptors and attributes are complete.
  virtual bool Claims(const modeld::Graph& graph, const Operation& operation) const = 0;

  // True when `next`, elementwise over `node`'s only output, may become `node`'s last post-op: it then runs
  // on the result before it is stored. Of `graph` only the values may be looked at. A Binary's other operand
  // may be asked for twice: as it is before it is broadcast, then spread out.
  virtual bool Fuses(const Graph& graph, const Node& node, const PostOp& next) const = 0;
};

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_OP_SUPPORT_H_
