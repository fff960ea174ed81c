// 4-bit elements, two to a byte, and the 8-bit elements that files have instead.
#ifndef MODELD_TOOLS_DATA_PACKED_H_
#define MODELD_TOOLS_DATA_PACKED_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/data/array.h"

namespace modeld::tools {

// The element at `index` of an int4 or uint4 array. Requires: it is one of its elements. Thread-safe.
int PackedElement(const Array& array, uint64_t index);

// The array with elements of 8 bits, if it is int4 or uint4; else as it is. Requires: the bytes fit the
// descriptor. Thread-safe.
Array WithWholeBytes(Array array);

// An array of the 8-bit type of `type`'s sign with elements of `type`, which is int4 or uint4.
// INVALID_ARGUMENT, beginning with `name`: an element is out of range. Requires: the bytes fit the
// descriptor. Thread-safe.
absl::StatusOr<Array> WithPackedBytes(absl::string_view name, const Array& array, DataType type);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_DATA_PACKED_H_
