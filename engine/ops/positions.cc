#include "engine/ops/positions.h"

#include <cstring>
#include <string>

namespace modeld {

using core::CoreBuilder;
using core::ValueId;

ValueId Positions(CoreBuilder& b, DataType type, uint32_t count, int64_t start, int64_t step) {
  if (count == 1) return b.ReshapeTo(b.IntegerScalar(type, start), {1});
  const ValueId steps = b.BroadcastTo(b.IntegerScalar(type, step), {count});
  const ValueId sums = b.ScanAlong({.axis = 0, .exclusive = true, .reversed = false}, steps);
  return start == 0 ? sums : b.Add(sums, b.IntegerScalar(type, start));
}

ValueId IntegerList(CoreBuilder& b, DataType type, const std::vector<int64_t>& values) {
  const uint32_t bytes_each = ElementBytes(type);
  std::string bytes(values.size() * bytes_each, '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const auto narrow = static_cast<uint32_t>(values[i]);
    const void* element = bytes_each == sizeof(narrow) ? static_cast<const void*>(&narrow) : &values[i];
    std::memcpy(bytes.data() + i * bytes_each, element, bytes_each);
  }
  return b.AddConstant({type, {static_cast<uint32_t>(values.size())}}, Region::Copy(bytes));
}

ValueId Coordinates(CoreBuilder& b, ValueId indices, ValueId sizes) {
  const DataType type = b.type(indices);
  if (IsSignedInteger(type)) {
    const ValueId zero = b.IntegerScalar(type, 0);
    const ValueId is_negative = b.Apply(core::Comparison::kLesser, indices, zero);
    indices = b.Max(b.SelectIf(is_negative, b.Add(indices, sizes), indices), zero);
  }
  return b.CastTo(b.Min(indices, b.Sub(sizes, b.IntegerScalar(type, 1))), DataType::kInt32);
}

}  // namespace modeld
