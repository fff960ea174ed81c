// Operations that copy elements elsewhere: concat, gather, pad, slice, split.
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/families.h"
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

InferResult InferGather(InferContext& c) {
  const uint32_t axis = c.Uint("axis");
  MODELD_RETURN_IF_ERROR(CheckAxis(c, "axis", axis));
  TensorDescriptor output = c.input(0);
  const Shape& indices = c.input(1).shape;
  output.shape.erase(output.shape.begin() + axis);
  output.shape.insert(output.shape.begin() + axis, indices.begin(), indices.end());
  return One(std::move(output));
}

Values DecomposeGather(DecomposeContext& c) {
  return {c.b.GatherAlong(c.input(0), c.input(1), c.Uint("axis"))};
}

InferResult InferPad(InferContext& c) {
  TensorDescriptor output = c.input();
  const std::vector<uint32_t> before = c.Uints("beginningPadding");
  const std::vector<uint32_t> after = c.Uints("endingPadding");
  MODELD_RETURN_IF_ERROR(CheckCount(c, "beginningPadding", before.size(), output.shape.size()));
  MODELD_RETURN_IF_ERROR(CheckCount(c, "endingPadding", after.size(), output.shape.size()));
  for (size_t i = 0; i < output.shape.size(); ++i) {
    const uint32_t size = output.shape[i];
    if (c.String("mode") == "reflection" && (before[i] >= size || after[i] >= size)) {
      return c.Error(before[i] >= size ? "beginningPadding" : "endingPadding",
                     absl::StrCat(std::max(before[i], after[i]), " must be below the size ", size,
                                  " of dimension ", i, " to be reflected"),
                     absl::StrCat("below ", size), absl::StrCat(std::max(before[i], after[i])));
    }
    MODELD_ASSIGN_OR_RETURN(output.shape[i], ToDimension(c, absl::StrCat("output dimension ", i),
                                                         static_cast<int64_t>(size) + before[i] + after[i]));
  }
  return One(std::move(output));
}

// Whether core::Pad's double holds the value exactly.
bool IsExactAsDouble(const DecomposeContext& c, absl::string_view name, DataType type) {
  if (ElementBytes(type) < 8) return true;
  return c.IsInt(name) && c.Int(name) >= -(int64_t{1} << 53) && c.Int(name) <= int64_t{1} << 53;
}

// One Pad. A 64-bit integer beyond double's exact range is put in afterwards: where(pad(1, 0), pad(x, 0),
// value).
Values DecomposePad(DecomposeContext& c) {
  const std::string& mode = c.String("mode");
  const DataType type = c.output().data_type;
  core::Pad op = {.mode = mode == "edge"         ? core::PadMode::kEdge
                          : mode == "reflection" ? core::PadMode::kReflection
                                                 : core::PadMode::kConstant,
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

}  // namespace

std::vector<OpSchema> MovementOps() {
  return {
      {.type = "concat",
       .operands = {{.name = "inputs", .ranks = RankAtLeast(1), .same_type_as = 0}},
       .variadic = true,
       .attributes = {RequiredUint("axis")},
       .formula = "the inputs one after the other along axis",
       .infer = InferConcat,
       .decompose = DecomposeConcat},
      {.type = "gather",
       .operands = {{.name = "input", .ranks = RankAtLeast(1)}, {.name = "indices", .types = kIndexTypes}},
       .attributes = {UintAttribute("axis", 0)},
       .formula = "output[.., i.., ..] = input[.., indices[i..], ..] along axis",
       .infer = InferGather,
       .decompose = DecomposeGather},
      {.type = "pad",
       .operands = {{.name = "input"}},
       .attributes = {RequiredUints("beginningPadding"),
                      RequiredUints("endingPadding"),
                      ChoiceAttribute("mode", {"constant", "edge", "reflection"}),
                      {.name = "value", .kind = AttributeKind::kNumber, .default_value = 0.0}},
       .formula = "x with elements added around it",
       .infer = InferPad,
       .decompose = DecomposePad},
      {.type = "slice",
       .operands = {{.name = "input"}},
       .attributes = {RequiredUints("starts"),
                      {.name = "sizes", .kind = AttributeKind::kUints, .required = true, .min = 1},
                      OptionalUints("strides", 0, 1)},
       .formula = "output[i] = input[starts + i * strides]",
       .infer = InferSlice,
       .decompose = DecomposeSlice},
      {.type = "split",
       .operands = {{.name = "input", .ranks = RankAtLeast(1)}},
       .attributes = {{.name = "splits", .kind = AttributeKind::kUintOrUints, .required = true, .min = 1},
                      UintAttribute("axis", 0)},
       .formula = "slices of the sizes splits along axis",
       .infer = InferSplit,
       .decompose = DecomposeSplit},
  };
}

}  // namespace modeld
