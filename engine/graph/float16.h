// IEEE 754 binary16, which C++20 has no type for.
#ifndef MODELD_ENGINE_GRAPH_FLOAT16_H_
#define MODELD_ENGINE_GRAPH_FLOAT16_H_

#include <cstdint>

namespace modeld {

// The bits of the float16 nearest to `value`, halves to even; rounds once, from double. What lies beyond the
// range becomes infinity; a NaN becomes the canonical quiet NaN of its sign.
uint16_t FloatToHalf(double value);

// The exact value of a float16's bits.
float HalfToFloat(uint16_t bits);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_FLOAT16_H_
