// Resize and Upsample. What WebNN's resample2d computes becomes that; the rest, axis by axis, a weighted sum
// of gathered elements or, where many elements make one, a product with a matrix.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/emitter.h"
#include "tools/importer/interpolation.h"

namespace modeld::importer {
namespace {

// Elements of the tables of all axes together.
constexpr uint64_t kMaxTableElements = uint64_t{1} << 22;
// More gathered tensors than this are slower than a product.
constexpr uint32_t kMaxGathers = 8;

template <typename Enum>
struct Choice {
  absl::string_view name;
  Enum value;
};
constexpr Choice<ResizeMode> kModes[] = {{"nearest", ResizeMode::kNearest},
                                         {"linear", ResizeMode::kLinear},
                                         {"bilinear", ResizeMode::kLinear},
                                         {"cubic", ResizeMode::kCubic}};
constexpr Choice<Coordinates> kCoordinates[] = {{"half_pixel", Coordinates::kHalfPixel},
                                                {"half_pixel_symmetric", Coordinates::kHalfPixelSymmetric},
                                                {"pytorch_half_pixel", Coordinates::kPytorchHalfPixel},
                                                {"align_corners", Coordinates::kAlignCorners},
                                                {"asymmetric", Coordinates::kAsymmetric},
                                                {"tf_half_pixel_for_nn", Coordinates::kTfHalfPixelForNn},
                                                {"tf_crop_and_resize", Coordinates::kTfCropAndResize}};
constexpr Choice<NearestRounding> kRoundings[] = {{"round_prefer_floor", NearestRounding::kPreferFloor},
                                                  {"round_prefer_ceil", NearestRounding::kPreferCeil},
                                                  {"floor", NearestRounding::kFloor},
                                                  {"ceil", NearestRounding::kCeil}};

template <typename Enum, size_t n>
absl::StatusOr<Enum> Choose(const NodeContext& node, const Choice<Enum> (&choices)[n],
                            absl::string_view attribute, absl::string_view default_value) {
  const std::string name = node.String(attribute, default_value);
  for (const Choice<Enum>& choice : choices) {
    if (choice.name == name) return choice.value;
  }
  return node.Invalid(absl::StrCat(attribute, " \"", name, "\" is unknown"));
}

// Upsample, and Resize of opset 10, have no options but the mode.
bool IsOldForm(const NodeContext& node) {
  return node.op_type() == "Upsample" || node.opset() < 11;
}

absl::StatusOr<Interpolation> ReadInterpolation(const NodeContext& node) {
  Interpolation how;
  MODELD_ASSIGN_OR_RETURN(how.mode, Choose(node, kModes, "mode", "nearest"));
  if (IsOldForm(node)) {
    how.coordinates = Coordinates::kAsymmetric;
    how.rounding = NearestRounding::kFloor;
    return how;
  }
  MODELD_ASSIGN_OR_RETURN(how.coordinates,
                          Choose(node, kCoordinates, "coordinate_transformation_mode", "half_pixel"));
  MODELD_ASSIGN_OR_RETURN(how.rounding, Choose(node, kRoundings, "nearest_mode", "round_prefer_floor"));
  how.cubic_a = node.Float("cubic_coeff_a", -0.75);
  how.exclude_outside = node.Int("exclude_outside", 0) != 0;
  how.antialias = node.Int("antialias", 0) != 0 && how.mode != ResizeMode::kNearest;
  if (!std::isfinite(how.cubic_a)) return node.Invalid("cubic_coeff_a is not finite");
  return how;
}

// The numbers of an input that must be known, or none where it is absent or empty.
absl::StatusOr<std::vector<double>> KnownNumbers(NodeContext& node, int index, absl::string_view what) {
  if (!node.HasInput(index)) return std::vector<double>{};
  const HostTensor* host = node.HostInput(index);
  if (host == nullptr) return node.MustBeKnown(index, what);
  std::vector<double> numbers = ToDoubles(*host);
  for (double number : numbers) {
    if (!std::isfinite(number)) return node.Invalid(absl::StrCat(what, " holds a number that is not finite"));
  }
  return numbers;
}

absl::Status CheckCount(const NodeContext& node, absl::string_view what, size_t found, size_t wanted) {
  if (found == wanted) return absl::OkStatus();
  return node.Invalid(absl::StrCat(what, " has ", found, " elements, ", wanted, " are wanted"));
}

absl::StatusOr<uint32_t> OutputSize(const NodeContext& node, double size) {
  if (size < 1) return node.Unsupported("an output dimension would be empty", Reason::kEmptyTensor);
  if (!(size <= INT32_MAX)) return node.Invalid("an output dimension is too large");
  return static_cast<uint32_t>(size);
}

// All dimensions of the input, with the sizes, scales and regions that the node gives for `axes`.
class AxisReader {
 public:
  AxisReader(NodeContext& node, const Shape& shape) : node_(node), shape_(shape) {
    for (uint32_t size : shape) axes_.push_back({.input = size, .output = size});
  }

  absl::StatusOr<std::vector<ResizedAxis>> Read(const Interpolation& how) {
    const bool old_form = IsOldForm(node_);
    MODELD_RETURN_IF_ERROR(ReadNamedAxes());
    std::vector<double> scales;
    if (old_form && node_.HasAttribute("scales")) {
      const std::vector<float> floats = node_.Floats("scales");
      scales.assign(floats.begin(), floats.end());
    } else {
      MODELD_ASSIGN_OR_RETURN(scales, KnownNumbers(node_, old_form ? 1 : 2, "scales"));
    }
    std::vector<double> sizes;
    if (!old_form) {
      MODELD_ASSIGN_OR_RETURN(sizes, KnownNumbers(node_, 3, "sizes"));
    }
    if (scales.empty() == sizes.empty()) return node_.Invalid("wants either scales or sizes");
    MODELD_RETURN_IF_ERROR(scales.empty() ? ApplySizes(sizes) : ApplyScales(scales));
    if (how.coordinates == Coordinates::kTfCropAndResize) MODELD_RETURN_IF_ERROR(ReadRegion());
    return std::move(axes_);
  }

 private:
  absl::Status ReadNamedAxes() {
    if (node_.HasAttribute("axes")) {
      MODELD_ASSIGN_OR_RETURN(named_, node_.Axes(node_.Ints("axes"), shape_.size()));
      return absl::OkStatus();
    }
    for (size_t i = 0; i < shape_.size(); ++i) named_.push_back(static_cast<int64_t>(i));
    return absl::OkStatus();
  }

  absl::Status ApplyScales(const std::vector<double>& scales) {
    MODELD_RETURN_IF_ERROR(CheckCount(node_, "scales", scales.size(), named_.size()));
    for (size_t i = 0; i < scales.size(); ++i) {
      ResizedAxis& axis = axes_[static_cast<size_t>(named_[i])];
      if (!(scales[i] > 0 && std::isfinite(scales[i]))) {
        return node_.Invalid(absl::StrCat("scale ", scales[i], " is not above 0"));
      }
      axis.scale = scales[i];
      // In float32, as ONNX's own shape inference.
      const float size = std::floor(static_cast<float>(axis.input) * static_cast<float>(scales[i]));
      MODELD_ASSIGN_OR_RETURN(axis.output, OutputSize(node_, size));
    }
    return absl::OkStatus();
  }

  absl::Status ApplySizes(const std::vector<double>& sizes) {
    MODELD_RETURN_IF_ERROR(CheckCount(node_, "sizes", sizes.size(), named_.size()));
    std::vector<double> scales;
    for (size_t i = 0; i < sizes.size(); ++i) {
      ResizedAxis& axis = axes_[static_cast<size_t>(named_[i])];
      MODELD_ASSIGN_OR_RETURN(axis.output, OutputSize(node_, sizes[i]));
      axis.scale = static_cast<double>(axis.output) / axis.input;
      scales.push_back(axis.scale);
    }
    const std::string policy = node_.String("keep_aspect_ratio_policy", "stretch");
    if (policy == "stretch") return absl::OkStatus();
    if (policy != "not_larger" && policy != "not_smaller") {
      return node_.Invalid(absl::StrCat("keep_aspect_ratio_policy \"", policy, "\" is unknown"));
    }
    const auto [least, most] = std::minmax_element(scales.begin(), scales.end());
    const double scale = policy == "not_larger" ? *least : *most;
    for (int64_t index : named_) {
      ResizedAxis& axis = axes_[static_cast<size_t>(index)];
      axis.scale = scale;
      MODELD_ASSIGN_OR_RETURN(axis.output, OutputSize(node_, std::floor(scale * axis.input + 0.5)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadRegion() {
    MODELD_ASSIGN_OR_RETURN(const std::vector<double> roi, KnownNumbers(node_, 1, "roi"));
    MODELD_RETURN_IF_ERROR(CheckCount(node_, "roi", roi.size(), 2 * named_.size()));
    for (size_t i = 0; i < named_.size(); ++i) {
      ResizedAxis& axis = axes_[static_cast<size_t>(named_[i])];
      axis.roi_start = roi[i];
      axis.roi_end = roi[named_.size() + i];
    }
    return absl::OkStatus();
  }

  NodeContext& node_;
  const Shape& shape_;
  std::vector<ResizedAxis> axes_;
  std::vector<int64_t> named_;
};

bool IsIdentity(const ResizedAxis& axis) {
  return axis.input == axis.output && axis.scale == 1 && axis.roi_start == 0 && axis.roi_end == 1;
}

// An axis whose elements change.
struct Step {
  uint32_t axis;
  ResizedAxis size;
  Taps taps;
};

absl::StatusOr<std::vector<Step>> MakeSteps(const NodeContext& node, const Interpolation& how,
                                            const std::vector<ResizedAxis>& axes) {
  std::vector<Step> steps;
  uint64_t elements = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (IsIdentity(axes[i])) continue;
    // Both factors are below 2^32.
    elements += axes[i].output * TapCount(how, axes[i]);
    if (elements > kMaxTableElements) {
      return node.Unsupported(
          absl::StrCat("its tables of places and weights have more than ", kMaxTableElements, " elements"));
    }
    steps.push_back({static_cast<uint32_t>(i), axes[i], MakeTaps(how, axes[i])});
  }
  return steps;
}

// The axes and sizes of one resample2d that does the same, or nothing.
std::optional<Attributes> AsResample(const Interpolation& how, const std::vector<Step>& steps,
                                     const Shape& shape) {
  if (shape.size() != 4 || steps.empty() || steps.size() > 2) return std::nullopt;
  if (how.mode == ResizeMode::kCubic || how.antialias) return std::nullopt;
  std::vector<int64_t> axes;
  std::vector<int64_t> sizes;
  for (const Step& step : steps) {
    ResizedAxis webnn{.input = step.size.input, .output = step.size.output};
    webnn.scale = static_cast<double>(webnn.output) / webnn.input;
    // WebNN's two modes are these of ONNX.
    if (!SameTaps(step.taps, MakeTaps({.mode = how.mode}, webnn))) return std::nullopt;
    axes.push_back(step.axis);
    sizes.push_back(step.size.output);
  }
  if (axes.size() == 1) {  // resample2d wants a second axis, which keeps its size
    axes.push_back(axes[0] == 3 ? 2 : 3);
    sizes.push_back(shape[static_cast<size_t>(axes[1])]);
  }
  const char* mode = how.mode == ResizeMode::kNearest ? "nearest-neighbor" : "linear";
  return Attributes{{"mode", std::string(mode)}, {"sizes", sizes}, {"axes", axes}};
}

// [n] as a shape that broadcasts along `axis`; after an error there is no rank, and nobody looks at the
// shape.
Shape AlongAxis(size_t rank, uint32_t axis, uint32_t n) {
  Shape shape(rank, 1);
  if (axis < rank) shape[axis] = n;
  return shape;
}

OperandId EmitGathers(Emitter& e, OperandId x, const Step& step) {
  const DataType type = e.type(x);
  const uint32_t n = step.size.output;
  std::optional<OperandId> sum;
  for (uint32_t j = 0; j < step.taps.count; ++j) {
    std::vector<int64_t> indices;
    std::vector<double> weights;
    for (uint32_t i = 0; i < n; ++i) {
      indices.push_back(step.taps.index[i * step.taps.count + j]);
      weights.push_back(step.taps.weight[i * step.taps.count + j]);
    }
    if (std::all_of(weights.begin(), weights.end(), [](double w) { return w == 0; })) continue;
    OperandId part = e.Op("gather", {x, e.Constant(FromInts(DataType::kInt32, {n}, indices))},
                          {{"axis", int64_t{step.axis}}});
    if (std::any_of(weights.begin(), weights.end(), [](double w) { return w != 1; })) {
      part = e.Mul(part, e.Constant(FromDoubles(type, AlongAxis(e.rank(x), step.axis, n), weights)));
    }
    sum = sum ? e.Add(*sum, part) : part;
  }
  return sum ? *sum : e.Zeros(type, {});
}

OperandId EmitProduct(Emitter& e, OperandId x, const Step& step) {
  const uint64_t elements = uint64_t{step.size.input} * step.size.output;
  if (elements > kMaxTableElements) {
    e.Fail(e.node().Unsupported("its matrix of weights is too large"));
    return x;
  }
  std::vector<double> matrix(elements, 0);
  for (uint64_t i = 0; i < step.taps.index.size(); ++i) {
    const uint64_t output = i / step.taps.count;
    matrix[static_cast<uint64_t>(step.taps.index[i]) * step.size.output + output] += step.taps.weight[i];
  }
  std::vector<int64_t> permutation;
  for (uint32_t i = 0; i < e.rank(x); ++i) permutation.push_back(i);
  if (permutation.size() < 2) {
    x = e.Reshape(x, {1, step.size.input});
  } else {
    std::swap(permutation[step.axis], permutation.back());
    x = e.Transpose(x, permutation);
  }
  x = e.MatMul(x, e.Constant(FromDoubles(e.type(x), {step.size.input, step.size.output}, matrix)));
  return permutation.size() < 2 ? e.Reshape(x, {step.size.output}) : e.Transpose(x, permutation);
}

OperandId EmitStep(Emitter& e, OperandId x, const Step& step) {
  return step.taps.count > kMaxGathers ? EmitProduct(e, x, step) : EmitGathers(e, x, step);
}

OperandId FillOutside(Emitter& e, OperandId x, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.taps.outside.empty()) continue;
    const std::vector<int64_t> mask(step.taps.outside.begin(), step.taps.outside.end());
    const OperandId outside =
        e.Constant(FromInts(DataType::kUint8, AlongAxis(e.rank(x), step.axis, step.size.output), mask));
    x = e.Where(outside, e.Scalar(e.type(x), e.node().Float("extrapolation_value", 0)), x);
  }
  return x;
}

absl::Status ConvertResize(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  MODELD_RETURN_IF_ERROR(e.status());
  const DataType type = e.type(x);
  MODELD_ASSIGN_OR_RETURN(const Interpolation how, ReadInterpolation(node));
  const Shape shape = e.shape(x);
  MODELD_ASSIGN_OR_RETURN(const std::vector<ResizedAxis> axes, AxisReader(node, shape).Read(how));
  MODELD_ASSIGN_OR_RETURN(const std::vector<Step> steps, MakeSteps(node, how, axes));
  if (steps.empty()) return node.SetOutput(0, node.Emit("identity", {x}));
  const bool rounds = how.mode != ResizeMode::kNearest && !IsFloat(type);
  if (rounds) x = e.Cast(x, DataType::kFloat32);
  std::optional<Attributes> resample = AsResample(how, steps, shape);
  const bool narrow = type == DataType::kInt8 || type == DataType::kUint8;
  if (resample && (IsFloat(e.type(x)) || narrow)) {
    x = e.Op("resample2d", {x}, *std::move(resample));
  } else {
    for (const Step& step : steps) x = EmitStep(e, x, step);
  }
  x = FillOutside(e, x, steps);
  if (rounds) x = e.Cast(e.Op("roundEven", {x}), type);
  e.Output(0, x);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Resize", ConvertResize},
    {"Upsample", ConvertResize},
};

}  // namespace

std::span<const Converter> ResizeConverters() {
  return kTable;
}

}  // namespace modeld::importer
