#include "engine/backend/cpu/activation.h"

#include <algorithm>
#include <array>
#include <variant>

#include "absl/strings/string_view.h"
#include "engine/backend/cpu/attributes.h"
#include "engine/backend/cpu/elementwise.h"

namespace modeld::cpu {
namespace {

using core::UnaryFunction;

struct UnaryRow {
  UnaryFunction function;
  FloatFunction vector;
};

constexpr std::array kUnary = {
    UnaryRow{UnaryFunction::kAbs, VectorAbs},
    UnaryRow{UnaryFunction::kNeg, VectorNeg},
    UnaryRow{UnaryFunction::kCeil, VectorCeil},
    UnaryRow{UnaryFunction::kFloor, VectorFloor},
    UnaryRow{UnaryFunction::kRoundEven, VectorRoundEven},
    UnaryRow{UnaryFunction::kSqrt, VectorSqrt},
    UnaryRow{UnaryFunction::kReciprocal, VectorReciprocal},
    UnaryRow{UnaryFunction::kExp, VectorExp},
    UnaryRow{UnaryFunction::kLog, VectorLog},
    UnaryRow{UnaryFunction::kSin, VectorSin},
    UnaryRow{UnaryFunction::kCos, VectorCos},
    UnaryRow{UnaryFunction::kTan, VectorTan},
    UnaryRow{UnaryFunction::kTanh, VectorTanh},
    UnaryRow{UnaryFunction::kErf, VectorErf},
    UnaryRow{UnaryFunction::kSigmoid, VectorSigmoid},
};

// The parameters are attributes; "" for none.
struct ActivationRow {
  absl::string_view type;
  FloatFunction vector;
  absl::string_view alpha = "";
  absl::string_view beta = "";
};

constexpr std::array kActivations = {
    ActivationRow{"clamp", VectorClamp, "minValue", "maxValue"},
    ActivationRow{"elu", VectorElu, "alpha"},
    ActivationRow{"gelu", VectorGelu},
    ActivationRow{"hardSigmoid", VectorHardSigmoid, "alpha", "beta"},
    ActivationRow{"hardSwish", VectorHardSwish},
    ActivationRow{"leakyRelu", VectorLeakyRelu, "alpha"},
    ActivationRow{"linear", VectorLinear, "alpha", "beta"},
    ActivationRow{"relu", VectorRelu},
    ActivationRow{"softplus", VectorSoftplus},
    ActivationRow{"softsign", VectorSoftsign},
};

std::optional<FloatCall> CallOf(const Operation& operation) {
  const auto row = std::ranges::find(kActivations, operation.type, &ActivationRow::type);
  if (row == kActivations.end()) return std::nullopt;
  const auto parameter = [&](absl::string_view name) {
    return name.empty() ? 0.0f : FloatAttributeOf(operation, name);
  };
  return FloatCall{row->vector, parameter(row->alpha), parameter(row->beta)};
}

}  // namespace

std::optional<FloatCall> FloatCallOf(const core::Op& op) {
  if (const auto* native = std::get_if<core::Native>(&op)) return CallOf(native->operation);
  const auto* unary = std::get_if<core::Unary>(&op);
  if (unary == nullptr) return std::nullopt;
  const auto row = std::ranges::find(kUnary, unary->function, &UnaryRow::function);
  return row == kUnary.end() ? std::nullopt : std::optional(FloatCall{row->vector});
}

absl::Status EmitActivation(Emitter& emitter, const core::Node& node, const Operation& operation) {
  const std::optional<FloatCall> call = CallOf(operation);
  if (!call) return absl::UnimplementedError(emitter.label() + ": is no activation");
  return EmitFloatFunction(emitter, node.inputs[0], node.outputs[0], *call);
}

}  // namespace modeld::cpu
