// Turns ONNX models into WebNN graphs.
#ifndef MODELD_TOOLS_IMPORTER_ONNX_IMPORTER_H_
#define MODELD_TOOLS_IMPORTER_ONNX_IMPORTER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "tools/importer/host_tensor.h"
#include "tools/importer/reason.h"

namespace modeld::importer {

// Bounds on what a model file may ask for; the file is not trusted.
struct ImportOptions {
  // Bytes of the .onnx file; protobuf itself cannot read more than 2 GiB.
  uint64_t max_file_bytes = uint64_t{2} << 30;
  GraphLimits limits;
  // Values of inputs that the caller knows already, by name: these inputs become constants, so that they may
  // be shapes, axes or the like. Each must be an input's, without a value in the model.
  std::map<std::string, HostTensor> known_inputs;
  // Shapes of inputs by name, and sizes of dimensions by the names that the model gives them, for what the
  // model leaves open. A shape goes before a dimension's name. Each must be of use.
  std::map<std::string, std::vector<int64_t>> shapes;
  std::map<std::string, int64_t> dims;
};

// A model in portable form.
struct ImportedModel {
  // Validated; constants' bytes are present, mapped or shared with the parsed file.
  Graph graph;
  // Of the default operator set.
  int64_t opset = 0;
  // What wrote the file, as it says: "pytorch 2.1". May be empty.
  std::string producer;
  // Nodes that shape arithmetic and constants folded away.
  uint32_t folded_nodes = 0;
};

// Reads the .onnx file at `path`: opsets 1 to 21, of the types that WebNN has (bool as uint8), with fixed
// shapes or such that the options fix. Weights are inline or external; external ones must be plain files
// beneath the model's folder, reached without symbolic links. Inputs keep their names and order; initializers
// listed as inputs become constants. Labels are node names. Not for use by several threads on one file while
// it changes. Errors:
//   NOT_FOUND: no such file. INVALID_ARGUMENT: not a valid model; dimensions without a size (all of them
//   named); a limit is passed; sizes or values in the options that do not fit (IsWrongOption). UNIMPLEMENTED:
//   operators or attributes that cannot be expressed, with a Reason (reason.h); unknown operators are all
//   listed, by node name and type. PERMISSION_DENIED: an external file lies outside the model's folder, or is
//   no plain file.
absl::StatusOr<ImportedModel> ImportOnnx(const std::string& path, const ImportOptions& options = {});

}  // namespace modeld::importer

#endif  // MODELD_TOOLS_IMPORTER_ONNX_IMPORTER_H_
