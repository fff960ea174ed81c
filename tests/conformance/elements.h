// A tensor's elements one by one, as test vectors write them.
#ifndef MODELD_TESTS_CONFORMANCE_ELEMENTS_H_
#define MODELD_TESTS_CONFORMANCE_ELEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/graph/data_type.h"

namespace modeld::conformance {

// One element: for integer types its value (a uint64's as the int64 of the same bits), for float types its
// bits, zero-extended. An integer may lie outside of its type's range: vectors hold such values on purpose.
using Element = int64_t;

// What a vector may hold for one element. A text is a decimal integer, "NaN", "Infinity" or "-Infinity".
using Literal = std::variant<int64_t, uint64_t, double, std::string>;

// The number that a literal stands for. INVALID_ARGUMENT: a text that is none of the above.
absl::StatusOr<double> ReadDouble(const Literal& literal);

// The element that a literal stands for: rounded once to the nearest float16 or float32; integers as they
// are. INVALID_ARGUMENT: an integer type's literal is no integer, or a text is none of the above.
absl::StatusOr<Element> ReadElement(DataType type, const Literal& literal);

// Row-major bytes, as tensors hold them: little-endian, 4-bit types two to a byte, the first in the low
// nibble. Of an integer outside of its type's range the low bits stay.
std::vector<std::byte> Pack(DataType type, std::span<const Element> elements);

// The other way round: the first `count` elements. INVALID_ARGUMENT: the bytes are too few.
absl::StatusOr<std::vector<Element>> Unpack(DataType type, std::span<const std::byte> bytes, uint64_t count);

// Bytes that `count` elements take.
uint64_t PackedBytes(DataType type, uint64_t count);

// The value of a float type's element. Requires: IsFloat(type).
double FloatValue(DataType type, Element element);

// For people: the shortest text that tells a float from its neighbours.
std::string ElementText(DataType type, Element element);

}  // namespace modeld::conformance

#endif  // MODELD_TESTS_CONFORMANCE_ELEMENTS_H_
