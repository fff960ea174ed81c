// Arithmetic on sizes that come from outside.
#ifndef MODELD_BASE_CHECKED_MATH_H_
#define MODELD_BASE_CHECKED_MATH_H_

#include <concepts>
#include <optional>

namespace modeld {

// a + b, or nothing when the result does not fit T.
template <std::integral T>
constexpr std::optional<T> CheckedAdd(T a, T b) {
  T result;
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

// a * b, or nothing when the result does not fit T.
template <std::integral T>
constexpr std::optional<T> CheckedMul(T a, T b) {
  T result;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

}  // namespace modeld

#endif  // MODELD_BASE_CHECKED_MATH_H_
