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
  const std::vector<double> a = ValuesOf(found);
  const std::vector<double> b = ValuesOf(expected);
  const uint32_t bytes = ElementBytes(expected.descriptor.data_type);
  for (size_t i = 0; i < a.size(); ++i) {
    const bool agree =
        IsFloat(expected.descriptor.data_type)
            ? Agree(a[i], b[i], tolerance)
            : std::memcmp(found.bytes.data() + i * bytes, expected.bytes.data() + i * bytes, bytes) == 0;
    if (!agree) return absl::StrCat("element ", i, ": found ", a[i], ", expected ", b[i]);
  }
  return std::nullopt;
}

}  // namespace modeld::testing
