// Values that several families of converters compose of WebNN's operations.
#ifndef MODELD_TOOLS_IMPORTER_COMPOSE_H_
#define MODELD_TOOLS_IMPORTER_COMPOSE_H_

#include <cstdint>
#include <functional>

#include "tools/importer/emitter.h"

namespace modeld::importer {

// The constant 0, 1 ... size - 1 along `axis` of a tensor of this rank, whose other dimensions are 1.
OperandId Iota(Emitter& e, DataType type, uint32_t size, size_t axis, size_t rank);

// Indices along a dimension of `size`, with those below 0 counted from its end.
OperandId WrapIndices(Emitter& e, OperandId indices, uint32_t size);

// Calls `body` on x in float32 and casts the result back to x's type: what rounds more than once is exact
// enough in float32 only.
OperandId InFloat32(Emitter& e, OperandId x, const std::function<OperandId(OperandId)>& body);

// [outer, inner]: the two dimensions into which ONNX flattens a tensor at `axis`.
Shape FlattenAt(const Shape& shape, size_t axis);

// The input's only element as an integer. UNIMPLEMENTED when it is not known while importing;
// INVALID_ARGUMENT when it is no integer.
absl::StatusOr<int64_t> IntInput(NodeContext& node, int index, absl::string_view what);

// All elements `value`, without holding more than one of them while importing.
OperandId Filled(Emitter& e, DataType type, double value, const Shape& shape);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_COMPOSE_H_
