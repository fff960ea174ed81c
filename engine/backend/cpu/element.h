// C++ types for the engine's data types, and dispatch on them.
#ifndef MODELD_ENGINE_BACKEND_CPU_ELEMENT_H_
#define MODELD_ENGINE_BACKEND_CPU_ELEMENT_H_

#include <bit>
#include <cassert>
#include <cstdint>
#include <type_traits>

#include "engine/graph/data_type.h"

namespace modeld::cpu {

// IEEE binary16 as bits; arithmetic is done in float.
struct Half {
  uint16_t bits;
};

// Exact.
inline float FromHalf(Half half) {
  const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16;
  const uint32_t magnitude = half.bits & 0x7fffu;
  // The exponent moves by 112; multiplying by a power of two does that for subnormals too.
  const float scaled =
      std::bit_cast<float>(magnitude << 13) * std::bit_cast<float>(uint32_t{(254 - 15) << 23});
  const float special = std::bit_cast<float>(0x7f800000u | (magnitude << 13));
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude >= 0x7c00u ? special : scaled) | sign);
}

// Rounds to nearest even; what is too large becomes infinite.
inline Half ToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return Half{static_cast<uint16_t>(sign | 0x7e00u)};
  if (magnitude >= 0x477ff000u) return Half{static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {
    // Subnormal or zero: adding 0.5 lets the float adder round at the right bit (ulp of 0.5 is 2^-24).
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return Half{static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - 0x3f000000u))};
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return Half{static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13))};
}

// The type in which a T is computed.
template <typename T>
using Compute = std::conditional_t<std::is_same_v<T, Half>, float, T>;

template <typename T>
Compute<T> Load(T value) {
  if constexpr (std::is_same_v<T, Half>) {
    return FromHalf(value);
  } else {
    return value;
  }
}

template <typename T>
T Store(Compute<T> value) {
  if constexpr (std::is_same_v<T, Half>) {
    return ToHalf(value);
  } else {
    return value;
  }
}

// A type as a value.
template <typename T>
struct TypeTag {
  using type = T;
};

// Returns f(TypeTag<T>{}) for the C++ type of `type`. Requires: not IsPacked(type).
template <typename F>
auto DispatchType(DataType type, F&& f) {
  switch (type) {
    case DataType::kFloat16:
      return f(TypeTag<Half>{});
    case DataType::kInt32:
      return f(TypeTag<int32_t>{});
    case DataType::kUint32:
      return f(TypeTag<uint32_t>{});
    case DataType::kInt64:
      return f(TypeTag<int64_t>{});
    case DataType::kUint64:
      return f(TypeTag<uint64_t>{});
    case DataType::kInt8:
      return f(TypeTag<int8_t>{});
    case DataType::kUint8:
      return f(TypeTag<uint8_t>{});
    case DataType::kFloat32:
      break;
    case DataType::kInt4:
    case DataType::kUint4:
      assert(false);
      break;
  }
  return f(TypeTag<float>{});
}

// As DispatchType, by the size alone, for what only moves elements.
template <typename F>
auto DispatchSize(DataType type, F&& f) {
  switch (ElementBytes(type)) {
    case 1:
      return f(TypeTag<uint8_t>{});
    case 2:
      return f(TypeTag<uint16_t>{});
    case 4:
      return f(TypeTag<uint32_t>{});
    default:
      return f(TypeTag<uint64_t>{});
  }
}

// op(a, b), for integers modulo 2^bits: signed overflow is undefined in C++, unsigned is not.
template <typename T, typename Op>
T Wrap(T a, T b, Op op) {
  if constexpr (std::is_floating_point_v<T>) {
    return op(a, b);
  } else {
    // Widened to 64 bits: narrow unsigned types would be promoted to int, whose products overflow.
    return static_cast<T>(op(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  }
}

}  // namespace modeld::cpu

#endif  // MODELD_ENGINE_BACKEND_CPU_ELEMENT_H_
