// Convolution with the attributes that Conv and the operators made of it share.
#ifndef MODELD_TOOLS_IMPORTER_CONVOLUTION_H_
#define MODELD_TOOLS_IMPORTER_CONVOLUTION_H_

#include <optional>

#include "absl/status/statusor.h"
#include "tools/importer/import_context.h"

namespace modeld::importer {

// Emits the convolution (transposed for ConvTranspose) of these operands with the node's strides, dilations,
// pads, auto_pad and group. Errors name the node.
absl::StatusOr<OperandId> EmitConvolution(NodeContext& node, OperandId input, OperandId filter,
                                          std::optional<OperandId> bias);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_CONVOLUTION_H_
