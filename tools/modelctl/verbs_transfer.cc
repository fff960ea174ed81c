// import, export.
#include <CLI/CLI.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "base/units.h"
#include "tools/modelctl/container.h"
#include "tools/modelctl/model_file.h"
#include "tools/modelctl/model_reference.h"
#include "tools/modelctl/output.h"
#include "tools/modelctl/verb.h"

namespace modeld::tools {
namespace {

struct ImportArguments {
  std::string file;
  std::string key;
  OnnxArguments onnx;
};

uint64_t ConstantBytes(const Graph& graph) {
  uint64_t bytes = 0;
  for (const Operand& operand : graph.operands) {
    if (operand.kind == OperandKind::kConstant) bytes += operand.bytes.size();
  }
  return bytes;
}

absl::Status Import(Environment& environment, const ImportArguments& arguments) {
  const absl::Time start = absl::Now();
  MODELD_ASSIGN_OR_RETURN(const client::Client client, environment.Connect());
  MODELD_ASSIGN_OR_RETURN(const client::Context context, client.CreateContext({}, environment.call()));
  MODELD_ASSIGN_OR_RETURN(const Graph graph, ReadModelFile(arguments.file, context.limits(), arguments.onnx));
  MODELD_ASSIGN_OR_RETURN(const client::Graph built, BuildWithProgress(environment, context, graph));
  absl::StatusOr<Digest> id = arguments.key.empty()
                                  ? built.Store(environment.call())
                                  : client.Cache().Save(built, arguments.key, environment.call());
  if (!id.ok()) return id.status();
  const absl::Duration took = absl::Now() - start;
  if (environment.options().json) {
    PrintJson(environment, {{"model_id", id->ToHex()},
                            {"key", arguments.key.empty() ? Json() : Json(arguments.key)},
                            {"operations", graph.operations.size()},
                            {"constant_bytes", ConstantBytes(graph)},
                            {"seconds", absl::ToDoubleSeconds(took)}});
    return absl::OkStatus();
  }
  environment.Say(absl::StrCat("imported ", graph.operations.size(), " operations and ",
                               HumanBytes(ConstantBytes(graph)), " of constants in ", HumanDuration(took)));
  environment.out() << id->ToHex() << "\n";
  return absl::OkStatus();
}

Action DefineImport(CLI::App& command) {
  auto arguments = std::make_shared<ImportArguments>();
  command.add_option("FILE", arguments->file, "The model: .onnx, or .modeld of an export")->required();
  command.add_option("--key", arguments->key,
                     "A name of your own for it; what the key named before is replaced");
  AddOnnxOptions(command, arguments->onnx);
  return [arguments](Environment& environment) { return Import(environment, *arguments); };
}

struct ExportArguments {
  std::string model;
  std::string file;
  bool force = false;
};

absl::Status Export(Environment& environment, const ExportArguments& arguments) {
  MODELD_ASSIGN_OR_RETURN(const ModelReference model, FindModel(environment, arguments.model));
  MODELD_ASSIGN_OR_RETURN(const client::Admin admin, environment.ConnectAdmin());
  MODELD_ASSIGN_OR_RETURN(const auto writer,
                          ContainerWriter::Create(arguments.file, model.model_id, arguments.force));
  uint64_t bytes = 0;
  ProgressBar bar(environment, "exporting");
  MODELD_RETURN_IF_ERROR(
      admin.ExportModel(model.model_id, [&](const v1::ExportModelResponse& part) -> absl::Status {
        bytes += part.canonical_graph().size() + part.data().size();
        bar.Update(0, HumanBytes(bytes));
        return AddPart(part, writer->body());
      }));
  MODELD_RETURN_IF_ERROR(writer->Finish());
  if (environment.options().json) {
    PrintJson(environment,
              {{"model_id", model.model_id.ToHex()}, {"file", arguments.file}, {"content_bytes", bytes}});
  } else {
    environment.Say(absl::StrCat("exported ", model.model_id.ToHex(), ", ", HumanBytes(bytes)));
  }
  return absl::OkStatus();
}

Action DefineExport(CLI::App& command) {
  auto arguments = std::make_shared<ExportArguments>();
  command.add_option("MODEL", arguments->model, "Id, unique prefix of an id, or key")->required();
  command.add_option("FILE", arguments->file, "Where to: a .modeld file, for import")->required();
  command.add_flag("-f,--force", arguments->force, "Replace the file if it is there");
  return [arguments](Environment& environment) { return Export(environment, *arguments); };
}

constexpr Verb kVerbs[] = {
    {"import", "Convert and store a model; print its id", DefineImport},
    {"export", "Write a stored model to one file", DefineExport},
};

}  // namespace

std::span<const Verb> TransferVerbs() {
  return kVerbs;
}

}  // namespace modeld::tools
