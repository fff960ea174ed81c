#include "tools/importer/interpolation.h"

#include <algorithm>
#include <cmath>

namespace modeld::importer {
namespace {

double Coordinate(const Interpolation& how, const ResizedAxis& axis, double x) {
  const double input = axis.input;
  // ONNX's reference takes the size before it is cut to a whole number.
  const double output = axis.scale * input;
  switch (how.coordinates) {
    case Coordinates::kAlignCorners:
      return output == 1 ? 0 : x * (input - 1) / (output - 1);
    case Coordinates::kAsymmetric:
      return x / axis.scale;
    case Coordinates::kTfHalfPixelForNn:
      return (x + 0.5) / axis.scale;
    case Coordinates::kTfCropAndResize: {
      const double extent = (axis.roi_end - axis.roi_start) * (input - 1);
      return axis.roi_start * (input - 1) + (output == 1 ? extent / 2 : x * extent / (output - 1));
    }
    case Coordinates::kPytorchHalfPixel:
      return output == 1 ? -0.5 : (x + 0.5) / axis.scale - 0.5;
    case Coordinates::kHalfPixelSymmetric: {
      const double adjustment = axis.output / output;
      return input / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5;
    }
    case Coordinates::kHalfPixel:
      break;
  }
  return (x + 0.5) / axis.scale - 0.5;
}

double CubicWeight(double a, double distance) {
  const double x = std::abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

double LinearWeight(double distance) {
  return std::max(0.0, 1 - std::abs(distance));
}

// How far the filter reaches to one side, in elements of the input.
double Reach(const Interpolation& how, const ResizedAxis& axis) {
  const double reach = how.mode == ResizeMode::kCubic ? 2 : 1;
  // No axis is longer than a billion elements.
  return how.antialias ? std::min(reach / std::min(axis.scale, 1.0), 1e9) : reach;
}

int64_t NearestIndex(NearestRounding rounding, double x) {
  const double low = std::floor(x);
  const double ratio = x - low;
  bool up = false;
  if (ratio > 0) {
    switch (rounding) {
      case NearestRounding::kPreferFloor:
        up = ratio > 0.5;
        break;
      case NearestRounding::kPreferCeil:
        up = ratio >= 0.5;
        break;
      case NearestRounding::kFloor:
        break;
      case NearestRounding::kCeil:
        up = true;
        break;
    }
  }
  return static_cast<int64_t>(low) + (up ? 1 : 0);
}

// Appends the elements and weights of one output at coordinate `x`.
void AppendTaps(const Interpolation& how, const ResizedAxis& axis, double x, Taps& taps) {
  const int64_t last = int64_t{axis.input} - 1;
  if (how.mode == ResizeMode::kNearest) {
    taps.index.push_back(std::clamp<int64_t>(NearestIndex(how.rounding, x), 0, last));
    taps.weight.push_back(1);
    return;
  }
  const double low = std::floor(x);
  const double ratio = x - low;
  const auto start = static_cast<int64_t>(std::floor(-Reach(how, axis))) + 1;
  const double shrink = how.antialias ? std::min(axis.scale, 1.0) : 1.0;
  double sum = 0;
  const size_t begin = taps.weight.size();
  for (int64_t i = 0; i < taps.count; ++i) {
    const int64_t at = static_cast<int64_t>(low) + start + i;
    const double distance = (static_cast<double>(start + i) - ratio) * shrink;
    double weight =
        how.mode == ResizeMode::kCubic ? CubicWeight(how.cubic_a, distance) : LinearWeight(distance);
    if (how.exclude_outside && (at < 0 || at > last)) weight = 0;
    sum += weight;
    taps.index.push_back(std::clamp<int64_t>(at, 0, last));
    taps.weight.push_back(weight);
  }
  if (sum == 0) return;
  for (size_t i = begin; i < taps.weight.size(); ++i) taps.weight[i] /= sum;
}

}  // namespace

uint64_t TapCount(const Interpolation& how, const ResizedAxis& axis) {
  if (how.mode == ResizeMode::kNearest) return 1;
  const double start = std::floor(-Reach(how, axis)) + 1;
  return static_cast<uint64_t>(2 - 2 * start);
}

Taps MakeTaps(const Interpolation& how, const ResizedAxis& axis) {
  Taps taps{.count = static_cast<uint32_t>(TapCount(how, axis))};
  bool any_outside = false;
  for (uint32_t i = 0; i < axis.output; ++i) {
    double x = Coordinate(how, axis, i);
    const bool outside = how.coordinates == Coordinates::kTfCropAndResize &&
                         (x < 0 || x > static_cast<double>(axis.input) - 1);
    // A coordinate far outside reads the edge only, wherever it is: whole numbers must not overflow.
    if (std::isnan(x)) x = 0;
    x = std::clamp(x, -static_cast<double>(axis.input) - 4, 2 * static_cast<double>(axis.input) + 4);
    AppendTaps(how, axis, x, taps);
    taps.outside.push_back(outside);
    any_outside = any_outside || outside;
  }
  if (!any_outside) taps.outside.clear();
  return taps;
}

bool SameTaps(const Taps& a, const Taps& b) {
  if (a.count != b.count || a.outside != b.outside || a.index.size() != b.index.size()) return false;
  for (uint64_t output = 0; output < a.index.size(); output += a.count) {
    // Between two neighbours the place says it all, whatever pair it is written with.
    double position_a = 0;
    double position_b = 0;
    for (uint32_t j = 0; j < a.count; ++j) {
      const size_t i = output + j;
      position_a += a.weight[i] * static_cast<double>(a.index[i]);
      position_b += b.weight[i] * static_cast<double>(b.index[i]);
    }
    if (std::abs(position_a - position_b) > 1e-6) return false;
  }
  return true;
}

}  // namespace modeld::importer
