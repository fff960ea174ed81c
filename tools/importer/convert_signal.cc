// Windows, Fourier transforms (as products with constant matrices), mel weights.
#include <cmath>
#include <numbers>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

// Constants made here are of the model's asking, not in its file: none is larger than this.
constexpr uint64_t kMaxElements = 1u << 22;

// A count that must be known, in [1, 2^22].
absl::StatusOr<uint32_t> CountInput(NodeContext& node, int index, absl::string_view what) {
  MODELD_ASSIGN_OR_RETURN(const double value, node.NumberInput(index, what));
  if (!(value >= 1 && value <= static_cast<double>(kMaxElements))) {
    return node.Invalid(absl::StrCat(what, " ", value, " is out of range"));
  }
  return static_cast<uint32_t>(value);
}

absl::StatusOr<DataType> OutputType(NodeContext& node) {
  const int64_t type = node.Int("output_datatype", onnx::TensorProto::FLOAT);
  const absl::StatusOr<DataType> result = DataTypeFromOnnx(static_cast<int32_t>(type));
  if (!result.ok()) return Annotate(result.status(), node.Name());
  return result;
}

// The sum of coefficients[k] cos(2 pi k n / period).
absl::Status ConvertWindow(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const uint32_t size, CountInput(node, 0, "size"));
  MODELD_ASSIGN_OR_RETURN(const DataType type, OutputType(node));
  std::vector<double> coefficients = {0.5, -0.5};  // HannWindow
  if (node.op_type() == "HammingWindow") coefficients = {25.0 / 46, -21.0 / 46};
  if (node.op_type() == "BlackmanWindow") coefficients = {0.42, -0.5, 0.08};
  const double period = node.Int("periodic", 1) != 0 ? size : size - 1.0;
  std::vector<double> values;
  for (uint32_t n = 0; n < size; ++n) {
    double value = 0;
    for (size_t k = 0; k < coefficients.size(); ++k) {
      value += coefficients[k] * std::cos(2 * std::numbers::pi * static_cast<double>(k) * n / period);
    }
    values.push_back(size == 1 ? 1 : value);
  }
  return node.SetHostOutput(0, FromDoubles(type, {size}, values));
}

// cos or sin of 2 pi k n / period for n < rows and k < columns, exact at multiples of a quarter turn;
// row n times row_weights[n], if there are any.
OperandId Rotations(Emitter& e, bool sine, uint32_t period, uint32_t rows, uint32_t columns,
                    const std::vector<double>& row_weights) {
  if (!e.Require(uint64_t{rows} * columns <= kMaxElements, "the transform is too long")) return {};
  std::vector<double> values;
  values.reserve(uint64_t{rows} * columns);
  for (uint64_t n = 0; n < rows; ++n) {
    for (uint64_t k = 0; k < columns; ++k) {
      const uint64_t turn = n * k % period;
      double value = 0;
      if (turn * 4 % period == 0) {
        constexpr double kQuarters[] = {0, 1, 0, -1};
        value = kQuarters[(turn * 4 / period + (sine ? 0 : 1)) % 4];
      } else {
        const double angle = 2 * std::numbers::pi * static_cast<double>(turn) / period;
        value = sine ? std::sin(angle) : std::cos(angle);
      }
      values.push_back(row_weights.empty() ? value : value * row_weights[n]);
    }
  }
  return e.Constant(FromDoubles(DataType::kFloat32, {rows, columns}, values));
}

struct Transform {
  uint32_t axis = 0;
  // Elements of the signal along the axis, after padding or cutting.
  uint32_t length = 0;
  bool inverse = false;
  bool onesided = false;
};

// x [.., n, .., 1 or 2] (real, or real and imaginary parts) in float32. Every term of the transform is a
// product of a part with the axis last and a matrix of rotations.
OperandId FourierTransform(Emitter& e, OperandId x, const Transform& t) {
  const bool to_real = t.inverse && t.onesided;
  const uint32_t rows = to_real ? t.length / 2 + 1 : t.length;
  const uint32_t columns = t.onesided && !t.inverse ? t.length / 2 + 1 : t.length;
  if (!e.ok()) return x;
  const size_t last = e.rank(x) - 1;
  const uint32_t parts = e.size(x, last);
  if (!e.Require(parts == 1 || parts == 2, "the last dimension is neither 1 nor 2")) return x;
  if (e.size(x, t.axis) > rows) x = e.Slice(x, t.axis, 0, rows);
  if (e.size(x, t.axis) < rows) {
    std::vector<int64_t> ending(last + 1, 0);
    ending[t.axis] = rows - e.size(x, t.axis);
    x = e.Op("pad", {x},
             {{"beginningPadding", std::vector<int64_t>(last + 1, 0)}, {"endingPadding", ending}});
  }
  // The axis changes places with the last dimension, which is of one part then.
  std::vector<int64_t> swap(last + 1);
  std::iota(swap.begin(), swap.end(), 0);
  std::swap(swap[t.axis], swap[last]);
  std::vector<double> weights;
  if (t.inverse) weights.assign(rows, 1.0 / t.length);
  // A one-sided spectrum stands for both sides, but for the ends.
  for (uint32_t k = 1; to_real && k < rows; ++k) {
    if (2 * k != t.length) weights[k] *= 2;
  }
  const OperandId cosines = Rotations(e, false, t.length, rows, columns, weights);
  const OperandId sines = Rotations(e, true, t.length, rows, columns, weights);
  const auto product = [&](uint32_t part, OperandId matrix) {
    const OperandId signal = e.Transpose(e.Slice(x, static_cast<uint32_t>(last), part, 1), swap);
    return e.Transpose(e.MatMul(signal, matrix), swap);
  };
  OperandId real = product(0, cosines);
  OperandId imaginary = product(0, sines);
  if (!t.inverse) imaginary = e.Op("neg", {imaginary});
  if (parts == 2) {
    const OperandId turned = product(1, sines);
    real = t.inverse ? e.Sub(real, turned) : e.Add(real, turned);
    imaginary = e.Add(imaginary, product(1, cosines));
  }
  if (to_real) return real;
  return e.Concat({real, imaginary}, static_cast<uint32_t>(last));
}

// The axis is an attribute (default 1) before opset 20, an input (default -2) since.
absl::Status ConvertDft(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  e.Require(e.rank(x) >= 2, "the input has a rank below 2");
  if (!e.ok()) return e.Finish();
  int64_t axis = node.opset() < 20 ? node.Int("axis", 1) : -2;
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(axis, IntInput(node, 2, "axis"));
  }
  Transform t{.inverse = node.Int("inverse", 0) != 0, .onesided = node.Int("onesided", 0) != 0};
  MODELD_ASSIGN_OR_RETURN(t.axis, node.Axis(axis, e.rank(x)));
  e.Require(t.axis + 1 < e.rank(x), "the axis is the one of the parts");
  const uint32_t size = e.size(x, t.axis);
  t.length = t.inverse && t.onesided ? std::max<uint32_t>(1, 2 * (size - 1)) : size;
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(t.length, CountInput(node, 1, "dft_length"));
  }
  e.Output(0, InFloat32(e, x, [&](OperandId wide) { return FourierTransform(e, wide, t); }));
  return e.Finish();
}

absl::Status ConvertStft(NodeContext& node) {
  Emitter e(node);
  const OperandId signal = e.Input(0);
  const std::optional<OperandId> window = e.OptionalInput(2);
  e.Require(e.rank(signal) == 3, "the signal does not have three dimensions");
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t step, CountInput(node, 1, "frame_step"));
  uint32_t length = window ? e.size(*window, 0) : 0;
  if (node.HasInput(3)) {
    MODELD_ASSIGN_OR_RETURN(length, CountInput(node, 3, "frame_length"));
  }
  e.Require(length > 0 && length <= e.size(signal, 1), "frame_length is beyond the signal");
  e.Require(!window || e.shape(*window) == Shape{length}, "the window is not of frame_length");
  if (!e.ok()) return e.Finish();
  const uint32_t frames = (e.size(signal, 1) - length) / step + 1;
  const auto elements = CheckedMul(uint64_t{frames}, uint64_t{length});
  if (!elements || *elements > kMaxElements) return node.Invalid("there are too many frames");
  std::vector<int64_t> positions;
  for (uint32_t frame = 0; frame < frames; ++frame) {
    for (uint32_t i = 0; i < length; ++i) positions.push_back(int64_t{frame} * step + i);
  }
  const OperandId indices = e.Constant(FromInts(DataType::kInt64, {frames, length}, positions));
  OperandId framed = e.Op("gather", {signal, indices}, {{"axis", int64_t{1}}});
  if (window) framed = e.Mul(framed, e.Reshape(*window, {length, 1}));
  const Transform t{.axis = 2, .length = length, .onesided = node.Int("onesided", 1) != 0};
  e.Output(0, InFloat32(e, framed, [&](OperandId wide) { return FourierTransform(e, wide, t); }));
  return e.Finish();
}

// Triangles over the bins of a spectrum, between points that are equally far apart on the mel scale: ONNX's
// example's algorithm.
absl::Status ConvertMelWeights(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const uint32_t bands, CountInput(node, 0, "num_mel_bins"));
  MODELD_ASSIGN_OR_RETURN(const uint32_t dft_length, CountInput(node, 1, "dft_length"));
  MODELD_ASSIGN_OR_RETURN(const uint32_t sample_rate, CountInput(node, 2, "sample_rate"));
  MODELD_ASSIGN_OR_RETURN(const double lower, node.NumberInput(3, "lower_edge_hertz"));
  MODELD_ASSIGN_OR_RETURN(const double upper, node.NumberInput(4, "upper_edge_hertz"));
  MODELD_ASSIGN_OR_RETURN(const DataType type, OutputType(node));
  const uint32_t bins = dft_length / 2 + 1;
  if (uint64_t{bins} * bands > kMaxElements) return node.Invalid("the matrix is too large");
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double step = (mel(upper) - mel(lower)) / (bands + 2.0);
  std::vector<int64_t> points;
  for (uint32_t i = 0; i < bands + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (mel(lower) + i * step) / 2595) - 1);
    const double point = std::floor((dft_length + 1.0) * hertz / sample_rate);
    if (!(point >= 0 && point < bins)) return node.Invalid("an edge is beyond the spectrum");
    if (!points.empty() && point < static_cast<double>(points.back())) return node.Invalid("edges cross");
    points.push_back(static_cast<int64_t>(point));
  }
  std::vector<double> values(uint64_t{bins} * bands);
  for (uint32_t i = 0; i < bands; ++i) {
    const int64_t left = points[i];
    const int64_t center = points[i + 1];
    const int64_t right = points[i + 2];
    if (left == center) values[center * bands + i] = 1;
    for (int64_t j = left; left < center && j <= center; ++j) {
      values[j * bands + i] = static_cast<double>(j - left) / static_cast<double>(center - left);
    }
    for (int64_t j = center; j < right; ++j) {
      values[j * bands + i] = static_cast<double>(right - j) / static_cast<double>(right - center);
    }
  }
  return node.SetHostOutput(0, FromDoubles(type, {bins, bands}, values));
}

constexpr Converter kTable[] = {
    {"HannWindow", ConvertWindow},
    {"HammingWindow", ConvertWindow},
    {"BlackmanWindow", ConvertWindow},
    {"DFT", ConvertDft},
    {"STFT", ConvertStft},
    {"MelWeightMatrix", ConvertMelWeights},
};

}  // namespace

std::span<const Converter> SignalConverters() {
  return kTable;
}

}  // namespace modeld::importer
