// Quantising and dequantising with ONNX's forms of scales and zero points.
#ifndef MODELD_TOOLS_IMPORTER_QUANTIZATION_H_
#define MODELD_TOOLS_IMPORTER_QUANTIZATION_H_

#include <optional>

#include "tools/importer/emitter.h"

namespace modeld::importer {

// How a tensor's scales lie along it: one for all; one per element of `axis`; one per `block` of these.
struct QuantizationAxis {
  int64_t axis = 1;
  int64_t block = 0;
};

// (x - zero_point) * scale, of the scale's type. Without a zero point it is 0.
OperandId EmitDequantize(Emitter& e, OperandId x, OperandId scale, std::optional<OperandId> zero_point,
                         QuantizationAxis along = {});

// saturate(roundEven(x / scale) + zero_point), of the zero point's type. Without a zero point it is 0 of
// `type`. An x of another type than the scale's is cast to that first.
OperandId EmitQuantize(Emitter& e, OperandId x, OperandId scale, std::optional<OperandId> zero_point,
                       DataType type = DataType::kUint8, QuantizationAxis along = {});

// A tensor quantised by its own range, with ONNX's DynamicQuantizeLinear: values of type uint8, a float32
// scale and a uint8 zero point, both scalars. A tensor of zeros has the scale 1.
struct DynamicQuantization {
  OperandId values;
  OperandId scale;
  OperandId zero_point;
};
DynamicQuantization EmitDynamicQuantize(Emitter& e, OperandId x);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_QUANTIZATION_H_
