#include "tools/importer/onnx_importer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "engine/ops/validate.h"
#include "tools/importer/converters.h"
#include "tools/importer/external_data.h"
#include "tools/importer/import_context.h"
#include "tools/importer/inexpressible.h"
#include "tools/importer/input_types.h"

namespace modeld::importer {
namespace {

constexpr int64_t kMinOpset = 1;
constexpr int64_t kMaxOpset = 21;
// Listing more helps nobody.
constexpr size_t kMaxUnknownListed = 50;

absl::StatusOr<std::shared_ptr<const onnx::ModelProto>> Parse(const std::string& path,
                                                              const ImportOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const Region file, MapFile(path));
  if (file.size() > options.max_file_bytes || file.size() > static_cast<size_t>(INT32_MAX)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", path, "\" has ", file.size(), " bytes; a model of this size keeps its weights beside it"));
  }
  auto model = std::make_shared<onnx::ModelProto>();
  google::protobuf::io::ArrayInputStream stream(file.bytes().data(), static_cast<int>(file.size()));
  google::protobuf::io::CodedInputStream coded(&stream);
  coded.SetTotalBytesLimit(INT32_MAX);
  if (!model->ParseFromCodedStream(&coded) || !coded.ConsumedEntireMessage()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" is not an ONNX model"));
  }
  if (!model->has_graph()) return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" holds no graph"));
  return std::shared_ptr<const onnx::ModelProto>(std::move(model));
}

absl::StatusOr<int64_t> ReadOpset(const onnx::ModelProto& model) {
  std::optional<int64_t> opset;
  for (const auto& import : model.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
  }
  if (!opset) return NotExpressible(Reason::kOpset, "the model does not say which opset of ONNX it is of");
  if (*opset < kMinOpset) {
    return NotExpressible(Reason::kOpset, absl::StrCat("opset ", *opset, " is older than ", kMinOpset,
                                                       ", the oldest that is read; convert the model"));
  }
  if (*opset > kMaxOpset) {
    return NotExpressible(Reason::kOpset, absl::StrCat("opset ", *opset, " is newer than ", kMaxOpset,
                                                       ", the newest that is read; export for that"));
  }
  return *opset;
}

// Reports all operators that the tables do not know, at once, and why of those that are known to be refused.
absl::Status CheckOperators(const onnx::GraphProto& graph) {
  std::vector<std::string> unknown;
  std::vector<std::string> reasons;
  std::optional<Reason> reason;
  bool known_why = true;
  for (const auto& node : graph.node()) {
    const bool standard = node.domain().empty() || node.domain() == "ai.onnx";
    if (FindConverter(node.domain(), node.op_type()) != nullptr) continue;
    if (standard && CanFold(node.op_type())) continue;
    const std::string name = node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
    const std::string type = absl::StrCat(standard ? "" : node.domain() + ".", node.op_type());
    unknown.push_back(absl::StrCat(type, " \"", name, "\""));
    reason = WhyInexpressible(node.domain(), node.op_type());
    known_why = known_why && reason;
    if (!reason) continue;
    std::string why = absl::StrCat(type, ": ", ReasonText(*reason));
    if (std::find(reasons.begin(), reasons.end(), why) == reasons.end()) reasons.push_back(std::move(why));
  }
  if (unknown.empty()) return absl::OkStatus();
  const size_t total = unknown.size();
  std::string rest;
  if (total > kMaxUnknownListed) {
    unknown.resize(kMaxUnknownListed);
    rest = absl::StrCat(", and ", total - kMaxUnknownListed, " more");
  }
  if (!reasons.empty()) absl::StrAppend(&rest, " (", absl::StrJoin(reasons, "; "), ")");
  const std::string message = absl::StrCat(
      total, " nodes have operators that are not supported: ", absl::StrJoin(unknown, ", "), rest);
  return known_why ? NotExpressible(*reason, message) : absl::UnimplementedError(message);
}

// WebNN has no inputs without elements, and there is nothing to know about them.
std::optional<HostTensor> EmptyInput(const onnx::ValueInfoProto& input) {
  const auto& type = input.type().tensor_type();
  const absl::StatusOr<DataType> data_type = DataTypeFromOnnx(type.elem_type());
  HostTensor tensor;
  bool empty = false;
  for (const auto& dimension : type.shape().dim()) {
    if (dimension.dim_value() < 0 || dimension.dim_value() > INT32_MAX) return std::nullopt;
    if (!dimension.has_dim_value()) return std::nullopt;
    tensor.descriptor.shape.push_back(static_cast<uint32_t>(dimension.dim_value()));
    empty = empty || dimension.dim_value() == 0;
  }
  if (!empty || !data_type.ok()) return std::nullopt;
  tensor.descriptor.data_type = *data_type;
  return tensor;
}

// WrongOption unless each known value is one of an input.
absl::Status CheckKnownNames(const onnx::GraphProto& graph, const std::set<std::string>& initialized,
                             const ImportOptions& options) {
  for (const auto& [name, value] : options.known_inputs) {
    if (initialized.contains(name)) {
      return WrongOption(
          absl::StrCat("a value is given for \"", name, "\", which the model gives one itself"));
    }
    const auto is_it = [&name = name](const auto& input) { return input.name() == name; };
    if (std::none_of(graph.input().begin(), graph.input().end(), is_it)) {
      return WrongOption(absl::StrCat("a value is given for \"", name, "\", which is no input of the model"));
    }
  }
  return absl::OkStatus();
}

absl::Status DefineValues(const onnx::GraphProto& graph, std::shared_ptr<const void> owner,
                          ExternalFiles& files, const ImportOptions& options, ImportContext& context) {
  if (graph.sparse_initializer_size() > 0) {
    return NotExpressible(Reason::kNotATensor, "sparse initializers are not supported");
  }
  std::set<std::string> initialized;
  for (const auto& tensor : graph.initializer()) {
    absl::StatusOr<HostTensor> host = ReadTensor(tensor, owner, files);
    if (!host.ok()) return Annotate(host.status(), absl::StrCat("initializer \"", tensor.name(), "\""));
    MODELD_RETURN_IF_ERROR(context.Define(tensor.name(), {.host = *std::move(host)}));
    initialized.insert(tensor.name());
  }
  MODELD_RETURN_IF_ERROR(CheckKnownNames(graph, initialized, options));
  std::set<std::string> known_names = initialized;
  for (const auto& input : graph.input()) {
    if (initialized.contains(input.name())) continue;
    const std::optional<HostTensor> empty = EmptyInput(input);
    if (empty) {
      MODELD_RETURN_IF_ERROR(context.Define(input.name(), {.host = *empty}));
      known_names.insert(input.name());
      continue;
    }
    const auto known = options.known_inputs.find(input.name());
    if (known == options.known_inputs.end()) continue;
    MODELD_RETURN_IF_ERROR(CheckKnownInput(input, known->second));
    MODELD_RETURN_IF_ERROR(context.Define(input.name(), {.host = known->second}));
    known_names.insert(input.name());
  }
  MODELD_ASSIGN_OR_RETURN(const std::vector<InputType> inputs, ReadInputTypes(graph, known_names, options));
  for (const InputType& input : inputs) {
    MODELD_RETURN_IF_ERROR(context.AddInput(input.name, input.descriptor));
  }
  return absl::OkStatus();
}

// WebNN's outputs are results of operations: an input or constant that is an output passes through
// `identity`.
absl::Status DefineOutputs(const onnx::GraphProto& graph, ImportContext& context) {
  for (const auto& output : graph.output()) {
    Value* value = context.Find(output.name());
    if (value == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("output \"", output.name(), "\" is never computed"));
    }
    absl::StatusOr<OperandId> operand = context.Materialize(*value);
    if (!operand.ok()) return Annotate(operand.status(), absl::StrCat("output \"", output.name(), "\""));
    if (context.graph().operand(*operand).kind != OperandKind::kIntermediate) {
      MODELD_ASSIGN_OR_RETURN(const std::vector<OperandId> copies,
                              context.Emit("identity", {*operand}, {}, output.name()));
      operand = copies[0];
    }
    context.graph().outputs.push_back({output.name(), *operand});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImportedModel> ImportOnnx(const std::string& path, const ImportOptions& options) {
  MODELD_ASSIGN_OR_RETURN(const std::shared_ptr<const onnx::ModelProto> model, Parse(path, options));
  ImportedModel imported;
  MODELD_ASSIGN_OR_RETURN(imported.opset, ReadOpset(*model));
  imported.producer = absl::StrCat(model->producer_name(), model->producer_version().empty() ? "" : " ",
                                   model->producer_version());
  MODELD_RETURN_IF_ERROR(CheckOperators(model->graph()));

  ExternalFiles files(std::filesystem::path(path).parent_path().string());
  ImportContext context(options.limits);
  MODELD_RETURN_IF_ERROR(DefineValues(model->graph(), model, files, options, context));
  for (const auto& node : model->graph().node()) {
    NodeContext node_context(node, imported.opset, context, files, model);
    MODELD_ASSIGN_OR_RETURN(const bool folded, ImportNode(node_context));
    imported.folded_nodes += folded ? 1 : 0;
  }
  MODELD_RETURN_IF_ERROR(DefineOutputs(model->graph(), context));
  // Exporters leave dead branches, and WebNN refuses what no output needs. Inputs stay: they are the model's
  // interface.
  MODELD_ASSIGN_OR_RETURN(
      imported.graph,
      Validate(WithoutUnreachable(std::move(context.graph()), /*keep_inputs=*/true), options.limits));
  return imported;
}

}  // namespace modeld::importer
