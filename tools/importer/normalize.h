// Normalisation over a tensor's last dimensions, as several operators of ONNX have it.
#ifndef MODELD_TOOLS_IMPORTER_NORMALIZE_H_
#define MODELD_TOOLS_IMPORTER_NORMALIZE_H_

#include <optional>

#include "tools/importer/emitter.h"

namespace modeld::importer {

// What EmitLayerNormalization takes.
struct LayerNormalization {
  OperandId x;
  // The first of the dimensions that are normalised.
  uint32_t axis;
  // Of the shape of these dimensions, or broadcast to it.
  std::optional<OperandId> scale = std::nullopt;
  std::optional<OperandId> bias = std::nullopt;
  double epsilon = 1e-5;
};

// (x - mean) / sqrt(variance + epsilon) * scale + bias.
OperandId EmitLayerNormalization(Emitter& e, const LayerNormalization& layer);

// x / sqrt(mean(x * x) + epsilon) * scale + bias, in float32.
OperandId EmitRmsNormalization(Emitter& e, const LayerNormalization& layer);

// Sets those of the node's outputs `mean` and `inverse` that somebody wants: the mean and
// 1 / sqrt(variance + epsilon), float32, with the dimensions from `axis` on kept as 1.
void SetMoments(Emitter& e, const LayerNormalization& layer, int mean, int inverse);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_NORMALIZE_H_
