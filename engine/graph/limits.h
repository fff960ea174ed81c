// Bounds on what a client may ask of the engine, as data.
#ifndef MODELD_ENGINE_GRAPH_LIMITS_H_
#define MODELD_ENGINE_GRAPH_LIMITS_H_

#include <cstdint>

namespace modeld {

// Checked by validation before anything is allocated; published to clients by GetCapabilities.
struct GraphLimits {
  uint32_t max_rank = 8;
  // Bytes of one tensor.
  uint64_t max_tensor_bytes = uint64_t{4} << 30;
  // Bytes of all constants together.
  uint64_t max_constant_bytes = uint64_t{16} << 30;
  uint32_t max_operands = 200'000;
  uint32_t max_operations = 100'000;
  // Inputs and outputs, each.
  uint32_t max_bindings = 1'024;
  // Bytes of a label, an input's or output's name, a string attribute.
  uint32_t max_string_bytes = 1'024;
  // Elements of a list attribute, operands of one operation.
  uint32_t max_list_elements = 4'096;
  // Bodies within bodies of composite operations.
  uint32_t max_composite_depth = 8;
  // Steps of a recurrent operation, each of which becomes operations of its own.
  uint32_t max_recurrent_steps = 16'384;
  // Core operations that a graph decomposes into.
  uint32_t max_core_nodes = 1'000'000;
};

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_LIMITS_H_
