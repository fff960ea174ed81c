// Element types of tensors, with WebNN's names.
#ifndef MODELD_ENGINE_GRAPH_DATA_TYPE_H_
#define MODELD_ENGINE_GRAPH_DATA_TYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace modeld {

// The values are part of the canonical encoding and of the protocol: frozen, never renumbered.
enum class DataType : uint8_t {
  kFloat32 = 1,
  kFloat16 = 2,
  kInt32 = 3,
  kUint32 = 4,
  kInt64 = 5,
  kUint64 = 6,
  kInt8 = 7,
  kUint8 = 8,
  // Packed: two elements to a byte, the first one in the low four bits. The high bits of the last byte of an
  // odd number of elements mean nothing.
  kInt4 = 9,
  kUint4 = 10,
};

// WebNN's name: "float32".
absl::string_view DataTypeName(DataType type);
// The type of this name, or nothing.
std::optional<DataType> DataTypeFromName(absl::string_view name);
// True for the enumerators above; use it on numbers that come from outside.
bool IsValidDataType(uint32_t value);
// Bits of one element; 0 for what is no type.
uint32_t ElementBits(DataType type);
// Bytes of one element. Requires: not IsPacked(type).
uint32_t ElementBytes(DataType type);
// int4 and uint4, whose elements share bytes.
bool IsPacked(DataType type);
// int8 for int4, uint8 for uint4, else the type itself.
DataType Unpacked(DataType type);
// float32 and float16.
bool IsFloat(DataType type);
// int4, int8, int32, int64.
bool IsSignedInteger(DataType type);

}  // namespace modeld

#endif  // MODELD_ENGINE_GRAPH_DATA_TYPE_H_
