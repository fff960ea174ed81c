// Types and shapes of a model's inputs, with what the caller says of dimensions that the model leaves open.
#ifndef MODELD_TOOLS_IMPORTER_INPUT_TYPES_H_
#define MODELD_TOOLS_IMPORTER_INPUT_TYPES_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "onnx/onnx_pb.h"
#include "tools/importer/host_tensor.h"
#include "tools/importer/onnx_importer.h"

namespace modeld::importer {

// An input that the graph is to have.
struct InputType {
  std::string name;
  TensorDescriptor descriptor;
};

// The graph's inputs but those of `left_out` (initializers, known inputs), in their order. INVALID_ARGUMENT:
// dimensions without a size, all of them listed; a given shape or dimension that contradicts the model or
// names nothing in it. UNIMPLEMENTED: not a tensor, of a type that WebNN does not have, or empty.
absl::StatusOr<std::vector<InputType>> ReadInputTypes(const onnx::GraphProto& graph,
                                                      const std::set<std::string>& left_out,
                                                      const ImportOptions& options);

// INVALID_ARGUMENT unless the known value is of the input's type and shape.
absl::Status CheckKnownInput(const onnx::ValueInfoProto& input, const HostTensor& known);

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_INPUT_TYPES_H_
