#include "client/cpp/graph_builder.h"

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/cpp/handles.h"
#include "engine/graph/float16.h"
#include "engine/graph/graph_error.h"
#include "engine/graph/utf8.h"
#include "engine/ops/infer.h"
#include "engine/ops/validate.h"

namespace modeld::client {
namespace {

uint64_t NextBuilderId() {
  static std::atomic<uint64_t> next = 1;
  return next++;
}

template <typename T>
std::optional<Region> BytesOf(T value) {
  return Region::Copy(std::as_bytes(std::span(&value, 1)));
}

// The bytes of an integer of type T, or nothing when it does not fit.
template <typename T>
std::optional<Region> IntegerBytes(const Number& value) {
  using Limits = std::numeric_limits<T>;
  if (const int64_t* integer = std::get_if<int64_t>(&value)) {
    if (std::in_range<T>(*integer)) return BytesOf(static_cast<T>(*integer));
    return std::nullopt;
  }
  const double number = std::get<double>(value);
  // The largest value of a 64-bit type rounds up to a power of two, which is out of range itself.
  const bool fits = number == std::trunc(number) && number >= static_cast<double>(Limits::min()) &&
                    number < std::ldexp(1.0, Limits::digits);
  if (!fits) return std::nullopt;
  return BytesOf(static_cast<T>(number));
}

// One element of a packed type, in the low four bits of its byte.
std::optional<Region> PackedBytes(DataType type, const Number& value) {
  const std::optional<Region> byte =
      type == DataType::kInt4 ? IntegerBytes<int8_t>(value) : IntegerBytes<uint8_t>(value);
  if (!byte) return std::nullopt;
  const auto bits = static_cast<uint8_t>(byte->bytes()[0]);
  const bool fits = type == DataType::kInt4 ? bits <= 7 || bits >= 0xf8 : bits <= 0xf;
  if (!fits) return std::nullopt;
  return BytesOf(static_cast<uint8_t>(bits & 0xf));
}

std::optional<Region> ScalarBytes(DataType type, const Number& value) {
  const double number = std::visit([](auto v) { return static_cast<double>(v); }, value);
  switch (type) {
    case DataType::kFloat32:
      return BytesOf(static_cast<float>(number));
    case DataType::kFloat16:
      return BytesOf(FloatToHalf(number));
    case DataType::kInt32:
      return IntegerBytes<int32_t>(value);
    case DataType::kUint32:
      return IntegerBytes<uint32_t>(value);
    case DataType::kInt64:
      return IntegerBytes<int64_t>(value);
    case DataType::kUint64:
      return IntegerBytes<uint64_t>(value);
    case DataType::kInt8:
      return IntegerBytes<int8_t>(value);
    case DataType::kUint8:
      return IntegerBytes<uint8_t>(value);
    case DataType::kInt4:
    case DataType::kUint4:
      return PackedBytes(type, value);
  }
  return std::nullopt;
}

std::string Quoted(absl::string_view kind, absl::string_view name) {
  return absl::StrCat(kind, " \"", EscapedForMessage(name), "\"");
}

}  // namespace

GraphBuilder::GraphBuilder(const GraphLimits& limits) : id_(NextBuilderId()), limits_(limits) {}

absl::Status GraphBuilder::CheckOpen(absl::string_view what) const {
  if (!spent_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(what, ": this builder has built its graph"));
}

Operand GraphBuilder::Append(modeld::Operand operand) {
  const OperandId id{static_cast<uint32_t>(graph_.operands.size())};
  graph_.operands.push_back(std::move(operand));
  return Operand(id_, id, graph_.operands.back().descriptor);
}

MaybeOperand GraphBuilder::Input(absl::string_view name, const TensorDescriptor& descriptor) {
  const std::string what = Quoted("input", name);
  MODELD_RETURN_IF_ERROR(CheckOpen(what));
  MODELD_RETURN_IF_ERROR(Annotate(CheckDescriptor(descriptor, limits_), what));
  if (name.empty() || name.size() > limits_.max_string_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": its name has ", name.size(),
                                                   " bytes; expected 1 to ", limits_.max_string_bytes));
  }
  if (!IsUtf8(name)) return absl::InvalidArgumentError(absl::StrCat(what, ": its name is not UTF-8"));
  if (!input_names_.insert(std::string(name)).second) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": another input has this name"));
  }
  Operand operand = Append({.kind = OperandKind::kInput,
                            .descriptor = descriptor,
                            .name = std::string(name),
                            .digest = {},
                            .bytes = {}});
  graph_.inputs.push_back(operand.id());
  return operand;
}

MaybeOperand GraphBuilder::Constant(const TensorDescriptor& descriptor, Region bytes) {
  const std::string what = absl::StrCat("constant ", descriptor.ToString());
  MODELD_RETURN_IF_ERROR(CheckOpen(what));
  MODELD_RETURN_IF_ERROR(Annotate(CheckDescriptor(descriptor, limits_), "constant"));
  MODELD_ASSIGN_OR_RETURN(const uint64_t size, descriptor.ByteSize());
  if (bytes.size() != size) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", bytes.size(), " bytes; expected ", size));
  }
  return Append({.kind = OperandKind::kConstant,
                 .descriptor = descriptor,
                 .name = {},
                 .digest = {},
                 .bytes = std::move(bytes)});
}

MaybeOperand GraphBuilder::Constant(DataType type, Number value) {
  const TensorDescriptor descriptor{type, {}};
  std::optional<Region> bytes = ScalarBytes(type, value);
  if (bytes) return Constant(descriptor, *std::move(bytes));
  const std::string text = std::visit([](auto v) { return absl::StrCat(v); }, value);
  return absl::InvalidArgumentError(absl::StrCat("constant: ", text, " is no value of ", DataTypeName(type)));
}

MaybeOperands GraphBuilder::Emit(OperationCall call) {
  if (!call.error.ok()) return call.error;
  const auto index = static_cast<uint32_t>(graph_.operations.size());
  MODELD_RETURN_IF_ERROR(CheckOpen(OperationName(call.operation, index)));
  for (const Operand& operand : call.operands) {
    if (operand.builder() == id_) continue;
    return OperationError(absl::StatusCode::kInvalidArgument, call.operation, index,
                          "an operand is another builder's");
  }
  MODELD_ASSIGN_OR_RETURN(std::vector<TensorDescriptor> descriptors,
                          InferOperation(graph_, call.operation, index, limits_));
  std::vector<Operand> outputs;
  for (TensorDescriptor& descriptor : descriptors) {
    outputs.push_back(Append({.kind = OperandKind::kIntermediate,
                              .descriptor = std::move(descriptor),
                              .name = {},
                              .digest = {},
                              .bytes = {}}));
    call.operation.outputs.push_back(outputs.back().id());
  }
  graph_.operations.push_back(std::move(call.operation));
  return outputs;
}

MaybeOperand GraphBuilder::EmitOne(OperationCall call) {
  MODELD_ASSIGN_OR_RETURN(std::vector<Operand> outputs, Emit(std::move(call)));
  return std::move(outputs.front());
}

MaybeOperands GraphBuilder::AddOperation(absl::string_view type, const std::vector<MaybeOperand>& inputs,
                                         Attributes attributes, absl::string_view label) {
  return Emit(Call(type, inputs, OperationOptions{std::string(label)}, std::move(attributes)));
}

absl::StatusOr<modeld::Graph> GraphBuilder::Finish(const NamedOperands& outputs) {
  MODELD_RETURN_IF_ERROR(CheckOpen("graph"));
  // A copy shares the constants' bytes; this builder goes on with its own when the outputs are wrong.
  modeld::Graph graph = graph_;
  for (const auto& [name, operand] : outputs) {
    if (!operand.ok()) return operand.status();
    if (operand->builder() != id_) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted("output", name), ": its operand is another builder's"));
    }
    graph.outputs.push_back({name, operand->id()});
  }
  MODELD_ASSIGN_OR_RETURN(modeld::Graph prepared,
                          internal::PrepareGraph(WithoutUnreachable(std::move(graph), false), limits_));
  spent_ = true;
  graph_ = {};
  return prepared;
}

absl::StatusOr<modeld::Graph> GraphBuilder::FinishBody(const std::vector<MaybeOperand>& outputs) {
  MODELD_RETURN_IF_ERROR(CheckOpen("body"));
  std::vector<GraphOutput> checked;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].ok()) return outputs[i].status();
    if (outputs[i]->builder() != id_) {
      return absl::InvalidArgumentError(absl::StrCat("output ", i, ": its operand is another builder's"));
    }
    checked.push_back({"", outputs[i]->id()});
  }
  spent_ = true;
  graph_.outputs = std::move(checked);
  modeld::Graph body = WithoutUnreachable(std::move(graph_), true);
  for (OperandId input : body.inputs) body.operands[input.value].name.clear();
  return body;
}

MaybeOperands GraphBuilder::Composite(const std::vector<MaybeOperand>& inputs, absl::string_view name,
                                      modeld::Graph body, Attributes attributes, absl::string_view label) {
  attributes.insert_or_assign("name", std::string(name));
  attributes.insert_or_assign("body", GraphValue{std::make_shared<const modeld::Graph>(std::move(body))});
  return AddOperation("composite", inputs, std::move(attributes), label);
}

absl::StatusOr<Graph> GraphBuilder::Build(const NamedOperands& outputs, const BuildOptions& options) {
  if (!context_) return absl::FailedPreconditionError("graph: this builder was not made for a context");
  MODELD_ASSIGN_OR_RETURN(const modeld::Graph graph, Finish(outputs));
  return context_->BuildGraph(graph, options);
}

}  // namespace modeld::client
