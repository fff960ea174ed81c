// What gives a tensor another shape, or takes parts of it.
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"
#include "tools/importer/shape_rules.h"

namespace modeld::importer {
namespace {

bool HasZero(const std::vector<int64_t>& sizes) {
  return std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
}

// WebNN has no tensors without elements, but here they are known, and may be a part of something.
absl::Status SetEmptyOutput(NodeContext& node, int index, DataType type, const std::vector<int64_t>& sizes) {
  return node.SetHostOutput(index, {{type, Shape(sizes.begin(), sizes.end())}, {}});
}

// The shape is an attribute before opset 5.
absl::Status ConvertReshape(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  std::vector<int64_t> wanted = node.Ints("shape");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(wanted, node.IntsInput(1, "shape"));
  }
  MODELD_ASSIGN_OR_RETURN(const Shape shape,
                          ResolveReshape(node, input.shape, wanted, node.Int("allowzero", 0) != 0));
  if (HasZero(ToList(shape))) return SetEmptyOutput(node, 0, input.data_type, ToList(shape));
  Emitter e(node);
  e.Output(0, e.Reshape(e.Input(0), shape));
  return e.Finish();
}

absl::Status ConvertFlatten(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const int64_t axis = node.Int("axis", 1);
  const auto rank = static_cast<int64_t>(e.rank(x));
  e.Require(axis >= -rank && axis <= rank, absl::StrCat("axis ", axis, " is out of range"));
  if (!e.ok()) return e.Finish();
  e.Output(0, e.Reshape(x, FlattenAt(e.shape(x), static_cast<size_t>(axis < 0 ? axis + rank : axis))));
  return e.Finish();
}

// Squeeze and Unsqueeze: axes are an attribute before opset 13, an input since.
absl::Status ConvertSqueeze(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  MODELD_ASSIGN_OR_RETURN(const Shape shape, ResolveSqueeze(node, input.shape));
  Emitter e(node);
  e.Output(0, e.Reshape(e.Input(0), shape));
  return e.Finish();
}

absl::Status ConvertTranspose(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  std::vector<int64_t> permutation = node.Ints("perm");
  if (permutation.empty()) {
    for (size_t i = e.rank(x); i-- > 0;) permutation.push_back(static_cast<int64_t>(i));
  }
  e.Output(0, e.Transpose(x, permutation));
  return e.Finish();
}

// The axis is 1 by default before opset 4.
absl::Status ConvertConcat(NodeContext& node) {
  std::vector<OperandId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    MODELD_ASSIGN_OR_RETURN(const TensorDescriptor descriptor, node.InputDescriptor(i));
    // An empty list adds nothing, and WebNN has no empty tensors.
    if (HasZero(ToList(descriptor.shape))) continue;
    MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(i));
    inputs.push_back(input);
  }
  if (inputs.empty()) return node.Unsupported("all inputs are empty", Reason::kEmptyTensor);
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", node.opset() < 4 ? 1 : 0),
                                                         node.shape(inputs[0]).size()));
  return node.SetOutput(0, node.Emit("concat", std::move(inputs), {{"axis", int64_t{axis}}}));
}

// As many parts as outputs (or `num_outputs`, since opset 18), equal but for a smaller last one, unless their
// sizes are given.
absl::StatusOr<std::vector<int64_t>> SplitSizes(NodeContext& node, int64_t size) {
  std::vector<int64_t> splits = node.Ints("split");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(splits, node.IntsInput(1, "split"));
  }
  const auto outputs = static_cast<int64_t>(node.output_count());
  if (splits.empty()) {
    const int64_t parts = node.Int("num_outputs", outputs);
    if (parts < 1 || parts > std::max(size, outputs)) {
      return node.Invalid(absl::StrCat(size, " elements do not split into ", parts, " parts"));
    }
    const int64_t part = (size + parts - 1) / parts;
    if (size % parts != 0 && node.opset() < 18) {
      return node.Invalid(absl::StrCat(size, " elements do not split into ", parts, " equal parts"));
    }
    for (int64_t i = 0; i < parts; ++i) splits.push_back(std::clamp<int64_t>(size - i * part, 0, part));
  }
  int64_t total = 0;
  for (int64_t split : splits) {
    if (split < 0 || split > size - total) return node.Invalid("split has more elements than the input");
    total += split;
  }
  if (total != size) return node.Invalid(absl::StrCat("split adds up to ", total, ", the input has ", size));
  if (splits.size() != static_cast<size_t>(outputs)) {
    return node.Invalid(absl::StrCat(splits.size(), " parts for ", outputs, " outputs"));
  }
  return splits;
}

absl::Status ConvertSplit(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), input.shape.size()));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> splits, SplitSizes(node, input.shape[axis]));
  Emitter e(node);
  std::vector<int64_t> wanted;
  for (int64_t split : splits) {
    if (split > 0) wanted.push_back(split);
  }
  std::vector<OperandId> parts;
  if (!wanted.empty()) {
    parts = e.Ops("split", {e.Input(0)}, {{"splits", wanted}, {"axis", int64_t{axis}}}, wanted.size());
  }
  size_t next = 0;
  for (size_t i = 0; i < splits.size(); ++i) {
    if (splits[i] > 0) {
      e.Output(static_cast<int>(i), parts[next++]);
      continue;
    }
    std::vector<int64_t> sizes = ToList(input.shape);
    sizes[axis] = 0;
    e.Fail(SetEmptyOutput(node, static_cast<int>(i), input.data_type, sizes));
  }
  return e.Finish();
}

absl::Status ConvertSlice(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const TensorDescriptor input, node.InputDescriptor(0));
  MODELD_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(node, input.shape));
  if (HasZero(range.extents)) return SetEmptyOutput(node, 0, input.data_type, range.extents);
  Emitter e(node);
  OperandId x = e.Input(0);
  x = e.Op("slice", {x}, {{"starts", range.starts}, {"sizes", range.extents}, {"strides", range.steps}});
  if (!range.reversed_axes.empty()) x = e.Op("reverse", {x}, {{"axes", range.reversed_axes}});
  e.Output(0, x);
  return e.Finish();
}

// Beginnings and ends by dimension.
struct Pads {
  std::vector<int64_t> before;
  std::vector<int64_t> after;
};

// From attribute `paddings` (opset 1), `pads` (2), or an input (11), which since opset 18 may be of some
// axes.
absl::StatusOr<Pads> ReadPads(NodeContext& node, size_t rank) {
  std::vector<int64_t> given = node.Ints(node.HasAttribute("paddings") ? "paddings" : "pads");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(given, node.IntsInput(1, "pads"));
  }
  std::vector<int64_t> axes;
  if (node.HasInput(3)) {
    MODELD_ASSIGN_OR_RETURN(axes, node.IntsInput(3, "axes"));
    MODELD_ASSIGN_OR_RETURN(axes, node.Axes(axes, rank));
  } else {
    for (size_t i = 0; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (given.size() != 2 * axes.size()) {
    return node.Invalid(
        absl::StrCat("pads has ", given.size(), " elements, ", 2 * axes.size(), " are wanted"));
  }
  Pads pads{std::vector<int64_t>(rank), std::vector<int64_t>(rank)};
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] < -INT32_MAX || given[i] > INT32_MAX) return node.Invalid("a pad is out of range");
    (i < axes.size() ? pads.before : pads.after)[axes[i % axes.size()]] = given[i];
  }
  return pads;
}

// Negative pads cut off; what is left of `pads` adds.
OperandId CutNegativePads(Emitter& e, OperandId x, Pads& pads) {
  for (size_t i = 0; i < e.rank(x); ++i) {
    const int64_t from = std::max<int64_t>(0, -pads.before[i]);
    const int64_t left = e.size(x, i) - from - std::max<int64_t>(0, -pads.after[i]);
    if (!e.Require(left > 0, "pads leave nothing")) return x;
    x = e.Slice(x, static_cast<uint32_t>(i), static_cast<uint32_t>(from), static_cast<uint32_t>(left));
    pads.before[i] = std::max<int64_t>(0, pads.before[i]);
    pads.after[i] = std::max<int64_t>(0, pads.after[i]);
  }
  return x;
}

// mode "wrap": the tensor repeats itself.
OperandId WrapAround(Emitter& e, OperandId x, const Pads& pads) {
  for (size_t i = 0; i < e.rank(x); ++i) {
    const auto axis = static_cast<uint32_t>(i);
    const uint32_t size = e.size(x, i);
    const int64_t before = pads.before[i];
    const int64_t after = pads.after[i];
    if (!e.Require(before <= size && after <= size, "wraps by more than the dimension")) return x;
    std::vector<OperandId> parts;
    if (before > 0)
      parts.push_back(e.Slice(x, axis, static_cast<uint32_t>(size - before), static_cast<uint32_t>(before)));
    parts.push_back(x);
    if (after > 0) parts.push_back(e.Slice(x, axis, 0, static_cast<uint32_t>(after)));
    x = e.Concat(std::move(parts), axis);
  }
  return x;
}

absl::Status ConvertPad(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(Pads pads, ReadPads(node, e.rank(x)));
  double value = node.Float("value", 0);
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(value, node.NumberInput(2, "constant_value"));
  }
  x = CutNegativePads(e, x, pads);
  const std::string mode = node.String("mode", "constant");
  if (mode == "wrap") {
    e.Output(0, WrapAround(e, x, pads));
    return e.Finish();
  }
  e.Require(mode == "constant" || mode == "reflect" || mode == "edge",
            absl::StrCat("mode \"", mode, "\" is unknown"));
  Attributes attributes{{"beginningPadding", pads.before},
                        {"endingPadding", pads.after},
                        {"mode", mode == "reflect" ? std::string("reflection") : mode}};
  if (mode == "constant") attributes["value"] = value;
  e.Output(0, e.Op("pad", {x}, std::move(attributes)));
  return e.Finish();
}

// Expand broadcasts both ways: a wanted 1 keeps the input's size.
absl::Status ConvertExpand(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
  MODELD_ASSIGN_OR_RETURN(const Shape shape, ResolveExpand(node, e.shape(x), wanted));
  if (HasZero(ToList(shape))) return SetEmptyOutput(node, 0, e.type(x), ToList(shape));
  e.Output(0, e.Op("expand", {x}, {{"newShape", ToList(shape)}}));
  return e.Finish();
}

// Before opset 6 one axis is tiled: inputs tiles, axis.
absl::Status ConvertTile(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  if (!e.ok()) return e.Finish();
  MODELD_ASSIGN_OR_RETURN(std::vector<int64_t> repeats, node.IntsInput(1, "repeats"));
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(const int64_t tiled, IntInput(node, 2, "axis"));
    MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(tiled, e.rank(x)));
    if (repeats.size() != 1) return node.Invalid("tiles is not one number");
    std::vector<int64_t> all(e.rank(x), 1);
    all[axis] = repeats[0];
    repeats = all;
  }
  if (repeats.size() != e.rank(x)) return node.Invalid("repeats does not have an element per dimension");
  std::vector<int64_t> sizes = ToList(e.shape(x));
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (repeats[i] < 0 || repeats[i] > INT32_MAX) return node.Invalid("a repetition is out of range");
    sizes[i] *= repeats[i];
  }
  if (HasZero(sizes)) return node.Unsupported("repeats 0 times", Reason::kEmptyTensor);
  e.Output(0, e.Op("tile", {x}, {{"repetitions", repeats}}));
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Reshape", ConvertReshape},   {"Flatten", ConvertFlatten},     {"Squeeze", ConvertSqueeze},
    {"Unsqueeze", ConvertSqueeze}, {"Transpose", ConvertTranspose}, {"Concat", ConvertConcat},
    {"Split", ConvertSplit},       {"Slice", ConvertSlice},         {"Pad", ConvertPad},
    {"Expand", ConvertExpand},     {"Tile", ConvertTile},
};

}  // namespace

std::span<const Converter> ShapeConverters() {
  return kTable;
}

}  // namespace modeld::importer
