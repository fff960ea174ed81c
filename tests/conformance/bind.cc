#include "tests/conformance/bind.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "engine/ops/table.h"

namespace modeld::conformance {
namespace {

absl::Status Wrong(const Json& json, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(json.dump(), " is not ", expected));
}

absl::StatusOr<client::Operand> ReadOperand(const Json& json, const Operands& operands) {
  if (!json.is_string()) return Wrong(json, "the name of an operand");
  const auto operand = operands.find(json.get<std::string>());
  if (operand == operands.end()) return Wrong(json, "an input or an earlier output");
  return operand->second;
}

absl::StatusOr<int64_t> ReadInteger(const Json& json) {
  MODELD_ASSIGN_OR_RETURN(const Literal literal, LiteralOf(json));
  return ReadElement(DataType::kInt64, literal);
}

absl::StatusOr<double> ReadFloat(const Json& json) {
  MODELD_ASSIGN_OR_RETURN(const Literal literal, LiteralOf(json));
  return ReadDouble(literal);
}

// An MLNumber: an integer stays one, beyond int64 as its decimal text; all else is a double.
absl::StatusOr<AttributeValue> ReadNumber(const Json& json) {
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    int64_t small = 0;
    uint64_t large = 0;
    if (absl::SimpleAtoi(text, &small)) return AttributeValue(small);
    if (absl::SimpleAtoi(text, &large)) return AttributeValue(text);
  }
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return AttributeValue(absl::StrCat(json.get<uint64_t>()));
  }
  if (json.is_number_integer()) return AttributeValue(json.get<int64_t>());
  MODELD_ASSIGN_OR_RETURN(const double number, ReadFloat(json));
  return AttributeValue(number);
}

// A list whose elements `read` reads.
template <typename T, typename Read>
absl::StatusOr<AttributeValue> ReadList(const Json& json, Read read) {
  if (!json.is_array()) return Wrong(json, "a list");
  std::vector<T> list;
  for (const Json& element : json) {
    absl::StatusOr<T> value = read(element);
    if (!value.ok()) return value.status();
    list.push_back(*std::move(value));
  }
  return AttributeValue(std::move(list));
}

absl::StatusOr<std::string> ReadText(const Json& json) {
  if (!json.is_string()) return Wrong(json, "a text");
  return json.get<std::string>();
}

template <typename T>
absl::StatusOr<AttributeValue> AsValue(absl::StatusOr<T> value) {
  if (!value.ok()) return value.status();
  return AttributeValue(*std::move(value));
}

absl::StatusOr<AttributeValue> ReadDataType(const Json& json) {
  MODELD_ASSIGN_OR_RETURN(const std::string name, ReadText(json));
  const std::optional<DataType> type = DataTypeFromName(name);
  if (!type) return Wrong(json, "a data type");
  return AttributeValue(*type);
}

absl::StatusOr<AttributeValue> ReadAttribute(AttributeKind kind, const Json& json, const Operands& operands) {
  switch (kind) {
    case AttributeKind::kBool:
      if (!json.is_boolean()) return Wrong(json, "true or false");
      return AttributeValue(json.get<bool>());
    case AttributeKind::kUint:
    case AttributeKind::kInt:
      return AsValue(ReadInteger(json));
    case AttributeKind::kFloat:
      return AsValue(ReadFloat(json));
    case AttributeKind::kNumber:
      return ReadNumber(json);
    case AttributeKind::kString:
      return AsValue(ReadText(json));
    case AttributeKind::kDataType:
      return ReadDataType(json);
    case AttributeKind::kOperand: {
      MODELD_ASSIGN_OR_RETURN(const client::Operand operand, ReadOperand(json, operands));
      return AttributeValue(operand.id());
    }
    case AttributeKind::kUints:
      return ReadList<int64_t>(json, ReadInteger);
    case AttributeKind::kUintOrUints:
      return json.is_array() ? ReadList<int64_t>(json, ReadInteger) : AsValue(ReadInteger(json));
    case AttributeKind::kFloats:
      return ReadList<double>(json, ReadFloat);
    case AttributeKind::kStrings:
      return ReadList<std::string>(json, ReadText);
    case AttributeKind::kGraph:
      return absl::InvalidArgumentError("no WebNN method takes a graph");
  }
  return absl::InternalError("an attribute of no kind");
}

class Binder {
 public:
  Binder(const Operator& op, const OpSchema& schema, const Operands& operands)
      : op_(op), schema_(schema), operands_(operands) {}

  absl::StatusOr<BoundCall> Bind() {
    call_.type = op_.name;
    MODELD_RETURN_IF_ERROR(CheckCount());
    for (size_t i = 0; i < schema_.operands.size(); ++i) {
      MODELD_RETURN_IF_ERROR(Annotated(schema_.operands[i].name, BindOperand(i)));
    }
    size_t next = schema_.operands.size();
    for (const AttributeSchema& attribute : schema_.attributes) {
      if (!attribute.required) continue;
      MODELD_RETURN_IF_ERROR(Annotated(attribute.name, BindAttribute(attribute, op_.arguments[next++])));
    }
    for (const auto& [name, value] : op_.options) MODELD_RETURN_IF_ERROR(BindOption(name, value));
    return std::move(call_);
  }

 private:
  absl::Status Annotated(absl::string_view name, const absl::Status& status) const {
    return Annotate(status, absl::StrCat(op_.name, ": ", name));
  }

  absl::Status CheckCount() const {
    const std::vector<absl::string_view> signature = SignatureOf(schema_);
    if (op_.arguments.size() == signature.size()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(op_.name, ": has ", op_.arguments.size(),
                                                   " arguments beside the options, expected (",
                                                   absl::StrJoin(signature, ", "), ")"));
  }

  absl::Status BindOperand(size_t i) {
    const Json& argument = op_.arguments[i];
    if (!schema_.variadic || i + 1 != schema_.operands.size()) return AddInput(argument);
    if (!argument.is_array()) return Wrong(argument, "a list of operands");
    for (const Json& element : argument) MODELD_RETURN_IF_ERROR(AddInput(element));
    return absl::OkStatus();
  }

  absl::Status AddInput(const Json& json) {
    MODELD_ASSIGN_OR_RETURN(client::Operand operand, ReadOperand(json, operands_));
    call_.inputs.push_back(std::move(operand));
    return absl::OkStatus();
  }

  absl::Status BindAttribute(const AttributeSchema& attribute, const Json& json) {
    MODELD_ASSIGN_OR_RETURN(call_.attributes[std::string(attribute.name)],
                            ReadAttribute(attribute.kind, json, operands_));
    return absl::OkStatus();
  }

  absl::Status BindOption(const std::string& name, const Json& json) {
    if (name == "label") {
      MODELD_ASSIGN_OR_RETURN(call_.label, ReadText(json));
      return absl::OkStatus();
    }
    const AttributeSchema* attribute = schema_.FindAttribute(name);
    if (attribute == nullptr || attribute->required) {
      return absl::InvalidArgumentError(absl::StrCat(op_.name, ": has no option \"", name, "\""));
    }
    return Annotated(name, BindAttribute(*attribute, json));
  }

  const Operator& op_;
  const OpSchema& schema_;
  const Operands& operands_;
  BoundCall call_;
};

}  // namespace

std::vector<absl::string_view> SignatureOf(const OpSchema& schema) {
  std::vector<absl::string_view> names;
  for (const OperandSchema& operand : schema.operands) names.push_back(operand.name);
  for (const AttributeSchema& attribute : schema.attributes) {
    if (attribute.required) names.push_back(attribute.name);
  }
  return names;
}

absl::StatusOr<BoundCall> Bind(const Operator& op, const Operands& operands) {
  const OpSchema* schema = FindOp(op.name);
  if (schema == nullptr) {
    return absl::UnimplementedError(absl::StrCat("there is no operation \"", op.name, "\""));
  }
  return Binder(op, *schema, operands).Bind();
}

}  // namespace modeld::conformance
