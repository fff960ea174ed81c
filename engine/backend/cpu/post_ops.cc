#include "engine/backend/cpu/post_ops.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "base/status.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/dnnl_kernel.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/invalid_flag.h"

namespace modeld::cpu {
namespace {

using core::BinaryFunction;
using core::UnaryFunction;
using dnnl::algorithm;

std::vector<Eltwise> EltwiseOfUnary(UnaryFunction function) {
  switch (function) {
    case UnaryFunction::kAbs:
      return {{algorithm::eltwise_abs}};
    case UnaryFunction::kNeg:
      return {{algorithm::eltwise_linear, -1.0f, 0.0f}};
    case UnaryFunction::kSqrt:
      return {{algorithm::eltwise_sqrt}};
    case UnaryFunction::kExp:
      return {{algorithm::eltwise_exp}};
    case UnaryFunction::kTanh:
      return {{algorithm::eltwise_tanh}};
    case UnaryFunction::kSigmoid:
      return {{algorithm::eltwise_logistic}};
    default:
      return {};
  }
}

std::vector<Eltwise> EltwiseOfNative(const Operation& operation) {
  const auto attribute = [&](absl::string_view name) { return FloatAttributeOf(operation, name); };
  if (operation.type == "relu") return {{algorithm::eltwise_relu}};
  if (operation.type == "clamp")
    return {{algorithm::eltwise_clip, attribute("minValue"), attribute("maxValue")}};
  if (operation.type == "leakyRelu") return {{algorithm::eltwise_relu, attribute("alpha")}};
  if (operation.type == "elu") return {{algorithm::eltwise_elu, attribute("alpha")}};
  if (operation.type == "gelu") return {{algorithm::eltwise_gelu_erf}};
  if (operation.type == "linear") return {{algorithm::eltwise_linear, attribute("alpha"), attribute("beta")}};
  if (operation.type == "hardSwish") return {{algorithm::eltwise_hardswish}};
  if (operation.type == "hardSigmoid") {
    return {{algorithm::eltwise_linear, attribute("alpha"), attribute("beta")},
            {algorithm::eltwise_clip, 0.0f, 1.0f}};
  }
  return {};
}

// One operand of a fused Binary as oneDNN must see it: all of the output, or one number per channel, or one.
enum class OperandKind : uint8_t { kFull, kPerChannel, kScalar, kOther };

OperandKind KindOf(const Shape& shape, const Shape& output, size_t channel) {
  if (shape == output) return OperandKind::kFull;
  const size_t missing = output.size() - shape.size();
  OperandKind kind = OperandKind::kScalar;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    if (d + missing != channel || shape[d] != output[channel]) return OperandKind::kOther;
    kind = OperandKind::kPerChannel;
  }
  return kind;
}

// The operand's bytes and descriptor, or nothing for a kind that oneDNN cannot fuse.
absl::StatusOr<std::optional<FusedOperand>> OperandFor(Emitter& emitter, core::ValueId operand,
                                                       const ProductOutput& output) {
  const core::ValueId source = emitter.BroadcastSource(operand);
  const Shape& shape = emitter.shape(output.value);
  switch (KindOf(emitter.shape(source), shape, output.channel)) {
    case OperandKind::kFull: {
      MODELD_ASSIGN_OR_RETURN(const ProgramBuilder::Value value, emitter.In(source, output.layout));
      return FusedOperand{0, output.descriptor, value};
    }
    case OperandKind::kPerChannel:
    case OperandKind::kScalar: {
      MODELD_ASSIGN_OR_RETURN(const Form form, emitter.Preferred(source));
      // At most one dimension is not 1, so any layout is the row-major one.
      Shape dims(output.descriptor.dims().size(), 1);
      if (emitter.descriptor(source).ElementCount() != 1)
        dims[output.descriptor_channel] = shape[output.channel];
      return FusedOperand{0, DescriptorOf(dims, PlainLayout(dims.size())), form.value};
    }
    case OperandKind::kOther:
      break;
  }
  return std::nullopt;
}

bool IsBias(const core::PostOp& post_op, Emitter& emitter, const ProductOutput& output) {
  const auto* binary = std::get_if<core::Binary>(&post_op.op);
  if (binary == nullptr || binary->function != BinaryFunction::kAdd) return false;
  const core::ValueId source = emitter.BroadcastSource(post_op.extra_inputs[0]);
  const OperandKind kind = KindOf(emitter.shape(source), emitter.shape(output.value), output.channel);
  // One number for a single channel is a bias too.
  return kind == OperandKind::kPerChannel ||
         (kind != OperandKind::kOther && emitter.descriptor(source).ElementCount() == 1 &&
          emitter.shape(output.value)[output.channel] == 1);
}

// Whether oneDNN, on some processor, makes a number of a NaN: whatever compares. Functions that it computes
// by polynomials compare to find their range.
bool LosesNaN(const core::Op& op) {
  if (const auto* binary = std::get_if<core::Binary>(&op)) {
    return binary->function == BinaryFunction::kMax || binary->function == BinaryFunction::kMin;
  }
  const std::vector<Eltwise> eltwise = EltwiseOf(op);
  return std::ranges::any_of(eltwise,
                             [](const Eltwise& e) { return e.algorithm != algorithm::eltwise_linear; });
}

// oneDNN 2.6 keeps one table of constants per algorithm: a second function of it would be computed with the
// parameters of the first.
bool Clashes(const std::vector<Eltwise>& fused, const Eltwise& next) {
  return std::ranges::any_of(fused, [&](const Eltwise& e) {
    return e.algorithm == next.algorithm && (e.alpha != next.alpha || e.beta != next.beta);
  });
}

}  // namespace

std::vector<Eltwise> EltwiseOf(const core::Op& op) {
  if (const auto* unary = std::get_if<core::Unary>(&op)) return EltwiseOfUnary(unary->function);
  if (const auto* native = std::get_if<core::Native>(&op)) return EltwiseOfNative(native->operation);
  return {};
}

std::optional<algorithm> BinaryPostOpOf(const core::PostOp& post_op) {
  const auto* binary = std::get_if<core::Binary>(&post_op.op);
  if (binary == nullptr) return std::nullopt;
  switch (binary->function) {
    case BinaryFunction::kAdd:
      return algorithm::binary_add;
    case BinaryFunction::kMul:
      return algorithm::binary_mul;
    case BinaryFunction::kMax:
      return algorithm::binary_max;
    case BinaryFunction::kMin:
      return algorithm::binary_min;
    case BinaryFunction::kSub:
      return post_op.swapped ? std::nullopt : std::optional(algorithm::binary_sub);
    case BinaryFunction::kDiv:
      return post_op.swapped ? std::nullopt : std::optional(algorithm::binary_div);
    default:
      return std::nullopt;
  }
}

Fusion Fusion::Bare() const {
  Fusion bare;
  bare.has_bias = has_bias;
  bare.bias = bias;
  if (has_bias) bare.operands = {operands.front()};
  bare.weights = weights;
  return bare;
}

absl::StatusOr<Fusion> Fuse(Emitter& emitter, std::span<const core::PostOp> post_ops,
                            const ProductOutput& output) {
  Fusion fusion;
  std::vector<Eltwise> functions;
  // Lanes beyond the last channel hold zeros, whose quotient sets the flag every time.
  bool can_find_nan = kHasInvalidFlag;
  for (const core::PostOp& post_op : post_ops) {
    if (LosesNaN(post_op.op) && !can_find_nan) return fusion;
    fusion.loses_nan |= LosesNaN(post_op.op);
    if (const auto binary = BinaryPostOpOf(post_op)) {
      if (*binary == algorithm::binary_div && fusion.loses_nan) return fusion;
      can_find_nan &= *binary != algorithm::binary_div;
      MODELD_ASSIGN_OR_RETURN(std::optional<FusedOperand> operand,
                              OperandFor(emitter, post_op.extra_inputs[0], output));
      if (!operand.has_value()) return fusion;
      if (fusion.count == 0 && IsBias(post_op, emitter, output)) {
        const uint32_t channels = emitter.shape(output.value)[output.channel];
        fusion.has_bias = true;
        fusion.bias = DescriptorOf({channels}, PlainLayout(1));
        operand->argument = DNNL_ARG_BIAS;
        operand->descriptor = fusion.bias;
      } else {
        operand->argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(fusion.ops.len()) | DNNL_ARG_SRC_1;
        fusion.ops.append_binary(*binary, operand->descriptor);
        fusion.has_full_operand |= operand->descriptor == output.descriptor;
        fusion.passes.push_back({&post_op, fusion.operands.size()});
      }
      fusion.operands.push_back(*std::move(operand));
    } else {
      const std::vector<Eltwise> eltwise = EltwiseOf(post_op.op);
      if (eltwise.empty()) return fusion;
      for (const Eltwise& e : eltwise) {
        if (Clashes(functions, e)) return fusion;
      }
      functions.insert(functions.end(), eltwise.begin(), eltwise.end());
      for (const Eltwise& e : eltwise) fusion.ops.append_eltwise(1.0f, e.algorithm, e.alpha, e.beta);
      fusion.passes.push_back({&post_op});
    }
    ++fusion.count;
  }
  return fusion;
}

absl::Status EmitUnfused(Emitter& emitter, std::span<const core::PostOp> post_ops, core::ValueId result,
                         core::ValueId output) {
  for (size_t i = 0; i < post_ops.size(); ++i) {
    const core::PostOp& post_op = post_ops[i];
    const bool is_last = i + 1 == post_ops.size();
    core::Node node{
        .op = post_op.op, .inputs = {result}, .outputs = {}, .post_ops = {}, .label = emitter.label()};
    node.inputs.insert(post_op.swapped ? node.inputs.begin() : node.inputs.end(),
                       post_op.extra_inputs.begin(), post_op.extra_inputs.end());
    result = is_last ? output : emitter.NewValue(emitter.descriptor(result));
    node.outputs = {result};
    MODELD_RETURN_IF_ERROR(std::visit([&](const auto& op) { return Emit(emitter, node, op); }, node.op));
  }
  return absl::OkStatus();
}

}  // namespace modeld::cpu
