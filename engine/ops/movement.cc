// Operations that copy elements elsewhere: concat, pad, reverse, slice, split, tile, triangular.
#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
#include "engine/ops/positions.h"
#include "engine/ops/shared_rules.h"

namespace modeld {
namespace {

using core::ValueId;

InferResult InferConcat(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  TensorDescriptor output = c.input(0);
  int64_t size = output.shape[axis];
  for (size_t i = 1; i < c.input_count(); ++i) {
    Shape found = c.input(i).shape;
    const bool same_rank = found.size() == output.shape.size();
    if (same_rank) {
      size += found[axis];
      found[axis] = output.shape[axis];
    }
    if (found != output.shape) {
      return c.Error(absl::StrCat("inputs[", i, "]"),
                     absl::StrCat("has shape ", ShapeToString(c.input(i).shape), ", which differs from ",
                                  ShapeToString(output.shape), " beyond axis ", axis),
                     ShapeToString(output.shape), ShapeToString(c.input(i).shape));
    }
  }
  MODELD_ASSIGN_OR_RETURN(output.shape[axis], ToDimension(c, "output size along axis", size));
  return One(std::move(output));
}

Values DecomposeConcat(DecomposeContext& c) {
  return {c.b.ConcatAlong(c.inputs(), c.Uint("axis"))};
}

// WebNN's modes, and `symmetric`.
core::PadMode PadModeOf(const AttributeReader& c) {
  const std::string& mode = c.String("mode");
  if (mode == "edge") return core::PadMode::kEdge;
  if (mode == "reflection") return core::PadMode::kReflection;
  return mode == "symmetric" ? core::PadMode::kSymmetric : core::PadMode::kConstant;
}

// What is mirrored must be there: all but the edge itself, or with it.
absl::Status CheckMirrored(const InferContext& c, absl::string_view field, size_t dimension,
                           uint32_t padding) {
  const core::PadMode mode = PadModeOf(c);
  const uint32_t size = c.input().shape[dimension];
  const bool reflects = mode == core::PadMode::kReflection;
  if (!reflects && mode != core::PadMode::kSymmetric) return absl::OkStatus();
  if (padding < size || (padding == size && !reflects)) return absl::OkStatus();
  const absl::string_view bound = reflects ? "below" : "at most";
  return c.Error(field,
                 absl::StrCat(padding, " must be ", bound, " the size ", size, " of dimension ", dimension,
                              " to be ", reflects ? "reflected" : "mirrored"),
                 absl::StrCat(bound, " ", size), absl::StrCat(padding));
}

InferResult InferPad(InferContext& c) {
  TensorDescriptor output = c.input();
  const std::vector<uint32_t> before = c.Uints("beginningPadding");
  const std::vector<uint32_t> after = c.Uints("endingPadding");
  MODELD_RETURN_IF_ERROR(CheckCount(c, "beginningPadding", before.size(), output.shape.size()));
  MODELD_RETURN_IF_ERROR(CheckCount(c, "endingPadding", after.size(), output.shape.size()));
  for (size_t i = 0; i < output.shape.size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckMirrored(c, "beginningPadding", i, before[i]));
    MODELD_RETURN_IF_ERROR(CheckMirrored(c, "endingPadding", i, after[i]));
    const int64_t size = int64_t{output.shape[i]} + before[i] + after[i];
    MODELD_ASSIGN_OR_RETURN(output.shape[i], ToDimension(c, absl::StrCat("output dimension ", i), size));
  }
  return One(std::move(output));
}

// Whether core::Pad's double holds the value exactly.
bool IsExactAsDouble(const DecomposeContext& c, absl::string_view name, DataType type) {
  if (ElementBits(type) < 64) return true;
  return c.IsInt(name) && c.Int(name) >= -(int64_t{1} << 53) && c.Int(name) <= int64_t{1} << 53;
}

// One Pad. A 64-bit integer beyond double's exact range is put in afterwards: where(pad(1, 0), pad(x, 0),
// value).
Values DecomposePad(DecomposeContext& c) {
  const DataType type = c.output().data_type;
  core::Pad op = {.mode = PadModeOf(c),
                  .before = c.Uints("beginningPadding"),
                  .after = c.Uints("endingPadding"),
                  .value = 0};
  if (op.mode != core::PadMode::kConstant) return {c.b.PadWith(op, c.input())};
  if (IsExactAsDouble(c, "value", type)) {
    op.value = IsFloat(type) ? c.Float("value") : static_cast<double>(c.Int("value"));
    return {c.b.PadWith(op, c.input())};
  }
  const ValueId ones = c.b.BroadcastTo(c.b.Scalar(DataType::kUint8, 1), c.b.shape(c.input()));
  return {c.b.SelectIf(c.b.PadWith(op, ones), c.b.PadWith(op, c.input()), c.NumberScalar("value", type))};
}

InferResult InferSlice(InferContext& c) {
  TensorDescriptor output = c.input();
  const size_t rank = output.shape.size();
  if (!c.Has("strides")) c.SetUints("strides", std::vector<uint32_t>(rank, 1));
  const std::vector<uint32_t> starts = c.Uints("starts");
  const std::vector<uint32_t> sizes = c.Uints("sizes");
  const std::vector<uint32_t> strides = c.Uints("strides");
  MODELD_RETURN_IF_ERROR(CheckCount(c, "starts", starts.size(), rank));
  MODELD_RETURN_IF_ERROR(CheckCount(c, "sizes", sizes.size(), rank));
  MODELD_RETURN_IF_ERROR(CheckCount(c, "strides", strides.size(), rank));
  for (size_t i = 0; i < rank; ++i) {
    const uint64_t end = static_cast<uint64_t>(starts[i]) + sizes[i];
    if (end > output.shape[i]) {
      return c.Error("sizes",
                     absl::StrCat("of dimension ", i, " end at ", starts[i], " + ", sizes[i],
                                  ", beyond the input's ", output.shape[i]),
                     absl::StrCat("an end of at most ", output.shape[i]), absl::StrCat(end));
    }
    output.shape[i] = sizes[i] / strides[i] + (sizes[i] % strides[i] != 0 ? 1 : 0);
  }
  return One(std::move(output));
}

Values DecomposeSlice(DecomposeContext& c) {
  return {c.b.SliceOf(c.input(), c.Uints("starts"), c.Uints("strides"), c.output().shape)};
}

// A count becomes a list of that many equal sizes.
absl::Status ExpandSplits(InferContext& c, uint32_t size) {
  const AttributeValue& splits = c.operation().attributes.at("splits");
  const auto* count = std::get_if<int64_t>(&splits);
  if (count == nullptr) return absl::OkStatus();
  if (*count > c.limits().max_list_elements) {
    return c.Error("splits", absl::StrCat("is ", *count, ", expected at most ", c.limits().max_list_elements),
                   absl::StrCat("at most ", c.limits().max_list_elements), absl::StrCat(*count));
  }
  if (size % *count != 0) {
    return c.Error("splits", absl::StrCat(*count, " does not divide the size ", size),
                   absl::StrCat("a divisor of ", size), absl::StrCat(*count));
  }
  const auto part = static_cast<uint32_t>(size / *count);
  c.SetUints("splits", std::vector<uint32_t>(static_cast<size_t>(*count), part));
  return absl::OkStatus();
}

InferResult InferSplit(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  const uint32_t size = c.input().shape[axis];
  MODELD_RETURN_IF_ERROR(ExpandSplits(c, size));
  const std::vector<uint32_t> splits = c.Uints("splits");
  if (splits.empty()) return c.Error("splits", "is empty, expected at least one size", "at least one size");
  const uint64_t sum = std::accumulate(splits.begin(), splits.end(), uint64_t{0});
  if (sum != size) {
    return c.Error("splits", absl::StrCat("add up to ", sum, ", expected ", size), absl::StrCat(size),
                   absl::StrCat(sum));
  }
  std::vector<TensorDescriptor> outputs(splits.size(), c.input());
  for (size_t i = 0; i < splits.size(); ++i) outputs[i].shape[axis] = splits[i];
  return outputs;
}

// One Slice per output.
Values DecomposeSplit(DecomposeContext& c) {
  const size_t rank = c.b.shape(c.input()).size();
  const uint32_t axis = c.Uint("axis");
  Values outputs;
  std::vector<uint32_t> starts(rank, 0);
  for (size_t i = 0; i < c.output_count(); ++i) {
    const Shape& shape = c.output(i).shape;
    outputs.push_back(c.b.SliceOf(c.input(), starts, std::vector<uint32_t>(rank, 1), shape));
    starts[axis] += shape[axis];
  }
  return outputs;
}

InferResult InferReverse(InferContext& c) {
  if (!c.Has("axes")) {
    std::vector<uint32_t> all(c.input().shape.size());
    std::iota(all.begin(), all.end(), 0u);
    c.SetUints("axes", all);
  }
  MODELD_RETURN_IF_ERROR(CheckAxes(c, "axes", c.Uints("axes")));
  return SameAsInput(c);
}

// gather(x, [size - 1, .., 0]) along each axis
Values DecomposeReverse(DecomposeContext& c) {
  ValueId x = c.input();
  for (uint32_t axis : c.Uints("axes")) {
    const uint32_t size = c.b.shape(x)[axis];
    if (size == 1) continue;
    x = c.b.GatherAlong(x, Positions(c.b, DataType::kInt32, size, int64_t{size} - 1, -1), axis);
  }
  return {x};
}

InferResult InferTile(InferContext& c) {
  TensorDescriptor output = c.input();
  const std::vector<uint32_t> repetitions = c.Uints("repetitions");
  MODELD_RETURN_IF_ERROR(CheckCount(c, "repetitions", repetitions.size(), output.shape.size()));
  for (size_t i = 0; i < output.shape.size(); ++i) {
    const int64_t size = int64_t{output.shape[i]} * repetitions[i];
    MODELD_ASSIGN_OR_RETURN(output.shape[i], ToDimension(c, absl::StrCat("output dimension ", i), size));
  }
  return One(std::move(output));
}

// Per dimension, innermost first: x as [outer, 1, rest] broadcast to [outer, repetitions, rest]. Dimensions
// of size 1 are broadcast as they are, all at once.
Values DecomposeTile(DecomposeContext& c) {
  const std::vector<uint32_t> repetitions = c.Uints("repetitions");
  ValueId x = c.input();
  for (size_t i = repetitions.size(); i-- > 0;) {
    Shape shape = c.b.shape(x);
    if (repetitions[i] == 1 || shape[i] == 1) continue;
    uint32_t outer = 1;
    for (size_t d = 0; d < i; ++d) outer *= shape[d];
    uint32_t rest = 1;
    for (size_t d = i; d < shape.size(); ++d) rest *= shape[d];
    x = c.b.BroadcastTo(c.b.ReshapeTo(x, {outer, 1, rest}), {outer, repetitions[i], rest});
    shape[i] *= repetitions[i];
    x = c.b.ReshapeTo(x, std::move(shape));
  }
  return {c.b.BroadcastTo(x, c.output().shape)};
}

InferResult InferTriangular(InferContext& c) {
  using Limits = std::numeric_limits<int32_t>;
  const int64_t diagonal = c.Int("diagonal");
  if (diagonal < Limits::min() || diagonal > Limits::max()) {
    const std::string expected = absl::StrCat(Limits::min(), " to ", Limits::max());
    return c.Error("diagonal", absl::StrCat(diagonal, " is out of range, expected ", expected), expected,
                   absl::StrCat(diagonal));
  }
  return SameAsInput(c);
}

// where(row + diagonal <= column, x, 0), lower: >=. A diagonal beyond the matrix is moved to its edge, where
// it keeps or drops the same, and the sum fits int32.
Values DecomposeTriangular(DecomposeContext& c) {
  const Shape shape = c.b.shape(c.input());
  const uint32_t height = shape[shape.size() - 2];
  const uint32_t width = shape.back();
  const int64_t diagonal = std::clamp<int64_t>(c.Int("diagonal"), -int64_t{height}, width);
  const ValueId rows = c.b.ReshapeTo(Positions(c.b, DataType::kInt32, height, diagonal, 1), {height, 1});
  const ValueId columns = Positions(c.b, DataType::kInt32, width, 0, 1);
  const ValueId kept = c.b.Apply(
      c.Bool("upper") ? core::Comparison::kLesserOrEqual : core::Comparison::kGreaterOrEqual, rows, columns);
  return {c.b.SelectIf(kept, c.input(), c.b.Scalar(c.b.type(c.input()), 0))};
}

}  // namespace

std::vector<OpSchema> MovementOps() {
  return {
      {.type = "concat",
       .operands = {{.name = "inputs", .types = kMovableTypes, .ranks = RankAtLeast(1), .same_type_as = 0}},
       .variadic = true,
       .attributes = {RequiredUint("axis")},
       .formula = "the inputs one after the other along axis",
       .infer = InferConcat,
       .decompose = DecomposeConcat},
      {.type = "pad",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {RequiredUints("beginningPadding"),
                      RequiredUints("endingPadding"),
                      ChoiceAttribute("mode", {"constant", "edge", "reflection", "symmetric"}),
                      {.name = "value", .kind = AttributeKind::kNumber, .default_value = 0.0}},
       .formula = "x with elements added around it",
       .infer = InferPad,
       .decompose = DecomposePad},
      {.type = "reverse",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {OptionalUints("axes")},
       .formula = "output[i] = input[size - 1 - i] along axes",
       .infer = InferReverse,
       .decompose = DecomposeReverse},
      {.type = "slice",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {RequiredUints("starts"),
                      {.name = "sizes", .kind = AttributeKind::kUints, .required = true, .min = 1},
                      OptionalUints("strides", 0, 1)},
       .formula = "output[i] = input[starts + i * strides]",
       .infer = InferSlice,
       .decompose = DecomposeSlice},
      {.type = "split",
       .operands = {{.name = "input", .types = kMovableTypes, .ranks = RankAtLeast(1)}},
       .attributes = {{.name = "splits", .kind = AttributeKind::kUintOrUints, .required = true, .min = 1},
                      UintAttribute("axis", 0)},
       .formula = "slices of the sizes splits along axis",
       .infer = InferSplit,
       .decompose = DecomposeSplit},
      {.type = "tile",
       .operands = {{.name = "input", .types = kMovableTypes}},
       .attributes = {{.name = "repetitions", .kind = AttributeKind::kUints, .required = true, .min = 1}},
       .formula = "output[i] = input[i modulo size] in every dimension",
       .infer = InferTile,
       .decompose = DecomposeTile},
      {.type = "triangular",
       .operands = {{.name = "input", .types = kMovableTypes, .ranks = RankAtLeast(2)}},
       .attributes = {BoolAttribute("upper", true),
                      {.name = "diagonal", .kind = AttributeKind::kInt, .default_value = int64_t{0}}},
       .formula = "x where row + diagonal <= column (lower: >=), else 0",
       .infer = InferTriangular,
       .decompose = DecomposeTriangular},
  };
}

}  // namespace modeld
