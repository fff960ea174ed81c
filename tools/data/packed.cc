#include "tools/data/packed.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace modeld::tools {

int PackedElement(const Array& array, uint64_t index) {
  const int nibble = static_cast<int>(array.bytes[index / 2]) >> (index % 2 * 4) & 0xf;
  return array.descriptor.data_type == DataType::kInt4 && nibble > 7 ? nibble - 16 : nibble;
}

Array WithWholeBytes(Array array) {
  const DataType type = array.descriptor.data_type;
  if (!IsPacked(type)) return array;
  std::vector<std::byte> elements(array.descriptor.ElementCount());
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<std::byte>(PackedElement(array, i));
  return {.descriptor = {Unpacked(type), std::move(array.descriptor.shape)}, .bytes = std::move(elements)};
}

absl::StatusOr<Array> WithPackedBytes(absl::string_view name, const Array& array, DataType type) {
  const int least = type == DataType::kInt4 ? -8 : 0;
  Array packed = {.descriptor = {type, array.descriptor.shape}, .bytes = {}};
  packed.bytes.resize((array.bytes.size() + 1) / 2);
  for (size_t i = 0; i < array.bytes.size(); ++i) {
    const int value =
        type == DataType::kInt4 ? static_cast<int8_t>(array.bytes[i]) : static_cast<uint8_t>(array.bytes[i]);
    if (value < least || value > least + 15) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": element ", i, " is ", value, "; ",
                                                     DataTypeName(type), " holds ", least, " to ",
                                                     least + 15));
    }
    packed.bytes[i / 2] |= static_cast<std::byte>((value & 0xf) << (i % 2 * 4));
  }
  return packed;
}

}  // namespace modeld::tools
