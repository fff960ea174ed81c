#include "tools/modelctl/model_file.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "tools/importer/onnx_importer.h"
#include "tools/modelctl/container.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

absl::StatusOr<Graph> ReadModelFile(const std::string& path, const GraphLimits& limits) {
  if (absl::EndsWithIgnoreCase(path, ".modeld")) return ReadContainer(path, limits);
  importer::ImportOptions options;
  options.limits = limits;
  MODELD_ASSIGN_OR_RETURN(importer::ImportedModel model, importer::ImportOnnx(path, options));
  return std::move(model.graph);
}

absl::StatusOr<client::Graph> BuildWithProgress(Environment& environment, const client::Context& context,
                                                const Graph& graph) {
  ProgressBar bar(environment, "uploading");
  return context.BuildGraph(
      graph,
      {.call = environment.call(), .progress = [&bar](const client::UploadProgress& progress) {
         bar.Update(
             static_cast<double>(progress.committed_bytes) / static_cast<double>(progress.total_bytes),
             absl::StrCat(HumanBytes(progress.committed_bytes), " of ", HumanBytes(progress.total_bytes)));
       }});
}

}  // namespace modeld::tools
