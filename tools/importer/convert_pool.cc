// Pooling over windows and over everything.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"
#include "tools/importer/window_attributes.h"

namespace modeld::importer {
namespace {

// Positions of a window, each a slice of its own where the positions of maxima are wanted.
constexpr int64_t kMaxPositions = 1024;

OperandId PoolFlat(Emitter& e, absl::string_view type, OperandId x, const Window& window, bool ceil) {
  return e.Op(type, {x},
              {{"windowDimensions", window.kernel},
               {"strides", window.strides},
               {"dilations", window.dilations},
               {"padding", window.Padding()},
               {"outputShapeRounding", std::string(ceil ? "ceil" : "floor")}});
}

// Pools dimension `first` and all after it, taken as one, by a window of two dimensions.
OperandId PoolAt(Emitter& e, absl::string_view type, OperandId x, size_t first, const Window& window,
                 bool ceil) {
  Shape shape = e.shape(x);
  if (!e.ok()) return x;
  const auto product = [&](size_t from, size_t to) {
    return std::accumulate(shape.begin() + from, shape.begin() + to, 1u, std::multiplies<>());
  };
  x = PoolFlat(e, type, e.Reshape(x, {1, product(0, first), shape[first], product(first + 1, shape.size())}),
               window, ceil);
  shape[first] = e.size(x, 2);
  if (first + 2 == shape.size()) shape[first + 1] = e.size(x, 3);
  return e.Reshape(x, shape);
}

// WebNN's pooling over two dimensions at a time: all of them separate. (A mean that leaves padding out, too:
// at any place, as many elements count in every row.)
OperandId Pool(Emitter& e, absl::string_view type, OperandId x, const Window& window, bool ceil) {
  const size_t rank = window.rank();
  if (rank == 2) return PoolFlat(e, type, x, window, ceil);
  const size_t single = rank < 2 ? rank : rank - 2;
  if (rank > 2) x = PoolAt(e, type, x, rank, window.Part(rank - 2, rank), ceil);
  for (size_t i = single; i-- > 0;) {
    const Window tall{{window.kernel[i], 1},
                      {window.strides[i], 1},
                      {window.dilations[i], 1},
                      {window.before[i], 0},
                      {window.after[i], 0}};
    x = PoolAt(e, type, x, 2 + i, tall, ceil);
  }
  return x;
}

// The padding as elements of the input: zeros, which then count.
OperandId PadSpatial(Emitter& e, OperandId x, Window& window, double value) {
  if (!window.IsPadded()) return x;
  std::vector<int64_t> before = {0, 0};
  std::vector<int64_t> after = {0, 0};
  before.insert(before.end(), window.before.begin(), window.before.end());
  after.insert(after.end(), window.after.begin(), window.after.end());
  window.before.assign(window.rank(), 0);
  window.after.assign(window.rank(), 0);
  return e.Op("pad", {x}, {{"beginningPadding", before}, {"endingPadding", after}, {"value", value}});
}

// (sum |x|^p)^(1/p). WebNN has p = 2; else a sum is a mean times the window's size, padding counted.
OperandId PoolNorm(Emitter& e, OperandId x, Window window, bool ceil, double p) {
  if (p == 2) return Pool(e, "l2Pool2d", x, window, ceil);
  if (ceil) {
    e.Fail(e.node().Unsupported("p other than 2 together with ceil_mode"));
    return x;
  }
  double count = 1;
  for (int64_t size : window.kernel) count *= static_cast<double>(size);
  return InFloat32(e, x, [&](OperandId wide) {
    const OperandId power = e.Op("pow", {e.Op("abs", {wide}), e.Scalar(DataType::kFloat32, p)});
    const OperandId padded = PadSpatial(e, power, window, 0);
    const OperandId sum = e.Linear(Pool(e, "averagePool2d", padded, window, ceil), count, 0);
    return e.Op("pow", {sum, e.Scalar(DataType::kFloat32, 1 / p)});
  });
}

double Lowest(DataType type) {
  if (IsFloat(type)) return -std::numeric_limits<double>::infinity();
  return IsSignedInteger(type) ? -std::ldexp(1.0, static_cast<int>(ElementBits(type)) - 1) : 0;
}

// For each position of the window, the elements that it meets, [1, pooled shape].
std::vector<OperandId> WindowSlices(Emitter& e, OperandId padded, const Window& window, const Shape& pooled,
                                    int64_t positions) {
  const size_t rank = window.rank();
  std::vector<OperandId> slices;
  for (int64_t k = 0; k < positions; ++k) {
    std::vector<int64_t> starts(2 + rank, 0);
    std::vector<int64_t> sizes = ToList(pooled);
    std::vector<int64_t> strides(2 + rank, 1);
    int64_t rest = k;
    for (size_t i = rank; i-- > 0; rest /= window.kernel[i]) {
      starts[2 + i] = rest % window.kernel[i] * window.dilations[i];
      sizes[2 + i] = (int64_t{pooled[2 + i]} - 1) * window.strides[i] + 1;
      strides[2 + i] = window.strides[i];
    }
    Shape stacked = pooled;
    stacked.insert(stacked.begin(), 1);
    slices.push_back(e.Reshape(
        e.Op("slice", {padded}, {{"starts", starts}, {"sizes", sizes}, {"strides", strides}}), stacked));
  }
  return slices;
}

// MaxPool's second output: where in the whole tensor each maximum lies (the first of equal ones). Every
// position of the window is a slice; the position of the greatest of them tells the coordinates.
OperandId MaxPositions(Emitter& e, OperandId x, const Window& window, const Shape& pooled,
                       bool column_major) {
  const Shape shape = e.shape(x);
  const size_t rank = window.rank();
  int64_t positions = 1;
  for (int64_t size : window.kernel) {
    const auto product = CheckedMul(positions, size);
    positions = product ? *product : kMaxPositions + 1;
    if (positions > kMaxPositions) {
      e.Fail(e.node().Unsupported("positions of maxima in such a large window"));
      return x;
    }
  }
  Window padded_window = window;
  // Windows may hang over the end (ceil_mode).
  for (size_t i = 0; i < rank; ++i) {
    const int64_t reach = (int64_t{pooled[2 + i]} - 1) * window.strides[i] + window.Extent(i);
    padded_window.after[i] = std::max<int64_t>(0, reach - window.before[i] - shape[2 + i]);
  }
  const OperandId padded = PadSpatial(e, x, padded_window, Lowest(e.type(x)));
  OperandId position = e.Op("argMax", {e.Concat(WindowSlices(e, padded, window, pooled, positions), 0)},
                            {{"axis", int64_t{0}}, {"outputDataType", DataType::kInt64}});
  const auto number = [&](int64_t value) { return e.Constant(FromInts(DataType::kInt64, {}, {value})); };
  // Channels and batches, then the coordinates, the last dimension first.
  OperandId flat = number(0);
  int64_t stride = 1;
  const auto add = [&](OperandId coordinate, int64_t by) {
    flat = e.Add(flat, e.Mul(coordinate, number(by)));
  };
  std::vector<int64_t> strides(rank);
  for (size_t j = 0; j < rank; ++j) {
    const size_t i = column_major ? j : rank - 1 - j;
    strides[i] = stride;
    stride *= shape[2 + i];
  }
  for (size_t i = rank; i-- > 0;) {
    const OperandId rest = e.Div(position, number(window.kernel[i]));
    const OperandId within = e.Sub(position, e.Mul(rest, number(window.kernel[i])));
    position = rest;
    const OperandId origin =
        e.Sub(e.Mul(Iota(e, DataType::kInt64, pooled[2 + i], 2 + i, 2 + rank), number(window.strides[i])),
              number(window.before[i]));
    add(e.Add(origin, e.Mul(within, number(window.dilations[i]))), strides[i]);
  }
  add(Iota(e, DataType::kInt64, shape[1], 1, 2 + rank), stride);
  add(Iota(e, DataType::kInt64, shape[0], 0, 2 + rank), stride * shape[1]);
  return flat;
}

absl::Status ConvertPool(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  const Shape shape = e.shape(x);
  e.Require(shape.size() >= 3, "the input has no spatial dimensions");
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel,
                          SpatialInts(node, "kernel_shape", shape.size() - 2, 1));
  MODELD_ASSIGN_OR_RETURN(Window window, ReadWindow(node, kernel, SpatialSizes(shape)));
  const bool ceil = node.Int("ceil_mode", 0) != 0;
  if (node.op_type() == "LpPool") {
    const double p = node.opset() < 2 ? node.Float("p", 2) : static_cast<double>(node.Int("p", 2));
    e.Require(p > 0, "p is not positive");
    e.Output(0, PoolNorm(e, x, window, ceil, p));
  } else if (node.op_type() == "AveragePool") {
    // WebNN never counts padding, so where it counts the zeros become part of the input.
    if (node.Int("count_include_pad", 0) != 0) x = PadSpatial(e, x, window, 0);
    e.Output(0, Pool(e, "averagePool2d", x, window, ceil));
  } else {
    const OperandId y = Pool(e, "maxPool2d", x, window, ceil);
    e.Output(0, y);
    if (node.HasOutput(1) && e.ok()) {
      e.Output(1, MaxPositions(e, x, window, e.shape(y), node.Int("storage_order", 0) != 0));
    }
  }
  return e.Finish();
}

absl::Status ConvertGlobalPool(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  e.Require(e.rank(x) >= 3, "the input has no spatial dimensions");
  std::vector<int64_t> axes;
  for (size_t i = 2; i < e.rank(x); ++i) axes.push_back(static_cast<int64_t>(i));
  const double p = node.opset() < 2 ? node.Float("p", 2) : static_cast<double>(node.Int("p", 2));
  if (node.op_type() == "GlobalMaxPool") {
    e.Output(0, e.Reduce("reduceMax", x, axes, true));
  } else if (node.op_type() == "GlobalAveragePool") {
    e.Output(0, e.Reduce("reduceMean", x, axes, true));
  } else if (p == 1 || p == 2) {
    e.Output(0, e.Reduce(p == 1 ? "reduceL1" : "reduceL2", x, axes, true));
  } else {
    e.Require(p > 0, "p is not positive");
    e.Output(
        0, InFloat32(e, x, [&](OperandId wide) {
          const OperandId power = e.Op("pow", {e.Op("abs", {wide}), e.Scalar(DataType::kFloat32, p)});
          return e.Op("pow", {e.Reduce("reduceSum", power, axes, true), e.Scalar(DataType::kFloat32, 1 / p)});
        }));
  }
  return e.Finish();
}

// Every element goes where MaxPool's second output says that it came from; the rest is 0.
absl::Status ConvertMaxUnpool(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId positions = e.Input(1);
  const Shape shape = e.shape(x);
  e.Require(shape.size() >= 3 && e.shape(positions) == shape, "input and indices differ in shape");
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel,
                          SpatialInts(node, "kernel_shape", shape.size() - 2, 1));
  MODELD_ASSIGN_OR_RETURN(const Window window, ReadWindow(node, kernel, {}));
  // Positions are of this shape, to which output_shape only adds.
  Shape inferred = shape;
  uint64_t elements = uint64_t{shape[0]} * shape[1];
  for (size_t i = 0; i < window.rank(); ++i) {
    const int64_t size = (int64_t{shape[2 + i]} - 1) * window.strides[i] + window.kernel[i] -
                         window.before[i] - window.after[i];
    if (size < 1 || size > INT32_MAX) return node.Invalid("the output's size is out of range");
    inferred[2 + i] = static_cast<uint32_t>(size);
  }
  for (size_t i = 2; i < inferred.size(); ++i) {
    const auto product = CheckedMul(elements, uint64_t{inferred[i]});
    if (!product || *product > INT32_MAX) return node.Invalid("the output has too many elements");
    elements = *product;
  }
  const uint32_t count = std::accumulate(shape.begin(), shape.end(), 1u, std::multiplies<>());
  const OperandId zeros = e.Zeros(e.type(x), {static_cast<uint32_t>(elements)});
  const OperandId flat =
      e.Op("scatterElements", {zeros, e.Reshape(positions, {count}), e.Reshape(x, {count})},
           {{"axis", int64_t{0}}});
  OperandId y = e.Reshape(flat, inferred);
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(2, "output_shape"));
    if (wanted.size() != shape.size()) return node.Invalid("output_shape has another rank than the input");
    std::vector<int64_t> after;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] < inferred[i] || wanted[i] > INT32_MAX) {
        return node.Invalid(absl::StrCat("output_shape[", i, "] is below ", inferred[i]));
      }
      after.push_back(wanted[i] - inferred[i]);
    }
    y = e.Op("pad", {y},
             {{"beginningPadding", std::vector<int64_t>(shape.size(), 0)}, {"endingPadding", after}});
  }
  e.Output(0, y);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"MaxPool", ConvertPool},
    {"AveragePool", ConvertPool},
    {"LpPool", ConvertPool},
    {"GlobalAveragePool", ConvertGlobalPool},
    {"GlobalMaxPool", ConvertGlobalPool},
    {"GlobalLpPool", ConvertGlobalPool},
    {"MaxUnpool", ConvertMaxUnpool},
};

}  // namespace

std::span<const Converter> PoolConverters() {
  return kTable;
}

}  // namespace modeld::importer
