// The table of ONNX operators: how each becomes WebNN operations.
#ifndef MODELD_TOOLS_IMPORTER_CONVERTERS_H_
#define MODELD_TOOLS_IMPORTER_CONVERTERS_H_

#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// Emits operations and sets the node's outputs. Errors name the node.
using ConvertFunction = absl::Status (*)(NodeContext& node);

// One row.
struct Converter {
  absl::string_view op_type;
  ConvertFunction convert;
  // Empty: ONNX's own operators.
  absl::string_view domain = "";
};

// ONNX Runtime's domain of fused and quantised operators.
inline constexpr absl::string_view kMicrosoft = "com.microsoft";

// The rows of each family, each in the file of its name.
std::span<const Converter> MathConverters();          // convert_math.cc: arithmetic, comparison, logic
std::span<const Converter> TrigonometryConverters();  // convert_trigonometry.cc: inverse and hyperbolic
std::span<const Converter> ActivationConverters();    // convert_activation.cc: activations, softmax, dropout
std::span<const Converter> ReduceConverters();        // convert_reduce.cc: reductions, losses
std::span<const Converter> ConvolutionConverters();   // convolution.cc
std::span<const Converter> PoolConverters();          // convert_pool.cc
std::span<const Converter> NnConverters();     // convert_nn.cc: matrix products, batch normalisation and kin
std::span<const Converter> ShapeConverters();  // convert_shape.cc: reshape, slice, pad, concat
std::span<const Converter> MovementConverters();   // convert_movement.cc: gather, scatter, depth and space
std::span<const Converter> SampleConverters();     // convert_sample.cc: GridSample, TopK
std::span<const Converter> SignalConverters();     // convert_signal.cc: windows, Fourier transforms
std::span<const Converter> ControlConverters();    // convert_control.cc: If
std::span<const Converter> RecurrentConverters();  // convert_recurrent.cc: LSTM, GRU, RNN
std::span<const Converter> QuantizedConverters();  // convert_quantized.cc: to and from integers
std::span<const Converter>
QuantizedProductConverters();  // convert_quantized_products.cc: convolutions and products of integers
std::span<const Converter> NormalizationConverters();  // convert_normalization.cc: layer, group, RMS
std::span<const Converter> AttentionConverters();      // convert_attention.cc: attention, embeddings
std::span<const Converter> FusedConverters();          // convert_fused.cc: what runtimes fuse, Gelu and kin
std::span<const Converter> EinsumConverters();         // convert_einsum.cc
std::span<const Converter> ResizeConverters();         // convert_resize.cc: Resize, Upsample

// The row of this operator, or null. `domain` as the node has it: empty and "ai.onnx" are the same.
const Converter* FindConverter(absl::string_view domain, absl::string_view op_type);

// Folds or converts the node. True when it was folded. Errors name the node; UNIMPLEMENTED without a Reason:
// no table knows the operator.
absl::StatusOr<bool> ImportNode(NodeContext& node);

// Computes the node on bytes known while importing, where it is shape arithmetic on small integer or float
// tensors. True when it did and the outputs are set; false when the node is to be converted. Errors name the
// node.
absl::StatusOr<bool> FoldNode(NodeContext& node);
// Whether FoldNode knows this operator, so that a model with it is not refused at first sight.
bool CanFold(absl::string_view op_type);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_CONVERTERS_H_
