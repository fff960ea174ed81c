// Models from files of any kind that modelctl reads.
#ifndef MODELD_TOOLS_MODELCTL_MODEL_FILE_H_
#define MODELD_TOOLS_MODELCTL_MODEL_FILE_H_

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/context.h"
#include "client/cpp/graph.h"
#include "engine/graph/graph.h"
#include "engine/graph/limits.h"
#include "modeld/v1/admin.pb.h"
#include "tools/modelctl/container.h"
#include "tools/modelctl/environment.h"

namespace modeld::tools {

// What an ONNX model leaves open, as the command line says it.
struct OnnxArguments {
  std::vector<std::string> shapes;  // input=1x3x224x224
  std::vector<std::string> dims;    // batch=1
  std::vector<std::string> known;   // axes=axes.npy

  bool empty() const { return shapes.empty() && dims.empty() && known.empty(); }
};

// --shape, --dim and --known.
void AddOnnxOptions(CLI::App& command, OnnxArguments& arguments);

// The graph of a .modeld container or an .onnx model, told apart by the name's end; anything else is taken
// for ONNX. Errors: those of ReadContainer and importer::ImportOnnx; a usage error for arguments that cannot
// be read, do not fit the model, or are given with a container.
absl::StatusOr<Graph> ReadModelFile(const std::string& path, const GraphLimits& limits,
                                    const OnnxArguments& arguments = {});

// Builds a graph in a context, with a bar for the upload where somebody watches.
absl::StatusOr<client::Graph> BuildWithProgress(Environment& environment, const client::Context& context,
                                                const Graph& graph);

// Adds what the daemon sent of a model to a container.
absl::Status AddPart(const v1::ExportModelResponse& part, ContainerBody& container);

}  // namespace modeld::tools

#endif  // MODELD_TOOLS_MODELCTL_MODEL_FILE_H_
