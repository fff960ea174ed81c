// Products and convolutions of 8-bit integers, exact, by WebNN's operations on floats.
//
// float32 holds every integer up to 2^24. Sums of products of two 8-bit factors stay below that for a few
// hundred terms, so longer sums are cut into parts that do, and the parts added as int32: the result is the
// exact (wrapping) int32 that ONNX wants, whatever the order of addition.
#ifndef MODELD_TOOLS_IMPORTER_INTEGER_PRODUCT_H_
#define MODELD_TOOLS_IMPORTER_INTEGER_PRODUCT_H_

#include <optional>

#include "tools/importer/emitter.h"

namespace modeld::importer {

// 8-bit integers less their zero point, as float32, and how large one may be.
struct Factor {
  OperandId values;
  uint32_t bound = 255;
};

// An exact sum of products: int32, or float32 where that holds it.
struct ExactSum {
  OperandId value;
};
OperandId ToInt32(Emitter& e, const ExactSum& sum);
// Rounded to nearest where int32 says more than float32 can.
OperandId ToFloat32(Emitter& e, const ExactSum& sum);

// The node's input `index` less the one of `zero_point_index` (absent: 0), which broadcasts as it is unless
// `zero_point_shape` says how it lies.
Factor ReadFactor(Emitter& e, int index, int zero_point_index,
                  const std::optional<Shape>& zero_point_shape = std::nullopt);
// The same for operands that are not inputs.
Factor MakeFactor(Emitter& e, OperandId values, std::optional<OperandId> zero_point);

// a * b over the last two dimensions, each of rank 2 at least.
ExactSum MultiplyExactly(Emitter& e, const Factor& a, const Factor& b);

// The convolution of the node's attributes. UNIMPLEMENTED: a single channel of the filter has too many
// elements for an exact sum.
ExactSum ConvolveExactly(Emitter& e, const Factor& x, const Factor& w);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_INTEGER_PRODUCT_H_
