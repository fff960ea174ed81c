#include "engine/backend/cpu/support.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/backend/cpu/activation.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/convolution.h"
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

// A bound that is NaN makes every element NaN, which the kernel's comparisons would overlook.
bool ClaimsClamp(const modeld::Graph& graph, const Operation& operation) {
  return IsAnyFloat(graph, operation) && !std::isnan(FloatAttributeOf(operation, "minValue")) &&
         !std::isnan(FloatAttributeOf(operation, "maxValue"));
}

constexpr std::array kRules = {
    NativeRule{"clamp", ClaimsClamp, EmitActivation},
    NativeRule{"conv2d", IsFloat32, EmitConv2d, true},
    NativeRule{"convTranspose2d", IsFloat32, EmitConvTranspose2d, true},
    NativeRule{"elu", IsAnyFloat, EmitActivation},
    NativeRule{"gelu", IsAnyFloat, EmitActivation},
    NativeRule{"hardSigmoid", IsAnyFloat, EmitActivation},
    NativeRule{"hardSwish", IsAnyFloat, EmitActivation},
    NativeRule{"leakyRelu", IsAnyFloat, EmitActivation},
    NativeRule{"linear", IsAnyFloat, EmitActivation},
    NativeRule{"relu", IsAnyFloat, EmitActivation},
    NativeRule{"softplus", IsAnyFloat, EmitActivation},
    NativeRule{"softsign", IsAnyFloat, EmitActivation},
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
