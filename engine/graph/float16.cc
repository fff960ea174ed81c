#include "engine/graph/float16.h"

#include <bit>
#include <cmath>

namespace modeld {

uint16_t FloatToHalf(double value) {
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7e00;
  const double magnitude = std::fabs(value);
  // 65520 lies halfway between the greatest finite float16 and 2^16, and rounds up to the even one.
  if (magnitude >= 65520.0) return sign | 0x7c00;
  if (magnitude < 0x1p-14) {
    // Subnormal: a multiple of 2^-24. Scaling by a power of two is exact here, so only nearbyint rounds; the
    // result 0x400 is the smallest normal number, which is as it should be.
    return sign | static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24));
  }
  int exponent = 0;
  // magnitude = fraction * 2^exponent with fraction in [0.5, 1); 11 significant bits remain.
  const double fraction = std::frexp(magnitude, &exponent);
  const auto significand = static_cast<uint32_t>(std::nearbyint(fraction * 2048.0));  // 1024..2048
  // A carry to 2048 moves into the exponent by this addition.
  return sign | static_cast<uint16_t>(((exponent + 13) << 10) + significand);
}

float HalfToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t significand = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | (significand << 13));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(significand), -24);
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (significand << 13));
}

}  // namespace modeld
