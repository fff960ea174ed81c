#include "engine/backend/cpu/product.h"

#include "base/status.h"
#include "engine/backend/cpu/dnnl_status.h"
#include "engine/backend/cpu/emit.h"

namespace modeld::cpu {
namespace {

using Source = PrimitiveArgument::Source;

// The step's value for the weights, and the argument that tells the kernel of it.
struct WeightsArgument {
  ProgramBuilder::Value value;
  PrimitiveArgument argument;
};

absl::StatusOr<WeightsArgument> PackedWeights(Emitter& emitter, const Region& bytes, const Weights& weights,
                                              const dnnl::memory::desc& wanted) {
  MODELD_ASSIGN_OR_RETURN(const Region packed,
                          PackConstant(emitter.engine(), bytes, weights.descriptor, wanted));
  return WeightsArgument{emitter.AddPacked(packed), {DNNL_ARG_WEIGHTS, wanted, Source::kFixed, 0, packed}};
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
  if (const Region* bytes = emitter.constant(weights.value); bytes != nullptr && !as_is) {
    return PackedWeights(emitter, *bytes, weights, wanted);
  }
  MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(weights.value));
  ProgramBuilder::Value value = form.value;
  if (!as_is) {
    MODELD_ASSIGN_OR_RETURN(value, ReorderStep(emitter, form.value, weights.descriptor, wanted));
  }
  return WeightsArgument{value, {DNNL_ARG_WEIGHTS, wanted, Source::kInput, kIndex, {}}};
}

// Adds the primitive's step, which writes `result`.
absl::Status EmitPrimitive(Emitter& emitter, const ProductPlan& plan, const ProductPrimitive& product,
                           const Fusion& fusion, core::ValueId result) {
  MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value source, emitter.In(plan.source, plan.source_layout));
  MODELD_ASSIGN_OR_RETURN(WeightsArgument weights, ArgumentFor(emitter, plan.weights, product.weights));
  std::vector<ProgramBuilder::Value> inputs = {source, weights.value};
  std::vector<PrimitiveArgument> arguments = {{DNNL_ARG_SRC, plan.source_descriptor, Source::kInput, 0, {}},
                                              std::move(weights.argument),
                                              {DNNL_ARG_DST, plan.output_descriptor, Source::kOutput, 0, {}}};
  for (const FusedOperand& operand : fusion.operands) {
    arguments.push_back({operand.argument, operand.descriptor, Source::kInput, inputs.size(), {}});
    inputs.push_back(operand.value);
  }
  MODELD_ASSIGN_OR_RETURN(std::unique_ptr<const Kernel> kernel,
                          DnnlKernel::Create(emitter.engine(), product.primitive, std::move(arguments),
                                             product.scratchpad, emitter.threads()));
  emitter.Step(std::move(kernel), std::move(inputs), emitter.Define(result, plan.output_layout));
  return absl::OkStatus();
}

absl::StatusOr<bool> EmitPlan(Emitter& emitter, const core::Node& node, const ProductPlan& plan) {
  const core::ValueId output = node.outputs[0];
  std::optional<ProductPrimitive> product;
  Fusion fusion;
  if (!node.post_ops.empty()) {
    MODELD_ASSIGN_OR_RETURN(fusion, Fuse(emitter, node.post_ops,
                                         {output, plan.output_layout, plan.channel, plan.descriptor_channel,
                                          plan.output_descriptor}));
    product = plan.make(fusion);
  }
  if (!product.has_value()) {
    fusion = Fusion();
    product = plan.make(fusion);
  }
  if (!product.has_value()) return false;
  const std::span<const core::PostOp> rest = std::span(node.post_ops).subspan(fusion.count);
  const core::ValueId result = rest.empty() ? output : emitter.NewValue(emitter.descriptor(output));
  MODELD_RETURN_IF_ERROR(EmitPrimitive(emitter, plan, *product, fusion, result));
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
  return contains("ref") || (fusion.has_full_operand && contains("gemm"));
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
