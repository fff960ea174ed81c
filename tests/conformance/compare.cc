#include "tests/conformance/compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace modeld::conformance {
namespace {

constexpr std::pair<Metric, absl::string_view> kMetricNames[] = {
    {Metric::kUlp, "ULP"},
    {Metric::kAtol, "ATOL"},
    {Metric::kClose, "allclose"},
};

uint64_t Difference(int64_t a, int64_t b) {
  const auto [low, high] = std::minmax(a, b);
  return static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
}

// A float's bits as a signed integer of its width.
int64_t SignedBits(DataType type, Element bits) {
  return type == DataType::kFloat16 ? std::bit_cast<int16_t>(static_cast<uint16_t>(bits))
                                    : std::bit_cast<int32_t>(static_cast<uint32_t>(bits));
}

constexpr double kFar = std::numeric_limits<double>::infinity();

double FloatDistance(DataType type, Element expected, Element got, const Tolerance& tolerance) {
  const double e = FloatValue(type, expected);
  const double g = FloatValue(type, got);
  if (std::isnan(e) || std::isnan(g)) return std::isnan(e) && std::isnan(g) ? 0 : kFar;
  if (e == g) return 0;
  if (tolerance.metric == Metric::kUlp) {
    // Equal zeros have different bits.
    const int64_t e_bits = e == 0 ? 0 : SignedBits(type, expected);
    const int64_t g_bits = g == 0 ? 0 : SignedBits(type, got);
    return static_cast<double>(Difference(e_bits, g_bits));
  }
  if (std::isinf(e) || std::isinf(g)) return kFar;
  return std::max(0.0, std::abs(e - g) - tolerance.relative * std::abs(e));
}

double IntegerDistance(DataType type, Element expected, Element got, const Tolerance& tolerance) {
  const bool is_unsigned = type == DataType::kUint64;
  const auto u_expected = std::bit_cast<uint64_t>(expected);
  const auto u_got = std::bit_cast<uint64_t>(got);
  const uint64_t difference =
      is_unsigned ? std::max(u_expected, u_got) - std::min(u_expected, u_got) : Difference(expected, got);
  const double size = is_unsigned ? static_cast<double>(u_expected) : std::abs(static_cast<double>(expected));
  return std::max(0.0, static_cast<double>(difference) - tolerance.relative * size);
}

}  // namespace

std::string Tolerance::ToString() const {
  const auto* row = std::find_if(std::begin(kMetricNames), std::end(kMetricNames),
                                 [&](const auto& candidate) { return candidate.first == metric; });
  const std::string text = absl::StrCat(row->second, " ", value);
  return relative == 0 ? text : absl::StrCat(text, " + ", relative, " * |expected|");
}

absl::StatusOr<Tolerance> MakeTolerance(absl::string_view metric, double value) {
  if (!(value >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat("tolerance: ", value, " is no distance"));
  }
  if (metric == "ULP") return Tolerance{Metric::kUlp, value};
  if (metric == "ATOL") return Tolerance{Metric::kAtol, value};
  return absl::InvalidArgumentError(
      absl::StrCat("tolerance: there is no metric \"", metric, "\", only ULP and ATOL"));
}

double Distance(DataType type, Element expected, Element got, const Tolerance& tolerance) {
  return IsFloat(type) ? FloatDistance(type, expected, got, tolerance)
                       : IntegerDistance(type, expected, got, tolerance);
}

bool Agree(DataType type, Element expected, Element got, const Tolerance& tolerance) {
  return Distance(type, expected, got, tolerance) <= tolerance.value;
}

Comparison Compare(DataType type, std::span<const Element> expected, std::span<const Element> got,
                   const Tolerance& tolerance, size_t max_examples) {
  Comparison comparison{.compared = expected.size()};
  for (size_t i = 0; i < expected.size(); ++i) {
    const double distance = Distance(type, expected[i], got[i], tolerance);
    comparison.worst = std::max(comparison.worst, distance);
    if (distance <= tolerance.value) continue;
    if (comparison.wrong++ < max_examples) comparison.examples.push_back({i, expected[i], got[i]});
  }
  return comparison;
}

std::string Describe(DataType type, const Comparison& comparison, const Tolerance& tolerance) {
  std::string text;
  for (const WrongElement& example : comparison.examples) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "element ", example.index, ": expected ",
                    ElementText(type, example.expected), ", got ", ElementText(type, example.got));
  }
  return absl::StrCat(text, " (", comparison.wrong, " of ", comparison.compared, " wrong, tolerance ",
                      tolerance.ToString(), ")");
}

}  // namespace modeld::conformance
