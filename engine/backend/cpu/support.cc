#include "engine/backend/cpu/support.h"

#include <algorithm>
#include <array>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/convolution.h"
#include "engine/backend/cpu/elementwise.h"
#include "engine/backend/cpu/emit.h"
#include "engine/backend/cpu/normalization.h"
#include "engine/backend/cpu/post_ops.h"

namespace modeld::cpu {
namespace {

// Chains are short in practice; oneDNN allows 32 entries, of which one operation may take two.
constexpr size_t kMaxPostOps = 8;

bool IsFloat32(const modeld::Graph& graph, const Operation& operation) {
  return graph.descriptor(operation.inputs[0]).data_type == DataType::kFloat32;
}

bool IsAnyFloat(const modeld::Graph& graph, const Operation& operation) {
  return IsFloat(graph.descriptor(operation.inputs[0]).data_type);
}

// An activation: a function with up to two parameters, by their attributes' names ("" for none).
template <FloatFunction kFunction, const char* kAlpha, const char* kBeta>
absl::Status EmitActivation(Emitter& emitter, const core::Node& node, const Operation& operation) {
  const auto parameter = [&](absl::string_view name) {
    return name.empty() ? 0.0f : FloatAttributeOf(operation, name);
  };
  return EmitFloatFunction(emitter, node.inputs[0], node.outputs[0], kFunction, parameter(kAlpha),
                           parameter(kBeta));
}

constexpr char kNone[] = "";
constexpr char kAlpha[] = "alpha";
constexpr char kBeta[] = "beta";
constexpr char kMinValue[] = "minValue";
constexpr char kMaxValue[] = "maxValue";

constexpr std::array kRules = {
    NativeRule{"clamp", IsAnyFloat, EmitActivation<VectorClamp, kMinValue, kMaxValue>},
    NativeRule{"conv2d", IsFloat32, EmitConv2d, true},
    NativeRule{"convTranspose2d", IsFloat32, EmitConvTranspose2d, true},
    NativeRule{"elu", IsAnyFloat, EmitActivation<VectorElu, kAlpha, kNone>},
    NativeRule{"gelu", IsAnyFloat, EmitActivation<VectorGelu, kNone, kNone>},
    NativeRule{"hardSigmoid", IsAnyFloat, EmitActivation<VectorHardSigmoid, kAlpha, kBeta>},
    NativeRule{"hardSwish", IsAnyFloat, EmitActivation<VectorHardSwish, kNone, kNone>},
    NativeRule{"leakyRelu", IsAnyFloat, EmitActivation<VectorLeakyRelu, kAlpha, kNone>},
    NativeRule{"linear", IsAnyFloat, EmitActivation<VectorLinear, kAlpha, kBeta>},
    NativeRule{"relu", IsAnyFloat, EmitActivation<VectorRelu, kNone, kNone>},
    NativeRule{"softplus", IsAnyFloat, EmitActivation<VectorSoftplus, kNone, kNone>},
    NativeRule{"softsign", IsAnyFloat, EmitActivation<VectorSoftsign, kNone, kNone>},
    NativeRule{"softmax", IsFloat32, EmitSoftmax},
    NativeRule{"layerNormalization", ClaimsLayerNormalization, EmitLayerNormalization},
    NativeRule{"instanceNormalization", IsFloat32, EmitInstanceNormalization},
};

}  // namespace

std::span<const NativeRule> NativeRules() {
  return kRules;
}

const NativeRule* FindNativeRule(absl::string_view type) {
  const auto found = std::ranges::find(kRules, type, &NativeRule::type);
  return found == kRules.end() ? nullptr : &*found;
}

bool TakesPostOps(const core::Op& op) {
  if (const auto* native = std::get_if<core::Native>(&op)) {
    const NativeRule* rule = FindNativeRule(native->operation.type);
    return rule != nullptr && rule->takes_post_ops;
  }
  return std::holds_alternative<core::Convolution>(op) || std::holds_alternative<core::Contraction>(op);
}

bool Claims(const modeld::Graph& graph, const Operation& operation) {
  const NativeRule* rule = FindNativeRule(operation.type);
  return rule != nullptr && rule->claims(graph, operation);
}

bool Fuses(const core::Graph& graph, const core::Node& node, const core::PostOp& next) {
  const bool is_float32 = graph.descriptor(node.outputs[0]).data_type == DataType::kFloat32;
  if (!is_float32 || !TakesPostOps(node.op) || node.post_ops.size() >= kMaxPostOps) return false;
  if (BinaryPostOpOf(next).has_value()) return true;
  return next.extra_inputs.empty() && !EltwiseOf(next.op).empty();
}

absl::Status Emit(Emitter& emitter, const core::Node& node, const core::Native& op) {
  const NativeRule* rule = FindNativeRule(op.operation.type);
  if (rule == nullptr) {
    return absl::UnimplementedError(absl::StrCat(emitter.label(), ": native ", op.operation.type));
  }
  return rule->emit(emitter, node, op.operation);
}

}  // namespace modeld::cpu
