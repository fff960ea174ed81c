#include "tools/importer/normalize.h"

namespace modeld::importer {
namespace {

std::vector<int64_t> AxesFrom(uint32_t axis, size_t rank) {
  std::vector<int64_t> axes;
  for (size_t i = axis; i < rank; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

OperandId InverseRoot(Emitter& e, OperandId variance, double epsilon) {
  return e.Op("reciprocal", {e.Op("sqrt", {e.Linear(variance, 1, epsilon)})});
}

OperandId MeanSquare(Emitter& e, OperandId x, const std::vector<int64_t>& axes) {
  return e.Reduce("reduceMean", e.Mul(x, x), axes, true);
}

}  // namespace

OperandId EmitLayerNormalization(Emitter& e, const LayerNormalization& layer) {
  const Shape& shape = e.shape(layer.x);
  if (!e.ok()) return layer.x;
  const Shape normalized(shape.begin() + layer.axis, shape.end());
  const auto fits = [&](const std::optional<OperandId>& operand) {
    return !operand || (e.shape(*operand) == normalized && e.type(*operand) == e.type(layer.x));
  };
  const bool inside = fits(layer.scale) && fits(layer.bias);
  Attributes attributes{{"axes", AxesFrom(layer.axis, shape.size())}, {"epsilon", layer.epsilon}};
  if (inside && layer.scale) attributes["scale"] = *layer.scale;
  if (inside && layer.bias) attributes["bias"] = *layer.bias;
  OperandId y = e.Op("layerNormalization", {layer.x}, std::move(attributes));
  if (inside) return y;
  const DataType type = e.type(y);
  if (layer.scale) y = e.Mul(y, e.Cast(*layer.scale, type));
  if (layer.bias) y = e.Add(y, e.Cast(*layer.bias, type));
  return y;
}

OperandId EmitRmsNormalization(Emitter& e, const LayerNormalization& layer) {
  const DataType type = e.type(layer.x);
  const OperandId x = e.Cast(layer.x, DataType::kFloat32);
  const OperandId square = MeanSquare(e, x, AxesFrom(layer.axis, e.rank(x)));
  OperandId y = e.Mul(x, InverseRoot(e, square, layer.epsilon));
  if (layer.scale) y = e.Mul(y, e.Cast(*layer.scale, DataType::kFloat32));
  if (layer.bias) y = e.Add(y, e.Cast(*layer.bias, DataType::kFloat32));
  return e.Cast(y, type);
}

void SetMoments(Emitter& e, const LayerNormalization& layer, int mean, int inverse) {
  NodeContext& node = e.node();
  if (!node.HasOutput(mean) && !node.HasOutput(inverse)) return;
  const OperandId x = e.Cast(layer.x, DataType::kFloat32);
  const std::vector<int64_t> axes = AxesFrom(layer.axis, e.rank(x));
  const OperandId average = e.Reduce("reduceMean", x, axes, true);
  if (node.HasOutput(mean)) e.Output(mean, average);
  if (!node.HasOutput(inverse)) return;
  e.Output(inverse, InverseRoot(e, MeanSquare(e, e.Sub(x, average), axes), layer.epsilon));
}

}  // namespace modeld::importer
