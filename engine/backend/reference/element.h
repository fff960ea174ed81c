// Element types as C++ types, and the conversions between them that core operations define.
#ifndef MODELD_ENGINE_BACKEND_REFERENCE_ELEMENT_H_
#define MODELD_ENGINE_BACKEND_REFERENCE_ELEMENT_H_

#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "engine/graph/data_type.h"

namespace modeld::reference {

// float16 in memory; computed with as double.
using Half = _Float16;

template <typename T>
inline constexpr bool kIsFloat =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Half>;

// What elements of type T are computed with: floats as double, integers as themselves.
template <typename T>
using Wide = std::conditional_t<kIsFloat<T>, double, T>;

// Calls f.operator()<T>() with the C++ type of `type`'s elements. Requires: `type` is valid and
// not packed.
template <typename F>
decltype(auto) WithType(DataType type, F&& f) {
  switch (type) {
    case DataType::kFloat16:
      return f.template operator()<Half>();
    case DataType::kInt32:
      return f.template operator()<int32_t>();
    case DataType::kUint32:
      return f.template operator()<uint32_t>();
    case DataType::kInt64:
      return f.template operator()<int64_t>();
    case DataType::kUint64:
      return f.template operator()<uint64_t>();
    case DataType::kInt8:
      return f.template operator()<int8_t>();
    case DataType::kUint8:
      return f.template operator()<uint8_t>();
    case DataType::kFloat32:
      break;
    case DataType::kInt4:
    case DataType::kUint4:
      assert(false);
      break;
  }
  return f.template operator()<float>();
}

// As WithType for float32 and float16 only.
template <typename F>
decltype(auto) WithFloatType(DataType type, F&& f) {
  return type == DataType::kFloat16 ? f.template operator()<Half>() : f.template operator()<float>();
}

// core::Cast: float to integer truncates and saturates, NaN gives 0; integer to integer wraps; to float
// rounds once.
template <typename To, typename From>
To Convert(From from) {
  if constexpr (kIsFloat<To>) {
    // float16 by way of double is exact up to 2^53, and infinite long before.
    if constexpr (std::is_same_v<To, Half>) return static_cast<Half>(static_cast<double>(from));
    return static_cast<To>(from);
  } else if constexpr (kIsFloat<From>) {
    const auto x = static_cast<double>(from);
    if (std::isnan(x)) return 0;
    // Both bounds are exact in double: the least value, and one past the greatest.
    if (x <= static_cast<double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (x >= std::ldexp(1.0, std::numeric_limits<To>::digits)) return std::numeric_limits<To>::max();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(from);
  }
}

}  // namespace modeld::reference

#endif  // MODELD_ENGINE_BACKEND_REFERENCE_ELEMENT_H_
