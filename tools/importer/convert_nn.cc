#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/convolution.h"

namespace modeld::importer {
namespace {

// The spatial attributes that convolution and pooling share, for two dimensions, in WebNN's order of padding
// (beginning and end of height, then of width).
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> padding;
};

// A list attribute with one element per spatial dimension, or a default.
absl::StatusOr<std::vector<int64_t>> SpatialInts(const NodeContext& node, absl::string_view name,
                                                 size_t count, int64_t default_value) {
  std::vector<int64_t> values = node.Ints(name);
  if (values.empty()) values.assign(count, default_value);
  if (values.size() != count) {
    return node.Invalid(absl::StrCat(name, " has ", values.size(), " elements, ", count, " are wanted"));
  }
  for (int64_t value : values) {
    if (value < 0 || value > INT32_MAX)
      return node.Invalid(absl::StrCat(name, " ", value, " is out of range"));
  }
  return values;
}

// Reads strides, dilations and pads; resolves auto_pad against the input's spatial sizes. `spatial` is 1 or
// 2; one dimension becomes two with a height of 1.
absl::StatusOr<Window> ReadWindow(const NodeContext& node, const Shape& input, std::vector<int64_t> kernel) {
  const size_t spatial = kernel.size();
  Window window{.kernel = std::move(kernel)};
  MODELD_ASSIGN_OR_RETURN(window.strides, SpatialInts(node, "strides", spatial, 1));
  MODELD_ASSIGN_OR_RETURN(window.dilations, SpatialInts(node, "dilations", spatial, 1));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> pads, SpatialInts(node, "pads", 2 * spatial, 0));
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  if (std::find(window.strides.begin(), window.strides.end(), 0) != window.strides.end()) {
    return node.Invalid("a stride is 0");
  }
  for (size_t i = 0; i < spatial; ++i) {
    int64_t before = pads[i];
    int64_t after = pads[spatial + i];
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int64_t size = input[2 + i];
      const int64_t output = (size + window.strides[i] - 1) / window.strides[i];
      const int64_t effective = (window.kernel[i] - 1) * window.dilations[i] + 1;
      const int64_t total = std::max<int64_t>(0, (output - 1) * window.strides[i] + effective - size);
      before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      after = total - before;
    } else if (auto_pad == "VALID") {
      before = after = 0;
    } else if (auto_pad != "NOTSET") {
      return node.Invalid(absl::StrCat("auto_pad \"", auto_pad, "\" is unknown"));
    }
    window.padding.push_back(before);
    window.padding.push_back(after);
  }
  if (spatial == 1) {
    for (auto* list : {&window.kernel, &window.strides, &window.dilations}) list->insert(list->begin(), 1);
    window.padding.insert(window.padding.begin(), 2, 0);
  }
  return window;
}

// [N, C, W] -> [N, C, 1, W]; rank 4 stays.
Shape WithHeight(const Shape& shape) {
  if (shape.size() != 3) return shape;
  return {shape[0], shape[1], 1, shape[2]};
}

Shape WithoutHeight(const Shape& shape, size_t rank) {
  if (rank == 4) return shape;
  return {shape[0], shape[1], shape[3]};
}

absl::Status CheckSpatialRank(const NodeContext& node, const Shape& shape) {
  if (shape.size() == 3 || shape.size() == 4) return absl::OkStatus();
  return node.Unsupported(
      absl::StrCat("input has rank ", shape.size(), "; one and two spatial dimensions are supported"));
}

}  // namespace

absl::StatusOr<OperandId> EmitConvolution(NodeContext& node, OperandId input, OperandId filter,
                                          std::optional<OperandId> bias) {
  const bool transposed = node.op_type() == "ConvTranspose";
  const size_t rank = node.shape(input).size();
  MODELD_RETURN_IF_ERROR(CheckSpatialRank(node, node.shape(input)));
  if (node.shape(filter).size() != rank) return node.Invalid("input and filter differ in rank");
  const Shape filter_shape = node.shape(filter);
  MODELD_ASSIGN_OR_RETURN(const Window window, ReadWindow(node, node.shape(input),
                                                          {filter_shape.begin() + 2, filter_shape.end()}));
  MODELD_ASSIGN_OR_RETURN(input, node.Reshape(input, WithHeight(node.shape(input))));
  MODELD_ASSIGN_OR_RETURN(filter, node.Reshape(filter, WithHeight(filter_shape)));
  Attributes attributes{{"strides", window.strides},
                        {"dilations", window.dilations},
                        {"padding", window.padding},
                        {"groups", node.Int("group", 1)}};
  if (bias) attributes["bias"] = *bias;
  if (transposed) {
    if (node.HasAttribute("output_shape") || node.String("auto_pad", "NOTSET").starts_with("SAME")) {
      return node.Unsupported("output_shape and auto_pad are not supported; give pads and output_padding");
    }
    MODELD_ASSIGN_OR_RETURN(std::vector<int64_t> output_padding,
                            SpatialInts(node, "output_padding", rank - 2, 0));
    if (rank == 3) output_padding.insert(output_padding.begin(), 0);
    attributes["outputPadding"] = output_padding;
    attributes["filterLayout"] = std::string("iohw");
  }
  MODELD_ASSIGN_OR_RETURN(const OperandId output, node.Emit(transposed ? "convTranspose2d" : "conv2d",
                                                            {input, filter}, std::move(attributes)));
  return node.Reshape(output, WithoutHeight(node.shape(output), rank));
}

namespace {

absl::Status ConvertConvolution(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId filter, node.Input(1));
  std::optional<OperandId> bias;
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(bias, node.Input(2));
  }
  return node.SetOutput(0, EmitConvolution(node, input, filter, bias));
}

absl::Status ConvertPool(NodeContext& node) {
  const bool average = node.op_type() == "AveragePool";
  if (node.HasOutput(1)) return node.Unsupported("the Indices output is not supported");
  if (node.Int("storage_order", 0) != 0) return node.Unsupported("storage_order is not supported");
  if (node.op_type() == "LpPool" && node.Int("p", 2) != 2) return node.Unsupported("p must be 2");
  MODELD_ASSIGN_OR_RETURN(OperandId input, node.Input(0));
  const Shape shape = node.shape(input);
  MODELD_RETURN_IF_ERROR(CheckSpatialRank(node, shape));
  MODELD_ASSIGN_OR_RETURN(const std::vector<int64_t> kernel,
                          SpatialInts(node, "kernel_shape", shape.size() - 2, 1));
  MODELD_ASSIGN_OR_RETURN(Window window, ReadWindow(node, shape, kernel));
  MODELD_ASSIGN_OR_RETURN(input, node.Reshape(input, WithHeight(shape)));
  const bool ceil_mode = node.Int("ceil_mode", 0) != 0;
  const bool padded =
      std::any_of(window.padding.begin(), window.padding.end(), [](int64_t p) { return p != 0; });
  if (average && padded && node.Int("count_include_pad", 0) != 0) {
    // WebNN never counts padding, so the zeros become part of the input.
    if (ceil_mode) return node.Unsupported("count_include_pad together with ceil_mode is not supported");
    const std::vector<int64_t>& p = window.padding;
    MODELD_ASSIGN_OR_RETURN(input, node.Emit("pad", {input},
                                             {{"beginningPadding", std::vector<int64_t>{0, 0, p[0], p[2]}},
                                              {"endingPadding", std::vector<int64_t>{0, 0, p[1], p[3]}}}));
    window.padding.assign(4, 0);
  }
  Attributes attributes{{"windowDimensions", window.kernel},
                        {"strides", window.strides},
                        {"dilations", window.dilations},
                        {"padding", window.padding},
                        {"outputShapeRounding", std::string(ceil_mode ? "ceil" : "floor")}};
  const absl::string_view type = average                      ? "averagePool2d"
                                 : node.op_type() == "LpPool" ? "l2Pool2d"
                                                              : "maxPool2d";
  MODELD_ASSIGN_OR_RETURN(const OperandId output, node.Emit(type, {input}, std::move(attributes)));
  return node.SetOutput(0, node.Reshape(output, WithoutHeight(node.shape(output), shape.size())));
}

absl::Status ConvertGlobalPool(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(0));
  const size_t rank = node.shape(input).size();
  if (rank < 3) return node.Invalid(absl::StrCat("input has rank ", rank, ", at least 3 is wanted"));
  std::vector<int64_t> axes;
  for (size_t i = 2; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  const absl::string_view type = node.op_type() == "GlobalMaxPool" ? "reduceMax" : "reduceMean";
  return node.SetOutput(0, node.Emit(type, {input}, {{"axes", axes}, {"keepDimensions", true}}));
}

absl::Status ConvertGemm(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(const OperandId a, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId b, node.Input(1));
  Attributes attributes{{"alpha", node.Float("alpha", 1)},
                        {"beta", node.Float("beta", 1)},
                        {"aTranspose", node.Int("transA", 0) != 0},
                        {"bTranspose", node.Int("transB", 0) != 0}};
  if (node.HasInput(2)) {
    MODELD_ASSIGN_OR_RETURN(const OperandId c, node.Input(2));
    attributes["c"] = c;
  }
  return node.SetOutput(0, node.Emit("gemm", {a, b}, std::move(attributes)));
}

// A vector on either side gets the dimension that numpy's matmul gives it, which the result then loses.
absl::Status ConvertMatMul(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(OperandId a, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(OperandId b, node.Input(1));
  const bool a_vector = node.shape(a).size() == 1;
  const bool b_vector = node.shape(b).size() == 1;
  if (a_vector) {
    MODELD_ASSIGN_OR_RETURN(a, node.Reshape(a, {1, node.shape(a)[0]}));
  }
  if (b_vector) {
    MODELD_ASSIGN_OR_RETURN(b, node.Reshape(b, {node.shape(b)[0], 1}));
  }
  MODELD_ASSIGN_OR_RETURN(const OperandId product, node.Emit("matmul", {a, b}));
  Shape shape = node.shape(product);
  if (b_vector) shape.pop_back();
  if (a_vector) shape.erase(shape.end() - (b_vector ? 1 : 2));
  return node.SetOutput(0, node.Reshape(product, shape));
}

absl::Status ConvertBatchNormalization(NodeContext& node) {
  if (node.Int("training_mode", 0) != 0) return node.Unsupported("training_mode is set");
  for (int i = 1; i < 5; ++i) {
    if (node.HasOutput(i)) return node.Unsupported("only the first output is supported");
  }
  std::vector<OperandId> inputs;
  for (int i = 0; i < 5; ++i) {
    MODELD_ASSIGN_OR_RETURN(const OperandId input, node.Input(i));
    inputs.push_back(input);
  }
  return node.SetOutput(0, node.Emit("batchNormalization", {inputs[0], inputs[3], inputs[4]},
                                     {{"scale", inputs[1]},
                                      {"bias", inputs[2]},
                                      {"axis", int64_t{1}},
                                      {"epsilon", node.Float("epsilon", 1e-5)}}));
}

absl::Status ConvertInstanceNormalization(NodeContext& node) {
  MODELD_ASSIGN_OR_RETURN(OperandId input, node.Input(0));
  MODELD_ASSIGN_OR_RETURN(const OperandId scale, node.Input(1));
  MODELD_ASSIGN_OR_RETURN(const OperandId bias, node.Input(2));
  const Shape shape = node.shape(input);
  MODELD_RETURN_IF_ERROR(CheckSpatialRank(node, shape));
  MODELD_ASSIGN_OR_RETURN(input, node.Reshape(input, WithHeight(shape)));
  MODELD_ASSIGN_OR_RETURN(
      const OperandId output,
      node.Emit("instanceNormalization", {input},
                {{"scale", scale}, {"bias", bias}, {"epsilon", node.Float("epsilon", 1e-5)}}));
  return node.SetOutput(0, node.Reshape(output, shape));
}

constexpr Converter kTable[] = {
    {"Conv", ConvertConvolution},
    {"ConvTranspose", ConvertConvolution},
    {"MaxPool", ConvertPool},
    {"AveragePool", ConvertPool},
    {"LpPool", ConvertPool},
    {"GlobalAveragePool", ConvertGlobalPool},
    {"GlobalMaxPool", ConvertGlobalPool},
    {"Gemm", ConvertGemm},
    {"MatMul", ConvertMatMul},
    {"BatchNormalization", ConvertBatchNormalization},
    {"InstanceNormalization", ConvertInstanceNormalization},
};

}  // namespace

std::span<const Converter> NnConverters() {
  return kTable;
}

}  // namespace modeld::importer
