// The rows of each family: what the table is put together from. A new family adds a line here and one in
// table.cc.
#ifndef MODELD_ENGINE_OPS_FAMILIES_H_
#define MODELD_ENGINE_OPS_FAMILIES_H_

#include <vector>

#include "engine/ops/schema.h"

namespace modeld {

// elementwise_binary.cc: add, sub, mul, div, max, min, pow.
std::vector<OpSchema> ElementwiseBinaryOps();
// elementwise_logical.cc: comparisons, logicalNot, logicalAnd, logicalOr, logicalXor, isNaN, isInfinite,
// where.
std::vector<OpSchema> ElementwiseLogicalOps();
// elementwise_unary.cc: abs to tan, identity, cast, clamp.
std::vector<OpSchema> ElementwiseUnaryOps();
// activation.cc: relu to softsign, linear, softmax.
std::vector<OpSchema> ActivationOps();
// matmul.cc: matmul, gemm.
std::vector<OpSchema> MatmulOps();
// convolution.cc: conv2d, convTranspose2d.
std::vector<OpSchema> ConvolutionOps();
// pooling.cc: averagePool2d, l2Pool2d, maxPool2d.
std::vector<OpSchema> PoolingOps();
// resampling.cc: resample2d.
std::vector<OpSchema> ResamplingOps();
// normalization.cc: batchNormalization, instanceNormalization, layerNormalization.
std::vector<OpSchema> NormalizationOps();
// reduction.cc: the ten reductions.
std::vector<OpSchema> ReductionOps();
// arg_min_max.cc: argMin, argMax.
std::vector<OpSchema> ArgMinMaxOps();
// cumulative.cc: cumulativeSum.
std::vector<OpSchema> CumulativeOps();
// shape.cc: reshape, expand, transpose.
std::vector<OpSchema> ShapeOps();
// movement.cc: concat, pad, reverse, slice, split, tile, triangular.
std::vector<OpSchema> MovementOps();
// quantization.cc: dequantizeLinear, quantizeLinear.
std::vector<OpSchema> QuantizationOps();
// gru.cc: gru, gruCell.
std::vector<OpSchema> GruOps();
// lstm.cc: lstm, lstmCell.
std::vector<OpSchema> LstmOps();
// gather_scatter.cc: gather, gatherElements, gatherND, scatterElements, scatterND.
std::vector<OpSchema> GatherScatterOps();

// composite.cc: composite.
std::vector<OpSchema> CompositeOps();

}  // namespace modeld

#endif  // MODELD_ENGINE_OPS_FAMILIES_H_
