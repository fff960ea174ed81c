#include "engine/testing/random_source.h"

#include <algorithm>
#include <limits>

namespace modeld::testing {
namespace {

constexpr uint32_t kMaxElements = 4096;
constexpr double kExtremeFloats[] = {std::numeric_limits<double>::quiet_NaN(),
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity(),
                                     0.0,
                                     -0.0,
                                     60000.0,
                                     -60000.0,
                                     0.5,
                                     -2.5};

}  // namespace

std::pair<double, double> IntegerRange(DataType type) {
  switch (type) {
    case DataType::kInt4:
      return {-8, 7};
    case DataType::kUint4:
      return {0, 15};
    case DataType::kInt8:
      return {-128, 127};
    case DataType::kUint8:
      return {0, 255};
    case DataType::kInt32:
      return {-2147483648.0, 2147483647.0};
    case DataType::kUint32:
      return {0, 4294967295.0};
    case DataType::kInt64:
      return {-9223372036854775808.0, 9223372036854774784.0};
    default:
      return {0, 18446744073709549568.0};
  }
}

Shape RandomSource::AnyShape(uint32_t least_rank, uint32_t most_rank) {
  Shape shape(Between(least_rank, most_rank));
  uint32_t left = kMaxElements;
  for (uint32_t& size : shape) {
    size = Once(6) ? 1 : Once(4) ? Between(1, 70) : Between(1, 7);
    size = std::min(size, left);
    left /= size;
  }
  std::reverse(shape.begin(), shape.end());
  return shape;
}

double RandomSource::Element(DataType type, Elements elements) {
  const bool extreme = elements == Elements::kExtreme && Once(12);
  if (IsFloat(type)) {
    if (extreme) return kExtremeFloats[Between(0, std::size(kExtremeFloats) - 1)];
    return Unit() * (elements == Elements::kSmall ? 1 : 4);
  }
  const auto [least, most] = IntegerRange(type);
  if (extreme) return Once(2) ? least : most;
  const double value = static_cast<double>(Between(0, 40)) - 12;
  return std::clamp(value, least, most);
}

Tensor RandomSource::AnyTensor(DataType type, Shape shape, Elements elements) {
  uint64_t count = 1;
  for (uint32_t size : shape) count *= size;
  std::vector<double> values(count);
  for (double& value : values) value = Element(type, elements);
  return TensorOf(type, std::move(shape), values);
}

}  // namespace modeld::testing
