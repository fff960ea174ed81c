#include "tools/importer/convolution.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/compose.h"
#include "tools/importer/converters.h"
#include "tools/importer/window_attributes.h"

namespace modeld::importer {
namespace {

// A convolution's operands and attributes, transposed or not.
struct Convolution {
  OperandId input;
  OperandId filter;
  std::optional<OperandId> bias;
  Window window;
  int64_t groups = 1;
  bool transposed = false;
  // Transposed ones.
  std::vector<int64_t> output_padding;
};

// [N, C, W] -> [N, C, 1, W]; rank 4 stays.
Shape WithHeight(Shape shape) {
  if (shape.size() == 3) shape.insert(shape.begin() + 2, 1);
  return shape;
}

// One or two spatial dimensions.
OperandId EmitFlat(Emitter& e, const Convolution& c) {
  const size_t rank = e.rank(c.input);
  const Window window = c.window.InTwoDimensions();
  Attributes attributes{{"strides", window.strides},
                        {"dilations", window.dilations},
                        {"padding", window.Padding()},
                        {"groups", c.groups}};
  if (c.bias) attributes["bias"] = *c.bias;
  if (c.transposed) {
    std::vector<int64_t> output_padding = c.output_padding;
    if (output_padding.size() == 1) output_padding.insert(output_padding.begin(), 0);
    attributes["outputPadding"] = output_padding;
    attributes["filterLayout"] = std::string("iohw");
  }
  const OperandId input = e.Reshape(c.input, WithHeight(e.shape(c.input)));
  const OperandId filter = e.Reshape(c.filter, WithHeight(e.shape(c.filter)));
  const OperandId output =
      e.Op(c.transposed ? "convTranspose2d" : "conv2d", {input, filter}, std::move(attributes));
  if (rank != 3) return output;
  return e.Reshape(output, {e.size(output, 0), e.size(output, 1), e.size(output, 3)});
}

// [N, C, D, H, W] -> [N D, C, H, W] and back.
OperandId DepthToBatch(Emitter& e, OperandId x) {
  const Shape s = e.shape(x);
  if (s.size() != 5) return x;
  return e.Reshape(e.Transpose(x, {0, 2, 1, 3, 4}), {s[0] * s[2], s[1], s[3], s[4]});
}
OperandId BatchToDepth(Emitter& e, OperandId x, uint32_t depth) {
  const Shape s = e.shape(x);
  if (s.size() != 4 || depth == 0) return x;
  return e.Transpose(e.Reshape(x, {s[0] / depth, depth, s[1], s[2], s[3]}), {0, 2, 1, 3, 4});
}

// The two-dimensional convolution with the filter's plane `k` of depth, of images that were depths.
OperandId ConvolvePlane(Emitter& e, const Convolution& c, OperandId images, uint32_t k) {
  const Shape f = e.shape(c.filter);
  if (f.size() != 5) return images;
  Convolution plane = c;
  plane.input = DepthToBatch(e, images);
  plane.filter = e.Reshape(e.Slice(c.filter, 2, k, 1), {f[0], f[1], f[3], f[4]});
  plane.bias.reset();
  plane.window = c.window.Part(1, 3);
  if (c.transposed) plane.output_padding = {c.output_padding[1], c.output_padding[2]};
  return BatchToDepth(e, EmitFlat(e, plane), e.size(images, 2));
}

OperandId PadDepth(Emitter& e, OperandId x, int64_t before, int64_t after) {
  if (before == 0 && after == 0) return x;
  return e.Op("pad", {x},
              {{"beginningPadding", std::vector<int64_t>{0, 0, before, 0, 0}},
               {"endingPadding", std::vector<int64_t>{0, 0, after, 0, 0}}});
}

// The sum over the kernel's depth of two-dimensional convolutions of every stride-th image.
OperandId EmitDeep(Emitter& e, const Convolution& c) {
  const Window& w = c.window;
  const OperandId padded = PadDepth(e, c.input, w.before[0], w.after[0]);
  const int64_t depth = (e.size(padded, 2) - w.Extent(0)) / w.strides[0] + 1;
  if (!e.Require(e.size(padded, 2) >= w.Extent(0), "the kernel is deeper than the padded input")) return {};
  std::optional<OperandId> sum;
  for (int64_t k = 0; k < w.kernel[0]; ++k) {
    std::vector<int64_t> starts(5, 0);
    std::vector<int64_t> sizes = ToList(e.shape(padded));
    if (!e.ok()) return {};
    starts[2] = k * w.dilations[0];
    sizes[2] = (depth - 1) * w.strides[0] + 1;
    const OperandId images = e.Op(
        "slice", {padded},
        {{"starts", starts}, {"sizes", sizes}, {"strides", std::vector<int64_t>{1, 1, w.strides[0], 1, 1}}});
    const OperandId part = ConvolvePlane(e, c, images, static_cast<uint32_t>(k));
    sum = sum ? e.Add(*sum, part) : part;
  }
  return *sum;
}

// The other way round: each kernel plane's images land `stride` apart, from its own depth on.
OperandId EmitDeepTransposed(Emitter& e, const Convolution& c) {
  const Window& w = c.window;
  const auto stride = static_cast<uint32_t>(w.strides[0]);
  const uint32_t depth = e.size(c.input, 2);
  const int64_t full = (int64_t{depth} - 1) * stride + w.Extent(0);
  const int64_t wanted = full - w.before[0] - w.after[0] + c.output_padding[0];
  if (!e.Require(wanted > 0 && full <= INT32_MAX, "the output's depth is out of range")) return {};
  std::optional<OperandId> sum;
  for (int64_t k = 0; k < w.kernel[0]; ++k) {
    const OperandId part = ConvolvePlane(e, c, c.input, static_cast<uint32_t>(k));
    const Shape s = e.shape(part);
    if (!e.ok()) return {};
    // Zeros between the images.
    OperandId apart = e.Reshape(part, {s[0] * s[1], s[2], 1, s[3], s[4]});
    apart = PadDepth(e, apart, 0, stride - 1);
    apart =
        e.Slice(e.Reshape(apart, {s[0], s[1], s[2] * stride, s[3], s[4]}), 2, 0, (depth - 1) * stride + 1);
    const int64_t from = k * w.dilations[0];
    apart = PadDepth(e, apart, from, w.Extent(0) - 1 - from);
    sum = sum ? e.Add(*sum, apart) : apart;
  }
  const int64_t kept = std::min(wanted, full - w.before[0]);
  if (!e.Require(kept > 0, "the padding leaves nothing")) return {};
  const OperandId cut = e.Slice(*sum, 2, static_cast<uint32_t>(w.before[0]), static_cast<uint32_t>(kept));
  return PadDepth(e, cut, 0, wanted - kept);
}

// ConvTranspose: `output_shape` and auto_pad SAME_* say what comes out, and so the padding. ONNX puts the odd
// one at the end for SAME_UPPER, else at the beginning.
absl::Status ResolveTransposed(const NodeContext& node, const std::vector<int64_t>& input, Convolution& c) {
  const size_t rank = c.window.rank();
  MODELD_ASSIGN_OR_RETURN(c.output_padding, SpatialInts(node, "output_padding", rank, 0));
  const std::string auto_pad = node.String("auto_pad", "NOTSET");
  const bool same = auto_pad.starts_with("SAME");
  if (!same && !node.HasAttribute("output_shape")) return absl::OkStatus();
  std::vector<int64_t> output;
  if (node.HasAttribute("output_shape")) {
    output = node.Ints("output_shape");
    if (output.size() == rank + 2) output.erase(output.begin(), output.begin() + 2);
    if (output.size() != rank) return node.Invalid("output_shape does not have a size per spatial dimension");
  } else {
    for (size_t i = 0; i < rank; ++i) output.push_back(input[i] * c.window.strides[i]);
  }
  for (size_t i = 0; i < rank; ++i) {
    if (output[i] < 1 || output[i] > INT32_MAX) return node.Invalid("output_shape is out of range");
    const int64_t full = c.window.strides[i] * (input[i] - 1) + c.output_padding[i] + c.window.Extent(i);
    const int64_t total = full - output[i];
    if (total < 0) {
      c.window.before[i] = c.window.after[i] = 0;
      c.output_padding[i] -= total;
      continue;
    }
    c.window.before[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
    c.window.after[i] = total - c.window.before[i];
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OperandId> EmitConvolution(NodeContext& node, OperandId input, OperandId filter,
                                          std::optional<OperandId> bias) {
  const Shape shape = node.shape(input);
  const Shape filter_shape = node.shape(filter);
  if (shape.size() < 3 || filter_shape.size() != shape.size()) {
    return node.Invalid("input and filter must have the same rank, 3 at least");
  }
  if (shape.size() > 5) {
    return node.Unsupported(absl::StrCat("has ", shape.size() - 2, " spatial dimensions"),
                            Reason::kDimensions);
  }
  Convolution c{.input = input, .filter = filter, .bias = bias, .groups = node.Int("group", 1)};
  c.transposed = node.op_type() == "ConvTranspose";
  MODELD_ASSIGN_OR_RETURN(c.window, ReadWindow(node, SpatialSizes(filter_shape),
                                               c.transposed ? std::vector<int64_t>() : SpatialSizes(shape)));
  if (c.transposed) MODELD_RETURN_IF_ERROR(ResolveTransposed(node, SpatialSizes(shape), c));
  Emitter e(node);
  OperandId output;
  if (shape.size() < 5) {
    output = EmitFlat(e, c);
  } else {
    output = c.transposed ? EmitDeepTransposed(e, c) : EmitDeep(e, c);
    if (bias) output = e.Add(output, e.Reshape(*bias, {e.size(*bias, 0), 1, 1, 1}));
  }
  if (!e.ok()) return e.status();
  return output;
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

constexpr Converter kTable[] = {
    {"Conv", ConvertConvolution},
    {"ConvTranspose", ConvertConvolution},
};

}  // namespace

std::span<const Converter> ConvolutionConverters() {
  return kTable;
}

}  // namespace modeld::importer
