// Positions and indices as values: what gathering, scattering, comparing and resampling by place is composed
// of. Internal to engine/ops.
#ifndef MODELD_ENGINE_OPS_POSITIONS_H_
#define MODELD_ENGINE_OPS_POSITIONS_H_

#include <cstdint>
#include <vector>

#include "engine/core/core_builder.h"

namespace modeld {

// [start, start + step, start + 2 * step, ...], `count` elements of int32 or int64. No constant of that size:
// an exclusive cumulative sum of `step`, which constant folding computes where it is small. Requires: each of
// them, and count * step, fits the type.
core::ValueId Positions(core::CoreBuilder& b, DataType type, uint32_t count, int64_t start, int64_t step);

// A constant of shape [values.size()] of int32, uint32 or int64. Requires: the values fit the type; they are
// few.
core::ValueId IntegerList(core::CoreBuilder& b, DataType type, const std::vector<int64_t>& values);

// int32 coordinates of `indices` (int32, uint32 or int64) along dimensions of size `sizes` (of the same type,
// broadcasting to the indices' shape): a negative index counts from the end, and every index is then clamped
// to the dimension.
core::ValueId Coordinates(core::CoreBuilder& b, core::ValueId indices, core::ValueId sizes);

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_POSITIONS_H_
