// Models from files of any kind that modelctl reads.
#ifndef MODELD_TOOLS_MODELCTL_MODEL_FILE_H_
#define MODELD_TOOLS_MODELCTL_MODEL_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/context.h"
#include "client/cpp/graph.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// The graph of a .modeld container or an .onnx model, told apart by the name's end; anything else is taken
// for ONNX. Errors: those of ReadContainer and importer::ImportOnnx.
absl::StatusOr<Graph> ReadModelFile(const std::string& path, const GraphLimits& limits);

// Builds a graph in a context, with a bar for the upload where somebody watches.
absl::StatusOr<client::Graph> BuildWithProgress(Environment& environment, const client::Context& context,
                                                const Graph& graph);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_MODEL_FILE_H_
