#include "tests/fuzz/bound.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/graph/float16.h"

namespace modeld::fuzz {
namespace {

template <typename T>
T Load(const std::byte* bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
Bound Limits() {
  return {static_cast<Real>(std::numeric_limits<T>::min()), static_cast<Real>(std::numeric_limits<T>::max())};
}

}  // namespace

Bound RangeOf(DataType type) {
  switch (type) {
    case DataType::kInt32:
      return Limits<int32_t>();
    case DataType::kUint32:
      return Limits<uint32_t>();
    case DataType::kInt64:
      return Limits<int64_t>();
    case DataType::kUint64:
      return Limits<uint64_t>();
    case DataType::kInt8:
      return Limits<int8_t>();
    case DataType::kUint8:
      return Limits<uint8_t>();
    case DataType::kInt4:
      return {-8, 7};
    case DataType::kUint4:
      return {0, 15};
    case DataType::kFloat32:
    case DataType::kFloat16:
      break;
  }
  return {-kInfinity, kInfinity};
}

Real ElementAt(DataType type, const std::byte* bytes, uint64_t index) {
  switch (type) {
    case DataType::kFloat32:
      return Load<float>(bytes, index);
    case DataType::kFloat16:
      return HalfToFloat(Load<uint16_t>(bytes, index));
    case DataType::kInt32:
      return Load<int32_t>(bytes, index);
    case DataType::kUint32:
      return Load<uint32_t>(bytes, index);
    case DataType::kInt64:
      return static_cast<Real>(Load<int64_t>(bytes, index));
    case DataType::kUint64:
      return static_cast<Real>(Load<uint64_t>(bytes, index));
    case DataType::kInt8:
      return Load<int8_t>(bytes, index);
    case DataType::kUint8:
      return Load<uint8_t>(bytes, index);
    case DataType::kInt4:
    case DataType::kUint4:
      break;
  }
  const int nibble = static_cast<int>(bytes[index / 2]) >> (index % 2 * 4) & 0xf;
  return type == DataType::kInt4 && nibble > 7 ? nibble - 16 : nibble;
}

BoundTensor Known(const TensorDescriptor& descriptor, const std::byte* bytes) {
  BoundTensor tensor = {.descriptor = descriptor, .elements = {}};
  tensor.elements.resize(descriptor.ElementCount());
  for (uint64_t i = 0; i < tensor.elements.size(); ++i) {
    const Real value = ElementAt(descriptor.data_type, bytes, i);
    tensor.elements[i] = std::isnan(value) ? Nan() : Point(value);
  }
  return tensor;
}

std::string ToString(const Bound& bound) {
  if (bound.nan == MayBeNan::kYes) return "NaN";
  std::string text = bound.lo == bound.hi ? absl::StrFormat("%.10Lg", bound.lo)
                                          : absl::StrFormat("[%.10Lg, %.10Lg]", bound.lo, bound.hi);
  if (bound.nan == MayBeNan::kPerhaps) absl::StrAppend(&text, " or NaN");
  return text;
}

}  // namespace modeld::fuzz
