#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/checked_math.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/shape_rules.h"

namespace modeld::importer {
namespace {

absl::Status ConvertReshape(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
  MODELD_ASSIGN_OR_RETURN(const Shape shape,
                          ResolveReshape(node, node.shape(input), wanted, node.Int("allowzero", 0) != 0));
  return node.SetOutput(0, node.Reshape(input, shape));
}

absl::Status ConvertFlatten(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const Shape shape = node.shape(input);
  const int64_t axis = node.Int("axis", 1);
  const auto rank = static_cast<int64_t>(shape.size());
  if (axis < -rank || axis > rank) return node.Invalid(absl::StrCat("axis ", axis, " is out of range"));
  const size_t split = static_cast<size_t>(axis < 0 ? axis + rank : axis);
  Shape flat = {1, 1};
  for (size_t i = 0; i < shape.size(); ++i) flat[i < split ? 0 : 1] *= shape[i];
  return node.SetOutput(0, node.Reshape(input, flat));
}

// Squeeze and Unsqueeze: axes are an attribute before opset 13, an input since.
absl::Status ConvertSqueeze(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const Shape shape, ResolveSqueeze(node, node.shape(input)));
  return node.SetOutput(0, node.Reshape(input, shape));
}

absl::Status ConvertTranspose(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  Attributes attributes;
  if (node.HasAttribute("perm")) attributes["permutation"] = node.Ints("perm");
  return node.SetOutput(0, node.Emit("transpose", {input}, std::move(attributes)));
}

absl::Status ConvertConcat(NodeContext& node) {
  std::vector<OperandId> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    MODELD_ASSIGN_OR_RETURN(const TensorDescriptor descriptor, node.InputDescriptor(i));
    // An empty list adds nothing, and WebNN has no empty tensors.
    if (std::find(descriptor.shape.begin(), descriptor.shape.end(), 0u) != descriptor.shape.end()) continue;
    MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(i));
    inputs.push_back(input);
  }
  if (inputs.empty()) return node.Invalid("all inputs are empty");
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), node.shape(inputs[0]).size()));
  return node.SetOutput(0, node.Emit("concat", std::move(inputs), {{"axis", static_cast<int64_t>(axis)}}));
}

absl::Status ConvertSplit(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const Shape shape = node.shape(input);
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), shape.size()));
  std::vector<int64_t> splits = node.Ints("split");
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(splits, node.IntsInput(1, "split"));
  }
  if (splits.empty()) {
    const auto parts = static_cast<int64_t>(node.output_count());
    if (parts == 0 || shape[axis] % parts != 0) {
      return node.Invalid(absl::StrCat(shape[axis], " elements do not split into ", parts, " equal parts"));
    }
    splits.assign(static_cast<size_t>(parts), shape[axis] / parts);
  }
  if (splits.size() != static_cast<size_t>(node.output_count())) {
    return node.Invalid(absl::StrCat(splits.size(), " parts for ", node.output_count(), " outputs"));
  }
  MODELD_ASSIGN_OR_RETURN(
      const std::vector<OperandId> outputs,
      node.EmitMany("split", {input}, {{"splits", splits}, {"axis", static_cast<int64_t>(axis)}}));
  for (size_t i = 0; i < outputs.size(); ++i) {
    MODELD_RETURN_IF_ERROR(node.SetOutput(static_cast<int>(i), outputs[i]));
  }
  return absl::OkStatus();
}

absl::Status ConvertSlice(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(OperandId input, node.Input(0));
  const Shape shape = node.shape(input);
  MODELD_ASSIGN_OR_RETURN(const SliceRange range, ResolveSlice(node, shape));
  if (!range.reversed_axes.empty()) return node.Unsupported("negative steps are not supported");
  return node.SetOutput(
      0, node.Emit("slice", {input},
                   {{"starts", range.starts}, {"sizes", range.extents}, {"strides", range.steps}}));
}

absl::Status ConvertPad(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const size_t rank = node.shape(input).size();
  std::vector<int64_t> pads = node.Ints("pads");
  double value = node.Float("value", 0);
  if (node.HasInput(1)) {
    MODELD_ASSIGN_OR_RETURN(pads, node.IntsInput(1, "pads"));
  }
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(value, node.NumberInput(2, "constant_value"));
  }
  if (pads.size() != 2 * rank) {
    return node.Invalid(absl::StrCat("pads has ", pads.size(), " elements, ", 2 * rank, " are wanted"));
  }
  if (std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p < 0; })) {
    return node.Unsupported("negative pads are not supported");
  }
  const std::string mode = node.String("mode", "constant");
  const std::string webnn_mode = mode == "reflect" ? "reflection" : mode;
  Attributes attributes{{"beginningPadding", std::vector<int64_t>(pads.begin(), pads.begin() + rank)},
                        {"endingPadding", std::vector<int64_t>(pads.begin() + rank, pads.end())},
                        {"mode", webnn_mode}};
  if (mode == "constant") attributes["value"] = value;
  return node.SetOutput(0, node.Emit("pad", {input}, std::move(attributes)));
}

absl::Status ConvertGather(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId indices, node.Input(1));
  MODELD_ASSIGN_OR_RETURN(const uint32_t axis, node.Axis(node.Int("axis", 0), node.shape(input).size()));
  return node.SetOutput(0, node.Emit("gather", {input, indices}, {{"axis", static_cast<int64_t>(axis)}}));
}

// Expand broadcasts both ways: a wanted 1 keeps the input's size.
absl::Status ConvertExpand(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> wanted, node.IntsInput(1, "shape"));
  MODELD_ASSIGN_OR_RETURN(const Shape shape, ResolveExpand(node, node.shape(input), wanted));
  return node.SetOutput(0, node.Emit("expand", {input}, {{"newShape", ToList(shape)}}));
}

constexpr Converter kTable[] = {
    {"Reshape", ConvertReshape},   {"Flatten", ConvertFlatten},     {"Squeeze", ConvertSqueeze},
    {"Unsqueeze", ConvertSqueeze}, {"Transpose", ConvertTranspose}, {"Concat", ConvertConcat},
    {"Split", ConvertSplit},       {"Slice", ConvertSlice},         {"Pad", ConvertPad},
    {"Gather", ConvertGather},     {"Expand", ConvertExpand},
};

}  // namespace

std::span<const Converter> ShapeConverters() {
  return kTable;
}

}  // namespace modeld::importer
