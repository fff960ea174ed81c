#include "engine/testing/compare.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace modeld::testing {
namespace {

bool Agree(double found, double expected, Tolerance tolerance) {
  if (std::isnan(found) || std::isnan(expected)) return std::isnan(found) && std::isnan(expected);
  if (found == expected) return true;
  if (std::isinf(found) || std::isinf(expected)) return false;
  return std::fabs(found - expected) <= tolerance.absolute + tolerance.relative * std::fabs(expected);
}

}  // namespace

std::optional<std::string> FirstDifference(const Tensor& found, const Tensor& expected, Tolerance tolerance) {
  if (found.descriptor != expected.descriptor || found.bytes.size() != expected.bytes.size()) {
    return absl::StrCat("found ", found.descriptor.ToString(), ", expected ", expected.descriptor.ToString());
  }
  const DataType type = expected.descriptor.data_type;
  const std::vector<double> a = ValuesOf(found);
  const std::vector<double> b = ValuesOf(expected);
  // 64-bit integers may differ in bits that a double has not.
  const auto same_bytes = [&](size_t i) {
    const uint32_t bytes = ElementBytes(type);
    return std::memcmp(found.bytes.data() + i * bytes, expected.bytes.data() + i * bytes, bytes) == 0;
  };
  for (size_t i = 0; i < a.size(); ++i) {
    const bool agree = IsFloat(type)    ? Agree(a[i], b[i], tolerance)
                       : IsPacked(type) ? a[i] == b[i]
                                        : same_bytes(i);
    if (!agree) return absl::StrCat("element ", i, ": found ", a[i], ", expected ", b[i]);
  }
  return std::nullopt;
}

}  // namespace modeld::testing
