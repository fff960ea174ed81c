#include "tools/modelctl/model_file.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/importer/onnx_importer.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

namespace {

// "NAME=REST" cut at the last '='; names of inputs may hold one.
absl::StatusOr<std::pair<std::string, std::string>> Cut(const std::string& option, const std::string& text) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0) {
    return absl::InvalidArgumentError(absl::StrCat(option, " \"", text, "\": NAME=SIZE is wanted"));
  }
  return std::pair{text.substr(0, at), text.substr(at + 1)};
}

absl::Status ReadSizes(const ModelSizes& sizes, importer::ImportOptions& options) {
  for (const std::string& text : sizes.shapes) {
    MODELD_ASSIGN_OR_RETURN(const auto named, Cut("--shape", text));
    std::vector<int64_t>& shape = options.shapes[named.first];
    shape.clear();
    // A scalar has no sizes.
    const std::vector<std::string> parts =
        named.second.empty() ? std::vector<std::string>{} : absl::StrSplit(named.second, 'x');
    for (const std::string& part : parts) {
      if (!absl::SimpleAtoi(part, &shape.emplace_back())) {
        return absl::InvalidArgumentError(
            absl::StrCat("--shape \"", text, "\": sizes like 1x3x224x224 are wanted"));
      }
    }
  }
  for (const std::string& text : sizes.dims) {
    MODELD_ASSIGN_OR_RETURN(const auto named, Cut("--dim", text));
    if (!absl::SimpleAtoi(named.second, &options.dims[named.first])) {
      return absl::InvalidArgumentError(absl::StrCat("--dim \"", text, "\": a number is wanted"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddSizeOptions(CLI::App& command, ModelSizes& sizes) {
  command.add_option("--shape", sizes.shapes, "Shape of an ONNX model's input: image=1x3x224x224")
      ->type_name("INPUT=SIZES")
      ->take_all()
      ->expected(1);
  command.add_option("--dim", sizes.dims, "Size of every dimension that an ONNX model calls so: batch=1")
      ->type_name("NAME=SIZE")
      ->take_all()
      ->expected(1);
}

absl::StatusOr<Graph> ReadModelFile(const std::string& path, const GraphLimits& limits,
                                    const ModelSizes& sizes) {
  if (absl::EndsWithIgnoreCase(path, ".modeld")) {
    if (!sizes.shapes.empty() || !sizes.dims.empty()) {
      return absl::InvalidArgumentError(
          "--shape and --dim are for ONNX models; a .modeld file has its shapes");
    }
    return ReadContainer(path, limits);
  }
  importer::ImportOptions options;
  options.limits = limits;
  MODELD_RETURN_IF_ERROR(ReadSizes(sizes, options));
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

absl::Status AddPart(const v1::ExportModelResponse& part, ContainerBody& container) {
  container.AddCanonical(part.canonical_graph());
  if (part.data().empty()) return absl::OkStatus();
  MODELD_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(part.blob().sha256()));
  return container.AddConstant(digest, part.offset_bytes(), part.data());
}

}  // namespace modeld::tools
