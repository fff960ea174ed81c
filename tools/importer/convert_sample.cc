// GridSample and TopK: choosing by computed positions.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

constexpr DataType kF32 = DataType::kFloat32;

enum class Padding { kZeros, kBorder, kReflection };

// One dimension of the image, as the grid's coordinates see it.
struct Dimension {
  uint32_t size = 1;
  // Coordinates beyond these are outside; reflection turns round at them.
  double low = 0;
  double high = 0;
  Padding padding = Padding::kZeros;
};

// One of the positions along a dimension that a sample is made of.
struct Tap {
  OperandId position;  // float32, whole and inside
  std::optional<OperandId> weight = std::nullopt;
  std::optional<OperandId> inside = std::nullopt;  // where it counts; absent: everywhere
};

// Back and forth between low and high: with t = (x - low) modulo 2 range, low + range - |t - range|.
OperandId Reflect(Emitter& e, OperandId x, const Dimension& d) {
  const double range = d.high - d.low;
  if (range <= 0) return e.Linear(x, 0, d.low);
  const OperandId from = e.Linear(x, 1, -d.low);
  const OperandId turns = e.Op("floor", {e.Linear(from, 1 / (2 * range), 0)});
  const OperandId t = e.Sub(from, e.Linear(turns, 2 * range, 0));
  return e.Linear(e.Op("abs", {e.Linear(t, 1, -range)}), -1, d.low + range);
}

OperandId Between(Emitter& e, OperandId x, double low, double high) {
  return e.Op("logicalAnd", {e.Op("greaterOrEqual", {x, e.Scalar(kF32, low)}),
                             e.Op("lesserOrEqual", {x, e.Scalar(kF32, high)})});
}

// A whole position, with the padding's pixel where it is outside.
Tap MakeTap(Emitter& e, OperandId position, std::optional<OperandId> weight, const Dimension& d) {
  Tap tap{.position = position, .weight = weight};
  const double last = d.size - 1.0;
  if (d.padding == Padding::kZeros) tap.inside = Between(e, position, 0, last);
  if (d.padding == Padding::kReflection) tap.position = e.Op("roundEven", {Reflect(e, position, d)});
  tap.position = e.Clamp(tap.position, 0, last);
  return tap;
}

// Weights of four neighbours at the fraction t between the middle ones: cubic convolution with A = -0.75.
std::vector<OperandId> CubicWeights(Emitter& e, OperandId t) {
  constexpr double kA = -0.75;
  const auto near = [&](OperandId x) {  // ((A + 2) x - (A + 3)) x^2 + 1
    return e.Linear(e.Mul(e.Linear(x, kA + 2, -(kA + 3)), e.Mul(x, x)), 1, 1);
  };
  const auto far = [&](OperandId x) {  // ((A x - 5 A) x + 8 A) x - 4 A
    return e.Linear(e.Mul(e.Linear(e.Mul(e.Linear(x, kA, -5 * kA), x), 1, 8 * kA), x), 1, -4 * kA);
  };
  return {far(e.Linear(t, 1, 1)), near(t), near(e.Linear(t, -1, 1)), far(e.Linear(t, -1, 2))};
}

// The taps of coordinates in pixels.
std::vector<Tap> Taps(Emitter& e, OperandId x, const std::string& mode, const Dimension& d) {
  if (mode == "nearest") x = e.Op("roundEven", {x});
  if (d.padding == Padding::kBorder) {
    x = e.Where(Between(e, x, d.low, d.high), x, e.Clamp(x, 0, d.size - 1.0));
  } else if (d.padding == Padding::kReflection) {
    x = e.Where(Between(e, x, d.low, d.high), x, Reflect(e, x, d));
  }
  if (mode == "nearest") return {MakeTap(e, e.Op("roundEven", {x}), std::nullopt, d)};
  const OperandId floor = e.Op("floor", {x});
  const OperandId t = e.Sub(x, floor);
  if (mode.ends_with("linear")) {
    return {MakeTap(e, floor, e.Linear(t, -1, 1), d), MakeTap(e, e.Linear(floor, 1, 1), t, d)};
  }
  std::vector<Tap> taps;
  const std::vector<OperandId> weights = CubicWeights(e, t);
  for (int i = 0; i < 4; ++i) taps.push_back(MakeTap(e, e.Linear(floor, 1, i - 1), weights[i], d));
  return taps;
}

// From coordinates in [-1, 1], which mean the outer pixels' centres or the image's edges, to pixels.
OperandId ToPixels(Emitter& e, OperandId grid, uint32_t part, bool align_corners, Dimension& d) {
  const OperandId x =
      e.Reshape(e.Slice(grid, 3, part, 1), {e.size(grid, 0), e.size(grid, 1), e.size(grid, 2), 1});
  d.low = align_corners ? 0 : -0.5;
  d.high = align_corners ? d.size - 1.0 : d.size - 0.5;
  const double half = (d.high - d.low) / 2;
  return e.Linear(x, half, d.low + half);
}

absl::Status ConvertGridSample(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId grid = e.Cast(e.Input(1), kF32);
  if (e.ok() && e.rank(x) == 5) return node.Unsupported("has three spatial dimensions", Reason::kDimensions);
  const std::string padding = node.String("padding_mode", "zeros");
  const std::string mode = node.String("mode", node.opset() < 20 ? "bilinear" : "linear");
  e.Require(mode == "nearest" || mode.ends_with("linear") || mode.ends_with("cubic"),
            absl::StrCat("mode \"", mode, "\" is unknown"));
  e.Require(padding == "zeros" || padding == "border" || padding == "reflection",
            absl::StrCat("padding_mode \"", padding, "\" is unknown"));
  e.Require(e.rank(x) == 4 && e.rank(grid) == 4 && e.size(grid, 3) == 2 && e.size(grid, 0) == e.size(x, 0),
            "the input is no [N, C, H, W], or the grid no [N, H, W, 2]");
  if (!e.ok()) return e.Finish();
  const Shape s = e.shape(x);
  const bool align = node.Int("align_corners", 0) != 0;
  Dimension width{.size = s[3]};
  width.padding = padding == "zeros"    ? Padding::kZeros
                  : padding == "border" ? Padding::kBorder
                                        : Padding::kReflection;
  Dimension height = width;
  height.size = s[2];
  const OperandId across = ToPixels(e, grid, 0, align, width);
  const OperandId down = ToPixels(e, grid, 1, align, height);
  const std::vector<Tap> columns = Taps(e, across, mode, width);
  const std::vector<Tap> rows = Taps(e, down, mode, height);
  // Pixels in a row, channels last; positions are [N, H, W].
  const bool weighted = mode != "nearest";
  const DataType type = weighted ? kF32 : e.type(x);
  const OperandId pixels = e.Reshape(e.Transpose(e.Cast(x, type), {0, 2, 3, 1}), {s[0] * s[2] * s[3], s[1]});
  const Shape places = {s[0], e.size(grid, 1), e.size(grid, 2)};
  const OperandId images = e.Mul(Iota(e, DataType::kInt32, s[0], 0, 4),
                                 e.Scalar(DataType::kInt32, static_cast<double>(s[2]) * s[3]));
  std::optional<OperandId> sum;
  for (const Tap& row : rows) {
    const OperandId line = e.Mul(e.Cast(row.position, DataType::kInt32), e.Scalar(DataType::kInt32, s[3]));
    for (const Tap& column : columns) {
      const OperandId place = e.Add(e.Add(line, e.Cast(column.position, DataType::kInt32)), images);
      OperandId value = e.Op("gather", {pixels, e.Reshape(place, places)}, {{"axis", int64_t{0}}});
      if (weighted) value = e.Mul(value, e.Mul(*row.weight, *column.weight));
      if (row.inside) {
        value = e.Where(e.Op("logicalAnd", {*row.inside, *column.inside}), value, e.Scalar(type, 0));
      }
      sum = sum ? e.Add(*sum, value) : value;
    }
  }
  e.Output(0, e.Cast(e.Transpose(*sum, {0, 3, 1, 2}), e.type(x)));
  return e.Finish();
}

// Every comparison of two elements along the axis is held at once.
constexpr uint64_t kMaxPairs = 1u << 24;

// The place of an element is the number of those before it: the greater ones (or the lesser), and the equal
// ones of a lower index. Scattering indices to their places sorts.
absl::Status ConvertTopK(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  e.Require(e.rank(x) > 0, "the input is a scalar");
  if (!e.ok()) return e.Finish();
  double k = static_cast<double>(node.Int("k", 0));
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(k, node.NumberInput(1, "k"));
  }
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", -1), e.rank(x)));
  const Shape shape = e.shape(x);
  const uint32_t size = shape[axis];
  if (!(k >= 0 && k <= size)) return node.Invalid(absl::StrCat("k ", k, " is beyond the dimension"));
  if (k == 0) return node.Unsupported("k is 0", Reason::kEmptyTensor);
  uint64_t pairs = size;
  for (uint32_t s : shape) pairs = pairs > kMaxPairs ? pairs : pairs * s;
  if (pairs > kMaxPairs) return node.Unsupported("sorts too many elements by comparing all of them");
  // Along the axis the element, along the new one after it those that it is compared with.
  Shape own = shape;
  own.insert(own.begin() + axis + 1, 1);
  Shape others = shape;
  others.insert(others.begin() + axis, 1);
  const OperandId mine = e.Reshape(x, own);
  const OperandId theirs = e.Reshape(x, others);
  const OperandId index = Iota(e, DataType::kInt32, size, axis, own.size());
  const OperandId other = Iota(e, DataType::kInt32, size, axis + 1, own.size());
  const bool largest = node.Int("largest", 1) != 0;
  const OperandId beats = e.Op(largest ? "greater" : "lesser", {theirs, mine});
  const OperandId ties = e.Op("logicalAnd", {e.Op("equal", {theirs, mine}), e.Op("lesser", {other, index})});
  const OperandId before = e.Cast(e.Op("logicalOr", {beats, ties}), DataType::kInt32);
  const OperandId place = e.Reduce("reduceSum", before, {axis + 1}, false);
  const OperandId indices = e.Expand(Iota(e, DataType::kInt64, size, axis, shape.size()), shape);
  const OperandId sorted =
      e.Op("scatterElements", {e.Zeros(DataType::kInt64, shape), place, indices}, {{"axis", int64_t{axis}}});
  const OperandId best = e.Slice(sorted, axis, 0, static_cast<uint32_t>(k));
  e.Output(0, e.Op("gatherElements", {x, best}, {{"axis", int64_t{axis}}}));
  e.Output(1, best);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"GridSample", ConvertGridSample},
    {"TopK", ConvertTopK},
};

}  // namespace

std::span<const Converter> SampleConverters() {
  return kTable;
}

}  // namespace modeld::importer
