// What moves elements by index or by position: gather and scatter, depth and space, triangles.
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"

namespace modeld::importer {
namespace {

// A scatter that adds, multiplies or takes extremes compares every update with every place.
constexpr uint64_t kMaxScatterPairs = 1u << 24;

absl::Status ConvertGather(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId indices = e.Input(1);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), e.rank(x)));
  const absl::string_view type = node.op_type() == "Gather" ? "gather" : "gatherElements";
  e.Output(0, e.Op(type, {x, indices}, {{"axis", int64_t{axis}}}));
  return e.Finish();
}

// WebNN has no batch dimensions: they become coordinates of their own before the indices'.
absl::Status ConvertGatherND(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  OperandId indices = e.Input(1);
  const int64_t batch = node.Int("batch_dims", 0);
  const size_t rank = e.rank(indices);
  e.Require(rank > 0, "indices is a scalar");
  e.Require(batch >= 0 && static_cast<size_t>(batch) < std::min(std::max<size_t>(rank, 1), e.rank(x) + 1),
            absl::StrCat("batch_dims ", batch, " is out of range"));
  if (!e.ok()) return e.Finish();
  std::vector<OperandId> coordinates;
  Shape one = e.shape(indices);
  one.back() = 1;
  for (size_t i = 0; i < static_cast<size_t>(batch); ++i) {
    coordinates.push_back(e.Expand(Iota(e, e.type(indices), e.size(x, i), i, rank), one));
  }
  coordinates.push_back(indices);
  e.Output(0, e.Op("gatherND", {x, e.Concat(std::move(coordinates), static_cast<uint32_t>(rank - 1))}));
  return e.Finish();
}

// For data [N, K], places [M] of its rows and updates [M, K]: every row with all its updates. One comparison
// of rows with places tells which are whose.
OperandId ReduceInto(Emitter& e, const std::string& reduction, OperandId data, OperandId places,
                     OperandId updates) {
  const uint32_t rows = e.size(data, 0);
  const uint32_t count = e.size(places, 0);
  const uint32_t width = e.size(data, 1);
  const auto pairs = CheckedMul(uint64_t{rows} * count, uint64_t{width});
  if (e.ok() && (!pairs || *pairs > kMaxScatterPairs)) {
    e.Fail(e.node().Unsupported("reduces too many updates into too many elements"));
  }
  if (!e.ok()) return data;
  const DataType type = e.type(data);
  const OperandId hits =
      e.Op("equal", {Iota(e, e.type(places), rows, 0, 3), e.Reshape(places, {1, count, 1})});
  updates = e.Reshape(updates, {1, count, width});
  const auto reduce = [&](absl::string_view operation, OperandId neutral, absl::string_view combine) {
    const OperandId own = e.Reduce(operation, e.Where(hits, updates, neutral), {1}, false);
    return e.Op(combine, {data, own});
  };
  if (reduction == "add") return reduce("reduceSum", e.Scalar(type, 0), "add");
  if (reduction == "mul") return reduce("reduceProduct", e.Scalar(type, 1), "mul");
  // A row takes part in its own extreme.
  const OperandId self = e.Reshape(data, {rows, 1, width});
  if (reduction == "max") return reduce("reduceMax", self, "max");
  if (reduction == "min") return reduce("reduceMin", self, "min");
  e.Require(false, absl::StrCat("reduction \"", reduction, "\" is unknown"));
  return data;
}

uint32_t Product(const Shape& shape, size_t from, size_t to) {
  return std::accumulate(shape.begin() + from, shape.begin() + to, 1u, std::multiplies<>());
}

// Scatter is the name before opset 11.
absl::Status ConvertScatterElements(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId indices = e.Input(1);
  const OperandId updates = e.Input(2);
  if (!e.ok()) return e.Finish();
  const Shape shape = e.shape(x);
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), shape.size()));
  const std::string reduction = node.String("reduction", "none");
  if (reduction == "none") {
    e.Output(0, e.Op("scatterElements", {x, indices, updates}, {{"axis", int64_t{axis}}}));
    return e.Finish();
  }
  e.Require(e.rank(indices) == shape.size() && e.shape(updates) == e.shape(indices),
            "indices and updates differ in shape, or in rank from the data");
  // Flat positions, from the index along the axis and the updates' own along the others.
  OperandId places = e.Scalar(DataType::kInt64, 0);
  int64_t stride = 1;
  for (size_t i = shape.size(); e.ok() && i-- > 0; stride *= shape[i]) {
    OperandId coordinate = Iota(e, DataType::kInt64, e.size(indices, i), i, shape.size());
    if (i == axis) coordinate = WrapIndices(e, e.Cast(indices, DataType::kInt64), shape[i]);
    places = e.Add(places, e.Mul(coordinate, e.Scalar(DataType::kInt64, static_cast<double>(stride))));
  }
  if (!e.ok()) return e.Finish();
  const uint32_t count = Product(e.shape(indices), 0, shape.size());
  const OperandId result = ReduceInto(e, reduction, e.Reshape(x, {Product(shape, 0, shape.size()), 1}),
                                      e.Reshape(places, {count}), e.Reshape(updates, {count, 1}));
  e.Output(0, e.Reshape(result, shape));
  return e.Finish();
}

absl::Status ConvertScatterND(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId indices = e.Input(1);
  const OperandId updates = e.Input(2);
  const std::string reduction = node.String("reduction", "none");
  if (reduction == "none") {
    e.Output(0, e.Op("scatterND", {x, indices, updates}));
    return e.Finish();
  }
  const Shape shape = e.shape(x);
  const Shape index_shape = e.shape(indices);
  const size_t depth = index_shape.empty() ? 0 : index_shape.back();
  e.Require(!index_shape.empty() && depth <= shape.size(), "indices have more coordinates than the data");
  if (!e.ok()) return e.Finish();
  const uint32_t count = Product(index_shape, 0, index_shape.size() - 1);
  const uint32_t rows = Product(shape, 0, depth);
  const uint32_t width = Product(shape, depth, shape.size());
  e.Require(Product(e.shape(updates), 0, e.rank(updates)) == count * width, "updates do not fit the indices");
  const OperandId table = e.Reshape(e.Cast(indices, DataType::kInt64), {count, static_cast<uint32_t>(depth)});
  OperandId places = e.Zeros(DataType::kInt64, {count, 1});
  uint32_t stride = rows;
  for (uint32_t i = 0; i < depth; ++i) {
    stride /= shape[i];
    const OperandId coordinate = WrapIndices(e, e.Slice(table, 1, i, 1), shape[i]);
    places = e.Add(places, e.Mul(coordinate, e.Scalar(DataType::kInt64, stride)));
  }
  const OperandId result = ReduceInto(e, reduction, e.Reshape(x, {rows, width}), e.Reshape(places, {count}),
                                      e.Reshape(updates, {count, width}));
  e.Output(0, e.Reshape(result, shape));
  return e.Finish();
}

// What the condition keeps must be known: it is the result's shape.
absl::Status ConvertCompress(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> condition, node.IntsInput(1, "condition"));
  uint32_t axis = 0;
  if (node.HasAttribute("axis")) {
    MODELD_ASSIGN_OR_RETURN(axis, node.Axis(node.Int("axis", 0), e.rank(x)));
  } else {
    x = e.Reshape(x, {Product(e.shape(x), 0, e.rank(x))});
  }
  e.Require(condition.size() <= e.size(x, axis), "condition is longer than the dimension");
  std::vector<int64_t> kept;
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i] != 0) kept.push_back(static_cast<int64_t>(i));
  }
  if (kept.empty()) return node.Unsupported("condition keeps nothing", Reason::kEmptyTensor);
  const OperandId indices =
      e.Constant(FromInts(DataType::kInt64, {static_cast<uint32_t>(kept.size())}, kept));
  e.Output(0, e.Op("gather", {x, indices}, {{"axis", int64_t{axis}}}));
  return e.Finish();
}

// Along the time axis, element t of a sequence of length n is element n - 1 - t, and what lies beyond stays.
absl::Status ConvertReverseSequence(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const int64_t time = node.Int("time_axis", 0);
  const int64_t batch = node.Int("batch_axis", 1);
  e.Require(e.rank(x) >= 2 && (time == 0 || time == 1) && (batch == 0 || batch == 1) && time != batch,
            "time_axis and batch_axis are not 0 and 1");
  if (!e.ok()) return e.Finish();
  Shape lengths_shape(e.rank(x), 1);
  lengths_shape[batch] = e.size(x, batch);
  const OperandId lengths = e.Reshape(e.Cast(e.Input(1), DataType::kInt32), lengths_shape);
  const OperandId at = Iota(e, DataType::kInt32, e.size(x, time), time, e.rank(x));
  const OperandId mirrored = e.Sub(e.Sub(lengths, e.Scalar(DataType::kInt32, 1)), at);
  const OperandId from = e.Where(e.Op("lesser", {at, lengths}), mirrored, at);
  e.Output(0, e.Op("gatherElements", {x, e.Expand(from, e.shape(x))}, {{"axis", time}}));
  return e.Finish();
}

// Between [N, C, H, W] and [N, C / b^2, H b, W b]; blocks come before or after the channels that they leave.
absl::Status ConvertDepthToSpace(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const int64_t size = node.Int("blocksize", 0);
  e.Require(e.rank(x) == 4 && size > 0 && size <= INT32_MAX, "wants a rank of 4 and a positive blocksize");
  if (!e.ok()) return e.Finish();
  const Shape s = e.shape(x);
  const auto b = static_cast<uint32_t>(size);
  if (node.op_type() == "SpaceToDepth") {
    if (!e.Require(s[2] % b == 0 && s[3] % b == 0, "blocksize does not divide height and width")) {
      return e.Finish();
    }
    const OperandId split = e.Reshape(x, {s[0], s[1], s[2] / b, b, s[3] / b, b});
    e.Output(0, e.Reshape(e.Transpose(split, {0, 3, 5, 1, 2, 4}), {s[0], s[1] * b * b, s[2] / b, s[3] / b}));
    return e.Finish();
  }
  const std::string mode = node.String("mode", "DCR");
  e.Require(mode == "DCR" || mode == "CRD", "mode is neither DCR nor CRD");
  const auto square = CheckedMul(uint64_t{b}, uint64_t{b});
  if (!e.Require(square && s[1] % *square == 0, "blocksize squared does not divide the channels")) {
    return e.Finish();
  }
  const uint32_t channels = s[1] / (b * b);
  OperandId y = mode == "DCR" ? e.Reshape(x, {s[0], b, b, channels, s[2], s[3]})
                              : e.Reshape(x, {s[0], channels, b, b, s[2], s[3]});
  y = e.Transpose(
      y, mode == "DCR" ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3});
  e.Output(0, e.Reshape(y, {s[0], channels, s[2] * b, s[3] * b}));
  return e.Finish();
}

// values[1] where the position along the new axis is the index, values[0] elsewhere.
absl::Status ConvertOneHot(NodeContext& node) {
  Emitter e(node);
  OperandId indices = e.Input(0);
  const OperandId values = e.Input(2);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const double depth, node.NumberInput(1, "depth"));
  e.Require(depth >= 1 && depth <= INT32_MAX, "depth is out of range");
  e.Require(e.shape(values) == Shape{2}, "values does not hold two elements");
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", -1), e.rank(indices) + 1));
  const auto size = static_cast<uint32_t>(depth);
  indices = WrapIndices(e, e.Cast(indices, DataType::kInt64), size);
  if (!e.ok()) return e.Finish();
  Shape shape = e.shape(indices);
  shape.insert(shape.begin() + axis, 1);
  const OperandId hot =
      e.Op("equal", {e.Reshape(indices, shape), Iota(e, DataType::kInt64, size, axis, shape.size())});
  const auto value = [&](uint32_t i) { return e.Reshape(e.Slice(values, 0, i, 1), {}); };
  e.Output(0, e.Where(hot, value(1), value(0)));
  return e.Finish();
}

absl::Status ConvertTrilu(NodeContext& node) {
  Emitter e(node);
  int64_t k = 0;
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(k, IntInput(node, 1, "k"));
  }
  // Beyond a tensor's size all diagonals are the same.
  k = std::clamp<int64_t>(k, -INT32_MAX, INT32_MAX);
  e.Output(0, e.Op("triangular", {e.Input(0)}, {{"upper", node.Int("upper", 1) != 0}, {"diagonal", k}}));
  return e.Finish();
}

// Ones where column - row = k.
absl::Status ConvertEyeLike(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor like, node.InputDescriptor(0));
  Emitter e(node);
  if (!e.Require(like.shape.size() == 2, "the input does not have two dimensions")) return e.Finish();
  DataType type = like.data_type;
  if (node.HasAttribute("dtype")) {
    const absl::StatusOr<DataType> wanted = DataTypeFromOnnx(static_cast<int32_t>(node.Int("dtype", 0)));
    if (!wanted.ok()) return Annotate(wanted.status(), node.Name());
    type = *wanted;
  }
  const double k = static_cast<double>(node.Int("k", 0));
  const OperandId row = Iota(e, DataType::kInt64, like.shape[0], 0, 2);
  const OperandId column = Iota(e, DataType::kInt64, like.shape[1], 1, 2);
  e.Output(0, e.Cast(e.Op("equal", {column, e.Add(row, e.Scalar(DataType::kInt64, k))}), type));
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Gather", ConvertGather},
    {"GatherElements", ConvertGather},
    {"GatherND", ConvertGatherND},
    {"Scatter", ConvertScatterElements},
    {"ScatterElements", ConvertScatterElements},
    {"ScatterND", ConvertScatterND},
    {"Compress", ConvertCompress},
    {"ReverseSequence", ConvertReverseSequence},
    {"DepthToSpace", ConvertDepthToSpace},
    {"SpaceToDepth", ConvertDepthToSpace},
    {"OneHot", ConvertOneHot},
    {"Trilu", ConvertTrilu},
    {"EyeLike", ConvertEyeLike},
};

}  // namespace

std::span<const Converter> MovementConverters() {
  return kTable;
}

}  // namespace modeld::importer
