// ONNX's rules of Resize along one axis: which elements make each output, with which weights.
#ifndef MODELD_TOOLS_IMPORTER_INTERPOLATION_H_
#define MODELD_TOOLS_IMPORTER_INTERPOLATION_H_

#include <cstdint>
#include <vector>

namespace modeld::importer {

enum class ResizeMode : uint8_t { kNearest, kLinear, kCubic };
// How an output's index becomes a coordinate in the input.
enum class Coordinates : uint8_t {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kTfHalfPixelForNn,
  kTfCropAndResize,
};
enum class NearestRounding : uint8_t { kPreferFloor, kPreferCeil, kFloor, kCeil };

// What holds for all axes of a Resize.
struct Interpolation {
  ResizeMode mode = ResizeMode::kNearest;
  Coordinates coordinates = Coordinates::kHalfPixel;
  NearestRounding rounding = NearestRounding::kPreferFloor;
  double cubic_a = -0.75;
  bool exclude_outside = false;
  bool antialias = false;
};

// One axis. `scale` need not be output / input: ONNX keeps the scale that the model gives.
struct ResizedAxis {
  uint32_t input = 0;
  uint32_t output = 0;
  double scale = 1;
  // Of kTfCropAndResize, in parts of the input.
  double roi_start = 0;
  double roi_end = 1;
};

// Output i is the sum over j of input[index[i * count + j]] * weight[i * count + j].
struct Taps {
  uint32_t count = 0;
  std::vector<int64_t> index;
  std::vector<double> weight;
  // Outputs that lie outside the input: the extrapolation value instead. Empty where there are none.
  std::vector<bool> outside;
};

// The number of elements that make one output: 1, 2, 4, or more with antialiasing.
uint64_t TapCount(const Interpolation& interpolation, const ResizedAxis& axis);

// Formulas: the reference implementation of ONNX's Resize. Requires: sizes above 0, scale finite and above 0,
// and output * TapCount small enough to allocate.
Taps MakeTaps(const Interpolation& interpolation, const ResizedAxis& axis);

// Whether both, of kNearest or kLinear without antialiasing, read the same places; within 1e-6.
bool SameTaps(const Taps& a, const Taps& b);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_INTERPOLATION_H_
