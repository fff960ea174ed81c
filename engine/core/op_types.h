// Which element types each core operation takes.
#ifndef MODELD_ENGINE_CORE_OP_TYPES_H_
#define MODELD_ENGINE_CORE_OP_TYPES_H_

#include <span>

#include "engine/core/core_graph.h"
#include "engine/graph/data_type.h"

namespace modeld::core {

// The types that the operation's data operands may have: of all inputs, but for Select's condition (uint8)
// and the indices of Gather and Scatter (GatherIndexTypes). Empty for Native, whose rules are the graph
// level's. Thread-safe.
std::span<const DataType> DataTypesOf(const Op& op);

// int32, uint32, int64.
std::span<const DataType> GatherIndexTypes();

// The output's type for data operands of `input` type. Requires: `op` is neither Cast (any type) nor Native.
DataType OutputTypeOf(const Op& op, DataType input);

}  // namespace modeld::core

#endif  // MODELD_ENGINE_CORE_OP_TYPES_H_
