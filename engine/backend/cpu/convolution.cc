// Convolutions: oneDNN in float32, channels-last where it has fast code for that; direct.cc where it refuses;
// float16 as float32.
#include "engine/backend/cpu/convolution.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/direct.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/product.h"

namespace modeld::cpu {
namespace {

using dnnl::memory;
using Dims = memory::dims;

// oneDNN's names for the window. Its dilation counts the skipped elements; `after` is worked out from the
// sizes, since the output's shape decides (it may be negative: elements at the end that no window reaches).
struct Window {
  Dims strides;
  Dims dilations;
  Dims before;
  Dims after;
};

// `small` and `large` are the sizes that the window maps to and from: output and input, or for a transposed
// convolution the other way round.
Window WindowOf(const core::Convolution& op, const Shape& small, const Shape& large, const Shape& filter) {
  Window window;
  for (size_t d = 0; d < 2; ++d) {
    const int64_t reach = (int64_t{filter[2 + d]} - 1) * op.dilations[d] + 1;
    window.strides.push_back(op.strides[d]);
    window.dilations.push_back(int64_t{op.dilations[d]} - 1);
    window.before.push_back(op.padding[2 * d]);
    window.after.push_back((int64_t{small[2 + d]} - 1) * op.strides[d] + reach - large[2 + d] -
                           int64_t{op.padding[2 * d]});
  }
  return window;
}

// Dimension i of the core set's order is dimension order[i] of the value.
using DimensionOrder = std::array<uint32_t, 4>;
constexpr DimensionOrder kInOrder = {0, 1, 2, 3};

// The order in which `letters` stand in `layout` ("nhwc").
DimensionOrder OrderOf(absl::string_view letters, absl::string_view layout) {
  DimensionOrder order{};
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(layout.find(letters[i]));
  return order;
}

// The core set's view of a shape or of strides.
template <typename T>
std::vector<T> Ordered(const std::vector<T>& values, const DimensionOrder& order) {
  return {values[order[0]], values[order[1]], values[order[2]], values[order[3]]};
}

// A layout of the core set's view, as a layout of the value.
Layout LayoutOf(const Layout& core_layout, const DimensionOrder& order) {
  Layout layout;
  for (uint8_t dimension : core_layout) layout.push_back(static_cast<uint8_t>(order[dimension]));
  return layout;
}

// A convolution and how its operands' dimensions are ordered.
struct Case {
  const core::Node& node;
  core::Convolution op;
  DimensionOrder image = kInOrder;
  DimensionOrder filter = kInOrder;
};

// The filter with the dimensions that oneDNN wants: ([groups,] output channels, input channels, height,
// width), the channels per group.
memory::desc FilterDescriptor(const Emitter& emitter, const Case& c) {
  const core::ValueId filter = c.node.inputs[1];
  const Shape shape = Ordered(emitter.shape(filter), c.filter);
  const std::vector<int64_t> strides =
      Ordered(StridesOf(emitter.shape(filter), emitter.PreferredLayout(filter)), c.filter);
  const int64_t groups = c.op.groups;
  // The outermost dimension holds the groups.
  const int64_t outer = shape[0] / groups;
  Dims dims = {groups, outer, shape[1], shape[2], shape[3]};
  Dims steps = {strides[0] * outer, strides[0], strides[1], strides[2], strides[3]};
  if (c.op.transposed) {
    std::swap(dims[1], dims[2]);
    std::swap(steps[1], steps[2]);
  }
  if (groups == 1) {
    dims.erase(dims.begin());
    steps.erase(steps.begin());
  }
  return {dims, memory::data_type::f32, steps};
}

memory::desc ImageDescriptor(const Shape& shape, memory::format_tag tag) {
  return {Dims(shape.begin(), shape.end()), memory::data_type::f32, tag};
}

ProductPlan PlanConvolution(Emitter& emitter, const Case& c, bool channels_last) {
  const memory::format_tag tag = channels_last ? memory::format_tag::nhwc : memory::format_tag::nchw;
  const Layout layout = LayoutOf(channels_last ? ChannelsLast() : PlainLayout(4), c.image);
  const core::ValueId filter = c.node.inputs[1];
  const Shape in_shape = Ordered(emitter.shape(c.node.inputs[0]), c.image);
  const Shape out_shape = Ordered(emitter.shape(c.node.outputs[0]), c.image);
  const Window window =
      WindowOf(c.op, c.op.transposed ? in_shape : out_shape, c.op.transposed ? out_shape : in_shape,
               Ordered(emitter.shape(filter), c.filter));
  ProductPlan plan{.source = c.node.inputs[0],
                   .source_layout = layout,
                   .source_descriptor = ImageDescriptor(in_shape, tag),
                   .weights = {filter, FilterDescriptor(emitter, c)},
                   .output_layout = layout,
                   .output_descriptor = ImageDescriptor(out_shape, tag),
                   .channel = c.image[1],
                   .descriptor_channel = 1,
                   .make = nullptr};
  const memory::desc any(plan.weights.descriptor.dims(), memory::data_type::f32, memory::format_tag::any);
  plan.make = [=, source = plan.source_descriptor, destination = plan.output_descriptor,
               transposed = c.op.transposed,
               &emitter](const Fusion& fusion) -> std::optional<ProductPrimitive> {
    const auto make_desc = [&]<typename Primitive>(dnnl::algorithm algorithm) {
      return TryProduct<Primitive>(emitter, fusion, [&] {
        return typename Primitive::desc(dnnl::prop_kind::forward_inference, algorithm, source,
                                        fusion.weights.value_or(any), fusion.bias, destination,
                                        window.strides, window.dilations, window.before, window.after);
      });
    };
    return transposed ? make_desc.template operator()<dnnl::deconvolution_forward>(
                            dnnl::algorithm::deconvolution_direct)
                      : make_desc.template operator()<dnnl::convolution_forward>(
                            dnnl::algorithm::convolution_direct);
  };
  return plan;
}

// `id` with its dimensions in `order`: another name for the same bytes.
absl::StatusOr<core::ValueId> Reordered(Emitter& emitter, core::ValueId id, const DimensionOrder& order) {
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(id));
  const core::ValueId view = emitter.NewValue({emitter.type(id), Ordered(emitter.shape(id), order)});
  emitter.DefineAlias(view, form.value, TransposedLayout(form.layout, order));
  return view;
}

// By our own loops, which know the core set's order only.
absl::Status EmitByLoops(Emitter& emitter, const Case& c) {
  return EmitThenPostOps(emitter, c.node, [&](const core::Node& alone) -> absl::Status {
    core::Node plain = alone;
    MODELD_ASSIGN_OR_RETURN(plain.inputs[0], Reordered(emitter, alone.inputs[0], c.image));
    MODELD_ASSIGN_OR_RETURN(plain.inputs[1], Reordered(emitter, alone.inputs[1], c.filter));
    const core::ValueId output = alone.outputs[0];
    plain.outputs = {emitter.NewValue({emitter.type(output), Ordered(emitter.shape(output), c.image)})};
    MODELD_RETURN_IF_ERROR(EmitDirect(emitter, plain, c.op));
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value result, emitter.Plain(plain.outputs[0]));
    emitter.DefineAlias(output, result, LayoutOf(PlainLayout(4), c.image));
    return absl::OkStatus();
  });
}

absl::Status EmitFloat32(Emitter& emitter, const Case& c) {
  const std::array<ProductPlan, 2> plans = {PlanConvolution(emitter, c, true),
                                            PlanConvolution(emitter, c, false)};
  MODELD_ASSIGN_OR_RETURN(const bool emitted, EmitProduct(emitter, c.node, plans));
  return emitted ? absl::OkStatus() : EmitByLoops(emitter, c);
}

template <size_t N>
std::array<uint32_t, N> UintsOf(const Operation& operation, absl::string_view name) {
  const auto values = AttributeOr<std::vector<int64_t>>(operation, name, {});
  std::array<uint32_t, N> result{};
  for (size_t i = 0; i < std::min(N, values.size()); ++i) result[i] = static_cast<uint32_t>(values[i]);
  return result;
}

absl::Status EmitNative(Emitter& emitter, const core::Node& node, const Operation& operation, bool transposed,
                        absl::string_view filter_letters) {
  const auto layout = AttributeOr<std::string>(operation, "inputLayout", "nchw");
  core::Node convolution = node;
  if (HasOperand(operation, "bias")) {
    // The bias becomes the first post-op, shaped so that it aligns with the channels.
    MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value bias, emitter.Plain(node.inputs[2]));
    Shape shape = emitter.shape(node.inputs[2]);
    if (layout == "nchw") shape.insert(shape.end(), 2, 1);
    const core::ValueId view = emitter.NewValue({DataType::kFloat32, shape});
    emitter.DefineAlias(view, bias, PlainLayout(shape.size()));
    convolution.post_ops.insert(convolution.post_ops.begin(),
                                {.op = core::Binary{core::BinaryFunction::kAdd}, .extra_inputs = {view}});
  }
  const core::Convolution op = {.strides = UintsOf<2>(operation, "strides"),
                                .dilations = UintsOf<2>(operation, "dilations"),
                                .padding = UintsOf<4>(operation, "padding"),
                                .groups = static_cast<uint32_t>(AttributeOr<int64_t>(operation, "groups", 1)),
                                .transposed = transposed};
  const auto filter_layout = AttributeOr<std::string>(operation, "filterLayout", std::string(filter_letters));
  return EmitFloat32(emitter, {.node = convolution,
                               .op = op,
                               .image = OrderOf("nchw", layout),
                               .filter = OrderOf(filter_letters, filter_layout)});
}

}  // namespace

absl::Status EmitConv2d(Emitter& emitter, const core::Node& node, const Operation& operation) {
  return EmitNative(emitter, node, operation, false, "oihw");
}

absl::Status EmitConvTranspose2d(Emitter& emitter, const core::Node& node, const Operation& operation) {
  return EmitNative(emitter, node, operation, true, "iohw");
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Convolution& op) {
  if (emitter.type(node.outputs[0]) == DataType::kFloat32) {
    return EmitFloat32(emitter, {.node = node, .op = op});
  }
  return EmitThenPostOps(emitter, node, [&](const core::Node& alone) {
    return EmitInFloat32(emitter, alone, [&](const core::Node& wide) {
      return EmitFloat32(emitter, {.node = wide, .op = op});
    });
  });
}

}  // namespace modeld::cpu
