#include "tools/modelctl/model_file.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/region.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/data/npy.h"
#include "tools/importer/onnx_importer.h"
#include "tools/modelctl/exit_code.h"
#include "tools/modelctl/output.h"

namespace modeld::tools {

namespace {

// "NAME=REST" cut at the last '='; names of inputs may hold one.
absl::StatusOr<std::pair<std::string, std::string>> Cut(absl::string_view option, const std::string& text,
                                                        absl::string_view wanted) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0) {
    return UsageError(absl::StrCat(option, " \"", text, "\": ", wanted, " is wanted"));
  }
  return std::pair{text.substr(0, at), text.substr(at + 1)};
}

bool ReadSize(absl::string_view text, int64_t& size) {
  return absl::SimpleAtoi(text, &size) && size >= 1 && size <= INT32_MAX;
}

absl::Status ReadSizes(const OnnxArguments& arguments, importer::ImportOptions& options) {
  for (const std::string& text : arguments.shapes) {
    MODELD_ASSIGN_OR_RETURN(const auto named, Cut("--shape", text, "NAME=SIZE"));
    std::vector<int64_t>& shape = options.shapes[named.first];
    shape.clear();
    // A scalar has no sizes.
    const std::vector<std::string> parts =
        named.second.empty() ? std::vector<std::string>{} : absl::StrSplit(named.second, 'x');
    for (const std::string& part : parts) {
      if (!ReadSize(part, shape.emplace_back())) {
        return UsageError(absl::StrCat("--shape \"", text, "\": sizes like 1x3x224x224 are wanted"));
      }
    }
  }
  for (const std::string& text : arguments.dims) {
    MODELD_ASSIGN_OR_RETURN(const auto named, Cut("--dim", text, "NAME=SIZE"));
    if (!ReadSize(named.second, options.dims[named.first])) {
      return UsageError(absl::StrCat("--dim \"", text, "\": a number of 1 or more is wanted"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadKnown(const OnnxArguments& arguments, importer::ImportOptions& options) {
  for (const std::string& text : arguments.known) {
    MODELD_ASSIGN_OR_RETURN(const auto named, Cut("--known", text, "NAME=FILE.npy"));
    MODELD_ASSIGN_OR_RETURN(Array array, ReadNpyFile(named.second, {.narrow_float64 = true}));
    options.known_inputs[named.first] = {std::move(array.descriptor),
                                         Region::FromVector(std::move(array.bytes))};
  }
  return absl::OkStatus();
}

// An importer's error as the command line's user needs it.
absl::Status Explained(const absl::Status& status) {
  if (importer::IsWrongOption(status)) return UsageError(status.message());
  const std::vector<std::string> inputs = importer::InputsToKnow(status);
  if (inputs.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; give --known ",
                                                  absl::StrJoin(inputs, "=FILE.npy --known "), "=FILE.npy"));
}

}  // namespace

void AddOnnxOptions(CLI::App& command, OnnxArguments& arguments) {
  command.add_option("--shape", arguments.shapes, "Shape of an ONNX model's input: image=1x3x224x224")
      ->type_name("INPUT=SIZES")
      ->take_all()
      ->expected(1);
  command.add_option("--dim", arguments.dims, "Size of every dimension that an ONNX model calls so: batch=1")
      ->type_name("NAME=SIZE")
      ->take_all()
      ->expected(1);
  command
      .add_option("--known", arguments.known,
                  "Value of an ONNX model's input that shapes it (an axis, a size): it becomes a constant")
      ->type_name("NAME=FILE.npy")
      ->take_all()
      ->expected(1);
}

absl::StatusOr<Graph> ReadModelFile(const std::string& path, const GraphLimits& limits,
                                    const OnnxArguments& arguments) {
  if (absl::EndsWithIgnoreCase(path, ".modeld")) {
    if (!arguments.empty()) {
      return UsageError("--shape, --dim and --known are for ONNX models; a .modeld file has its shapes");
    }
    return ReadContainer(path, limits);
  }
  importer::ImportOptions options;
  options.limits = limits;
  MODELD_RETURN_IF_ERROR(ReadSizes(arguments, options));
  MODELD_RETURN_IF_ERROR(ReadKnown(arguments, options));
  absl::StatusOr<importer::ImportedModel> model = importer::ImportOnnx(path, options);
  if (!model.ok()) return Explained(model.status());
  return std::move(model->graph);
}

absl::StatusOr<client::Graph> BuildWithProgress(Environment& environment, const client::Context& context,
                                                const Graph& graph) {
  ProgressBar bar(environment, "uploading");
  return context.BuildGraph(
      graph, {.call = environment.call(), .progress = [&bar](const client::UploadProgress& progress) {
                bar.Update(
                    static_cast<double>(progress.committed_bytes) / static_cast<double>(progress.total_bytes),
                    AmountText(progress.committed_bytes, progress.total_bytes, progress.stalled));
              }});
}

absl::Status AddPart(const v1::ExportModelResponse& part, ContainerBody& container) {
  container.AddCanonical(part.canonical_graph());
  if (part.data().empty()) return absl::OkStatus();
  MODELD_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(part.blob().sha256()));
  return container.AddConstant(digest, part.offset_bytes(), part.data());
}

}  // namespace modeld::tools
