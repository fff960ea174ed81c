#include "engine/graph/data_type.h"

#include <array>

namespace modeld {
namespace {

struct Row {
  absl::string_view name;
  uint8_t bytes;
  bool is_float;
  bool is_signed_integer;
};

// Indexed by the enumerator's value.
constexpr std::array<Row, 9> kRows = {{
    {"", 0, false, false},
    {"float32", 4, true, false},
    {"float16", 2, true, false},
    {"int32", 4, false, true},
    {"uint32", 4, false, false},
    {"int64", 8, false, true},
    {"uint64", 8, false, false},
    {"int8", 1, false, true},
    {"uint8", 1, false, false},
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

uint32_t ElementBytes(DataType type) {
  return RowOf(type).bytes;
}

bool IsFloat(DataType type) {
  return RowOf(type).is_float;
}

bool IsSignedInteger(DataType type) {
  return RowOf(type).is_signed_integer;
}

}  // namespace modeld
