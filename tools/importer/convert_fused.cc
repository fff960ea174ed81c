// Activations of language models, and products and convolutions that ONNX Runtime's optimizer fuses with what
// follows them.
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/converters.h"
#include "tools/importer/convolution.h"
#include "tools/importer/emitter.h"

namespace modeld::importer {
namespace {

// 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))).
OperandId EmitTanhGelu(Emitter& e, OperandId x) {
  const OperandId cubic = e.Mul(e.Linear(e.Mul(x, x), 0.044715, 1), x);
  const OperandId inner = e.Linear(cubic, std::sqrt(2 / std::numbers::pi), 0);
  return e.Mul(e.Linear(x, 0.5, 0), e.Linear(e.Op("tanh", {inner}), 1, 1));
}

// Gelu (ONNX's with `approximate`), BiasGelu, FastGelu, QuickGelu.
absl::Status ConvertGelu(NodeContext& node) {
  Emitter e(node);
  OperandId x = e.Input(0);
  const absl::string_view op = node.op_type();
  if ((op == "BiasGelu" || op == "FastGelu") && (node.HasInput(1) || op == "BiasGelu")) {
    x = e.Add(x, e.Input(1));
  }
  const std::string approximate = node.String("approximate", op == "FastGelu" ? "tanh" : "none");
  if (op == "QuickGelu") {
    e.Output(0, e.Mul(x, e.Op("sigmoid", {e.Linear(x, node.Float("alpha", 1.702), 0)})));
  } else if (approximate == "tanh") {
    e.Output(0, EmitTanhGelu(e, x));
  } else if (approximate == "none") {
    e.Output(0, e.Op("gelu", {x}));
  } else {
    return node.Invalid(absl::StrCat("approximate \"", approximate, "\" is unknown"));
  }
  return e.Finish();
}

absl::Status ConvertFusedMatMul(NodeContext& node) {
  Emitter e(node);
  if (node.Int("transBatchA", 0) != 0 || node.Int("transBatchB", 0) != 0) {
    return node.Unsupported("transBatchA and transBatchB are not supported");
  }
  OperandId a = e.Input(0);
  OperandId b = e.Input(1);
  if (node.Int("transA", 0) != 0) a = e.TransposeLast(a);
  if (node.Int("transB", 0) != 0) b = e.TransposeLast(b);
  OperandId y = e.MatMul(a, b);
  if (const double alpha = node.Float("alpha", 1); alpha != 1) y = e.Linear(y, alpha, 0);
  e.Output(0, y);
  return e.Finish();
}

// The activation that a fused operator ends with; its parameters follow the order of ONNX's attributes.
absl::StatusOr<OperandId> EmitActivation(Emitter& e, OperandId x) {
  const NodeContext& node = e.node();
  const std::string name = node.String("activation", "");
  const std::vector<float> parameters = node.Floats("activation_params");
  const auto parameter = [&](size_t index, double default_value) {
    return index < parameters.size() ? parameters[index] : default_value;
  };
  if (name.empty()) return x;
  if (name == "Relu") return e.Op("relu", {x});
  if (name == "Sigmoid") return e.Op("sigmoid", {x});
  if (name == "Tanh") return e.Op("tanh", {x});
  if (name == "LeakyRelu") return e.Op("leakyRelu", {x}, {{"alpha", parameter(0, 0.01)}});
  if (name == "Clip") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return e.Clamp(x, parameter(0, -kInfinity), parameter(1, kInfinity));
  }
  if (name == "HardSigmoid") {
    return e.Op("hardSigmoid", {x}, {{"alpha", parameter(0, 0.2)}, {"beta", parameter(1, 0.5)}});
  }
  return node.Unsupported(absl::StrCat("activation \"", name, "\" is not supported"));
}

// Conv, then the sum with input 3, then an activation.
absl::Status ConvertFusedConv(NodeContext& node) {
  Emitter e(node);
  const OperandId x = e.Input(0);
  const OperandId w = e.Input(1);
  const std::optional<OperandId> bias = e.OptionalInput(2);
  MODELD_RETURN_IF_ERROR(e.status());
  MODELD_ASSIGN_OR_RETURN(OperandId y, EmitConvolution(node, x, w, bias));
  if (const std::optional<OperandId> z = e.OptionalInput(3)) y = e.Add(y, *z);
  MODELD_ASSIGN_OR_RETURN(y, EmitActivation(e, y));
  e.Output(0, y);
  return e.Finish();
}

absl::Status ConvertFusedGemm(NodeContext& node) {
  Emitter e(node);
  Attributes attributes{{"alpha", node.Float("alpha", 1)},
                        {"beta", node.Float("beta", 1)},
                        {"aTranspose", node.Int("transA", 0) != 0},
                        {"bTranspose", node.Int("transB", 0) != 0}};
  if (const std::optional<OperandId> c = e.OptionalInput(2)) attributes["c"] = *c;
  OperandId y = e.Op("gemm", {e.Input(0), e.Input(1)}, std::move(attributes));
  MODELD_ASSIGN_OR_RETURN(y, EmitActivation(e, y));
  e.Output(0, y);
  return e.Finish();
}

constexpr Converter kTable[] = {
    {"Gelu", ConvertGelu},
    {"Gelu", ConvertGelu, kMicrosoft},
    {"BiasGelu", ConvertGelu, kMicrosoft},
    {"FastGelu", ConvertGelu, kMicrosoft},
    {"QuickGelu", ConvertGelu, kMicrosoft},
    {"FusedMatMul", ConvertFusedMatMul, kMicrosoft},
    {"FusedConv", ConvertFusedConv, kMicrosoft},
    {"FusedGemm", ConvertFusedGemm, kMicrosoft},
};

}  // namespace

std::span<const Converter> FusedConverters() {
  return kTable;
}

}  // namespace modeld::importer
