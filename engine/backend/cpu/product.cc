#include "engine/backend/cpu/product.h"

#include <array>
#include <memory>
#include <utility>
#include <variant>

#include "base/status.h"
#include "engine/backend/cpu/copy.h"
#include "engine/backend/cpu/dnnl_status.h"
#include "engine/backend/cpu/elementwise.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/guarded_kernel.h"

namespace modeld::cpu {
namespace {

using Source = PrimitiveArgument::Source;

// A product's inputs are its source, its weights and Fusion::operands.
constexpr size_t kFirstFusedOperand = 2;

// The step's value for the weights, and the argument that tells the kernel of it.
struct WeightsArgument {
  ProgramBuilder::Value value;
  PrimitiveArgument argument;
};

absl::StatusOr<WeightsArgument> PackedArgument(Emitter& emitter, const Weights& weights,
                                               const dnnl::memory::desc& wanted) {
  MODELD_ASSIGN_OR_RETURN(const Emitter::PackedConstant packed,
                          emitter.Packed(weights.value, PackedFormat(weights.descriptor, wanted),
                                         wanted.get_size(), [&](const Region& bytes) {
                                           return PackConstant(emitter.engine(), bytes, weights.descriptor,
                                                               wanted);
                                         }));
  return WeightsArgument{packed.value, {DNNL_ARG_WEIGHTS, wanted, Source::kFixed, 0, packed.bytes}};
}

// A step that brings weights that are not constant into the primitive's format.
absl::StatusOr<ProgramBuilder::Value> ReorderStep(Emitter& emitter, ProgramBuilder::Value from,
                                                  const dnnl::memory::desc& from_descriptor,
                                                  const dnnl::memory::desc& to_descriptor) {
  const dnnl::reorder::primitive_desc pd(emitter.engine(), from_descriptor, emitter.engine(), to_descriptor,
                                         AttributesWith({}));
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<const Kernel> kernel,
                          DnnlKernel::Create(emitter.engine(), dnnl::reorder(pd),
                                             {{DNNL_ARG_FROM, from_descriptor, Source::kInput, 0, {}},
                                              {DNNL_ARG_TO, to_descriptor, Source::kOutput, 0, {}}},
                                             pd.scratchpad_desc(), emitter.threads()));
  const ProgramBuilder::Value output = emitter.AddBuffer(to_descriptor.get_size());
  emitter.Step(std::move(kernel), {from}, output);
  return output;
}

absl::StatusOr<WeightsArgument> ArgumentFor(Emitter& emitter, const Weights& weights,
                                            const dnnl::memory::desc& wanted) {
  constexpr size_t kIndex = 1;
  const bool as_is = weights.descriptor == wanted;
  if (emitter.is_constant(weights.value) && !as_is) return PackedArgument(emitter, weights, wanted);
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(weights.value));
  ProgramBuilder::Value value = form.value;
  if (!as_is) {
    MODELD_ASSIGN_OR_RETURN(value, ReorderStep(emitter, form.value, weights.descriptor, wanted));
  }
  return WeightsArgument{value, {DNNL_ARG_WEIGHTS, wanted, Source::kInput, kIndex, {}}};
}

// A primitive's kernel; operands of `fusion` are the inputs after source and weights.
absl::StatusOr<std::unique_ptr<const Kernel>> MakeKernel(Emitter& emitter, const ProductPlan& plan,
                                                         const ProductPrimitive& product,
                                                         const PrimitiveArgument& weights,
                                                         const Fusion& fusion) {
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_SRC, plan.source_descriptor, Source::kInput, 0, {}},
                                              weights,
                                              {DNNL_ARG_DST, plan.output_descriptor, Source::kOutput, 0, {}}};
  for (size_t i = 0; i < fusion.operands.size(); ++i) {
    const FusedOperand& operand = fusion.operands[i];
    arguments.push_back({operand.argument, operand.descriptor, Source::kInput, kFirstFusedOperand + i, {}});
  }
  return DnnlKernel::Create(emitter.engine(), product.primitive, std::move(arguments), product.scratchpad,
                            emitter.threads());
}

// The operand's strides in the result's memory order.
std::vector<int64_t> OperandStrides(const Emitter& emitter, core::ValueId operand, core::ValueId result,
                                    const Layout& layout) {
  const core::ValueId source = emitter.BroadcastSource(operand);
  const Shape& shape = emitter.shape(source);
  // As post_ops.cc has it: an operand of the result's shape is brought into its layout, others have at most
  // one dimension that is not 1 and so lie the same in every layout.
  const bool is_full = shape == emitter.shape(result);
  return BroadcastStrides(shape, is_full ? layout : PlainLayout(shape.size()), emitter.shape(result), layout);
}

TailPass MakeTailPass(const Emitter& emitter, const ProductPlan& plan, const FusedPass& pass,
                      core::ValueId result) {
  const core::PostOp& post_op = *pass.post_op;
  if (const auto* binary = std::get_if<core::Binary>(&post_op.op)) {
    const Shape dims = PhysicalShape(emitter.shape(result), plan.output_layout);
    const std::vector<int64_t> own = StridesOf(dims, PlainLayout(dims.size()));
    std::vector<int64_t> other = OperandStrides(emitter, post_op.extra_inputs[0], result, plan.output_layout);
    return {
        .kernel = MakeFloatBinaryKernel(
            binary->function, dims,
            post_op.swapped ? std::array{own, other, own} : std::array{own, own, other}, emitter.threads()),
        .operand = kFirstFusedOperand + *pass.operand,
        .swapped = post_op.swapped};
  }
  const auto count = static_cast<int64_t>(emitter.descriptor(result).ElementCount());
  return {.kernel = MakeFloatKernel(count, FloatCallOf(post_op.op).value(), emitter.threads())};
}

// Adds the primitive's step, which writes `result`. `bare`: the same product without Fusion::passes, where
// these may lose a NaN.
absl::Status EmitPrimitive(Emitter& emitter, const ProductPlan& plan, const ProductPrimitive& product,
                           const std::optional<ProductPrimitive>& bare, const Fusion& fusion,
                           core::ValueId result) {
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value source, emitter.In(plan.source, plan.source_layout));
  MODELD_ASSIGN_OR_RETURN(const WeightsArgument weights, ArgumentFor(emitter, plan.weights, product.weights));
  std::vector<ProgramBuilder::Value> inputs = {source, weights.value};
  for (const FusedOperand& operand : fusion.operands) inputs.push_back(operand.value);
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<const Kernel> kernel,
                          MakeKernel(emitter, plan, product, weights.argument, fusion));
  if (bare.has_value()) {
    MODELD_ASSIGN_OR_RETURN(std::unique_ptr<const Kernel> alone,
                            MakeKernel(emitter, plan, *bare, weights.argument, fusion.Bare()));
    std::vector<TailPass> tail;
    for (const FusedPass& pass : fusion.passes) tail.push_back(MakeTailPass(emitter, plan, pass, result));
    kernel = std::make_unique<GuardedKernel>(std::move(kernel), std::move(alone), std::move(tail),
                                             emitter.threads());
  }
  emitter.Step(std::move(kernel), std::move(inputs), emitter.Define(result, plan.output_layout));
  return absl::OkStatus();
}

absl::StatusOr<bool> EmitPlan(Emitter& emitter, const core::Node& node, const ProductPlan& plan) {
  const core::ValueId output = node.outputs[0];
  std::optional<ProductPrimitive> product;
  std::optional<ProductPrimitive> bare;
  Fusion fusion;
  if (!node.post_ops.empty()) {
    MODELD_ASSIGN_OR_RETURN(fusion, Fuse(emitter, node.post_ops,
                                         {output, plan.output_layout, plan.channel, plan.descriptor_channel,
                                          plan.output_descriptor}));
    product = plan.make(fusion);
    if (product.has_value() && fusion.loses_nan) {
      // The weights are packed once, for both.
      fusion.weights = product->weights;
      bare = plan.make(fusion.Bare());
      if (!bare.has_value()) product.reset();
    }
  }
  if (!product.has_value()) {
    fusion = Fusion();
    product = plan.make(fusion);
  }
  if (!product.has_value()) return false;
  const std::span<const core::PostOp> rest = std::span(node.post_ops).subspan(fusion.count);
  const core::ValueId result = rest.empty() ? output : emitter.NewValue(emitter.descriptor(output));
  MODELD_RETURN_IF_ERROR(EmitPrimitive(emitter, plan, *product, bare, fusion, result));
  MODELD_RETURN_IF_ERROR(EmitUnfused(emitter, rest, result, output));
  return true;
}

}  // namespace

dnnl::primitive_attr AttributesWith(const dnnl::post_ops& ops) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  // The default can be changed by oneDNN's environment variables.
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  attributes.set_post_ops(ops);
  return attributes;
}

bool IsUnfit(const std::string& implementation, const Fusion& fusion) {
  const auto contains = [&](const char* part) { return implementation.find(part) != std::string::npos; };
  return contains("ref") || (fusion.has_full_operand && (contains("gemm") || contains("brdgmm")));
}

absl::StatusOr<bool> EmitProduct(Emitter& emitter, const core::Node& node,
                                 std::span<const ProductPlan> plans) {
  return CatchDnnl(emitter.label(), [&]() -> absl::StatusOr<bool> {
    for (const ProductPlan& plan : plans) {
      MODELD_ASSIGN_OR_RETURN(const bool emitted, EmitPlan(emitter, node, plan));
      if (emitted) return true;
    }
    return false;
  });
}

absl::Status EmitThenPostOps(Emitter& emitter, const core::Node& node,
                             const std::function<absl::Status(const core::Node&)>& emit_alone) {
  if (node.post_ops.empty()) return emit_alone(node);
  core::Node alone = node;
  alone.post_ops.clear();
  alone.outputs = {emitter.NewValue(emitter.descriptor(node.outputs[0]))};
  MODELD_RETURN_IF_ERROR(emit_alone(alone));
  return EmitUnfused(emitter, node.post_ops, alone.outputs[0], node.outputs[0]);
}

absl::Status EmitInFloat32(Emitter& emitter, const core::Node& node,
                           const std::function<absl::Status(const core::Node&)>& emit) {
  const auto widened = [&](core::ValueId id) {
    return emitter.NewValue({DataType::kFloat32, emitter.shape(id)});
  };
  core::Node wide = node;
  for (core::ValueId& input : wide.inputs) {
    core::Node cast{
        .op = core::Cast{}, .inputs = {input}, .outputs = {widened(input)}, .post_ops = {}, .label = {}};
    MODELD_RETURN_IF_ERROR(Emit(emitter, cast, core::Cast{}));
    input = cast.outputs[0];
  }
  wide.outputs = {widened(node.outputs[0])};
  MODELD_RETURN_IF_ERROR(emit(wide));
  return Emit(
      emitter,
      core::Node{
          .op = core::Cast{}, .inputs = wide.outputs, .outputs = node.outputs, .post_ops = {}, .label = {}},
      core::Cast{});
}

}  // namespace modeld::cpu
