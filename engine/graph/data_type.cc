#include "engine/graph/data_type.h"

#include <array>
#include <cassert>

namespace modeld {
namespace {

struct Row {
  absl::string_view name;
  uint8_t bits;
  bool is_float;
  bool is_signed_integer;
};

// Indexed by the enumerator's value.
constexpr std::array<Row, 11> kRows = {{
    {"", 0, false, false},
    {"float32", 32, true, false},
    {"float16", 16, true, false},
    {"int32", 32, false, true},
    {"uint32", 32, false, false},
    {"int64", 64, false, true},
    {"uint64", 64, false, false},
    {"int8", 8, false, true},
    {"uint8", 8, false, false},
    {"int4", 4, false, true},
    {"uint4", 4, false, false},
}};

const Row& RowOf(DataType type) {
  const auto value = static_cast<uint32_t>(type);
  return IsValidDataType(value) ? kRows[value] : kRows[0];
}

}  // namespace

absl::string_view DataTypeName(DataType type) {
  return RowOf(type).name;
}

std::optional<DataType> DataTypeFromName(absl::string_view name) {
  for (uint32_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

bool IsValidDataType(uint32_t value) {
  return value >= 1 && value < kRows.size();
}

uint32_t ElementBits(DataType type) {
  return RowOf(type).bits;
}

uint32_t ElementBytes(DataType type) {
  assert(!IsPacked(type));
  return RowOf(type).bits / 8;
}

bool IsPacked(DataType type) {
  return type == DataType::kInt4 || type == DataType::kUint4;
}

DataType Unpacked(DataType type) {
  if (type == DataType::kInt4) return DataType::kInt8;
  if (type == DataType::kUint4) return DataType::kUint8;
  return type;
}

bool IsFloat(DataType type) {
  return RowOf(type).is_float;
}

bool IsSignedInteger(DataType type) {
  return RowOf(type).is_signed_integer;
}

}  // namespace modeld
