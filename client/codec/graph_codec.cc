#include "client/codec/graph_codec.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace modeld {
namespace {

// A list's element, as every message of this file names it.
std::string At(absl::string_view list, int index) {
  return absl::StrCat(list, "[", index, "]");
}

absl::Status Invalid(absl::string_view field, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", what));
}

absl::Status CheckCount(int64_t count, uint64_t limit, absl::string_view field) {
  if (static_cast<uint64_t>(count) <= limit) return absl::OkStatus();
  return Invalid(field, absl::StrCat("has ", count, " elements, at most ", limit, " are allowed"));
}

absl::Status CheckText(const std::string& text, const GraphLimits& limits, absl::string_view field) {
  if (text.size() <= limits.max_string_bytes) return absl::OkStatus();
  return Invalid(
      field, absl::StrCat("has ", text.size(), " bytes, at most ", limits.max_string_bytes, " are allowed"));
}

// Operand indices of one message, checked against the number of operands.
class IndexReader {
 public:
  explicit IndexReader(uint32_t operands) : operands_(operands) {}

  absl::StatusOr<OperandId> Read(uint32_t index, absl::string_view field) const {
    if (index < operands_) return OperandId{index};
    return Invalid(field, absl::StrCat("operand ", index, " does not exist, the graph has ", operands_));
  }

  template <typename List>
  absl::StatusOr<std::vector<OperandId>> ReadList(const List& indices, uint64_t limit,
                                                  const std::string& field) const {
    MODELD_RETURN_IF_ERROR(CheckCount(indices.size(), limit, field));
    std::vector<OperandId> ids;
    ids.reserve(indices.size());
    for (int i = 0; i < indices.size(); ++i) {
      if (indices[i] >= operands_) return Read(indices[i], At(field, i)).status();
      ids.push_back({indices[i]});
    }
    return ids;
  }

 private:
  const uint32_t operands_;
};

absl::Status DecodeConstant(const v1::Operand::Constant& constant, const GraphLimits& limits,
                            const std::string& field, Operand& operand) {
  MODELD_ASSIGN_OR_RETURN(const BlobName blob,
                          DecodeBlobRef(constant.blob(), limits, absl::StrCat(field, ".constant.blob")));
  MODELD_ASSIGN_OR_RETURN(const uint64_t want, operand.descriptor.ByteSize());
  if (blob.size_bytes != want) {
    return Invalid(absl::StrCat(field, ".constant.blob.size_bytes"),
                   absl::StrCat("is ", blob.size_bytes, ", ", operand.descriptor.ToString(), " has ", want));
  }
  operand.kind = OperandKind::kConstant;
  operand.digest = blob.digest;
  return absl::OkStatus();
}

// `is_body`: of a composite operation's body, where inputs have no names and constants are not allowed.
absl::StatusOr<Operand> DecodeOperand(const v1::Operand& message, const GraphLimits& limits, bool is_body,
                                      const std::string& field) {
  Operand operand;
  const bool intermediate = message.kind_case() == v1::Operand::kIntermediate;
  if (message.has_tensor_descriptor() || !intermediate) {
    MODELD_ASSIGN_OR_RETURN(operand.descriptor,
                            DecodeTensorDescriptor(message.tensor_descriptor(), limits,
                                                   absl::StrCat(field, ".tensor_descriptor")));
  }
  switch (message.kind_case()) {
    case v1::Operand::kInput:
      operand.kind = OperandKind::kInput;
      operand.name = message.input().name();
      if (operand.name.empty() != is_body) {
        return Invalid(absl::StrCat(field, ".input.name"), is_body ? "is set in a body" : "is empty");
      }
      MODELD_RETURN_IF_ERROR(CheckText(operand.name, limits, absl::StrCat(field, ".input.name")));
      return operand;
    case v1::Operand::kConstant:
      if (is_body) return Invalid(absl::StrCat(field, ".constant"), "stands in a body");
      MODELD_RETURN_IF_ERROR(DecodeConstant(message.constant(), limits, field, operand));
      return operand;
    case v1::Operand::kIntermediate:
      return operand;
    case v1::Operand::KIND_NOT_SET:
      break;
  }
  return Invalid(absl::StrCat(field, ".kind"), "is not set");
}

absl::StatusOr<AttributeValue> DecodeStrings(const v1::AttributeValue::StringList& list,
                                             const GraphLimits& limits, const std::string& field) {
  MODELD_RETURN_IF_ERROR(CheckCount(list.values_size(), limits.max_list_elements, field));
  for (int i = 0; i < list.values_size(); ++i) {
    MODELD_RETURN_IF_ERROR(CheckText(list.values(i), limits, At(field, i)));
  }
  return AttributeValue(std::vector<std::string>(list.values().begin(), list.values().end()));
}

template <typename Element, typename List>
absl::StatusOr<AttributeValue> DecodeNumbers(const List& list, const GraphLimits& limits,
                                             const std::string& field) {
  MODELD_RETURN_IF_ERROR(CheckCount(list.values_size(), limits.max_list_elements, field));
  return AttributeValue(std::vector<Element>(list.values().begin(), list.values().end()));
}

absl::StatusOr<Graph> DecodeGraphAt(const v1::Graph& message, const GraphLimits& limits, uint32_t depth,
                                    const std::string& field);

absl::StatusOr<AttributeValue> DecodeBody(const v1::Graph& message, const GraphLimits& limits, uint32_t depth,
                                          const std::string& field) {
  if (depth >= limits.max_composite_depth) {
    return Invalid("graph", absl::StrCat("bodies are nested deeper than ", limits.max_composite_depth));
  }
  MODELD_ASSIGN_OR_RETURN(Graph body, DecodeGraphAt(message, limits, depth + 1, field));
  return AttributeValue(GraphValue{std::make_shared<const Graph>(std::move(body))});
}

// `depth`: of bodies around the operation.
absl::StatusOr<AttributeValue> DecodeAttribute(const v1::AttributeValue& message, const IndexReader& operands,
                                               const GraphLimits& limits, uint32_t depth,
                                               const std::string& field) {
  switch (message.kind_case()) {
    case v1::AttributeValue::kBoolValue:
      return AttributeValue(message.bool_value());
    case v1::AttributeValue::kIntValue:
      return AttributeValue(int64_t{message.int_value()});
    case v1::AttributeValue::kFloatValue:
      return AttributeValue(message.float_value());
    case v1::AttributeValue::kStringValue:
      MODELD_RETURN_IF_ERROR(CheckText(message.string_value(), limits, field));
      return AttributeValue(message.string_value());
    case v1::AttributeValue::kDataType:
      return DecodeDataType(message.data_type(), field);
    case v1::AttributeValue::kOperand:
      return operands.Read(message.operand(), field);
    case v1::AttributeValue::kInts:
      return DecodeNumbers<int64_t>(message.ints(), limits, field);
    case v1::AttributeValue::kFloats:
      return DecodeNumbers<double>(message.floats(), limits, field);
    case v1::AttributeValue::kStrings:
      return DecodeStrings(message.strings(), limits, field);
    case v1::AttributeValue::kOperands: {
      MODELD_ASSIGN_OR_RETURN(
          auto ids, operands.ReadList(message.operands().values(), limits.max_list_elements, field));
      return AttributeValue(std::move(ids));
    }
    case v1::AttributeValue::kGraph:
      return DecodeBody(message.graph(), limits, depth, field);
    case v1::AttributeValue::KIND_NOT_SET:
      break;
  }
  return Invalid(field, "has no value");
}

absl::StatusOr<Operation> DecodeOperation(const v1::Operation& message, const IndexReader& operands,
                                          const GraphLimits& limits, uint32_t depth,
                                          const std::string& field) {
  Operation operation;
  MODELD_RETURN_IF_ERROR(CheckText(message.type(), limits, absl::StrCat(field, ".type")));
  MODELD_RETURN_IF_ERROR(CheckText(message.label(), limits, absl::StrCat(field, ".label")));
  operation.type = message.type();
  operation.label = message.label();
  MODELD_ASSIGN_OR_RETURN(operation.inputs, operands.ReadList(message.inputs(), limits.max_list_elements,
                                                              absl::StrCat(field, ".inputs")));
  MODELD_ASSIGN_OR_RETURN(operation.outputs, operands.ReadList(message.outputs(), limits.max_list_elements,
                                                               absl::StrCat(field, ".outputs")));
  MODELD_RETURN_IF_ERROR(
      CheckCount(message.attributes_size(), kMaxAttributes, absl::StrCat(field, ".attributes")));
  for (const auto& [name, value] : message.attributes()) {
    // The name is checked before it becomes part of a message.
    MODELD_RETURN_IF_ERROR(CheckText(name, limits, absl::StrCat(field, ".attributes: a name")));
    MODELD_ASSIGN_OR_RETURN(
        AttributeValue decoded,
        DecodeAttribute(value, operands, limits, depth, absl::StrCat(field, ".attributes[\"", name, "\"]")));
    operation.attributes.emplace(name, std::move(decoded));
  }
  return operation;
}

absl::StatusOr<Graph> DecodeGraphAt(const v1::Graph& message, const GraphLimits& limits, uint32_t depth,
                                    const std::string& field) {
  MODELD_RETURN_IF_ERROR(CheckCount(message.operands_size(), limits.max_operands, field + ".operands"));
  MODELD_RETURN_IF_ERROR(CheckCount(message.operations_size(), limits.max_operations, field + ".operations"));
  MODELD_RETURN_IF_ERROR(CheckCount(message.outputs_size(), limits.max_bindings, field + ".outputs"));
  const IndexReader operands(static_cast<uint32_t>(message.operands_size()));

  Graph graph;
  MODELD_ASSIGN_OR_RETURN(graph.inputs,
                          operands.ReadList(message.inputs(), limits.max_bindings, field + ".inputs"));
  graph.operands.reserve(message.operands_size());
  for (int i = 0; i < message.operands_size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(
        Operand operand, DecodeOperand(message.operands(i), limits, depth > 0, At(field + ".operands", i)));
    graph.operands.push_back(std::move(operand));
  }
  graph.operations.reserve(message.operations_size());
  for (int i = 0; i < message.operations_size(); ++i) {
    MODELD_ASSIGN_OR_RETURN(Operation operation, DecodeOperation(message.operations(i), operands, limits,
                                                                 depth, At(field + ".operations", i)));
    graph.operations.push_back(std::move(operation));
  }
  for (int i = 0; i < message.outputs_size(); ++i) {
    const v1::Graph::Output& output = message.outputs(i);
    const std::string place = At(field + ".outputs", i);
    MODELD_RETURN_IF_ERROR(CheckText(output.name(), limits, absl::StrCat(place, ".name")));
    if (depth > 0 && !output.name().empty()) return Invalid(absl::StrCat(place, ".name"), "is set in a body");
    MODELD_ASSIGN_OR_RETURN(const OperandId id,
                            operands.Read(output.operand(), absl::StrCat(place, ".operand")));
    graph.outputs.push_back({output.name(), id});
  }
  return graph;
}

struct AttributeEncoder {
  v1::AttributeValue& out;

  void operator()(bool value) const { out.set_bool_value(value); }
  void operator()(int64_t value) const { out.set_int_value(value); }
  void operator()(double value) const { out.set_float_value(value); }
  void operator()(const std::string& value) const { out.set_string_value(value); }
  void operator()(DataType value) const { out.set_data_type(EncodeDataType(value)); }
  void operator()(OperandId value) const { out.set_operand(value.value); }
  void operator()(const std::vector<int64_t>& list) const {
    out.mutable_ints()->mutable_values()->Add(list.begin(), list.end());
  }
  void operator()(const std::vector<double>& list) const {
    out.mutable_floats()->mutable_values()->Add(list.begin(), list.end());
  }
  void operator()(const std::vector<std::string>& list) const {
    out.mutable_strings()->mutable_values()->Add(list.begin(), list.end());
  }
  void operator()(const std::vector<OperandId>& list) const {
    auto& values = *out.mutable_operands()->mutable_values();
    for (OperandId id : list) values.Add(id.value);
  }
  void operator()(const GraphValue& value) const { *out.mutable_graph() = EncodeGraph(*value.graph); }
};

void EncodeOperand(const Operand& operand, v1::Operand& out) {
  // An empty float32 shape is how a graph says "not inferred yet".
  if (operand.kind != OperandKind::kIntermediate || operand.descriptor != TensorDescriptor()) {
    *out.mutable_tensor_descriptor() = EncodeTensorDescriptor(operand.descriptor);
  }
  switch (operand.kind) {
    case OperandKind::kInput:
      out.mutable_input()->set_name(operand.name);
      break;
    case OperandKind::kConstant:
      *out.mutable_constant()->mutable_blob() =
          EncodeBlobRef(operand.digest, operand.descriptor.ByteSize().value_or(0));
      break;
    case OperandKind::kIntermediate:
      out.mutable_intermediate();
      break;
  }
}

}  // namespace

absl::StatusOr<DataType> DecodeDataType(v1::DataType type, absl::string_view field) {
  const int number = static_cast<int>(type);
  if (number > 0 && IsValidDataType(static_cast<uint32_t>(number))) return static_cast<DataType>(number);
  return Invalid(field, number == 0 ? std::string("data type is not set")
                                    : absl::StrCat("data type ", number, " is unknown"));
}

v1::DataType EncodeDataType(DataType type) {
  return static_cast<v1::DataType>(type);
}

absl::StatusOr<TensorDescriptor> DecodeTensorDescriptor(const v1::TensorDescriptor& message,
                                                        const GraphLimits& limits, absl::string_view field) {
  TensorDescriptor descriptor;
  MODELD_ASSIGN_OR_RETURN(descriptor.data_type,
                          DecodeDataType(message.data_type(), absl::StrCat(field, ".data_type")));
  MODELD_RETURN_IF_ERROR(CheckCount(message.shape_size(), limits.max_rank, absl::StrCat(field, ".shape")));
  descriptor.shape.assign(message.shape().begin(), message.shape().end());
  const absl::StatusOr<uint64_t> bytes = descriptor.ByteSize();
  if (!bytes.ok()) return Annotate(bytes.status(), field);
  if (*bytes > limits.max_tensor_bytes) {
    return Invalid(field, absl::StrCat(descriptor.ToString(), " has ", *bytes, " bytes, at most ",
                                       limits.max_tensor_bytes, " are allowed"));
  }
  return descriptor;
}

v1::TensorDescriptor EncodeTensorDescriptor(const TensorDescriptor& descriptor) {
  v1::TensorDescriptor message;
  message.set_data_type(EncodeDataType(descriptor.data_type));
  message.mutable_shape()->Add(descriptor.shape.begin(), descriptor.shape.end());
  return message;
}

absl::StatusOr<BlobName> DecodeBlobRef(const v1::BlobRef& blob, const GraphLimits& limits,
                                       absl::string_view field) {
  if (blob.sha256().size() != Digest::kSize) {
    return Invalid(absl::StrCat(field, ".sha256"),
                   absl::StrCat("has ", blob.sha256().size(), " bytes, must have ", Digest::kSize));
  }
  if (blob.size_bytes() == 0 || blob.size_bytes() > limits.max_tensor_bytes) {
    return Invalid(absl::StrCat(field, ".size_bytes"),
                   absl::StrCat("is ", blob.size_bytes(), ", must be 1 to ", limits.max_tensor_bytes));
  }
  MODELD_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(blob.sha256()));
  return BlobName{digest, blob.size_bytes()};
}

v1::BlobRef EncodeBlobRef(const Digest& digest, uint64_t size_bytes) {
  v1::BlobRef blob;
  blob.set_sha256(digest.bytes().data(), digest.bytes().size());
  blob.set_size_bytes(size_bytes);
  return blob;
}

absl::StatusOr<Graph> DecodeGraph(const v1::Graph& message, const GraphLimits& limits) {
  return DecodeGraphAt(message, limits, /*depth=*/0, "graph");
}

v1::Graph EncodeGraph(const Graph& graph) {
  v1::Graph message;
  for (const Operand& operand : graph.operands) EncodeOperand(operand, *message.add_operands());
  for (OperandId id : graph.inputs) message.add_inputs(id.value);
  for (const Operation& operation : graph.operations) {
    v1::Operation& out = *message.add_operations();
    out.set_type(operation.type);
    out.set_label(operation.label);
    for (OperandId id : operation.inputs) out.add_inputs(id.value);
    for (OperandId id : operation.outputs) out.add_outputs(id.value);
    for (const auto& [name, value] : operation.attributes) {
      std::visit(AttributeEncoder{(*out.mutable_attributes())[name]}, value);
    }
  }
  for (const GraphOutput& output : graph.outputs) {
    v1::Graph::Output& out = *message.add_outputs();
    out.set_name(output.name);
    out.set_operand(output.operand.value);
  }
  return message;
}

}  // namespace modeld
