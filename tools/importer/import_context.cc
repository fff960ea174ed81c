#include "tools/importer/import_context.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/ops/infer.h"
#include "engine/ops/table.h"

namespace modeld::importer {
namespace {

// ONNX lets many operators take types that WebNN's operations do not have: that is no fault of the model.
absl::Status CheckTypes(const Graph& graph, const Operation& operation) {
  const OpSchema* schema = FindOp(operation.type);
  if (schema == nullptr || schema->operands.empty()) return absl::OkStatus();
  for (size_t i = 0; i < operation.inputs.size(); ++i) {
    const OperandSchema& operand = schema->operands[std::min(i, schema->operands.size() - 1)];
    const DataType type = graph.descriptor(operation.inputs[i]).data_type;
    if (operand.types.Contains(type)) continue;
    return NotExpressible(Reason::kDataType, absl::StrCat("WebNN's ", operation.type, " takes no ",
                                                          DataTypeName(type), " as ", operand.name));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<int64_t> ToList(const Shape& shape) {
  return {shape.begin(), shape.end()};
}

Value* ImportContext::Find(absl::string_view name) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->find(std::string(name)); found != scope->end()) return &found->second;
  }
  return nullptr;
}

absl::Status ImportContext::Define(const std::string& name, Value value) {
  if (!scopes_.back().emplace(name, std::move(value)).second) {
    return absl::InvalidArgumentError(absl::StrCat("value \"", name, "\" is defined twice"));
  }
  return absl::OkStatus();
}

absl::Status ImportContext::AddInput(const std::string& name, const TensorDescriptor& descriptor) {
  MODELD_RETURN_IF_ERROR(
      Annotate(CheckDescriptor(descriptor, limits_), absl::StrCat("input \"", name, "\"")));
  const OperandId id{static_cast<uint32_t>(graph_.operands.size())};
  graph_.operands.push_back({.kind = OperandKind::kInput, .descriptor = descriptor, .name = name});
  graph_.inputs.push_back(id);
  return Define(name, {.operand = id});
}

absl::StatusOr<OperandId> ImportContext::Materialize(Value& value) {
  if (value.operand) return *value.operand;
  const HostTensor& host = *value.host;
  if (std::find(host.descriptor.shape.begin(), host.descriptor.shape.end(), 0u) !=
      host.descriptor.shape.end()) {
    return NotExpressible(Reason::kEmptyTensor, absl::StrCat(host.descriptor.ToString(), " has no elements"));
  }
  MODELD_RETURN_IF_ERROR(CheckDescriptor(host.descriptor, limits_));
  value.operand = OperandId{static_cast<uint32_t>(graph_.operands.size())};
  graph_.operands.push_back({.kind = OperandKind::kConstant,
                             .descriptor = host.descriptor,
                             .digest = Digest::Of(host.bytes.bytes()),
                             .bytes = host.bytes});
  return *value.operand;
}

absl::StatusOr<std::vector<OperandId>> ImportContext::Emit(absl::string_view type,
                                                           std::vector<OperandId> inputs,
                                                           Attributes attributes, absl::string_view label) {
  Operation operation{.type = std::string(type),
                      .label = std::string(label),
                      .inputs = std::move(inputs),
                      .attributes = std::move(attributes)};
  MODELD_RETURN_IF_ERROR(Annotate(CheckTypes(graph_, operation), absl::StrCat("\"", label, "\"")));
  const auto index = static_cast<uint32_t>(graph_.operations.size());
  MODELD_ASSIGN_OR_RETURN(std::vector<TensorDescriptor> outputs,
                          InferOperation(graph_, operation, index, limits_));
  for (TensorDescriptor& output : outputs) {
    operation.outputs.push_back({static_cast<uint32_t>(graph_.operands.size())});
    graph_.operands.push_back({.kind = OperandKind::kIntermediate, .descriptor = std::move(output)});
  }
  graph_.operations.push_back(operation);
  return operation.outputs;
}

std::vector<std::string> ImportContext::InputsBehind(OperandId id) const {
  std::set<uint32_t> wanted = {id.value};
  // Operations stand after those whose results they read.
  for (auto operation = graph_.operations.rbegin(); operation != graph_.operations.rend(); ++operation) {
    const bool needed = std::any_of(operation->outputs.begin(), operation->outputs.end(),
                                    [&](OperandId output) { return wanted.contains(output.value); });
    if (!needed) continue;
    for (OperandId read : OperandsRead(*operation)) wanted.insert(read.value);
  }
  std::vector<std::string> names;
  for (OperandId input : graph_.inputs) {
    if (wanted.contains(input.value)) names.push_back(graph_.operand(input).name);
  }
  return names;
}

std::string NodeContext::Name() const {
  if (!node_.name().empty()) return absl::StrCat(node_.op_type(), " \"", node_.name(), "\"");
  return absl::StrCat(node_.op_type(), " that makes \"", node_.output_size() > 0 ? node_.output(0) : "",
                      "\"");
}

absl::Status NodeContext::Invalid(absl::string_view message) const {
  return absl::InvalidArgumentError(absl::StrCat(Name(), ": ", message));
}

absl::Status NodeContext::Unsupported(absl::string_view message, Reason reason) const {
  return NotExpressible(reason, absl::StrCat(Name(), ": ", message));
}

absl::Status NodeContext::MustBeKnown(int index, absl::string_view what) {
  MODELD_ASSIGN_OR_RETURN(const OperandId operand, Input(index));
  return importer::MustBeKnown(
      context_.InputsBehind(operand),
      absl::StrCat(Name(), ": ", what, " depends on the model's inputs; it must be known before running"));
}

absl::StatusOr<Value*> NodeContext::InputValue(int index) {
  if (!HasInput(index)) return Invalid(absl::StrCat("input ", index, " is missing"));
  Value* value = context_.Find(node_.input(index));
  if (value == nullptr)
    return Invalid(absl::StrCat("input \"", node_.input(index), "\" is not defined before it"));
  return value;
}

absl::StatusOr<OperandId> NodeContext::Input(int index) {
  MODELD_ASSIGN_OR_RETURN(Value * value, InputValue(index));
  absl::StatusOr<OperandId> operand = context_.Materialize(*value);
  if (!operand.ok()) {
    return Annotate(operand.status(), absl::StrCat(Name(), ": input \"", node_.input(index), "\""));
  }
  return operand;
}

absl::StatusOr<TensorDescriptor> NodeContext::InputDescriptor(int index) {
  MODELD_ASSIGN_OR_RETURN(Value * value, InputValue(index));
  return value->host ? value->host->descriptor : context_.descriptor(*value->operand);
}

const HostTensor* NodeContext::HostInput(int index) {
  const absl::StatusOr<Value*> value = InputValue(index);
  return value.ok() && (*value)->host ? &*(*value)->host : nullptr;
}

absl::StatusOr<std::vector<int64_t>> NodeContext::IntsInput(int index, absl::string_view what) {
  MODELD_RETURN_IF_ERROR(InputValue(index).status());
  const HostTensor* host = HostInput(index);
  if (host == nullptr) return MustBeKnown(index, what);
  absl::StatusOr<std::vector<int64_t>> ints = ToInts(*host);
  if (!ints.ok()) return Annotate(ints.status(), absl::StrCat(Name(), ": ", what));
  return ints;
}

absl::StatusOr<double> NodeContext::NumberInput(int index, absl::string_view what) {
  MODELD_RETURN_IF_ERROR(InputValue(index).status());
  const HostTensor* host = HostInput(index);
  if (host == nullptr) return MustBeKnown(index, what);
  const std::vector<double> values = ToDoubles(*host);
  if (values.size() != 1)
    return Invalid(absl::StrCat(what, " has ", values.size(), " elements, 1 is wanted"));
  return values[0];
}

const onnx::AttributeProto* NodeContext::FindAttribute(absl::string_view name) const {
  for (const auto& attribute : node_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t NodeContext::Int(absl::string_view name, int64_t default_value) const {
  const auto* attribute = FindAttribute(name);
  return attribute == nullptr ? default_value : attribute->i();
}

double NodeContext::Float(absl::string_view name, double default_value) const {
  const auto* attribute = FindAttribute(name);
  return attribute == nullptr ? default_value : attribute->f();
}

std::string NodeContext::String(absl::string_view name, absl::string_view default_value) const {
  const auto* attribute = FindAttribute(name);
  return attribute == nullptr ? std::string(default_value) : attribute->s();
}

std::vector<int64_t> NodeContext::Ints(absl::string_view name) const {
  const auto* attribute = FindAttribute(name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> NodeContext::Floats(absl::string_view name) const {
  const auto* attribute = FindAttribute(name);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

std::vector<std::string> NodeContext::Strings(absl::string_view name) const {
  const auto* attribute = FindAttribute(name);
  if (attribute == nullptr) return {};
  return {attribute->strings().begin(), attribute->strings().end()};
}

absl::StatusOr<HostTensor> NodeContext::Tensor(absl::string_view name) const {
  const auto* attribute = FindAttribute(name);
  if (attribute == nullptr) return Invalid(absl::StrCat("attribute ", name, " is missing"));
  absl::StatusOr<HostTensor> tensor = ReadTensor(attribute->t(), owner_, files_);
  if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat(Name(), ": attribute ", name));
  return tensor;
}

absl::StatusOr<std::vector<OperandId>> NodeContext::EmitMany(absl::string_view type,
                                                             std::vector<OperandId> inputs,
                                                             Attributes attributes) {
  const bool named = !node_.name().empty() || node_.output_size() == 0;
  return context_.Emit(type, std::move(inputs), std::move(attributes),
                       named ? node_.name() : node_.output(0));
}

absl::StatusOr<OperandId> NodeContext::Emit(absl::string_view type, std::vector<OperandId> inputs,
                                            Attributes attributes) {
  MODELD_ASSIGN_OR_RETURN(std::vector<OperandId> outputs,
                          EmitMany(type, std::move(inputs), std::move(attributes)));
  return outputs[0];
}

absl::StatusOr<OperandId> NodeContext::Constant(HostTensor tensor) {
  Value value{.host = std::move(tensor)};
  return context_.Materialize(value);
}

absl::StatusOr<OperandId> NodeContext::Scalar(DataType type, double value) {
  return Constant(FromDoubles(type, {}, {value}));
}

absl::StatusOr<OperandId> NodeContext::Reshape(OperandId operand, const Shape& new_shape) {
  if (shape(operand) == new_shape) return operand;
  return Emit("reshape", {operand}, {{"newShape", ToList(new_shape)}});
}

absl::Status NodeContext::SetOutput(int index, OperandId operand) {
  if (!HasOutput(index)) return absl::OkStatus();
  return Annotate(context_.Define(node_.output(index), {.operand = operand}), Name());
}

absl::Status NodeContext::SetOutput(int index, absl::StatusOr<OperandId> operand) {
  if (!operand.ok()) return operand.status();
  return SetOutput(index, *operand);
}

absl::Status NodeContext::SetHostOutput(int index, HostTensor tensor) {
  if (!HasOutput(index)) return absl::OkStatus();
  return Annotate(context_.Define(node_.output(index), {.host = std::move(tensor)}), Name());
}

absl::Status NodeContext::SetOutput(int index, Value value) {
  if (!HasOutput(index)) return absl::OkStatus();
  return Annotate(context_.Define(node_.output(index), std::move(value)), Name());
}

absl::StatusOr<uint32_t> NodeContext::Axis(int64_t axis, size_t rank) const {
  const auto signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    return Invalid(absl::StrCat("axis ", axis, " is outside a tensor of rank ", rank));
  }
  return static_cast<uint32_t>(axis < 0 ? axis + signed_rank : axis);
}

absl::StatusOr<std::vector<int64_t>> NodeContext::Axes(const std::vector<int64_t>& axes, size_t rank) const {
  std::vector<int64_t> result;
  std::set<uint32_t> seen;
  for (int64_t axis : axes) {
    MODELD_ASSIGN_OR_RETURN(const uint32_t unsigned_axis, Axis(axis, rank));
    if (!seen.insert(unsigned_axis).second) return Invalid(absl::StrCat("axis ", axis, " comes twice"));
    result.push_back(unsigned_axis);
  }
  return result;
}

}  // namespace modeld::importer
