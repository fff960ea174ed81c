#include "engine/ops/rules/specified.h"

namespace modeld::rules {

const std::vector<Family>& AllFamilies() {
  // Never freed.
  static const auto* all = new std::vector<Family>{
      ElementwiseFamily(),  ActivationFamily(), MatmulFamily(),        ConvolutionFamily(),
      PoolingFamily(),      ReductionFamily(),  NormalizationFamily(), ShapeFamily(),
      MovementFamily(),     AxisFamily(),       GatherScatterFamily(), ArrangementFamily(),
      QuantizationFamily(), RecurrentFamily(),  CompositeFamily(),
  };
  return *all;
}

OpCase With(OpCase base, const Attributes& changes, std::string expected) {
  for (const auto& [name, value] : changes) base.attributes.insert_or_assign(name, value);
  base.expected = std::move(expected);
  return base;
}

OpCase On(OpCase base, std::vector<TensorDescriptor> operands, std::string expected) {
  base.operands = std::move(operands);
  base.expected = std::move(expected);
  return base;
}

}  // namespace modeld::rules
